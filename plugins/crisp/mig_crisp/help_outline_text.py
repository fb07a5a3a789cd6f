"""Words, addresses and films in the one way both sides of an outline can write them."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import parse_qs, quote, urlsplit

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_WRITTEN = re.compile(r"%(20|22|27|28|29|2A|3C|3E|5B|5C|5D|5E|5F|60|7B|7C|7D|7E)", re.IGNORECASE)
_HEX = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_YOUTUBE = re.compile(r"(?:/(?:embed|v|shorts|live)/|^/)([A-Za-z0-9_-]{6,})/?$")
_FILM = re.compile("[A-Za-z0-9_-]{6,}")
_NO_FILM = ("videoseries", "live_stream")
_VIMEO = re.compile(r"^/(?:video/)?(\d+)(?:/|$)")


def clean(text: str) -> str:
    """Text with the characters a reader can see: no control characters, no half emoji, lines ended by newlines."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def tidy(text: str) -> str:
    """Words with one space between them."""
    return unicodedata.normalize("NFC", " ".join(_CONTROL.sub("", text).split()))


def same_address(url: str) -> str:
    """An address in the one way both sides can write it."""
    plain = _WRITTEN.sub(lambda found: chr(int(found[1], 16)), clean(url).strip())
    return _HEX.sub(lambda found: found[0].upper(), quote(plain, safe="!\"#$%&'()*+,/:;<=>?@[\\]^_`{|}~-."))


def embed(url: str) -> str | None:
    """The name and id of a film that Crisp knows how to show."""
    try:
        parts = urlsplit(url if "//" in url[:8] else "")
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:  # "http://[" is no address
        return None
    if host == "player.vimeo.com" or host == "vimeo.com":
        film = _VIMEO.search(parts.path)
        return f"vimeo {film[1]}" if film else None
    if host not in ("youtube.com", "youtube-nocookie.com", "youtu.be"):
        return None
    if parts.path == "/watch":
        named = (parse_qs(parts.query).get("v") or [""])[0]
        return f"youtube {named}" if _FILM.fullmatch(named) else None
    film = _YOUTUBE.search(parts.path)
    return f"youtube {film[1]}" if film and film[1].lower() not in _NO_FILM else None
