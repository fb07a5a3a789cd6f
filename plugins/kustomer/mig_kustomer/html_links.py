"""Where the links of an HTML e-mail lead, as a person would write it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote

_SCHEME = re.compile("([a-z][a-z0-9+-]*):", re.IGNORECASE)
_NO_LINK = frozenset({"javascript", "data", "vbscript", "file", "cid", "mid", "about", "blob"})
_NOT_IN_LINK = re.compile(r"[\x00-\x1f\x7f-\xa0\u2028\u2029]")
_REDIRECT = re.compile(
    r"https?://([\w.-]+\.safelinks\.protection\.outlook\.com/[^?]*|www\.google\.com/url|l\.facebook\.com/l\.php)\?",
    re.IGNORECASE,
)
_TRACKING = re.compile(r"(utm_\w+|mc_[ce]id|fbclid|gclid|msclkid|_hsenc|_hsmi|mkt_tok)(=|$)")


def target_of(href: str) -> str:
    """Where a link leads, as a person would write it: no `mailto:`, no redirects and counters of senders."""
    href = _NOT_IN_LINK.sub("", href.strip())
    scheme = _SCHEME.match(href)
    name = scheme[1].lower() if scheme else ""
    if name in ("mailto", "tel", "sms"):
        href = unquote(href[len(name) + 1 :].partition("?")[0]).strip("/")
    elif name in ("http", "https"):
        href = _direct(href)
    elif name in _NO_LINK or (scheme is None and not href.startswith(("//", "www."))):
        return ""
    href = _NOT_IN_LINK.sub("", href.strip()).replace(" ", "%20")
    return f"https:{href}" if href.startswith("//") else href


def _direct(url: str) -> str:
    if _REDIRECT.match(url):
        fields = parse_qs(url.partition("?")[2])
        inner = next((fields[name][0] for name in ("url", "q", "u") if name in fields), "")
        url = inner if inner.startswith(("http://", "https://")) else url
    before, mark, query = url.partition("?")
    query, hash_, fragment = query.partition("#")
    kept = "&".join(part for part in query.split("&") if not _TRACKING.match(part))
    return before + (mark if kept else "") + kept + hash_ + fragment


def _bare(url: str) -> str:
    return re.sub("^(https?://)?(www[.])?", "", url.strip().casefold()).rstrip("/")


def says(text: str, target: str, href: str) -> bool:
    """Whether a link's text already shows where it leads."""
    digits = re.sub(r"\D", "", text)
    if re.fullmatch(r"[\d\s()+./-]+", target) and len(digits) > 4:
        return re.sub(r"\D", "", target).endswith(digits.lstrip("0"))
    return target in text or _bare(text) in (_bare(target), _bare(href))
