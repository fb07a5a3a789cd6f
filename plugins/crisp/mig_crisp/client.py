"""Crisp's API: credentials, envelope, budgets, and what each refusal means for a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
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
        self._refused_creations = 0
        self._probe_at = 0.0
        token = base64.b64encode(f"{settings.identifier}:{settings.key.reveal()}".encode()).decode()
        self.http = Http(
            settings.url,
            access,
            headers={"Authorization": f"Basic {token}", "X-Crisp-Tier": settings.tier, "Accept": "application/json"},
            timeout_s=settings.timeout_s,
        )
        self._website = f"/website/{settings.website_id}"
        self._pace = 60.0
        quota = settings.daily_quota
        access.budgets.declare([Bucket(REQUESTS, quota, DAY, daily=True)] if quota else [])

    def limit_creations(self, plan: str) -> None:
        """Declare how fast conversations may be created on this plan; an unknown one gets the slowest pace."""
        given = self._settings.conversations_per_minute
        amount, per_s = PACES.get(plan, PACES["free"])
        self._pace = per_s
        if given is None:
            self._access.budgets.declare([Bucket(CREATIONS, amount, per_s)])
        elif given > 0:
            self._access.budgets.declare([Bucket(CREATIONS, max(1, round(given)), 60.0)])

    async def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The data of a GET below the website; None when it is not there (404)."""
        answer = await self.http.request("GET", self._website + path, query=query, spend=(REQUESTS,))
        if answer.status == 404:
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
        spend = (REQUESTS, CREATIONS) if creates else (REQUESTS,)
        answer = await self.http.request(method, self._website + path, body=body, spend=spend)
        data = self._data(answer, f"{method} {path.split('/')[1]}", creates=creates, may_refuse=may_refuse)
        if creates:
            self._refused_creations = 0
        return data

    async def endpoints(self) -> Any:
        """Where events can be heard now (docs/api/crisp.md, section 8); asked before every connection."""
        path = "/plugin/connect/endpoints" if self._settings.tier == "plugin" else f"{self._website}/connect/endpoints"
        answer = await self.http.request("GET", path, spend=(REQUESTS,))
        return self._data(answer, "GET connect")

    async def generate_upload(self, name: str, file: str, mime: str) -> None:
        """Ask for an upload address; it comes as an event that carries `name` (docs/api/crisp.md, section 8).

        Raises:
            Rejected: This kind of file is not taken. The rest as `write`.
        """
        body = {
            "namespace": "upload",
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
                if answer.status in (402, 403, 404):
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

    def _data(self, answer: Answer, what: str, *, creates: bool = False, may_refuse: bool = False) -> Any:
        """The envelope's data, or the error its status means."""
        if 200 <= answer.status < 300:
            envelope = answer.json() if answer.body else {}
            if not isinstance(envelope, dict) or envelope.get("error"):
                raise Unclear(f"{what} answered {answer.status} with an envelope that says error")
            return envelope.get("data")
        if answer.status == 423:
            raise self._over(what, creates)
        if answer.status in (420, 429):
            wait = retry_after(answer.headers) or 1.0
            if REQUESTS in self._access.budgets.levels:
                self._access.budgets.close(REQUESTS, wait)
            raise NotApplied(f"{what}: {answer.status}", wait)
        if answer.status >= 500 or answer.status == 408:
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
        raise Rejected(f"Crisp refused it ({answer.status} {reason} on {what})", _way_out(answer.status), field=reason)

    def _over(self, what: str, creates: bool) -> NotApplied | Paused:
        """423 has two causes (docs/api/crisp.md, section 12, 4): a birth refused again after its pace is the quota.

        What was used is not corrected by this guess: the next run asks again.
        """
        if creates and CREATIONS in self._access.budgets.levels:
            now = self._access.clock.monotonic()
            if now >= self._probe_at:  # several lanes refused together are one refusal
                self._refused_creations += 1
                self._probe_at = now + self._pace / 2
            if self._refused_creations <= 2:
                self._access.budgets.close(CREATIONS, self._pace)
                return NotApplied(f"{what}: 423, the plan's pace of creation", self._pace)
        return Paused(
            f"Crisp's daily quota of this token is used up (423 on {what})",
            "Run the same command again tomorrow; it goes on where it stopped. A plugin token's quota can be raised.",
        )


def segment(text: str) -> str:
    """A path segment, every special character encoded (an e-mail address stands in place of an id)."""
    return quote(text, safe="")


def _reason(answer: Answer) -> str:
    """The envelope's reason and, for invalid data, which property: never a value."""
    try:
        envelope = answer.json()
    except Unclear:
        return ""
    reason = str(envelope.get("reason", "")) if isinstance(envelope, dict) else ""
    return reason if reason.replace("_", "").isalnum() and len(reason) < 64 else ""


def _way_out(status: int) -> str:
    if status == 402:
        return "The workspace's plan lacks this; upgrade it for the time of the migration, then run again."
    return "Correct the record at the source, or its mapping; the next run tries again."


__all__ = ["CREATIONS", "PACES", "REQUESTS", "CrispClient", "segment"]
