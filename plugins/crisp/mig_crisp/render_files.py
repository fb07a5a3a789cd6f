"""Files beside messages: an upload for the bytes, and what stands in the thread or the notepad for each of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from mig import Attachment, Effect, File, FromReceipt, Operation, Ref
from mig_crisp.media import TYPES
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean
from mig_crisp.words import file_line

REQUEST = (("crisp.requests", 1),)
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_LONGEST_NAME = 128
_LONGEST_BYTES = 200
"""Of a name in UTF-8: file systems take 255."""
_LOOKED_AT = 1000
"""Characters of a name at either end that can show in what is left of it."""
_IN_HTML = re.compile(
    r"""(?P<before>\bsrc\s*=\s*["'])(?P<url>[^"']*/attachments/(?P<id>[0-9A-Za-z_-]+)[^"']*)(?=["'])"""
)


def upload(attachment: Attachment, settings: CrispSettings, *, namespace: str = "") -> Operation | None:
    """The operation that moves the bytes; None: they are not moved (`files = "link"`, redacted).

    Args:
        attachment: Whose bytes.
        settings: Where files go.
        namespace: Of Crisp's bucket (docs/api/crisp.md, section 8), where it is not that of messages.
    """
    if settings.files == "link" or attachment.redacted:
        return None
    to_bucket = settings.files == "crisp"
    return Operation(
        name=_upload_name(attachment.ref),
        verb="bucket.upload" if to_bucket else "folder.copy",
        effect=Effect.FREE,
        body={
            "file": File(attachment.ref),
            "name": file_name(attachment),
            "type": mime_of(attachment),
            # Another folder, or another address of it, is another place.
            **({} if to_bucket else {"folder": settings.files, "at": settings.files_url}),
            **({"namespace": namespace} if to_bucket and namespace else {}),
        },
        carries=(attachment.ref,),
        cost=REQUEST if to_bucket else (),
    )


def held(attachment: Attachment, settings: CrispSettings) -> dict[str, Any]:
    """The file as the body of an operation names it: `name`, `type`, `url`, and `why` there is none."""
    found: dict[str, Any] = {"name": file_name(attachment), "type": mime_of(attachment)}
    if settings.language != "en":  # of what is said in its place; English leaves no trace, so that old digests hold
        found["language"] = settings.language
    if settings.files == "link" or attachment.redacted:
        why = "" if attachment.url else "the source gives no address for it"
        return {**found, "url": attachment.url, "why": why} if not attachment.redacted else {**found, **_REDACTED}
    name = _upload_name(attachment.ref)
    return {**found, "url": FromReceipt(name, value="url"), "why": FromReceipt(name, value="why")}


_REDACTED = {"url": "", "why": "it was redacted at the source"}


def never(attachment: Attachment, settings: CrispSettings) -> str:
    """Why the file cannot arrive, as far as that is known before anything is sent; empty: it can."""
    return str(held(attachment, settings)["why"]) if upload(attachment, settings) is None else ""


def with_inline(html: str, files: Mapping[str, Attachment], settings: CrispSettings) -> object:
    """An e-mail's HTML in pieces, where images that are files of the message get the files' new addresses.

    Args:
        html: As the source has it.
        files: The files of the message, by id.
        settings: Whether they get an address of their own.

    Returns:
        The text, or a list of texts and `{"url": <receipt>, "else": <old address>}`, to be joined when it is sent.
    """
    pieces: list[object] = []
    start = 0
    for match in _IN_HTML.finditer(html):
        attachment = files.get(match["id"])
        if attachment is None or upload(attachment, settings) is None:
            continue
        pieces.append(html[start : match.start("url")])
        hole = FromReceipt(_upload_name(attachment.ref), value="url", default="", required=False)
        pieces.append({"url": hole, "else": match["url"]})
        start = match.end("url")
    return [*pieces, html[start:]] if pieces else html


def in_words(file: Mapping[str, Any]) -> str:
    """What stands in place of a file whose bytes did not arrive, as `held` tells of it."""
    return file_line(str(file["name"]), str(file["why"]), str(file.get("language", "en")))


def as_link(name: str, url: str) -> str:
    """A file in a private note or a notepad, which hold text only."""
    label = re.sub(r"[\[\]\\]", "_", name)
    return f"[{label}]({url.replace('(', '%28').replace(')', '%29').replace(' ', '%20')})"


def file_name(attachment: Attachment) -> str:
    """A name without folders, control or direction characters; of no name, one made of the id."""
    text = unicodedata.normalize("NFC", clean(attachment.name)).replace("\\", "/").rpartition("/")[2]
    text = text if len(text) < 2 * _LOOKED_AT else text[:_LOOKED_AT] + text[-_LOOKED_AT:]
    text = "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_plain(char))
    text = " ".join(text.split()).lstrip(".")
    if not text:
        return f"file-{attachment.ref.id}{TYPES.guess_extension(mime_of(attachment)) or ''}"
    stem, dot, extension = text.rpartition(".")
    tail = f"{dot}{extension}" if stem and len(extension.encode()) <= 16 else ""
    body = text[: len(text) - len(tail)] if tail else text
    body = body[: _LONGEST_NAME - len(tail)]
    return body.encode()[: _LONGEST_BYTES - len(tail.encode())].decode("utf-8", "ignore") + tail


def mime_of(attachment: Attachment) -> str:
    """Its media type without parameters; a missing or broken one is guessed by the name."""
    told = attachment.mime.partition(";")[0].strip().lower()
    if _MIME.fullmatch(told):
        return told
    return TYPES.guess_type(attachment.name, strict=False)[0] or "application/octet-stream"


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _upload_name(ref: Ref) -> str:
    return f"{ref}/upload"
