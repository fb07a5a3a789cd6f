"""The files that must have arrived: their names and types, and their bytes as the source's store gives them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from desk_fates import Fates
from desk_findings import ABSENT, Findings, value_of
from desk_sample import Desk, Json, all_related, clean, facts
from mig_kustomer.sandbox.files import file_bytes

LONGEST_NAME = 128
UNKNOWN_TYPE = "application/octet-stream"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "doc": "application/msword",
    "docx": _DOCX,
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
}
"""What a file without a type is by its extension, for those a test meets."""
_ENDINGS = {media_type: f".{extension}" for extension, media_type in TYPES.items()}
NOT_FOUND = "[file: not found at the source, {}]"
_LINK = re.compile(r"\[(.*)\]\((\S+)\)")
_NOT_FOUND = re.compile(re.escape(NOT_FOUND).replace(r"\{\}", r"([0-9a-f]+)"))


def file_name(file: Json) -> str:
    """The name a file must have on the target: a single path segment that shows as what it is."""
    segment = re.split(r"[/\\]", clean(facts(file).get("name")))[-1]
    shown = "".join(" " if one.isspace() else one for one in unicodedata.normalize("NFC", segment))
    shown = "".join(one for one in shown if unicodedata.category(one) not in ("Cc", "Cf"))
    name = " ".join(shown.split()).lstrip(".").strip()
    if len(name) > LONGEST_NAME:
        stem, dot, extension = name.rpartition(".")
        name = f"{stem[: LONGEST_NAME - len(extension) - 1]}{dot}{extension}"
    return name or f"file-{file['id']}{_ENDINGS.get(_told_type(file), '')}"


def file_type(file: Json) -> str:
    """The type a file must have on the target."""
    return _told_type(file) or TYPES.get(file_name(file).rpartition(".")[2].lower(), UNKNOWN_TYPE)


def _told_type(file: Json) -> str:
    return str(facts(file).get("contentType") or "").partition(";")[0].strip().lower()


@cache
def true_sha256(file_id: str, length: int) -> str:
    """The digest of a file's bytes at the source."""
    digest = hashlib.sha256()
    for block in file_bytes(file_id, length):
        digest.update(block)
    return digest.hexdigest()


def sha256_of(file: Json) -> str:
    """The same, of a row of the desk."""
    return true_sha256(file["id"], facts(file).get("contentLength") or 0)


def files_of(desk: Desk, message: Json) -> list[Json]:
    """The files of a message or note that exist."""
    held = (desk.get("attachments", one) for one in all_related(message, "attachments"))
    return [one for one in held if one is not None]


def lost_of(desk: Desk, message: Json) -> list[str]:
    """The ids of files a message names and the source does not have."""
    return [one for one in all_related(message, "attachments") if desk.get("attachments", one) is None]


def uploads_needed(desk: Desk, fates: Fates) -> set[tuple[str, str, str]]:
    """The files of all threads by name, type and digest: equal ones need one upload."""
    moved = (row for row in desk.rows("attachments") if fates.attachments[row["id"]] == "thread")
    return {(file_name(row), file_type(row), sha256_of(row)) for row in moved}


def sent_files(state: Json) -> Iterator[Json]:
    """The file messages of all threads."""
    for session in state["conversations"]:
        yield from (one for one in session["messages"] if one["type"] == "file")


def told_as_lost(state: Json) -> list[str]:
    """The ids of files whose absence a thread tells, as often as it does."""
    texts = (one["content"] for session in state["conversations"] for one in session["messages"])
    return [found for text in texts if isinstance(text, str) for found in _NOT_FOUND.findall(text)]


def file_findings(
    found: Findings, file: Json, fate: str, part: Json, uploads: dict[str, Json], *, private: bool
) -> None:
    """Compare what one message says of a file, and what its address holds, with the file.

    Args:
        found: Where differences are told.
        file: The file's row.
        fate: Its fate.
        part: The message that stands for it.
        uploads: What the target's bucket holds, by address.
        private: It is a note's: the team alone may see it, in a note of its own.
    """
    record, content, name = f"attachment {file['id']}", part["content"], file_name(file)
    if fate != "thread":
        found.equal(record, f"in its place ({fate})", ("note", "operator"), (part["type"], part["from"]))
        told = isinstance(content, str) and re.fullmatch(rf"\[file: {re.escape(name)}: \S.*\]", content) is not None
        found.true(record, "the note names the file and a reason", told, content)
        return
    wanted = "note" if private else "file"
    if part["type"] != wanted:
        found.equal(record, "type", wanted, part["type"])
        return
    if private:
        link = _LINK.fullmatch(content)
        found.true(record, "a link under its name", link is not None and link[1] == name, content)
        address = link[2] if link else ""
    else:
        found.equal(record, "content", ["name", "type", "url"], sorted(content))
        found.equal(record, "name", name, value_of(content, "name"))
        found.equal(record, "type of the file", file_type(file), value_of(content, "type"))
        address = content.get("url", "")
    _upload_findings(found, file, part, uploads.get(address))


def _upload_findings(found: Findings, file: Json, part: Json, upload: Json | None) -> None:
    record, content, name = f"attachment {file['id']}", part["content"], file_name(file)
    found.true(record, "its address holds bytes", upload is not None, content)
    if upload is None:
        return
    found.equal(record, "bytes (SHA-256)", sha256_of(file), upload["sha256"])
    found.equal(record, "size", facts(file).get("contentLength") or 0, upload["size"])
    found.equal(record, "name in the bucket", name, upload["name"])
    found.equal(record, "type in the bucket", file_type(file), upload["type"])
    place = {"session_id": part["session_id"], "fingerprint": part["fingerprint"]}
    found.equal(record, "messages of its fingerprint that use it", 1, upload["used_by"].count(place))


def property_findings(found: Findings, file: Json, message: str, part: Json, *, source: str, alone: bool) -> None:
    """Compare how the message of a file is marked.

    Args:
        found: Where differences are told.
        file: The file's row.
        message: The mark of the message it belongs to.
        part: The message that stands for the file.
        source: The source's name.
        alone: Whether it speaks for its message, which has no text.
    """
    record, told = f"attachment {file['id']}", part["properties"]
    expected = {"source": source, "source_id": f"attachment/{file['id']}", "source_part": 1, "source_parent": message}
    for name, value in {**expected, "source_alone": True if alone else ABSENT}.items():
        found.equal(record, f"properties.{name}", value, value_of(told, name))
