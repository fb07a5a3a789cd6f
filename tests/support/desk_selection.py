"""What a filter means, recomputed from an organisation's own rows, by the words of the help text alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Ids = dict[str, set[str]]
SOCIAL = {"facebook", "twitter-dm", "twitter-tweet", "instagram", "instagram-comment", "whatsapp"}


def related(row: Json, name: str) -> list[str]:
    """The ids a relationship names."""
    data = ((row.get("relationships") or {}).get(name) or {}).get("data")
    entries = data if isinstance(data, list) else [data] if data else []
    return [entry["id"] for entry in entries]


@dataclass
class Wanted:
    """A filter."""

    only: set[str] = field(default_factory=set)
    since: str = ""
    until: str = ""
    agent: set[str] = field(default_factory=set)
    customer: set[str] = field(default_factory=set)
    channel: set[str] = field(default_factory=set)
    tag: set[str] = field(default_factory=set)
    limit: int = 0

    @property
    def chooses(self) -> bool:
        """Whether it is about conversations."""
        return bool(self.since or self.until or self.agent or self.customer or self.channel or self.tag or self.limit)


class Selection:
    """Everything a filter selects.

    Args:
        rows: The organisation, by the sandbox's names of kinds.
        siblings: Customers that share their first e-mail address are one person, and come together.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Json]], *, siblings: bool) -> None:
        self.rows = rows
        self.siblings = siblings
        self.found: Ids = {}

    def of(self, wanted: Wanted) -> Ids:
        """The ids of every record, by neutral kind."""
        if wanted.chooses:
            for one in self._conversations(wanted):
                self._conversation(one)
            others = (wanted.since, wanted.until, wanted.agent, wanted.channel, wanted.tag, wanted.limit)
            for one in wanted.customer if not any(others) else ():
                self._customer(one)
            if wanted.only:
                chosen, self.found = self.found, {}
                self._kinds(wanted.only, chosen)
        else:
            self._kinds(wanted.only, {kind: set(self._all(kind)) for kind in wanted.only})
        return {kind: ids for kind, ids in self.found.items() if ids}

    def _all(self, kind: str) -> Iterable[str]:
        return self.rows[{"company": "companies"}.get(kind, f"{kind}s")]

    def _kinds(self, only: set[str], chosen: Ids) -> None:
        adders = {"conversation": self._conversation, "contact": self._customer, "company": self._company}
        for kind in only:
            for one in chosen.get(kind, set()):
                if kind in adders:
                    adders[kind](one)
                else:
                    self._add(kind, [one])

    def _conversations(self, wanted: Wanted) -> list[str]:
        wrote = {
            one
            for row in self.rows["messages"].values()
            if row["attributes"].get("direction") == "out" and set(related(row, "createdBy")) & wanted.agent
            for one in related(row, "conversation")
        }
        fitting = []
        for name, row in self.rows["conversations"].items():
            at = row["attributes"]
            created = at["createdAt"]
            if (
                (not wanted.since or created >= wanted.since)
                and (not wanted.until or created < wanted.until)
                and (not wanted.agent or wanted.agent & set(at.get("assignedUsers") or ()) or name in wrote)
                and (not wanted.customer or wanted.customer & set(related(row, "customer")))
                and (not wanted.channel or wanted.channel & set(at.get("channels") or ()))
                and (not wanted.tag or wanted.tag & set(at.get("tags") or ()))
            ):
                fitting.append((at["updatedAt"], name))
        fitting.sort(reverse=True)
        return [name for _, name in fitting][: wanted.limit or None]

    # ---- what comes along ------------------------------------------------------------------------------------------

    def _add(self, kind: str, ids: Iterable[str]) -> None:
        plural = {
            "contact": "customers",
            "company": "companies",
            "agent": "users",
        }.get(kind, f"{kind}s")
        self.found.setdefault(kind, set()).update(one for one in ids if kind == "attribute" or one in self.rows[plural])

    def _custom(self, row: Json, kind: str) -> None:
        known = self.rows["metadata"].get({"contact": "customer"}.get(kind, kind), {})
        properties = (known.get("attributes") or {}).get("properties") or {}
        self._add("attribute", [f"{kind}.{key}" for key in row["attributes"].get("custom") or {} if key in properties])

    def _conversation(self, name: str) -> None:
        row = self.rows["conversations"].get(name)
        if row is None or name in self.found.setdefault("conversation", set()):
            return
        self.found["conversation"].add(name)
        at = row["attributes"]
        self._custom(row, "conversation")
        level = at.get("satisfactionLevel") or {}
        if any(level.get(key) not in (None, "") for key in ("rating", "score", "formResponse")):
            self.found.setdefault("rating", set()).add(name)
        self._add("tag", at.get("tags") or ())
        self._add("agent", at.get("assignedUsers") or ())
        self._add("team", at.get("assignedTeams") or ())
        self._add("queue", related(row, "queue"))
        for one in related(row, "customer"):
            self._customer(one)
        for message, other in self.rows["messages"].items():
            if related(other, "conversation") == [name]:
                self._message(message, other)
        for note, other in self.rows["notes"].items():
            if related(other, "conversation") == [name]:
                self._note(note, other)

    def _message(self, name: str, row: Json) -> None:
        self._add("message", [name])
        self._custom(row, "message")
        if row["attributes"].get("direction") == "out":
            self._add("agent", related(row, "createdBy"))
        for one in related(row, "customer"):
            self._customer(one)
        self._files(name)

    def _note(self, name: str, row: Json) -> None:
        self._add("note", [name])
        self._add("agent", [*related(row, "createdBy"), *related(row, "userMentions")])
        self._add("team", related(row, "teamMentions"))
        for one in related(row, "customer"):
            self._customer(one)
        self._add("attachment", related(row, "attachments"))

    def _files(self, parent: str) -> None:
        for name, row in self.rows["attachments"].items():
            if related(row, "message") == [parent]:
                self._add("attachment", [name])

    def _customer(self, name: str) -> None:
        row = self.rows["customers"].get(name)
        if row is None or name in self.found.setdefault("contact", set()):
            return
        self.found["contact"].add(name)
        self._custom(row, "contact")
        self._add("tag", row["attributes"].get("tags") or ())
        for one in related(row, "company"):
            self._company(one)
        for note, other in self.rows["notes"].items():
            if related(other, "customer") == [name] and not related(other, "conversation"):
                self._note(note, other)
        if self.siblings and (mail := first_mail(row)):
            for other_name, other in self.rows["customers"].items():
                if first_mail(other) == mail:
                    self._customer(other_name)

    def _company(self, name: str) -> None:
        row = self.rows["companies"].get(name)
        if row is not None and name not in self.found.setdefault("company", set()):
            self.found["company"].add(name)
            self._custom(row, "company")
            self._add("tag", row["attributes"].get("tags") or ())


def first_mail(row: Json) -> str:
    """What makes two customers one person."""
    mails = [one.get("email") or "" for one in row["attributes"].get("emails") or ()]
    return next((mail.lower() for mail in mails if mail.count("@") == 1), "")
