"""What people do in a simulation while `mig` comes and goes: in the old desk, and already in the new one."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from help_made import help_rows
from help_named import name_of
from mig.journal.schema import operation
from mig.journal.store import Journal
from mig_crisp.sandbox.server import Sandbox as Workspace
from mig_kustomer.sandbox.server import Sandbox as Organisation
from sim_loop import LoopClock


class Life:
    """The people of a world; it has what they work with."""

    random: random.Random
    clock: LoopClock
    organisation: Organisation
    workspace: Workspace
    journal: Journal
    told: list[str]
    """What happened, in words."""
    linked_help: Sequence[str]
    """The made articles that are the help centre; none: it is the generated one."""
    edited: set[str]
    """Conversations of the source of which a message was edited."""
    answered: set[str]
    """Sessions that somebody answered in the target."""
    rewritten: dict[str, str]
    """Articles that somebody rewrote in the target, by what `named_help` calls them: what stands there now."""

    def live_on(self, changes: int) -> None:
        """The desk is worked in: customers write, agents edit, close and tag."""
        for _ in range(changes):
            what: Callable[[], str] = self.random.choice(
                (
                    *(self._write, self._write, self._edit, self._rename, self._close, self._tag, self._touch),
                    *(self._begin, self._rewrite, self._rewrite, self._retitle, self._take_down),
                )
            )
            self.told.append(f"{asyncio.get_running_loop().time():10.1f} at the source: {what()}")

    def _pick(self, kind: str) -> dict[str, Any]:
        rows = self.organisation.organisation.store.table(kind).rows
        found: dict[str, Any] = json.loads(rows[self.random.choice(sorted(rows))].body)
        return found

    def _put(self, kind: str, resource: Mapping[str, Any]) -> str:
        return self.organisation.organisation.put(kind, dict(resource))

    def _write(self, conversation: dict[str, Any] | None = None) -> str:
        home = conversation or self._pick("conversations")
        when = (self.clock.now() - timedelta(seconds=self.random.randrange(0, 100))).isoformat()
        customer = home["relationships"]["customer"]
        made = self._put(
            "messages",
            {
                "attributes": {
                    "preview": f"written at {when}",
                    "direction": "in",
                    "channel": "chat",
                    "directionType": "followup-in",
                    "sentAt": when,
                    "createdAt": when,
                    "status": "received",
                },
                "relationships": {
                    "conversation": {"data": {"type": "conversation", "id": home["id"]}},
                    "customer": {"data": customer["data"]},
                },
            },
        )
        return f"message {made} in {home['id']}"

    def _begin(self) -> str:
        like = self._pick("conversations")
        attributes = {"name": "begun meanwhile", "status": "open", "channels": ["chat"]}
        made = self._put(
            "conversations",
            {"attributes": attributes, "relationships": {"customer": like["relationships"]["customer"]}},
        )
        self._write({**like, "id": made})
        return f"conversation {made}"

    def _edit(self) -> str:
        row = self._pick("messages")
        self._put("messages", {"id": row["id"], "attributes": {"preview": f"edited {self.random.random()}"}})
        self.edited.add(row["relationships"]["conversation"]["data"]["id"])
        return f"message {row['id']} is edited"

    def _rename(self) -> str:
        row = self._pick("customers")
        self._put("customers", {"id": row["id"], "attributes": {"name": f"Renamed {self.random.randrange(999)}"}})
        return f"customer {row['id']} is renamed"

    def _close(self) -> str:
        row = self._pick("conversations")
        status = self.random.choice(("done", "open"))
        self._put("conversations", {"id": row["id"], "attributes": {"status": status}})
        return f"conversation {row['id']} is {status}"

    def _tag(self) -> str:
        row, tag = self._pick("conversations"), self._pick("tags")
        tags = sorted({*row["attributes"].get("tags", []), tag["id"]})
        self._put("conversations", {"id": row["id"], "attributes": {"tags": tags}})
        return f"conversation {row['id']} is tagged"

    def _touch(self) -> str:
        kind = self.random.choice(("conversations", "messages", "customers"))
        row = self._pick(kind)
        self.organisation.organisation.touch(kind, row["id"])
        return f"{kind} {row['id']} is touched"

    # ---- the help centre ----------------------------------------------------------------------------------------

    def _replace_help(self) -> None:
        tables = self.organisation.organisation.store._tables
        for kind in ("kb_articles", "kb_versions", "kb_categories", "kb_knowledge_bases"):
            tables.pop(kind)
        for kind, row in help_rows(self.linked_help):
            self._put(kind, row)

    def _rewrite(self, **attributes: str) -> str:
        """A text of an article is edited; what it links to stays."""
        row = self._pick("kb_versions")
        said = attributes or {"htmlBody": row["attributes"]["htmlBody"] + f"<p>And {self.random.randrange(999)}.</p>"}
        self._put("kb_versions", {"id": row["id"], "attributes": said})
        self._put("kb_articles", {"id": row["relationships"]["article"]["data"]["id"]})
        return f"text {row['id']} of an article is edited: {', '.join(said)}"

    def _retitle(self) -> str:
        """With its title, an article changes its address."""
        return self._rewrite(title=f"Called anew {self.random.randrange(999_999)}")

    def _take_down(self) -> str:
        """A language of an article is not shown any more, or is again.

        Not where they link to one another: a link that was led to it once leads there still, and never did from anew.
        """
        if self.linked_help:
            return self._rewrite()
        row = self._pick("kb_articles")
        languages = row["attributes"]["langVersions"]
        held = languages[language := self.random.choice(sorted(languages))]
        held["currentVersion"] = None if held["currentVersion"] else held["latestVersion"]
        self._put("kb_articles", {"id": row["id"], "attributes": {"langVersions": languages}})
        return f"article {row['id']} is {'shown' if held['currentVersion'] else 'not shown'} in {language}"

    def rewrite_in_target(self) -> None:
        """Somebody already works on an article in the new help centre.

        One whose text arrived and is proven: what is in doubt is said again, whatever stands there.
        """
        proven = select(operation.c.receipt).where(operation.c.verb == "help.text", operation.c.state == "done")
        with self.journal.reading() as connection:
            keys = {json.loads(one)["values"]["id"] for one in connection.scalars(proven)}
        every = self.workspace.helpdesk_state()["articles"]
        rows = [one for one in every if f"{one['locale']}/{one['name']}" in keys]
        if rows:
            row = self.random.choice(sorted(rows, key=lambda one: str(one["name"])))
            text = f"Rewritten in the new help centre, {self.random.randrange(999_999)}."
            self.workspace.edit_article_by_hand(row["locale"], row["name"], content=text)
            self.rewritten[name_of(row)] = text
            self.told.append(f"at the target: {name_of(row)} is rewritten")

    def answer_in_target(self) -> None:
        """An agent already works in the new desk."""
        sessions = [one for one in self.workspace.desk.sessions.live.values() if one.messages]
        if sessions:
            session = self.random.choice(sorted(sessions, key=lambda one: one.session_id))
            self.workspace.answer_by_hand(session.session_id, "answered in the new desk")
            self.answered.add(session.session_id)
            self.told.append(f"at the target: {session.session_id} is answered")
