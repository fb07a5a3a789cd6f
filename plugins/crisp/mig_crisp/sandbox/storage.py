"""The storage behind signed URLs: takes the bytes of an upload into a temporary folder, and serves them to everyone."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from aiohttp import web

from mig_crisp.sandbox.bucket import PUBLIC, SIGNED, Bucket, Upload
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.workspace import SandboxClock

_PIECE = 64 * 1024


class _Schedule(Protocol):
    """The sandbox's schedule of faults."""

    hang_s: float

    def draw(self) -> str | None: ...


class Storage:
    """Takes and serves files as an object store does: it knows signatures, and no key of the API.

    Args:
        bucket: What was promised, and what becomes of it.
        switches: `put_fails` and `put_cuts` are read.
        clock: Signatures end by the sandbox's time.
        faults: The sandbox's schedule; it strikes here as it does at the API.
        seed: For the schedule of failing uploads.
    """

    def __init__(self, bucket: Bucket, switches: Switches, clock: SandboxClock, faults: _Schedule, seed: int) -> None:
        self._bucket = bucket
        self._switches = switches
        self._clock = clock
        self._faults = faults
        self._random = random.Random(f"storage/{seed}")
        self._folder: TemporaryDirectory[str] | None = None
        self._parts = 0

    def close(self) -> None:
        """Forget every byte."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request below the storage's prefix."""
        fault = self._faults.draw()
        if fault == "429":
            return _refuse(429, "SlowDown")
        if fault == "5xx":
            return _refuse(self._random.choice((500, 502, 503)), "InternalError")
        if fault == "hang":
            await asyncio.sleep(self._faults.hang_s)
        if fault in ("reset", "hang"):
            return _cut(request)
        answer = await self._answer(request)
        # Whatever had to take effect has; what is lost is only the answer.
        return _cut(request) if fault in ("drop", "truncate") else answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(SIGNED) and request.method == "PUT":
            return await self._put(request, request.path.removeprefix(SIGNED))
        if request.path.startswith(PUBLIC) and request.method in ("GET", "HEAD"):
            return self._get(request.path)
        return _refuse(405, "MethodNotAllowed")

    def _get(self, path: str) -> web.StreamResponse:
        key = path.removeprefix(PUBLIC).split("/")[1:2]
        upload = self._bucket.uploads.get("".join(key))
        if upload is None or upload.path is None or not upload.url.endswith(path):
            return _refuse(404, "NoSuchKey")
        return web.FileResponse(upload.path, headers={"Content-Type": upload.type})

    async def _put(self, request: web.Request, key: str) -> web.StreamResponse:
        self._bucket.counts["puts"] += 1
        upload = self._bucket.uploads.get(key)
        refusal = self._refusal(request, upload)
        if refusal is not None:
            self._bucket.counts["puts_refused"] += 1
            return refusal
        assert upload is not None
        if self._random.random() < self._switches.put_fails:
            self._bucket.counts["puts_failed"] += 1
            return _refuse(503, "ServiceUnavailable")
        length = int(request.headers["Content-Length"])
        cut = self._random.random() < self._switches.put_cuts
        if not await self._store(request, upload, length // 2 if cut else length, whole=not cut):
            self._bucket.counts["puts_cut"] += 1
            return _cut(request)
        return web.Response(headers={"ETag": f'"{upload.sha256[:32]}"'})

    def _refusal(self, request: web.Request, upload: Upload | None) -> web.StreamResponse | None:
        """The store's own words for what is wrong with an upload, before a byte of it is read; None: nothing is."""
        if "Authorization" in request.headers:
            return _refuse(400, "InvalidArgument")
        until, signature = request.query.get("expires", ""), request.query.get("signature", "")
        known = until.isascii() and until.isdigit() and len(until) < 20 and upload is not None
        if upload is None or not known or not self._bucket.signed(upload.key, until, signature, self._clock.now()):
            return _refuse(403, "AccessDenied")
        if request.headers.get("Content-Type") != upload.type:
            return _refuse(403, "SignatureDoesNotMatch")
        if upload.refused:
            return _refuse(403, "AccessDenied")
        if "Content-Length" not in request.headers:  # a body in chunks has none
            return _refuse(411, "MissingContentLength")
        if int(request.headers["Content-Length"]) > upload.size_limit:
            return _refuse(413, "EntityTooLarge")
        return None

    async def _store(self, request: web.Request, upload: Upload, length: int, *, whole: bool) -> bool:
        """Read so many bytes of a body; keep them if they are the whole of it. False: the connection is to be cut."""
        part = self._new_part()
        digest, size = hashlib.sha256(), 0
        try:
            with part.open("wb") as target:
                async for piece in _pieces(request, length):
                    digest.update(piece)
                    size += len(piece)
                    target.write(piece)
            if not whole or size != length:
                return False
            upload.path = part.replace(part.with_name(upload.key))
        finally:
            part.unlink(missing_ok=True)
        upload.size, upload.sha256 = size, digest.hexdigest()
        upload.puts += 1
        return True

    def _new_part(self) -> Path:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="mig-crisp-sandbox-")
        self._parts += 1
        return Path(self._folder.name) / f"{self._parts}.part"


async def _pieces(request: web.Request, length: int) -> AsyncIterator[bytes]:
    """At most so many bytes of a body, piece by piece; fewer when the sender leaves."""
    while length > 0:
        try:
            piece = await request.content.read(min(_PIECE, length))
        except (web.RequestPayloadError, ConnectionError):
            return
        if not piece:
            return
        length -= len(piece)
        yield piece


def _refuse(status: int, code: str) -> web.Response:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
