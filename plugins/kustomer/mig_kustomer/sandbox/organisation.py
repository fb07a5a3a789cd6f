"""The organisation while it lives: rows change, searches learn of it later, deletions reach the audit log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from mig_kustomer.sandbox.attributes import CONTEXTS
from mig_kustomer.sandbox.clock import OrganisationClock, ms_to_text
from mig_kustomer.sandbox.index import Index
from mig_kustomer.sandbox.rows import TYPES, Json, Row, decode, make_row, related
from mig_kustomer.sandbox.store import Store
from mig_kustomer.sandbox.switches import Switches

#: Contact arrays and lists that a merge of two customers joins.
_JOINED = ("emails", "phones", "whatsapps", "socials", "urls", "locations", "externalIds", "tags", "facebookIds")
#: What hangs on a customer and moves with a merge.
_OF_CUSTOMER = ("conversations", "messages", "notes", "kobjects", "drafts")
_AUDITED = {"customers": "customer", "conversations": "conversation", "messages": "message", "companies": "company"}


class Organisation:
    """Everything the API reads, and the changes tests make."""

    def __init__(
        self,
        resources: Iterable[tuple[str, Json, bytes | None]],
        switches: Switches,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self.switches = switches
        self.clock = OrganisationClock(switches.clock, seconds)
        self.store = Store()
        self.store.load(resources)
        self._indexes: dict[str, Index] = {}
        self._late: deque[tuple[float, Row | None, tuple[str, str]]] = deque()
        self._made = 0

    def index(self, kind: str) -> Index:
        """The search index of a kind, with every change that is old enough to show."""
        now = self.clock.now_ms()
        while self._late and self._late[0][0] <= now:
            _, row, (late_kind, row_id) = self._late.popleft()
            if row is None:
                self._index(late_kind).drop(row_id)
            else:
                self._index(late_kind).put(row)
        return self._index(kind)

    def put(self, kind: str, resource: Json) -> str:
        """Create a resource, or change one: attributes and relationships given are laid over those it has.

        `updatedAt` becomes now and `rev` one more; a message or note also moves its conversation and customer.

        Returns:
            Its id.

        Raises:
            ValueError: A new resource of a kind whose type is not known, without a `type`.
        """
        known = self.store.get(kind, resource.get("id"))
        merged = self._created(kind, resource) if known is None else _laid_over(decode(known.body), resource)
        self._bump(merged)
        row = self._keep(kind, merged)
        if kind in ("messages", "notes"):
            self._move_parents(kind, merged, new=known is None)
        return row.id

    def touch(self, kind: str, row_id: str) -> None:
        """Move updatedAt and rev of a resource, nothing else.

        Raises:
            KeyError: There is no such resource.
        """
        resource = self._resource(kind, row_id)
        self._bump(resource)
        self._keep(kind, resource)

    def delete(self, kind: str, row_id: str) -> None:
        """Delete a resource: where deleted ones vanish, only searches that ask for them still find it.

        Raises:
            KeyError: There is no such resource.
        """
        resource = self._resource(kind, row_id)
        self._bump(resource)
        resource["attributes"] |= {"deleted": True, "deletedAt": resource["attributes"]["updatedAt"]}
        self._keep(kind, resource)
        self._log(kind, row_id, "delete")

    def merge_customers(self, source: str, target: str) -> str:
        """Merge one customer into another, as section 7.1 of the API page tells.

        Returns:
            The id of the merge.

        Raises:
            KeyError: One of them does not exist.
        """
        old, new = self._resource("customers", source), self._resource("customers", target)
        _join_customers(old["attributes"], new["attributes"])
        self._bump(new)
        self._keep("customers", new)
        for kind in _OF_CUSTOMER:
            for row in self.store.children(kind, "customer", source):
                self._reparent(row, "customer", target, f"/v1/customers/{target}")
        self.delete("customers", source)
        merge: Json = {"attributes": {"status": "success"}, "relationships": {}}
        for relation, row_id in (("source", source), ("target", target)):
            merge["relationships"][relation] = _link(f"/v1/customers/{row_id}", "customer", row_id)
        return self.put("merges", merge)

    def merge_conversations(self, source: str, target: str) -> None:
        """Merge one conversation into another: its messages and notes move, with their own times.

        Raises:
            KeyError: One of them does not exist.
        """
        old, new = self._resource("conversations", source), self._resource("conversations", target)
        for kind, count in (("messages", "messageCount"), ("notes", "noteCount")):
            for row in self.store.children(kind, "conversation", source):
                self._reparent(row, "conversation", target, f"/v1/conversations/{target}")
            held = len(self.store.children(kind, "conversation", target))
            new["attributes"][count] = held
            old["attributes"][count] = 0
        new["attributes"]["mergedTarget"] = True
        for resource in (old, new):
            self._bump(resource)
            self._keep("conversations", resource)
        if self.switches.merged_conversation == "404":
            self.delete("conversations", source)

    def new_id(self) -> str:
        """An id no row has: its first eight digits are the second it was made."""
        self._made += 1
        return f"{self.clock.now_ms() // 1000:08x}5a4db0{self._made:010x}"

    def _index(self, kind: str) -> Index:
        if kind not in self._indexes:
            table = self.store.table(kind)
            self._indexes[kind] = Index([*table.rows.values(), *table.gone.values()])
        return self._indexes[kind]

    def _resource(self, kind: str, row_id: str) -> Json:
        row = self.store.get(kind, row_id)
        if row is None:
            raise KeyError(f"{kind} {row_id}")
        return decode(row.body)

    def _keep(self, kind: str, resource: Json) -> Row:
        if kind in CONTEXTS.values():
            self._index(kind)  # built from what was there before this change
        row = make_row(kind, resource, place=len(self.store.table(kind).order))
        self.store.table(kind).put(row, resource)
        if kind in CONTEXTS.values():
            self._late.append((self.clock.now_ms() + self.switches.lag * 1000, row, (kind, row.id)))
        return row

    def _created(self, kind: str, given: Json) -> Json:
        type_, path = TYPES.get(kind, ("", ""))
        row_id = given.get("id") or self.new_id()
        if not (type_ or given.get("type")):
            raise ValueError(f"a new resource of kind {kind!r} needs its type")
        resource: Json = {"type": type_, "id": row_id, "attributes": {}, "relationships": {}}
        resource |= given | {"id": row_id}
        resource.setdefault("links", {"self": f"{path}{row_id}"} if path else {})
        resource["attributes"] = {"createdAt": ms_to_text(self.clock.now_ms())} | dict(resource["attributes"])
        return resource

    def _bump(self, resource: Json) -> None:
        attributes = resource["attributes"]
        attributes["updatedAt"] = ms_to_text(self.clock.now_ms())
        attributes["rev"] = int(attributes.get("rev") or 0) + 1

    def _move_parents(self, kind: str, resource: Json, *, new: bool) -> None:
        conversation = self.store.get("conversations", related(resource, "conversation"))
        if conversation is not None:
            moved = decode(conversation.body)
            count = "messageCount" if kind == "messages" else "noteCount"
            moved["attributes"][count] = int(moved["attributes"].get(count) or 0) + new
            self._bump(moved)
            self._keep("conversations", moved)
        customer = related(resource, "customer")
        if self.store.get("customers", customer) is not None:
            self.touch("customers", str(customer))

    def _reparent(self, row: Row, relation: str, parent: str, path: str) -> None:
        resource = decode(row.body)
        # The type stays what it was: messages say "customers" where everything else says "customer".
        kept = resource["relationships"][relation]["data"]["type"]
        resource["relationships"][relation] = _link(path, kept, parent)
        if self.switches.reparent == "bump":
            self._bump(resource)
        self._keep(row.kind, resource)

    def _log(self, kind: str, row_id: str, verb: str) -> None:
        if kind in _AUDITED:
            name = _AUDITED[kind]
            event = {"eventName": f"kustomer.{name}.{verb}", "eventVerb": verb, "objectType": name, "objectId": row_id}
            expires = ms_to_text(self.clock.now_ms() + 90 * 86_400_000)
            self.put("audit_logs", {"attributes": {**event, "changes": {}, "expiresAt": expires}})


def _laid_over(old: Json, given: Json) -> Json:
    merged = old | given
    for part in ("attributes", "relationships"):
        merged[part] = (old.get(part) or {}) | (given.get(part) or {})
    return merged


def _join_customers(old: Json, new: Json) -> None:
    for name in _JOINED:
        extra = [entry for entry in old.get(name) or () if entry not in (new.get(name) or ())]
        if extra:
            new[name] = [*(new.get(name) or ()), *extra]
    if old.get("custom") or new.get("custom"):
        new["custom"] = (old.get("custom") or {}) | (new.get("custom") or {})
    for name in ("name", "externalId", "username", "avatarUrl", "locale", "timeZone", "birthdayAt", "gender"):
        if new.get(name) is None and old.get(name) is not None:
            new[name] = old[name]
    counts: dict[str, Any] = {}
    for source in (old.get("conversationCounts") or {}, new.get("conversationCounts") or {}):
        for name, count in source.items():
            counts[name] = counts.get(name, 0) + (count or 0)
    if counts:
        new["conversationCounts"] = counts
    if old.get("createdAt"):
        new["createdAt"] = min(old["createdAt"], new.get("createdAt") or old["createdAt"])


def _link(path: str, type_: str, row_id: str) -> Json:
    return {"links": {"self": path}, "data": {"type": type_, "id": row_id}}
