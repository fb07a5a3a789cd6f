"""`mig check` of a Crisp workspace: what a run needs of it, and what in it could mail somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from mig import Clock, Finding, MigError, NotApplied, Unclear
from mig_crisp.client import PACES, CrispClient, made_id
from mig_crisp.events import Events
from mig_crisp.help_api import list_locales
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings

_READS = {
    "website:settings (read)": "{site}/settings",
    "website:operators (read)": "{site}/operators/list",
    "website:people:profiles (read)": "{site}/people/profiles/1",
    "website:conversation:sessions (read)": "{site}/conversations/1",
    "website:inboxes (read)": "{site}/inboxes/list/1",
}
"""Scopes a run needs, and a route that tells whether the token has them (docs/api/crisp.md, section 1)."""


_ARTICLES = {
    "tree": "{{site}}/helpdesk/tree/list/{}/articles/1",
    "locale": "{{site}}/helpdesk/locale/{}/articles/1",
    "unknown": "{{site}}/helpdesk/locale/{}/articles/1",
}


class Check:
    """Looks a workspace over.

    Args:
        client: Asks.
        office: What opening told.
        events: The socket uploads need.
        clock: Measures the lag of reads.
        settings: As given.
    """

    def __init__(
        self, client: CrispClient, office: Office, events: Events, clock: Clock, settings: CrispSettings
    ) -> None:
        self._client = client
        self._office = office
        self._events = events
        self._clock = clock
        self._settings = settings

    async def findings(self, *, write: bool) -> AsyncIterator[Finding]:
        """One finding after the other."""
        yield Finding(name="credentials", state="ok", text=f"a {self._settings.tier} token for this website")
        for scope, path in _READS.items():
            yield await self._reads(scope, path)
        yield self._plan()
        yield self._quota()
        found = await self._client.probe("{site}/settings")
        workspace = found if isinstance(found, Mapping) else {}
        yield self._mail(workspace)
        yield self._removal(workspace)
        yield await self._helpdesk()
        yield self._people()
        if self._settings.files == "crisp":
            yield await self._socket()
        yield (
            await self._lag()
            if write
            else Finding(
                name="read after write",
                state="ok",
                text=f"not measured; {self._settings.read_lag_s:g} s are assumed",
                hint="`mig check --write` measures it with an empty conversation, which it removes again.",
            )
        )

    async def _reads(self, scope: str, path: str) -> Finding:
        status = await self._status(path)
        if status in (200, 206):
            return Finding(name=scope, state="ok", text="granted")
        if status in _NO_WORD or status >= 500:
            return Finding(name=scope, state="fail", text=f"not known: {_said(status)}", hint=_LATER)
        if status == 402:
            return Finding(name=scope, state="warn", text="the plan lacks it (402)", hint="What needs it is archived.")
        return Finding(
            name=scope,
            state="fail",
            text=f"refused (status {status})",
            hint="Give the token this scope; plugin tokens ask for it in the Marketplace.",
        )

    async def _status(self, path: str) -> int:
        """What a GET is answered with; 0: nothing, or nothing whole."""
        try:
            return await self._client.status(path)
        except (NotApplied, Unclear):
            return 0

    def _plan(self) -> Finding:
        plan = self._office.plan
        if not plan:
            return Finding(
                name="plan",
                state="warn",
                text="the API does not tell the workspace's plan; the slowest pace is used",
                hint='Set plan = "plus" (or mini, essentials) under [target].',
            )
        amount, seconds = PACES.get(plan, PACES["free"])
        text = f"{plan}: {amount} conversations per {seconds:g} s may be created"
        if not self._office.has_notes:
            return Finding(
                name="plan", state="warn", text=f"{text}; it has no private notes", hint="Notes will be archived."
            )
        return Finding(name="plan", state="ok", text=text)

    def _quota(self) -> Finding:
        quota = self._settings.daily_quota
        text = f"{quota:,} requests a day, counted by mig (no route tells what is left)" if quota else "none is counted"
        return Finding(name="daily quota", state="ok", text=text)

    def _mail(self, workspace: Mapping[str, Any]) -> Finding:
        emails = workspace.get("emails")
        if not isinstance(emails, Mapping):
            return Finding(
                name="outgoing mail",
                state="fail",
                text="the workspace's settings cannot be read, so nothing tells whether it would mail transcripts",
                hint="Give the token the scope website:settings (read).",
            )
        loud = [name for name in ("transcript", "rating") if emails.get(name) is not False]
        if loud:
            return Finding(
                name="outgoing mail",
                state="fail",
                text=f"customers would be mailed: emails.{' and emails.'.join(loud)} is on",
                hint="Turn off transcripts and rating requests in the workspace's e-mail settings for the migration.",
            )
        return Finding(
            name="outgoing mail",
            state="ok",
            text="transcripts and rating requests are off",
            hint="Crisp asks importers to have its support block outgoing mail too: `mig plan` writes the letter.",
        )

    def _removal(self, workspace: Mapping[str, Any]) -> Finding:
        inbox = workspace.get("inbox")
        if isinstance(inbox, Mapping) and inbox.get("lock_removal"):
            return Finding(
                name="removal",
                state="warn",
                text="conversations cannot be removed (inbox.lock_removal)",
                hint="Unlock it in the workspace's settings, or `mig rollback` and the canary cannot clean up.",
            )
        return Finding(name="removal", state="ok", text="conversations can be removed again")

    async def _helpdesk(self) -> Finding:
        status = await self._status("{site}/helpdesk")
        if status in (200, 206):
            locales = await list_locales(self._client)
            api = self._office.help_api or "unknown"
            there = ", ".join(locales) or "none"
            text = f"present, spoken to as {api}; locales: {there} (others are made when they are needed)"
            hint = "A locale that is missing is made when its first article is moved; your plan may allow only so many."
            if locales and (closed := await self._status(_ARTICLES[api].format(locales[0]))) in (401, 403):
                text += f"; its articles are closed to this token (status {closed})"
                hint = (
                    "Give the token website:helpdesk:articles, :categories, :redirections and :locales (read, write)."
                )
                return Finding(name="helpdesk", state="fail", text=text, hint=hint)
            return Finding(name="helpdesk", state="ok", text=text, hint=hint)
        if status in _NO_WORD or status >= 500:
            return Finding(name="helpdesk", state="warn", text=f"not known: {_said(status)}", hint=_LATER)
        return Finding(
            name="helpdesk",
            state="warn",
            text=f"none that this token sees (status {status})",
            hint="No token can make one: initialise it in Crisp before articles are moved.",
        )

    def _people(self) -> Finding:
        count = len(self._office.operators)
        return Finding(
            name="operators",
            state="ok" if count else "warn",
            text=f"{count} with an e-mail address, {len(self._office.inboxes)} inboxes",
            hint="Agents are matched by e-mail; `mig plan` counts those without an operator." if count else "",
        )

    async def _socket(self) -> Finding:
        try:
            await self._events.ready()
        except MigError as error:
            return Finding(name="file uploads", state="fail", text=error.message, hint=error.hint or _NO_SOCKET)
        return Finding(name="file uploads", state="ok", text="the socket for upload addresses lets us in")

    async def _lag(self) -> Finding:
        """Make an empty conversation, name it, look how soon that is seen, and remove it."""
        made = await self._client.write("POST", "/conversation", {}, creates=True)
        session = made_id(made, "session_id")
        try:
            await self._client.write("PATCH", f"/conversation/{session}/meta", {"nickname": "mig check"})
            began = self._clock.monotonic()
            while (waited := self._clock.monotonic() - began) < 4 * self._settings.read_lag_s:
                meta = await self._client.get(f"/conversation/{session}/meta")
                if isinstance(meta, Mapping) and meta.get("nickname") == "mig check":
                    break
                await self._clock.sleep(0.25)
        finally:
            await self._client.write("DELETE", f"/conversation/{session}")
        fits = waited <= self._settings.read_lag_s
        return Finding(
            name="read after write",
            state="ok" if fits else "fail",
            text=f"a write was seen after {waited:.1f} s; read_lag_s is {self._settings.read_lag_s:g}",
            hint="" if fits else "Raise read_lag_s under [target]: what is asked too early would be written twice.",
        )


def _said(status: int) -> str:
    return f"Crisp did not answer well (status {status})" if status else "Crisp gave no whole answer"


_NO_WORD = (0, 408, 420, 423, 429)
"""Statuses, beside those of a server in trouble, that say nothing of what the token may do."""
_LATER = "This says nothing of the token: run `mig check` again in a few minutes (status.crisp.chat tells of outages)."
_NO_SOCKET = 'Allow wss to Crisp\'s socket, or set files = "folder:PATH" or "link" under [target].'
