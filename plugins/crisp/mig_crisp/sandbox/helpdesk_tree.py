"""The helpdesk's tree API: files in folders, found by their path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from mig_crisp.sandbox.answers import (
    Answer,
    Json,
    Refusal,
    added,
    deleted,
    dispatched,
    invalid,
    missing,
    resolved,
    updated,
)
from mig_crisp.sandbox.helpdesk import SUFFIX, Entry, Place, key_of
from mig_crisp.sandbox.helpdesk_bodies import TREE_QUERY, HelpdeskBodies
from mig_crisp.sandbox.helpdesk_site import ARTICLES, BASE, content_type, helpdesk, listing, locale
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.routing import Call, Route

_SLUG = re.compile(r"[a-z0-9-]+")
_Tree = Mapping[str, list[Entry]]
"""The entries by the path of what they lie in, in their order."""


def get_list(call: Call) -> Answer:
    """The entries at the top, or below `sub_path`, each with all that lies in it.

    A search keeps what it finds and the folders on the way there.
    """
    top, tree = "", _tree(call)
    if "sub_path" in call.query:
        top = _path(call.desk.switches, call.query["sub_path"].split("/"), "query.sub_path")
        _require(call.desk.helpdesk.entries.seen(key_of(_place(call, top)), call.desk.read_at(call.now)))
    test = _test(call.query)
    rows = (_view(call.desk.switches, one, tree, test) for one in tree.get(top, ()))
    return listing(call, [row for row in rows if row is not None])


def add_entry(call: Call) -> Answer:
    """An empty entry; what it lies in must be there and becomes a folder."""
    place, switches = _place(call), call.desk.switches
    if key_of(place) in call.desk.helpdesk.entries.live:
        if switches.tree_exists == "accept":
            return added()
        raise Refusal(409, "path_exists")
    _make_way(call, place)
    call.desk.helpdesk.add_entry(place, call.now)
    call.desk.helpdesk.note_change(place, "create", call.now)
    return added()


def get_entry(call: Call) -> Answer:
    """An entry with all that lies in it."""
    row = _view(call.desk.switches, _seen_entry(call), _tree(call), None)
    return resolved(row)


def act(call: Call) -> Answer:
    """Move an entry to another path, or give it another position among its siblings."""
    entry, body = _entry(call), call.body
    if body["action"] == call.desk.switches.tree_actions[0]:
        if "path" not in body:
            raise invalid("data should have required property '.path'")
        _move(call, entry, body["path"]["to"])
    elif "position" not in body:
        raise invalid("data should have required property '.position'")
    else:
        _order(call, entry, body["position"])
    return updated()


def remove_entry(call: Call) -> Answer:
    """Remove an entry with all that lies in it."""
    place = _entry(call).place
    call.desk.helpdesk.drop_entry(place, call.now)
    call.desk.helpdesk.note_change(place, "delete", call.now)
    return deleted()


def get_content(call: Call) -> Answer:
    """The body of a file; a folder has none."""
    entry = _seen_entry(call)
    if entry.kind == "folder":
        raise missing("content")
    return resolved({"content": entry.content})


def set_content(call: Call) -> Answer:
    """Replace the body, which makes a file of an entry that is nothing yet."""
    entry, switches, desk = _entry(call), call.desk.switches, call.desk.helpdesk
    if entry.kind == "folder":
        raise invalid("params.path: a folder has no content")
    if not entry.kind and switches.tree_file == "metadata":
        raise invalid("params.path: not a file until its metadata has a format")
    if _suffixed(switches) and not SUFFIX.search(entry.path):
        raise invalid("params.path: the path of a file ends in .md or .mdx")
    entry.kind, entry.content, entry.updated_at = "file", desk.take_content(call.body["content"], "tree"), call.now
    desk.note_change(entry.place, "content", call.now)
    return updated()


def get_metadata(call: Call) -> Answer:
    """Title, description, state ... of an entry."""
    entry = _seen_entry(call)
    unset = {"title": "", "description": "", **dict.fromkeys(("author", "color", "image", "format"))}
    return resolved({**unset, **entry.metadata, "state": _state(entry)})


def set_metadata(call: Call) -> Answer:
    """Set the fields sent, and those of `state` one by one."""
    entry, body, switches = _entry(call), dict(call.body), call.desk.switches
    if "author" in body and body["author"]["user_id"] not in call.desk.operators:
        raise invalid(f"data.author.user_id: {body['author']['user_id']!r} is no operator of this website")
    if "format" in body and switches.tree_file == "metadata":
        if entry.kind == "folder":
            raise invalid("data.format: a folder has none")
        entry.kind = "file"
    state = body.pop("state", {})
    entry.metadata = {**entry.metadata, **body}
    entry.hidden, entry.featured = state.get("hidden", entry.hidden), state.get("featured", entry.featured)
    call.desk.helpdesk.publish(entry, state.get("published", entry.published), call.now)
    entry.updated_at = call.now
    call.desk.helpdesk.note_change(entry.place, "metadata", call.now)
    return updated()


def get_page(call: Call) -> Answer:
    """The public address of a published file."""
    entry = _seen_entry(call)
    if not _is_public(entry):
        raise missing("page")
    return resolved({"title": entry.title, "url": call.desk.helpdesk.entry_url(entry)})


def get_pages(call: Call) -> Answer:
    """The public pages of a content type; hidden ones are pages too."""
    return listing(call, [_view_page(call, one) for one in _pages(call)])


def get_page_of_entity(call: Call) -> Answer:
    """A public page by the id of its entry."""
    for one in _pages(call):
        if one.entity_id == call.params["entity_id"]:
            return resolved(_view_page(call, one))
    raise missing("page")


def refresh(call: Call) -> Answer:
    """Show on the public site what is published."""
    desk, name, kind = call.desk.helpdesk, locale(call), content_type(call)
    for key in [key for key, one in desk.entries.live.items() if one.place[:2] == (name, kind)]:
        entry = desk.entries.take(key, call.now)
        assert entry is not None
        entry.on_site = entry.published
    return dispatched()


def get_changes(call: Call) -> Answer:
    """What was done in the tree, the latest first."""
    return listing(call, helpdesk(call).changes[::-1])


# ---- paths ---------------------------------------------------------------------------------------------------------


def _suffixed(switches: Switches) -> bool:
    return switches.tree_suffix or switches.tree_file == "suffix"


def _path(switches: Switches, parts: list[str], at: str) -> str:
    """A path whose parts are what they may be."""
    for place, part in enumerate(parts, 1):
        suffix = SUFFIX.search(part)
        if suffix and not (_suffixed(switches) and place == len(parts)):
            raise invalid(f"{at}: {part!r} should NOT end in {suffix[0]}")
        slug = SUFFIX.sub("", part)
        if not slug or "/" in slug or (switches.tree_slug == "strict" and _SLUG.fullmatch(slug) is None):
            raise invalid(f'{at}: {part!r} should match pattern "{_SLUG.pattern}"')
    return "/".join(parts)


def _place(call: Call, path: str | None = None) -> Place:
    """Where a path lies: the one the request names, or another of the same locale and type."""
    name, kind = locale(call), content_type(call)
    if path is None:
        path = _path(call.desk.switches, [unquote(one) for one in call.params["path"].split("/")], "params.path")
    return name, kind, path


def _make_way(call: Call, place: Place) -> None:
    """Make sure that something may be put at a path: what it would lie in is there and no file."""
    desk, above = call.desk.helpdesk, place[2].rpartition("/")[0]
    if not above:
        return
    parent: Place = (place[0], place[1], above)
    found = desk.entries.live.get(key_of(parent))
    if found is None:
        if call.desk.switches.tree_parent == "missing":
            raise missing("path")
        _make_way(call, parent)
        desk.add_entry(parent, call.now).kind = "folder"
    elif found.kind == "file":
        raise invalid(f"params.path: {above!r} is a file")


def _require(entry: Entry | None) -> Entry:
    if entry is None:
        raise missing("path")
    return entry


def _entry(call: Call) -> Entry:
    place = _place(call)
    return _require(call.desk.helpdesk.entries.take(key_of(place), call.now))


def _seen_entry(call: Call) -> Entry:
    key, at = key_of(_place(call)), call.desk.read_at(call.now)
    call.stale = call.desk.helpdesk.entries.stale(key, at)
    return _require(call.desk.helpdesk.entries.seen(key, at))


def _move(call: Call, entry: Entry, to: str) -> None:
    desk, old = call.desk.helpdesk, entry.place
    place = _place(call, _path(call.desk.switches, to.split("/"), "data.path.to"))
    if bool(SUFFIX.search(entry.path)) != bool(SUFFIX.search(place[2])):
        raise invalid("data.path.to should keep the suffix")
    if key_of(place) in desk.entries.live:
        raise Refusal(409, "path_exists")
    if place[2].startswith(f"{entry.path}/"):
        raise invalid("data.path.to should NOT be below itself")
    _make_way(call, place)
    desk.move_entry(old, place[2], call.now)
    desk.note_change(place, "move", call.now)


def _order(call: Call, entry: Entry, position: int) -> None:
    entries, place = call.desk.helpdesk.entries, entry.place
    live = [one for one in entries.live.values() if one.place[:2] == place[:2] and one.parent == entry.parent]
    ranks = sorted(one.rank for one in live)
    row = sorted((one for one in live if one is not entry), key=lambda one: one.rank)
    row.insert(position, entry)
    for one, rank in zip(row, ranks, strict=True):
        entries.take(key_of(one.place), call.now)
        one.rank = rank
    call.desk.helpdesk.note_change(place, "order", call.now)


# ---- views ---------------------------------------------------------------------------------------------------------


def _tree(call: Call) -> _Tree:
    """The entries of a content type as a reader sees them."""
    name, kind = locale(call), content_type(call)
    desk, at = call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = call.stale or desk.entries.written_at > at
    tree: dict[str, list[Entry]] = {}
    for one in sorted(desk.seen_entries(name, kind, at), key=lambda one: one.rank):
        tree.setdefault(one.parent, []).append(one)
    return tree


def _test(query: Mapping[str, Any]) -> Callable[[Entry], bool] | None:
    """What a query asks of an entry; None: nothing."""
    asked, start, end = (query.get(name) for name in ("search_title", "filter_date_start", "filter_date_end"))
    if asked is None and start is None and end is None:
        return None
    return lambda one: (
        (asked is None or asked.casefold() in one.title.casefold())
        and (start is None or one.created_at >= start)
        and (end is None or one.created_at <= end)
    )


def _view(switches: Switches, entry: Entry, tree: _Tree, test: Callable[[Entry], bool] | None) -> Json | None:
    """An entry with what lies in it; None if neither it nor any of that is asked for."""
    below = (_view(switches, one, tree, test) for one in tree.get(entry.path, ()))
    children = [one for one in below if one is not None]
    if test is not None and not children and not test(entry):
        return None
    return {
        "type": switches.tree_types[("file", "folder", "").index(entry.kind)],
        "slug": entry.slug,
        "title": entry.title,
        "state": _state(entry),
        "children": children,
    }


def _state(entry: Entry) -> Json:
    return {name: getattr(entry, name) for name in ("published", "hidden", "featured")}


def _is_public(entry: Entry) -> bool:
    return entry.on_site and entry.kind == "file"


def _pages(call: Call) -> Iterable[Entry]:
    name, kind = locale(call), content_type(call)
    desk, at = call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = desk.entries.written_at > at
    return (one for one in desk.seen_entries(name, kind, at) if _is_public(one))


def _view_page(call: Call, entry: Entry) -> Json:
    url = call.desk.helpdesk.entry_url(entry)
    return {"entity_id": entry.entity_id, "title": entry.title, "tree_path": entry.path, "url": url}


def routes(bodies: HelpdeskBodies) -> list[Route]:
    """The routes of this module."""
    kind = "{locale}/{type}"
    path, content, metadata = (f"{BASE}/tree/{word}/{kind}/{{path*}}" for word in ("path", "content", "metadata"))
    return [
        Route("GET", f"{BASE}/tree/list/{kind}/{{page}}", get_list, ARTICLES, query=TREE_QUERY),
        Route("POST", path, add_entry, ARTICLES),
        Route("GET", path, get_entry, ARTICLES),
        Route("PATCH", path, act, ARTICLES, bodies.entry_action),
        Route("DELETE", path, remove_entry, ARTICLES),
        Route("GET", content, get_content, ARTICLES),
        Route("PUT", content, set_content, ARTICLES, bodies.entry_content),
        Route("GET", metadata, get_metadata, ARTICLES),
        Route("PATCH", metadata, set_metadata, ARTICLES, bodies.entry_metadata),
        Route("GET", f"{BASE}/tree/page/{kind}/{{path*}}", get_page, ARTICLES),
        Route("GET", f"{BASE}/page/list/{kind}/{{page}}", get_pages, ARTICLES),
        Route("GET", f"{BASE}/page/entity/{kind}/{{entity_id}}", get_page_of_entity, ARTICLES),
        Route("POST", f"{BASE}/refresh/{kind}", refresh, ARTICLES),
        Route("GET", f"{BASE}/history/changes/{{page}}", get_changes, ARTICLES),
    ]
