"""Names of files in an archive, made of ids and names that may hold anything."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from mig.model import Ref

LONGEST = 180
"""Bytes of a name; file systems take 255, and a suffix must fit."""
_PLAIN_ID = re.compile(r"[0-9a-z]{1,64}")
_PLAIN_KIND = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_FORBIDDEN = frozenset('/\\:*?"<>|~%#')
"""What a system, a shell's pattern or an address takes for something else; and `~`, which marks our digests."""
_AS_TEXT = frozenset(
    [
        "eml",
        "hta",
        "htc",
        "htm",
        "html",
        "js",
        "lnk",
        "mht",
        "mhtml",
        "mjs",
        "shtm",
        "shtml",
        "svg",
        "svgz",
        "swf",
        "url",
        "vbs",
        "webloc",
        "wsf",
        "xht",
        "xhtml",
        "xml",
        "xsl",
        "xslt",
    ]
)
"""What a browser would run when it is opened from the page: kept, byte for byte, under a name that shows it as text."""
_INERT = frozenset(
    [
        "aac",
        "amr",
        "avi",
        "avif",
        "bin",
        "bmp",
        "csv",
        "doc",
        "docm",
        "docx",
        "flac",
        "gif",
        "gz",
        "heic",
        "heif",
        "ics",
        "jpeg",
        "jpg",
        "json",
        "m4a",
        "m4v",
        "mov",
        "mp3",
        "mp4",
        "mpeg",
        "mpg",
        "odp",
        "ods",
        "odt",
        "ogg",
        "ogv",
        "opus",
        "pdf",
        "png",
        "pps",
        "ppsx",
        "ppt",
        "pptx",
        "rtf",
        "tar",
        "tgz",
        "tif",
        "tiff",
        "txt",
        "vcf",
        "wav",
        "webm",
        "webp",
        "wma",
        "wmv",
        "xls",
        "xlsm",
        "xlsx",
        "zip",
    ]
)
"""What no browser guesses at: it goes by the suffix. Where it knows none it looks inside, and might find a page."""


def file_name(ref: Ref, name: str) -> str:
    """Where the bytes of a file lie: `files/<shard>/<id>-<name>`; two records never share one.

    A plain id stands as it is. Any other, which might leave its folder, be too long, or be the same on a disk that
    knows no capitals, is cleaned and followed by `~` and a digest of itself.
    """
    shard = _digest(f"{ref.kind}/{ref.id}")
    head = ref.id
    if ref.kind != "attachment" or not _PLAIN_ID.fullmatch(ref.id):
        head = f"{cleaned(ref.id, 60)}~{shard[:16]}"
    return f"files/{shard[:2]}/{head}-{_harmless(cleaned(name, LONGEST - len(head.encode()) - 1) or 'file')}"


def kind_name(kind: str) -> str:
    """The name of the list of a kind, without its suffix."""
    return kind if _PLAIN_KIND.fullmatch(kind) else f"{cleaned(kind, 60)}~{_digest(kind)[:16]}"


def cleaned(name: str, longest: int) -> str:
    """One part of a path: nothing that leads elsewhere, that cannot be seen, or that some system cannot hold.

    Args:
        name: Any text.
        longest: Bytes; a short suffix is kept when the rest is cut.
    """
    safe = "".join(map(_letter, unicodedata.normalize("NFC", name))).strip(" .")
    safe = unicodedata.normalize("NFC", safe)
    if len(safe.encode()) <= longest:
        return safe
    dot = safe.rfind(".")
    suffix = safe[dot:] if dot > 0 and _SUFFIX.fullmatch(safe[dot:]) else ""
    stem = (safe[:dot] if suffix else safe).encode()[: longest - len(suffix)]
    return stem.decode(errors="ignore").strip(" .") + suffix


def _letter(letter: str) -> str:
    if letter in _FORBIDDEN or unicodedata.category(letter)[0] == "C":
        return "_"
    return " " if letter.isspace() else letter


def _harmless(name: str) -> str:
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if suffix in _INERT:
        return name
    return f"{name}.txt" if suffix in _AS_TEXT else f"{name}.bin"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
