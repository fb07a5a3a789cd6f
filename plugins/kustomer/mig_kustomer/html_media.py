"""The pictures, files and links in the body of a help article."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from msgspec import Struct

_OPEN = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*+)")
_ATTRIBUTE = re.compile(
    r"([^\s\"'>/=][^\s>/=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|([^\s>]++)|(?=>)))?"
)
_BETWEEN = re.compile(r"[\s/]*+")
_RAW_TEXT = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
"""Where tags end whose content is no markup."""
_SHOWN = frozenset({"img", "video", "audio", "source"})
_LEADING = frozenset({"a", "area", "iframe", "embed", "object"})
"""What may lead to a page: a file is moved of these only where one is named, or lies where the source keeps them."""
_LATE = ("data-src", "data-original", "data-lazy-src", "data-lazy")
"""Where the address of a picture stands that a page fills in when it is scrolled to."""
_NAMES = {
    **dict.fromkeys(("a", "area"), ("href",)),
    **dict.fromkeys(("iframe", "embed"), (_LATE[0], "src")),
    "object": (_LATE[0], "data"),
    "img": (*_LATE, "src"),
}
"""Where an element says what it shows or leads to."""
_UNREAD = re.compile(r"[\t\r\n]")
"""Blanks browsers take out of addresses."""
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*+):")
_KUSTOMER = re.compile(r"(?:^|\.)(?:kustomerapp\.com|kustomer\.help|kustomerhelp\.com)$|kustomer[^/]*\.amazonaws\.com$")
"""Hosts that hold files of the organisation: the app's own, and the stores behind it [inferred]."""
_FILE_PATH = re.compile(r"/(?:attachments|media)/[^/]")

_MIMES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
"""The machine's own table differs from one to the next, and parsing must not."""


class Shown(Struct, frozen=True):
    """A picture or file in a body."""

    url: str
    """Its address as whoever reads the HTML gets it: without escapes, and without blanks around it."""
    name: str = ""
    mime: str = ""
    media_id: str = ""


class _Tag(Struct, frozen=True):
    name: str
    written: Mapping[str, str]

    def read(self, name: str) -> str:
        return _UNREAD.sub("", html.unescape(self.written.get(name, ""))).strip()


def media(body: str) -> list[Shown]:
    """Each distinct address that the body shows something by, in its order.

    That is the `src` of img, video, audio and source, where a page fills a picture in late its `data-src` or the like
    (what stands in `src` until then nobody is meant to see), where a picture has none the first of its `srcset`; and
    what links, frames, embeds and objects lead to, if it has a `data-media-id` or is a file on a host of Kustomer's or
    of no host. An address that is no https, http or data and not relative is none.
    """
    found: dict[str, Shown] = {}
    for tag in _tags(body):
        url = next(filter(None, map(tag.read, _NAMES.get(tag.name, ("src", _LATE[0])))), "")
        if not url and tag.name == "img":
            url = next(iter((tag.read("srcset") or tag.read("data-srcset")).split()), "").rstrip(",")
        media_id = tag.read("data-media-id")
        if not _leads_somewhere(url) or (tag.name in _LEADING and not media_id and not _holds_files(url)):
            continue
        alt = tag.read("alt") or tag.read("title")
        found.setdefault(url, Shown(url, _name(url, alt), _mime(url), media_id))
    return list(found.values())


def links(body: str) -> list[str]:
    """The distinct addresses of links and frames that lead to a page, read as those of pictures are."""
    named = {"a": "href", "area": "href", "iframe": "src"}
    hrefs = [tag.read(named[tag.name]) for tag in _tags(body) if tag.name in named]
    return list(dict.fromkeys(url for url in hrefs if _leads_somewhere(url) and url[:5].lower() != "data:"))


def _tags(body: str) -> Iterator[_Tag]:
    """Tags of the kinds in question, with their attributes as they are written; every character is read once."""
    at = 0
    while (opened := body.find("<", at)) >= 0:
        if body.startswith("<!--", opened):
            end = body.find("-->", opened + 2)
            at = len(body) if end < 0 else end + 3
            continue
        head = _OPEN.match(body, opened)
        if head is None:
            at = opened + 1
            continue
        name = head[1].lower()
        attributes, at = _attributes(body, head.end())
        if name in _RAW_TEXT:
            closed = _RAW_TEXT[name].search(body, at)
            at = closed.start() if closed else len(body)
        elif name in _SHOWN or name in _LEADING:
            yield _Tag(name, attributes)


def _attributes(body: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, the first of a name, and where it ends."""
    found: dict[str, str] = {}
    while True:
        between = _BETWEEN.match(body, at)
        at = between.end() if between else at
        if at >= len(body):
            return found, at
        if body[at] == ">":
            return found, at + 1
        one = _ATTRIBUTE.match(body, at)
        if one is None:
            at += 1
            continue
        value = next((part for part in one.groups()[1:] if part is not None), "")
        found.setdefault(one[1].lower(), value)
        at = one.end()


def _leads_somewhere(url: str) -> bool:
    scheme = _SCHEME.match(url)
    if not url or url.startswith("#"):
        return False
    return scheme is None or scheme[1].lower() in ("http", "https", "data")


def _holds_files(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if host and not _KUSTOMER.search(host):
        return False
    return bool(_FILE_PATH.search(parts.path)) or host.endswith(".amazonaws.com") or bool(_mime(url))


def _name(url: str, alt: str) -> str:
    if url[:5].lower() == "data:":
        # Its words alone have no ending, and targets take files by their endings.
        ending = next((ending for ending, mime in _MIMES.items() if mime == _mime(url)), "")
        named = not ending or _MIMES.get(alt.rpartition(".")[2].lower()) == _mime(url)
        return alt if named or not alt else f"{alt}.{ending}"
    try:
        last = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        last = ""
    return last or alt


def _mime(url: str) -> str:
    if url[:5].lower() == "data:":
        told = url[5:].partition(",")[0].partition(";")[0].strip().lower()
        return told if "/" in told else "text/plain"
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return _MIMES.get(path.rpartition(".")[2].lower(), "") if "." in path.rpartition("/")[2] else ""
