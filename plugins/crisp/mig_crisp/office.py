"""Who and what already is in the workspace: operators by e-mail, inboxes by name."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from mig import Agent, Lookup, Queue, Ref
from mig_crisp.text import clean


class Operator(Struct, frozen=True):
    """Somebody who works in the workspace."""

    user_id: str
    name: str
    avatar: str = ""


class Office(Struct, frozen=True):
    """The workspace as it was when the target was opened."""

    operators: Mapping[str, Operator] = field(default_factory=dict)
    """By e-mail, lower case."""
    inboxes: Mapping[str, str] = field(default_factory=dict)
    """Inbox ids by name, lower case."""
    has_notes: bool = True
    """Whether the plan has private notes."""
    plan: str = ""
    """The workspace's; empty: the API does not tell."""
    named: Mapping[str, str] = field(default_factory=dict)
    """E-mail addresses of operators by the ids of agents, as a person's table says."""
    help_api: str = ""
    """tree or locale: how its help centre is spoken to; empty: it has none, or this token may not see it."""

    def operator(self, agent: Agent) -> Operator | None:
        """The operator a person named for an agent, else the one with the agent's e-mail."""
        return self.operators.get(self.named.get(agent.ref.id, "") or agent.email.strip().lower())

    def inbox(self, queue: Queue) -> str | None:
        """The inbox with a queue's name."""
        return self.inboxes.get(queue.name.strip().lower())

    def author(self, ref: Ref | None, look: Lookup) -> dict[str, str] | None:
        """The author of a message as Crisp shows one: an operator, or only a name; None: nobody is known."""
        agent = look(ref) if ref is not None else None
        if not isinstance(agent, Agent):
            return None
        operator = self.operator(agent)
        if operator is not None:
            user = {"type": "website", "user_id": operator.user_id, "nickname": operator.name}
            return user | ({"avatar": operator.avatar} if operator.avatar else {})
        name = clean(agent.name).strip()
        user = {"type": "website", "nickname": name} if name else {}
        return (user | ({"avatar": agent.avatar} if agent.avatar else {})) or None
