"""What would open something is taken out of what is archived: signed addresses, and values that are secrets by name."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', re.DOTALL)
"""A text, a key, or where something begins or ends."""
_PERHAPS = (
    *(b"signature", b"x-amz-", b"x-goog-", b"awsaccesskeyid", b"key-pair-id", b"sig=", b"sig\\u003d", b"token", b"api"),
    *(b"secret", b"passw", b"authorization", b"key", b"bearer", b"basic ", b"hash", b"cookie", b"credential", b"pwd"),
    *(b"hooks", b"webhook"),
)
"""What must stand in a text, in small letters, before it is worth a closer look."""
_QUERY = re.compile(r"\?[^\s\"'<>\\)\]]*")
_SIGNED = re.compile(
    r"(?i)[?&;](?:x-amz-[a-z-]+|x-goog-[a-z-]+|signature|sig|awsaccesskeyid|key-pair-id|(?:access_?|auth_?)?token|api_?key"
    r"|secret|passw(?:or)?d|pwd)="
)
_LOGIN = re.compile(r"(?<=://)[^\s/?#@\"'<>]*:[^\s/?#@\"'<>]*@")
_LOGS_IN = re.compile(rb"://[^\s/?#@\"]*:[^\s/?#@\"]*@")
_HOOK = re.compile(
    r"(?i)(?<=://)(hooks\.slack\.com/services|[\w.-]*\bwebhook\.office\.com|discord(?:app)?\.com/api/webhooks)/[^\s\"'<>\\)\]]+"
)
"""Addresses that whoever knows them may post to."""
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token) +[\w.~+/=-]{4,}")
_SECRETS = frozenset(
    [
        *("secret", "clientsecret", "clientsecretkey", "appsecret", "apisecret", "signingsecret", "webhooksecret"),
        *("password", "passwd", "pass", "pwd", "credentials", "authorization", "xapikey", "apikey", "accesskey"),
        *("token", "accesstoken", "authtoken", "refreshtoken", "bearertoken", "hooktoken", "webhooktoken", "apitoken"),
        *("privatekey", "secretkey", "signingkey", "encryptionkey", "sharedsecret", "bearer"),
    ]
)
_SECRET = re.compile(r"secret|token|passw|authori[sz]|signature|credential|cookie|apikey|privatekey|accesskey|bearer")
_OPENS = frozenset(("key", "hash"))
"""What opens a hook, and elsewhere is a name like any other."""
_NAMES, _VALUES = frozenset(("name", "key", "header", "field")), frozenset(("value", "val", "content"))
BLANK = "[taken out by mig]"


def blanked(body: bytes, *, configuration: bool = False, hook: bool = False) -> bytes:
    """A JSON text without what would open something; everything else stays byte for byte.

    Args:
        body: Anything; what is no JSON loses what its names and addresses give away.
        configuration: Of a desk: whatever is called like a secret is one there. Elsewhere only the plain names are:
            what a customer's `cookieConsent` says is nobody's key.
        hook: Its `key` and `hash` open it.
    """
    if not _perhaps(body):
        return body
    return _TOKEN.sub(_Blanking(configuration=configuration, hook=hook).one, body)


class _Blanking:
    """What is known at a place of a text that is read from its beginning."""

    def __init__(self, *, configuration: bool, hook: bool) -> None:
        self._configuration = configuration
        self._hook = hook
        self._key = ""
        self._inside = [False]
        """Of each object and list that is open, whether it is what a secret's name stands for."""
        self._named = [False]
        """Of each, whether it says a secret's name as a value: `{"name": "Authorization", "value": ...}`."""

    def one(self, found: re.Match[bytes]) -> bytes:
        token, colon = found[0], found[1]
        if token in b"{[":
            self._inside.append(self._inside[-1] or self._is_secret(self._key))
            self._named.append(False)
            self._key = ""
        elif token in b"}]":
            if len(self._inside) > 1:  # what is no JSON may close more than it opened
                self._inside.pop()
                self._named.pop()
        elif colon is not None:
            self._key = re.sub("[^a-z]", "", token[1 : token.rindex(b'"')].decode("utf-8", "replace").lower())
        else:
            return self._text(token)
        return token

    def _text(self, literal: bytes) -> bytes:
        key, self._key = self._key, ""
        if literal == b'""':
            return literal
        if self._inside[-1] or self._is_secret(key) or (self._named[-1] and key in _VALUES):
            return json.dumps(BLANK).encode()
        if key in _NAMES and self._is_secret(re.sub("[^a-z]", "", literal.decode("utf-8", "replace").lower())):
            self._named[-1] = True
        if not _perhaps(literal):
            return literal
        text = _read(literal)
        cut = BLANK if _SCHEME.fullmatch(text) else unsigned(text)
        return literal if cut == text else json.dumps(cut, ensure_ascii=False).encode("utf-8", "replace")

    def _is_secret(self, name: str) -> bool:
        if name in _SECRETS or (self._hook and name in _OPENS):
            return True
        return self._configuration and _SECRET.search(name) is not None


def unsigned(text: str) -> str:
    """A text whose addresses have lost what signs them, logs in with them, or lets anybody post to them."""
    text = _QUERY.sub(lambda found: f"?{BLANK}" if _SIGNED.search(found[0]) else found[0], text)
    return _HOOK.sub(rf"\1/{BLANK}", _LOGIN.sub(f"{BLANK}@", text))


def _perhaps(body: bytes) -> bool:
    low = body.lower()
    return any(word in low for word in _PERHAPS) or _LOGS_IN.search(body) is not None


def _read(literal: bytes) -> str:
    try:
        return str(json.loads(literal.decode("utf-8", "surrogatepass"), strict=False))
    except ValueError:
        return ""
