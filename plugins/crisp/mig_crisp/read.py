"""Reading a unit back as neutral records, by the marks it carries, in as few requests as it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mig import CONTACT, CONVERSATION, TAG, Conversation, Kind, Oddity, Present, Ref
from mig_crisp.client import CrispClient, segment
from mig_crisp.data import RESERVED_CONVERSATION
from mig_crisp.forms import STATES, is_reserved, moment, told
from mig_crisp.marks import fingerprint, marker
from mig_crisp.office import Office
from mig_crisp.read_person import read_profile
from mig_crisp.read_rows import Scene, hear, mark_of
from mig_crisp.settings import CrispSettings

Row = Mapping[str, Any]


class Reader:
    """Reads profiles and conversations.

    Args:
        client: Talks to the workspace.
        settings: The target's: how texts and times were written.
        office: Who works there.
    """

    def __init__(self, client: CrispClient, settings: CrispSettings, office: Office) -> None:
        self._client = client
        self._settings = settings
        self._operators = {one.user_id: one.name for one in office.operators.values()}
        self._page = 0
        """Messages in a page, once a page was followed by another; 0: not known, the API does not say."""
        self._included = False
        """Whether a mark's own time is in the answer, once that was seen; the API does not say."""
        self._listed: dict[str, Row] = {}

    def just_listed(self, rows: Iterable[Row]) -> None:
        """Conversations a list has just shown: they are not asked for again while it is looked at."""
        self._listed = {str(row["session_id"]): row for row in rows}

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        """A profile or a conversation by its id; None when it is not there."""
        if kind == CONTACT:
            return await self._profile(target_id)
        if kind == CONVERSATION:
            return await self._thread(target_id)
        return None

    async def _profile(self, people_id: str) -> Present | None:
        profile = await self._client.get(f"/people/profile/{segment(people_id)}")
        if not isinstance(profile, dict):
            return None
        found = await self._client.get(f"/people/data/{segment(people_id)}")
        data = found.get("data") or {} if isinstance(found, dict) else {}
        return present_profile({"people_id": people_id, **profile}, data)

    async def _thread(self, session: str) -> Present | None:
        conversation = self._listed.get(session) or await self._client.get(f"/conversation/{segment(session)}")
        if not isinstance(conversation, Mapping):
            return None
        shown = present_thread(conversation, self._settings)
        origin = str(_data(conversation).get("source") or "")
        rows = await self._messages(session, origin)
        scene = Scene(
            root=shown.records[0].ref,
            origin=origin,
            operators=self._operators,
            nobody={self._settings.website_id: _called(rows, self._settings.website_id), session: ""},
            escaped=self._settings.escape_markdown,
            spread=self._settings.spread_ties,
            stealthy_users=self._settings.stealth_user_messages,
        )
        heard = hear(rows, scene)
        root = msgspec.structs.replace(shown.records[0], extra={**shown.records[0].extra, **heard.extra})
        return msgspec.structs.replace(
            shown,
            records=[root, *heard.records],
            flaws=[*shown.flaws, *heard.flaws],
            foreign=heard.foreign,
            whole=True,
        )

    # ---- the messages of a conversation --------------------------------------------------------------------------

    async def _messages(self, session: str, origin: str) -> list[Row]:
        """All of them, oldest first, each as often as it stands there."""
        rows, torn = await self._pages(session)
        return await self._completed(session, rows, torn, origin) if torn else rows

    async def _pages(self, session: str) -> tuple[list[Row], set[int]]:
        """All pages, and the milliseconds of which no page shows the middle. Equal times may straddle pages."""
        rows = await self._page_of(session, {})
        size, torn = len(rows), set[int]()
        while rows and (not self._page or size >= self._page):
            at = _time(rows[0])
            whole = await self._up_to(session, at)
            page = [row for row in whole if _time(row) <= at]
            later = [row for row in rows if _time(row) > at]
            if page and _time(page[0]) < at:  # it reaches further back: all that stands at `at` is in it
                self._page = max(self._page, size)
                rows, size = [*page, *later], len(whole)
                continue
            if size < 2 or len(whole) < size:
                rows = [*page, *later]  # there was room left in it
                break
            first = [row for row in await self._from(session, at) if _time(row) == at]
            both, overlap = _together(first, page)
            torn |= set() if overlap else {at}
            before = [row for row in await self._up_to(session, at - 1) if _time(row) < at]
            rows = [*before, *both, *later]
            if not before:
                break
            self._page = max(self._page, len(whole))
            size = len(before)
        return rows, torn

    async def _up_to(self, session: str, at: int) -> list[Row]:
        """The latest page that ends with a time."""
        mark = at if self._included else at + 1
        rows = await self._page_of(session, {"timestamp_before": mark})
        if not self._included and any(_time(row) == mark for row in rows):
            self._included = True
            return await self._page_of(session, {"timestamp_before": at})
        return rows

    async def _from(self, session: str, at: int) -> list[Row]:
        """The first page that begins with a time."""
        return await self._page_of(session, {"timestamp_after": at if self._included else at - 1})

    async def _page_of(self, session: str, query: Mapping[str, str | int]) -> list[Row]:
        page = await self._client.get(f"/conversation/{segment(session)}/messages", query or None)
        rows = [row for row in page if isinstance(row, Mapping)] if isinstance(page, list) else []
        return sorted(rows, key=_time)

    async def _completed(self, session: str, rows: list[Row], torn: set[int], origin: str) -> list[Row]:
        """With the parts of long texts no page shows, asked for one by one: each behind the part before it that is
        shown, and what comes before the first of those right before that.
        """
        counts: dict[Ref, int] = {}
        places: dict[tuple[Ref, int], int] = {}
        for place, row in enumerate(rows):
            mark = mark_of(row)
            if mark is not None and _time(row) in torn:
                count = (row.get("properties") or {}).get("source_parts")
                # What stands beside them (where something was redacted) tells no count.
                counts[mark.ref] = max(counts.get(mark.ref, 0), count if isinstance(count, int) else 0)
                places[mark.ref, mark.part] = place
        found = [((place, 0), row) for place, row in enumerate(rows)]
        for ref, count in counts.items():
            seen = [number for number in range(1, count + 1) if (ref, number) in places]
            # Of none only the note beside it is shown, which comes last.
            place, before = (places[ref, seen[0]], seen[0]) if seen else (places.get((ref, 0), -1), count + 1)
            for number in range(1, count + 1):
                place = places.get((ref, number), place)
                if (ref, number) not in places:
                    more = await self._message(session, marker(origin, ref, number))
                    beside = number if number > before else number - before
                    found += [((place, beside), more)] if more is not None else []
        return [row for _, row in sorted(found, key=lambda one: one[0])]

    async def _message(self, session: str, mark: str) -> Row | None:
        row = await self._client.get(f"/conversation/{segment(session)}/message/{fingerprint(mark)}")
        return row if isinstance(row, Mapping) else None


def _called(rows: Sequence[Row], user_id: str) -> str:
    """What the platform calls an author that it fills in: mostly so, here."""
    users = [user for row in rows if isinstance(user := row.get("user"), Mapping) and user.get("user_id") == user_id]
    names = Counter(str(user.get("nickname") or "") for user in users)
    return max(names, key=lambda name: (names[name], name), default="")


def _time(row: Row) -> int:
    return int(row["timestamp"])


def _together(first: Sequence[Row], last: Sequence[Row]) -> tuple[list[Row], bool]:
    """The beginning and the end of one millisecond as one, and whether they meet."""
    numbers = [row.get("fingerprint") for row in first]
    for shared in range(min(len(first), len(last)), 0, -1):
        if numbers[-shared:] == [row.get("fingerprint") for row in last[:shared]]:
            return [*first, *last[shared:]], True
    return [*first, *last], False


# ---- as a list shows them, and more --------------------------------------------------------------------------------


def present_profile(profile: Row, data: Mapping[str, Any] | None) -> Present:
    """A profile; without its data as a list shows it."""
    shown = read_profile(profile, data or {})
    return Present(
        kind=CONTACT,
        target_id=str(profile.get("people_id") or ""),
        sources=shown.sources,
        records=shown.records,
        flaws=shown.flaws,
        whole=data is not None,
    )


def present_thread(conversation: Row, settings: CrispSettings) -> Present:
    """A conversation as a list shows it: without what is said in it."""
    root = conversation_of(conversation, settings.segment)
    people_id = conversation.get("people_id")
    return Present(
        kind=CONVERSATION,
        target_id=str(conversation["session_id"]),
        sources=[root.ref] if root.ref.id else [],
        records=[root],
        flaws=_flaws(conversation, root.ref),
        links={"contact": str(people_id)} if people_id else {},
        whole=False,
    )


def conversation_of(conversation: Row, mine: str) -> Conversation:
    """A conversation object as a conversation; the migration's own segment is no tag."""
    meta, data = conversation.get("meta") or {}, _data(conversation)
    segments = [str(name) for name in meta.get("segments") or []]
    assigned = conversation.get("assigned")
    extra: dict[str, Any] = {
        **{name: str(meta.get(name) or "") for name in ("nickname", "email", "phone", "origin", "address", "avatar")},
        "assigned": str(assigned.get("user_id") or "") if isinstance(assigned, Mapping) else "",
        "inbox": str(conversation.get("inbox_id") or ""),
        "segment": mine if mine in segments else "",
        "data": told(data),
        "participants": list(conversation.get("participants") or []),
        "blocked": bool(conversation.get("is_blocked")),
    }
    return Conversation(
        ref=Ref(CONVERSATION, str(data.get("source_id") or "")),
        title=str(meta.get("subject") or ""),
        status=_status(str(conversation.get("state")), str(data.get("source_status") or "")),
        channels=[name for name in str(data.get("source_channel") or "").split(", ") if name],
        priority=data.get("source_priority"),
        tags=[Ref(TAG, name) for name in segments if name != mine],
        external_id=str(data.get("source_external_id") or ""),
        created_at=moment(data.get("source_created_at")),
        snoozed_until=moment(data.get("source_snooze_until")),
        custom={key: value for key, value in data.items() if not is_reserved(key, RESERVED_CONVERSATION)},
        extra={key: value for key, value in extra.items() if value},
    )


def _status(state: str, told: str) -> str:
    """What the source said, where the state is what that becomes; else what the state is of."""
    if STATES.get(told, "unresolved") == state:
        return told
    return next((status for status, other in STATES.items() if other == state), state)


def _flaws(conversation: Row, root: Ref) -> list[Oddity]:
    """What is wrong with a conversation and shows in no field."""
    segments = Counter(map(str, (conversation.get("meta") or {}).get("segments") or []))
    twice = sum(count > 1 for count in segments.values())
    return [Oddity(root, "tags", f"{twice} of its segments stand there twice")] if twice else []


def _data(conversation: Row) -> Mapping[str, Any]:
    data = (conversation.get("meta") or {}).get("data")
    return data if isinstance(data, Mapping) else {}
