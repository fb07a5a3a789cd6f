"""Teams, for who asks for them and may: by name, with those of their members who are operators."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mig import Agent, Call, Declined, Effect, Fate, Lookup, Operation, Origin, Receipt, Rejected, Rendered, Team, Unit
from mig_crisp.client import CrispClient, made_id, segment
from mig_crisp.marks import marker
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean

EMOJI = "\N{BUSTS IN SILHOUETTE}"
_BY_HAND = "this token may not make teams: make it by hand; its conversations' data name it"


def render_team(unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Rendered:
    """One request that makes it, where `teams = "create"`."""
    team = unit.records[0]
    assert isinstance(team, Team)
    if settings.teams != "create":
        return Rendered((), [Declined(team.ref, Fate.ARCHIVE, "its name stands in the data of its conversations")])
    agents = (look(ref) for ref in team.members)
    operators = [office.operator(agent) for agent in agents if isinstance(agent, Agent)]
    ids = list(dict.fromkeys(one.user_id for one in operators if one is not None))
    name = clean(team.name).strip() or team.ref.id
    birth = Operation(
        name="birth",
        verb="team.create",
        effect=Effect.CREATE,
        body={"name": name, "emoji": EMOJI, "operators": ids},
        carries=(team.ref,),
        marker=marker(unit.origin, team.ref, 1),
        cost=(("crisp.requests", 2),),
    )
    return Rendered([birth])


class Teams:
    """Operations whose verb begins with `team.` (docs/api/crisp.md, section 7).

    Args:
        client: Talks to the workspace.
    """

    def __init__(self, client: CrispClient) -> None:
        self._client = client
        self._lock = asyncio.Lock()

    async def send(self, call: Call) -> Receipt:
        """Make it, or take the one of its name that is there; a refusal is an answer."""
        async with self._lock:  # two of one name at once must not both find none
            there = await self._named(str(call.body["name"]))
            if there is not None:
                return Receipt({"id": there}, Origin.ADOPTED, unchanged=True)
            try:
                made = await self._client.write("POST", "/team", dict(call.body), may_refuse=True)
            except Rejected as error:
                if error.field in ("not_allowed", "subscription_upgrade_required"):
                    return Receipt({"id": ""}, declined=_BY_HAND)
                raise
            return Receipt({"id": made_id(made, "team_id")})

    async def find(self, call: Call) -> Receipt | None:
        """One of its name: whether it is ours nobody can tell."""
        there = await self._named(str(call.body["name"]))
        return Receipt({"id": there}, Origin.UNSURE) if there is not None else None

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """Who is in it is the workspace's own business once it is there; what was declined is asked for again."""
        return old if old.values.get("id") else await self.send(call)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """Remove what we made; gone already is done."""
        if old.origin != Origin.CREATED or not old.values.get("id"):
            return old.origin == Origin.CREATED
        try:
            await self._client.write("DELETE", f"/team/{segment(old.values['id'])}", may_refuse=True)
        except Rejected as error:
            if not error.field.endswith("not_found"):
                raise
        return True

    async def _named(self, name: str) -> str | None:
        seen: set[str] = set()
        for page in range(1, 100):
            rows = await self._client.get(f"/teams/list/{page}") or []
            fresh = [row for row in rows if isinstance(row, Mapping) and str(row.get("team_id")) not in seen]
            for row in fresh:
                if str(row.get("name") or "").strip().lower() == name.lower():
                    return str(row["team_id"])
            if not fresh:
                break
            seen.update(str(row.get("team_id")) for row in fresh)
        return None
