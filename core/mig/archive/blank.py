"""What would open something is taken out of what is archived: signed addresses, and values that are secrets by name."""

from __future__ import annotations

import json
import re

_LITERAL = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)
_PERHAPS = (
    *(b"signature", b"x-amz-", b"x-goog-", b"awsaccesskeyid", b"key-pair-id", b"sig=", b"sig\\u003d", b"token", b"api"),
    *(b"secret", b"passw", b"authorization", b"key", b"bearer"),
)
"""What must stand in a text, in small letters, before it is worth a closer look."""
_QUERY = re.compile(r"\?[^\s\"'<>\\)\]]*")
_SIGNED = re.compile(
    r"(?i)[?&;](?:x-amz-[a-z-]+|x-goog-[a-z-]+|signature|sig|awsaccesskeyid|key-pair-id|access_?token|api_?key|auth_?token)="
)
_SECRETS = frozenset(
    [
        "secret",
        "password",
        "passwd",
        "apikey",
        "accesstoken",
        "authtoken",
        "authorization",
        "clientsecret",
        "privatekey",
        "refreshtoken",
        "signingsecret",
        "bearertoken",
        "webhooksecret",
        "secretkey",
        "accesskey",
    ]
)
BLANK = "[taken out by mig]"


def blanked(body: bytes) -> bytes:
    """A JSON text without what would open something; everything else stays byte for byte."""
    if not _perhaps(body):
        return body
    secret = False

    def one(found: re.Match[bytes]) -> bytes:
        nonlocal secret
        literal, colon = found[0], found[1]
        if colon is not None:
            key = literal[1 : literal.rindex(b'"')].decode("utf-8", "replace")
            secret = re.sub("[^a-z]", "", key.lower()) in _SECRETS
            return literal
        if secret and literal != b'""':
            return json.dumps(BLANK).encode()
        if not _perhaps(literal):
            return literal
        text = _read(literal)
        cut = unsigned(text)
        return literal if cut == text else json.dumps(cut, ensure_ascii=False).encode("utf-8", "replace")

    return _LITERAL.sub(one, body)


def unsigned(text: str) -> str:
    """A text whose signed addresses have lost what signs them."""
    return _QUERY.sub(lambda found: f"?{BLANK}" if _SIGNED.search(found[0]) else found[0], text)


def _perhaps(body: bytes) -> bool:
    low = body.lower()
    return any(word in low for word in _PERHAPS)


def _read(literal: bytes) -> str:
    try:
        return str(json.loads(literal.decode("utf-8", "surrogatepass"), strict=False))
    except ValueError:
        return ""
