"""Crisp's API: credentials, envelope, budgets, and what each refusal means for a request."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import structlog

from mig import Access, Bucket, MigError, NotApplied, Paused, Refused, Rejected, Unclear
from mig.http import Answer, Http, retry_after
from mig_crisp.settings import CrispSettings

log = structlog.get_logger("mig.crisp")
#: Conversations that may be created, per plan: amount and seconds (docs/api/crisp.md, section 2, 2).
PACES = {"free": (10, 90.0), "mini": (15, 60.0), "essentials": (25, 60.0), "plus": (40, 60.0)}
DAY = 86_400.0
_OF_RECORDS = (400, 403, 404, 405, 409, 422)
"""What the API says of one record or one token; without its envelope a gateway says it, of nothing in particular."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,39}"
_MISFIT = re.compile(
    rf"(?:Got response error: )?data(?P<path>(?:\.{_NAME}|\[\d{{1,9}}\]){{0,8}}) should"
    rf"(?: have required property '(?P<lacking>\.?{_NAME})')?"
)
"""How the API's schema says what is wrong (docs/api/crisp.md, section 1): behind "should" values may stand."""
_INDEX = re.compile(r"\[\d+\]")
_SLACK = 0.02
_PROBE_S = max(per_s for _, per_s in PACES.values())
"""The longest window of creations: after it only the quota can still refuse."""
REQUESTS, CREATIONS = "crisp.requests", "crisp.conversations"


class CrispClient:
    """Requests to one workspace.

    Args:
        settings: Where and who.
        access: Clock, budgets, transport.
    """

    def __init__(self, settings: CrispSettings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self._probe = asyncio.Lock()
        self._doubted_at: float | None = None
        """When a birth was refused, while it is not known whether by the plan's pace or by the quota."""
        self._is_quota = False
        """The probe was refused too."""
        self._opened_at = access.clock.monotonic()
        self._taken = 0
        """Births within the plan's window when one was refused."""
        token = base64.b64encode(f"{settings.identifier}:{settings.key.reveal()}".encode()).decode()
        self.http = Http(
            settings.url,
            access,
            headers={"Authorization": f"Basic {token}", "X-Crisp-Tier": settings.tier, "Accept": "application/json"},
            timeout_s=settings.timeout_s,
        )
        self._website = f"/website/{settings.website_id}"
        quota, account = settings.daily_quota, hashlib.sha256(settings.identifier.encode()).hexdigest()[:12]
        access.budgets.declare([Bucket(REQUESTS, quota, DAY, daily=True, account=account)] if quota else [])

    def limit_creations(self, plan: str) -> None:
        """Declare how fast conversations may be created on this plan; an unknown one gets the slowest pace."""
        given = self._settings.conversations_per_minute
        if given is None:
            self._pace_births(*PACES.get(plan, PACES["free"]))
        elif given > 0:
            self._pace_births(max(1, round(given)), 60.0)

    def _pace_births(self, amount: int, per_s: float) -> None:
        self._access.budgets.declare([Bucket(CREATIONS, amount, per_s, slack=_SLACK, rolling=True)])

    async def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The data of a GET below the website; None when it is not there (a 404 of the API itself)."""
        answer = await self.http.request("GET", self._website + path, query=query, spend=(REQUESTS,))
        if answer.status == 404 and _envelope(answer):
            return None
        return self._data(answer, f"GET {path.split('/')[1]}")

    async def write(
        self, method: str, path: str, body: object = None, *, creates: bool = False, may_refuse: bool = False
    ) -> Any:
        """The data of a write below the website.

        Args:
            method: POST, PATCH, PUT or DELETE.
            path: Below `/website/{website_id}`.
            body: JSON.
            creates: It makes a conversation, which the plan counts apart.
            may_refuse: A 403 here means this one object, and is `Rejected`.

        Raises:
            NotApplied: It certainly had no effect.
            Unclear: It may have had one.
            Rejected: It never will; 404 and 409 carry their reason as `field`.
            Paused: The daily quota is used up.
            Refused: The credentials or permissions do not do.
        """
        what = f"{method} {path.split('/')[1]}"
        if creates and CREATIONS in self._access.budgets.levels:
            return await self._paced_birth(method, path, body, what)
        answer = await self.http.request(method, self._website + path, body=body, spend=(REQUESTS,))
        return self._data(answer, what, may_refuse=may_refuse)

    async def _paced_birth(self, method: str, path: str, body: object, what: str) -> Any:
        """A birth at the plan's pace; while a refusal is in doubt only one is under way, and the others wait for it."""
        counted_at = await self._access.budgets.spend((CREATIONS,))
        try:
            if self._doubted_at is None:
                return await self._birth(method, path, body, what)
            async with self._probe:
                if self._is_quota:
                    raise self._used_up(what)
                return await self._birth(method, path, body, what)
        finally:
            self._access.budgets.landed((CREATIONS,), counted_at)

    async def _birth(self, method: str, path: str, body: object, what: str) -> Any:
        """One request for a conversation.

        423 has two causes (docs/api/crisp.md, section 12, 4). A first one is taken for the plan's pace: nothing is
        born for the longest window a plan has, and then one birth tells. Refused again it is the quota; what was used
        is not corrected by this guess: the next run asks again.
        """
        clock, budgets = self._access.clock, self._access.budgets
        left = clock.monotonic()
        answer = await self.http.request(method, self._website + path, body=body, spend=(REQUESTS,))
        is_probe = self._doubted_at is not None and left >= self._doubted_at  # what left before was refused with it
        if answer.status == 423:
            if is_probe:
                self._is_quota = True
                raise self._used_up(what)
            if self._doubted_at is None:
                self._doubted_at, self._taken = clock.monotonic(), budgets.lately(CREATIONS)
            budgets.close(CREATIONS, _PROBE_S)
            raise NotApplied(f"{what}: 423, the plan's pace of creation", _PROBE_S)
        data = self._data(answer, what)
        if is_probe and self._doubted_at is not None:
            self._slow_down(self._doubted_at)
            self._doubted_at = None
        return data

    async def endpoints(self) -> Any:
        """Where events can be heard now (docs/api/crisp.md, section 8); asked before every connection."""
        path = "/plugin/connect/endpoints" if self._settings.tier == "plugin" else f"{self._website}/connect/endpoints"
        answer = await self.http.request("GET", path, spend=(REQUESTS,))
        return self._data(answer, "GET connect")

    async def generate_upload(self, name: str, file: str, mime: str, namespace: str = "upload") -> None:
        """Ask for an upload address; it comes as an event that carries `name` (docs/api/crisp.md, section 8).

        Raises:
            Rejected: This kind of file is not taken. The rest as `write`.
        """
        body = {
            "namespace": namespace,
            "id": name,
            "file": {"name": file, "type": mime},
            "resource": {"type": "website", "id": self._settings.website_id},
        }
        answer = await self.http.request("POST", "/bucket/url/generate", body=body, spend=(REQUESTS,))
        if answer.status == 402:
            raise Refused(
                "the workspace's plan takes no uploads (402)",
                'Upgrade it for the time of the migration, or set files = "folder:PATH" or "link" under [target].',
            )
        self._data(answer, "POST bucket")

    async def probe(self, path: str) -> Any:
        """A GET at start-up, with a few patient tries; None for 404, 402 and 403.

        Raises:
            Refused: Nobody answers, or the credentials do not do.
        """
        cause: MigError | None = None
        for attempt in range(4):
            try:
                answer = await self.http.request("GET", path.format(site=self._website), spend=(REQUESTS,))
                if answer.status in (402, 403) or (answer.status == 404 and _envelope(answer)):
                    return None
                return self._data(answer, "GET website")
            except (NotApplied, Unclear) as error:
                cause = error
            await self._access.clock.sleep(0.2 * 3**attempt)
        raise Refused(
            f"Crisp does not answer ({cause})", "Check CRISP_URL, the network, and status.crisp.chat; then run again."
        ) from cause

    async def status(self, path: str) -> int:
        """The status a GET answers with, where that is all one wants to know."""
        answer = await self.http.request("GET", path.format(site=self._website), spend=(REQUESTS,))
        return answer.status

    def _data(self, answer: Answer, what: str, *, may_refuse: bool = False) -> Any:
        """The envelope's data, or the error its status means."""
        if 200 <= answer.status < 300:
            envelope = _envelope(answer)
            # A gateway's word is not the API's: "{}" must never be read as "there is no such message".
            if envelope.get("error") is not False or "data" not in envelope:
                raise Unclear(f"{what} answered {answer.status} with no envelope of the API")
            return envelope["data"]
        if answer.status == 423:
            raise self._used_up(what)
        if answer.status in (420, 429):
            wait = retry_after(answer.headers) or 1.0
            if REQUESTS in self._access.budgets.levels:
                self._access.budgets.close(REQUESTS, wait)
            raise NotApplied(f"{what}: {answer.status}", wait)
        if answer.status >= 500 or answer.status == 408 or (answer.status in _OF_RECORDS and not _envelope(answer)):
            raise Unclear(f"{what} answered {answer.status}")
        reason = _reason(answer)
        if answer.status == 401:
            raise Refused(
                f"Crisp refused the credentials ({answer.status} {reason} on {what})",
                "The token is revoked, of another tier, or for another website.\n"
                "Check CRISP_IDENTIFIER, CRISP_KEY, CRISP_TIER and CRISP_WEBSITE_ID.",
            )
        if answer.status == 403 and not may_refuse:
            raise Refused(
                f"this token may not do {what} (403 {reason})",
                "Give it the scope (docs/configure.md lists them), or use a website token.",
            )
        where = f", '{path}'" if (path := _property(answer)) else ""
        said = f"Crisp refused it ({answer.status} {reason} on {what}{where})"
        raise Rejected(said, _way_out(answer.status), field=reason)

    def _slow_down(self, refused_at: float) -> None:
        """It was the pace: the plan is smaller than we were told, or others create conversations too.

        What was taken in the window before the refusal is what we get, but never less than half at once. Soon after
        we began it may have been an earlier run's births that were in the way: from that nothing is learnt.
        """
        bucket = self._access.budgets.levels[CREATIONS].bucket
        if refused_at - self._opened_at > bucket.per_s:
            amount = max(1, bucket.amount // 2, min(self._taken, int(bucket.amount * 0.9)))
            self._pace_births(amount, bucket.per_s)
            log.info("pace.learnt", bucket=CREATIONS, amount=amount, per_s=bucket.per_s)

    def _used_up(self, what: str) -> Paused:
        budgets = self._access.budgets
        return Paused(
            f"Crisp's daily quota of this token is used up (423 on {what})",
            "Run the same command again tomorrow; it goes on where it stopped. A plugin token's quota can be raised.",
            retry_after_s=budgets.resumes_in(REQUESTS) if REQUESTS in budgets.levels else None,
        )


async def read_back(client: CrispClient, session: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The messages of a conversation, page by page from the latest back; some come twice."""
    before: int | None = None
    while True:
        query = {"timestamp_before": before} if before is not None else None
        page = await client.get(f"/conversation/{session}/messages", query) or []
        rows = [row for row in page if isinstance(row, dict)]
        if not rows:
            return
        yield rows
        # One more than the earliest: equal times may straddle the page, and the mark itself may be left out.
        after = min(int(row.get("timestamp") or 0) for row in rows) + 1
        before = after if before is None else min(after, before - 1)


def segment(text: str) -> str:
    """A path segment, every special character encoded (an e-mail address stands in place of an id)."""
    return quote(text, safe="")


def made_id(made: object, name: str) -> str:
    """The id of what a write made, out of its answer's data.

    Raises:
        Unclear: The answer does not hold it.
    """
    found = made.get(name) if isinstance(made, Mapping) else None
    if not isinstance(found, str) or not found:
        raise Unclear(f"an answer that should hold {name} does not")
    return found


def _envelope(answer: Answer) -> dict[str, Any]:
    """The API's envelope (docs/api/crisp.md, section 1); empty: somebody else has answered."""
    try:
        envelope = answer.json()
    except Unclear:
        return {}
    return envelope if isinstance(envelope, dict) and "error" in envelope else {}


def _reason(answer: Answer) -> str:
    """The envelope's reason: never a value."""
    reason = str(_envelope(answer).get("reason", ""))
    return reason if reason.replace("_", "").isalnum() and len(reason) < 64 else ""


def _property(answer: Answer) -> str:
    """Which property of a body the schema did not like: its path, without a word of what stood there."""
    data = _envelope(answer).get("data")
    found = _MISFIT.match(str(data.get("message", ""))) if isinstance(data, Mapping) else None
    if found is None:
        return ""
    lacking = found["lacking"] or ""
    path = found["path"] + (lacking if lacking.startswith(".") or not lacking else f".{lacking}")
    return _INDEX.sub("[]", path)


def _way_out(status: int) -> str:
    if status == 402:
        return "The workspace's plan lacks this; upgrade it for the time of the migration, then run again."
    return "Correct the record at the source, or its mapping; the next run tries again."


__all__ = ["CREATIONS", "PACES", "REQUESTS", "CrispClient", "made_id", "read_back", "segment"]
