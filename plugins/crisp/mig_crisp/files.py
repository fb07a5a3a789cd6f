"""Moving the bytes of files: to Crisp's bucket by the documented way, or into a folder somebody serves."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from mig import Call, Clock, Lost, NotApplied, Postponed, Receipt, Refused, Rejected, Spooled, Unclear, Usage
from mig.http import Outside, origin_of
from mig_crisp.client import CrispClient
from mig_crisp.events import Dropped, Events
from mig_crisp.settings import CrispSettings

log = structlog.get_logger("mig.crisp")
_LATER = frozenset((408, 425, 429))


class Uploads:
    """Operations whose verb is `bucket.upload` or `folder.copy`; their receipts say `url`, and `why` it is empty.

    Args:
        client: Asks for upload addresses.
        events: Where they arrive.
        outside: Sends bytes to them.
        clock: Between attempts.
        settings: Where files go, and how patiently.
    """

    def __init__(
        self, client: CrispClient, events: Events, outside: Outside, clock: Clock, settings: CrispSettings
    ) -> None:
        self._client = client
        self._events = events
        self._outside = outside
        self._clock = clock
        self._settings = settings

    async def send(self, call: Call) -> Receipt:
        """Move one file.

        Raises:
            Postponed: Not this time; the next run tries again.
            Refused: No file can be moved at all.
        """
        (file,) = call.files.values()
        name, mime = str(call.body["name"]), str(call.body["type"])
        if file.path is None:
            return _declined(file.why)
        if call.op.verb == "folder.copy":
            return await asyncio.to_thread(self._copy, file, name)
        return await self._upload(file, file.path, name, mime, str(call.body.get("namespace", "upload")))

    async def prepare(self) -> None:
        """Connect before the first write, so that no thread pays for it; a failure is told when a file needs it."""
        if self._settings.files == "crisp":
            try:
                await self._events.ready()
            except (Unclear, NotApplied, Refused) as error:
                log.warning("events.unreachable", why=error.message)

    async def find(self, call: Call) -> Receipt | None:
        """Nobody asks: an upload nobody refers to is waste."""
        return None

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """Another name or type is another file."""
        return await self.send(call)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """No route removes an uploaded file (docs/api/crisp.md, section 8)."""
        return True

    async def _upload(self, file: Spooled, path: Path, name: str, mime: str, namespace: str) -> Receipt:
        why, refused = "Crisp's bucket gave no answer", 0
        for attempt in range(1, self._settings.upload_attempts + 1):
            if attempt > 1:
                await self._clock.sleep(min(self._settings.upload_pause_s * 2 ** (attempt - 2), 20.0))
            try:
                signed = await self._signed(name, mime, namespace)
                limit = _limit(signed)
                if limit is not None and file.size > limit:
                    return _declined(f"it is larger than this workspace takes ({limit / 1e6:g} MB)")
                address, public = _addresses(signed)
                status = await self._outside.put(address, path, {"Content-Type": mime})
            except Rejected as error:  # of the request for an address: the kind of file
                said = error.field or "refused"
                return _declined(f"Crisp takes no such file ({said}): its extension may not be on the plan's list")
            except Lost as error:
                raise Rejected(
                    f"the upload address: {error.message}", "Report it; the next run tries again."
                ) from error
            except (Unclear, NotApplied) as error:
                why = error.message
                log.info("upload.retried", why=why, attempt=attempt)
                continue
            if status < 300:
                return Receipt({"url": public, "why": ""})
            why = f"Crisp's bucket answered {status}"
            refused += status == 403  # once it may mean that the address has expired
            if status < 500 and status not in _LATER and (status != 403 or refused > 1):
                return _declined(f"Crisp's bucket refuses it ({status})")
            log.info("upload.retried", why=why, attempt=attempt)
        if not self._events.heard:
            raise Refused(
                f"no file can be uploaded: {why}",
                "Files need Crisp's socket: allow wss to it. Or move files otherwise:\n"
                'files = "folder:PATH" or "link" under [target]; then run again.',
            )
        raise Postponed(f"it could not be uploaded ({why})", "The next run tries again.")

    async def _signed(self, name: str, mime: str, namespace: str) -> Mapping[str, Any]:
        """Ask where to upload; the answer comes as an event, and a lost event is asked for again."""
        await self._events.ready()
        wanted = uuid.uuid4().hex
        event = self._events.expect(wanted)
        try:
            await self._client.generate_upload(wanted, name, mime, namespace)
            return await asyncio.wait_for(event, self._settings.upload_wait_s)
        except (TimeoutError, Dropped) as error:
            raise Unclear("the event with the upload address did not come") from error
        finally:
            self._events.forget(wanted)

    def _copy(self, file: Spooled, name: str) -> Receipt:
        """Into the folder, under the digest of its bytes: equal files are one, and no name meets another."""
        assert file.path is not None
        place = f"{file.sha256[:2]}/{file.sha256}/{name}"
        target = Path(self._settings.files.partition(":")[2]) / place
        partial = target.with_name(f".{uuid.uuid4().hex}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.path.open("rb") as source, partial.open("xb") as copy:
                while block := source.read(1 << 20):
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            partial.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
                raise Rejected(f"the folder of `files` takes no such name: {error.strerror}", "Rename it.") from error
            raise Refused(
                f"a file cannot be written to the folder of `files`: {error.strerror}", "Make room, or name another."
            ) from error
        return Receipt({"url": f"{self._settings.files_url.rstrip('/')}/{quote(place)}", "why": ""})


def check_files(settings: CrispSettings) -> None:
    """Make sure that `files` means something.

    Raises:
        Usage: It does not.
    """
    how, _, path = settings.files.partition(":")
    if settings.files not in ("crisp", "link") and not (how == "folder" and path):
        raise Usage(f"crisp: files = {settings.files!r}", 'Known: "crisp", "link", "folder:PATH".')
    if how == "folder" and origin_of(settings.files_url) is None:
        raise Usage(
            "crisp: files in a folder need the address it is served at", 'Set files_url = "https://..." under [target].'
        )


def _declined(why: str) -> Receipt:
    return Receipt({"url": "", "why": why}, declined=why)


def _limit(signed: Mapping[str, Any]) -> int | None:
    policy = signed.get("policy")
    limit = policy.get("size_limit") if isinstance(policy, Mapping) else None
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit) or limit < 1:
        return None
    return int(limit)


def _addresses(signed: Mapping[str, Any]) -> tuple[str, str]:
    urls = signed.get("url")
    address, public = (urls.get("signed"), urls.get("resource")) if isinstance(urls, Mapping) else (None, None)
    if not isinstance(address, str) or not isinstance(public, str) or origin_of(public) is None:
        raise Unclear("the event with the upload address holds none")
    return address, public
