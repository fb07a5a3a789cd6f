"""The public site of a help centre: where a page is read, and which old addresses lead to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from mig import Clock, Postponed, Receipt, Rejected
from mig_crisp.client import CrispClient, segment
from mig_crisp.help_api import HelpApi, split
from mig_crisp.settings import CrispSettings

log = structlog.get_logger("mig.crisp")
_PAUSE_S = 1.0


class PublicSite:
    """What everybody sees.

    Args:
        client: For what both interfaces share.
        api: The one this workspace speaks.
        settings: How long reads lag.
        clock: Between two looks.
    """

    def __init__(self, client: CrispClient, api: HelpApi, settings: CrispSettings, clock: Clock) -> None:
        self._client = client
        self._api = api
        self._settings = settings
        self._clock = clock
        self._awaited: dict[str, float] = {}
        """Locales that were asked to be refreshed, and until when that is waited for."""
        self._asking = asyncio.Lock()

    async def url(self, key: str) -> str:
        """Where an article is read; asked again as long as a read may lag behind its publication. Empty: nowhere."""
        return await self._seen(key, self._clock.monotonic() + self._settings.read_lag_s)

    async def page(self, key: str) -> str:
        """The same; a site that does not show it is refreshed, once for each locale and run.

        Raises:
            Postponed: It does not show it in time. The rest as `CrispClient.write`.
        """
        if url := await self._api.url(key):
            return url
        if not (url := await self._seen(key, await self._refreshed(split(key)[0]))):
            raise Postponed("the public site does not show the article yet", "The next run asks again.")
        return url

    async def _seen(self, key: str, until: float) -> str:
        """Asked until it shows, for the last time at `until` or later: an answer tells of when it was asked."""
        while True:
            asked = self._clock.monotonic()
            if (url := await self._api.url(key)) or asked >= until:
                return url
            await self._clock.sleep(min(_PAUSE_S, max(0.0, until - self._clock.monotonic())))

    async def _refreshed(self, locale: str) -> float:
        async with self._asking:
            if locale not in self._awaited:
                try:
                    path = f"/helpdesk/refresh/{segment(locale)}/articles"
                    await self._client.write("POST", path, {}, may_refuse=True)
                except Rejected as error:
                    log.warning("help.unrefreshed", locale=locale, why=error.message)
                self._awaited[locale] = self._clock.monotonic() + self._settings.read_lag_s
            return self._awaited[locale]

    async def redirect(self, path: str, target: str) -> Receipt:
        """Lead an old address to a page."""
        body = {"path": path, "target": target}
        made = await self._client.write("POST", "/helpdesk/redirection", body, may_refuse=True)
        return Receipt({"id": str(made.get("redirection_id") or "") if isinstance(made, Mapping) else ""})

    async def redirection(self, path: str) -> tuple[str, str] | None:
        """The redirection of an old address: its id, and where it leads."""
        number, seen = 1, set[str]()
        while rows := await self._client.get(f"/helpdesk/redirections/{number}"):
            found = [row for row in rows if isinstance(row, Mapping) and str(row.get("redirection_id")) not in seen]
            for row in found:
                if row.get("path") == path:
                    return str(row["redirection_id"]), str(row.get("target") or "")
            if not found:
                return None
            seen.update(str(row.get("redirection_id")) for row in found)
            number += 1
        return None

    async def drop(self, name: str) -> None:
        """Remove a redirection; gone already is done."""
        try:
            await self._client.write("DELETE", f"/helpdesk/redirection/{segment(name)}", may_refuse=True)
        except Rejected as error:
            if not error.field.endswith("not_found"):
                raise
