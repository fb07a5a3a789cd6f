"""Sending to a help centre: categories, articles born as drafts, told, published, linked to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mig import Adopted, Call, Clock, Origin, Receipt, Rejected, digest
from mig_crisp.client import CrispClient, segment
from mig_crisp.help_api import HelpApi, Locales, Shown, bare, is_file, pictured, relinked
from mig_crisp.help_folders import FolderHelp
from mig_crisp.help_locale import LocaleHelp
from mig_crisp.settings import CrispSettings

_GONE = "Somebody removed it there. To have it again, roll it back or forget it; `mig status` names its unit."
_PAUSE_S = 1.0
_KEPT = 128
"""Articles that are not read again while a journal is rebuilt."""
_TEXT = ("title", "description", "content", "order", "featured", "author")


def help_api(client: CrispClient, locales: Locales, name: str) -> HelpApi | None:
    """The interface a workspace speaks: tree or locale; None: it has no help centre."""
    if name == "tree":
        return FolderHelp(client, locales)
    return LocaleHelp(client, locales) if name == "locale" else None


class HelpCentre:
    """Operations whose verb begins with `help.`.

    Args:
        client: For what both interfaces share.
        api: The one this workspace speaks.
        settings: Where files go, and how long reads lag.
        clock: Between two looks.
    """

    def __init__(self, client: CrispClient, api: HelpApi, settings: CrispSettings, clock: Clock) -> None:
        self._shown: dict[str, Shown | None] = {}
        """Read to be adopted."""
        self._clock = clock
        self._client = client
        self._api = api
        self._settings = settings

    async def send(self, call: Call) -> Receipt:
        """One operation; `Rejected` and the rest come from the client."""
        verb, body = call.op.verb, call.body
        if verb == "help.category":
            key, made = await self._api.make_shelf(body)
            return Receipt({"id": key}, Origin.CREATED if made else Origin.ADOPTED)
        if verb == "help.article":
            return Receipt({"id": await self._api.make_article(body)})
        if verb == "help.redirect":
            made = await self._client.write(
                "POST", "/helpdesk/redirection", {"path": body["path"], "target": body["target"]}, may_refuse=True
            )
            return Receipt({"id": str(made.get("redirection_id") or "") if isinstance(made, Mapping) else ""})
        key = str(body["key"])
        if verb == "help.links":
            return await self._relink(key, body)
        if verb == "help.publish":
            write = bool(body["published"] or body["featured"])
            if not write:  # a new draft is one; one that is said again somebody may have shown to everybody
                shown = await self._api.show(key)
                write = shown is not None and shown.published
            return await self._publish(key, body, write=write)
        if verb == "help.shelf":
            if body["shelf"]:
                await self._api.put_on(key, str(body["shelf"]))
            return Receipt({"id": key}, written={"shelf": digest(body["shelf"])})
        fields = _fields(body)
        await (self._api.describe if verb == "help.about" else self._api.write)(key, fields)
        return Receipt({"id": key}, written=_written(fields))

    async def find(self, call: Call) -> Receipt | None:
        """Whether a doubtful birth took effect: by its name, its path, or the title it was born with."""
        verb, body = call.op.verb, call.body
        if verb == "help.category":
            found = await self._api.find_shelf(body)
            return Receipt({"id": found[0]}, Origin.CREATED if found[1] else Origin.UNSURE) if found else None
        if verb == "help.article":
            key = await self._api.find_article(body)
            return Receipt({"id": key}) if key is not None else None
        return await self._redirection(str(body["path"]))

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same with another body; what somebody edited since is left as it is."""
        verb, body = call.op.verb, call.body
        if verb in ("help.category", "help.article"):
            return old
        if verb == "help.redirect":
            # The older address still leads there; both are taken back together.
            new = await self.send(call)
            return Receipt({"id": ",".join(filter(None, (old.values["id"], new.values["id"])))})
        key = str(body["key"])
        if verb == "help.links":
            return await self._relink(key, body, old)
        if verb == "help.about":
            return await self._describe(key, _fields(body), old)
        shown = await self._api.show(key)
        if shown is None:
            raise Rejected("the article is not there any more", _GONE)
        if verb == "help.publish":
            # Somebody showed it, or took it down, since we wrote it last: that stays.
            is_theirs = old.written.get("published", "") != digest(shown.published)
            return await self._publish(key, body, write=not is_theirs and shown.published != body["published"])
        if verb == "help.shelf":
            if digest(shown.shelf) != old.written.get("shelf") or shown.shelf == body["shelf"]:
                return msgspec.structs.replace(old, unchanged=True)
            return await self.send(call)
        return await self._rewrite(shown, _fields(body), old)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """Remove what we created; a category only when nothing stands in it."""
        if old.origin != Origin.CREATED:
            return False
        key = old.values["id"]
        if verb == "help.category":
            return await self._api.remove_shelf(key)
        if verb == "help.article":
            await self._api.remove(key)
        elif verb == "help.redirect":
            for one in filter(None, key.split(",")):
                await self._drop_redirection(one)
        return True

    async def _drop_redirection(self, name: str) -> None:
        try:
            await self._client.write("DELETE", f"/helpdesk/redirection/{segment(name)}", may_refuse=True)
        except Rejected as error:
            if not error.field.endswith("not_found"):
                raise

    async def adopt(self, call: Call) -> Adopted | None:
        """Look whether the effect of an operation stands there, by its path, name or title; nothing is written."""
        verb, body = call.op.verb, call.body
        if verb in ("bucket.upload", "folder.copy"):
            return await self._adopt_upload(body)
        if verb == "help.category":
            found = await self._api.find_shelf(body)
            made = Origin.CREATED if found is not None and found[1] else Origin.ADOPTED
            return Adopted(receipt=Receipt({"id": found[0]}, made), same=True) if found is not None else None
        if verb == "help.article":
            # Told by now, it mostly bears its own title.
            key = await self._api.find_article({**body, "title": body["final"]}) if body.get("final") else None
            if key is not None:
                return Adopted(receipt=Receipt({"id": key}, Origin.ADOPTED), same=True)
            key = await self._api.find_article(body)
            return Adopted(receipt=Receipt({"id": key}), same=True) if key is not None else None
        if verb == "help.redirect":
            there = await self._redirection(str(body["path"]))
            return Adopted(receipt=there, same=True) if there is not None else None
        return await self._adopt_fields(verb, str(body["key"]), body)

    async def _seen(self, key: str) -> Shown | None:
        """An article, read once for all that is asked of it: while a journal is rebuilt nothing is written."""
        if key not in self._shown:
            while len(self._shown) >= _KEPT:
                self._shown.pop(next(iter(self._shown)))
            self._shown[key] = await self._api.show(key)
        return self._shown[key]

    async def _adopt_upload(self, body: Mapping[str, Any]) -> Adopted | None:
        """Where a picture went: its place in the text tells, where that has as many addresses as it was written with.

        Else it is sent once more, which is waste and no harm.
        """
        shown = await self._seen(str(body["key"]))
        addresses = pictured(shown.content) if shown is not None else []
        nth = int(body["nth"])
        if nth < 0 or len(addresses) != body["of"] or not is_file(addresses[nth], self._settings):
            return None
        return Adopted(receipt=Receipt({"url": addresses[nth], "why": ""}), same=True)

    async def _adopt_fields(self, verb: str, key: str, body: Mapping[str, Any]) -> Adopted | None:
        if verb == "help.about":
            shelf = await self._api.shelf(key)
            if shelf is None:
                return None
            fields = _fields(body)
            there = {"title": shelf.name, "description": shelf.description}
            written = _written({**fields, **{name: there[name] for name in there if name in fields}})
            return Adopted(receipt=Receipt({"id": key}, written=written), same=written == _written(fields))
        shown = await self._seen(key)
        if shown is None:
            return None
        if verb == "help.links":
            rows: Any = body["links"]
            links = {str(row["old"]): str(row["new"]) for row in rows if row["new"]}
            same = relinked(shown.content, links) == shown.content
            led = msgspec.json.encode(links, order="sorted").decode()
            return Adopted(receipt=Receipt({"id": key, "links": led}), same=same)
        if verb == "help.publish":
            url = await self._api.url(key) if shown.published else ""
            receipt = Receipt({"id": key, "url": url}, written={"published": digest(shown.published)})
            return Adopted(receipt=receipt, same=shown.published == bool(body["published"]))
        if verb == "help.shelf":
            receipt = Receipt({"id": key}, written={"shelf": digest(shown.shelf)})
            return Adopted(receipt=receipt, same=shown.shelf == str(body["shelf"]))
        fields = _fields(body)
        standing = msgspec.structs.asdict(shown)
        # What the interface does not show is as we wrote it, as far as anybody knows.
        told = {name: standing[name] if standing.get(name) is not None else value for name, value in fields.items()}
        return Adopted(receipt=Receipt({"id": key}, written=_written(told)), same=_written(told) == _written(fields))

    async def _rewrite(self, shown: Shown, fields: dict[str, Any], old: Receipt) -> Receipt:
        """The fields of an article that changed, where nobody else has changed them since."""
        there = _written(msgspec.structs.asdict(shown))
        wanted = _written(fields)
        changes = {
            name: value
            for name, value in fields.items()
            if wanted[name] != old.written.get(name) and there.get(name) in (old.written.get(name), wanted[name], None)
        }
        if changes:
            await self._api.write(shown.key, changes)
        return Receipt({"id": shown.key}, unchanged=not changes, written=wanted)

    async def _describe(self, key: str, fields: dict[str, Any], old: Receipt) -> Receipt:
        shelf = await self._api.shelf(key)
        if shelf is None:
            raise Rejected("the category is not there any more", _GONE)
        wanted, there = _written(fields), {"title": digest(shelf.name), "description": digest(shelf.description)}
        changes = {
            name: value
            for name, value in fields.items()
            if wanted[name] != old.written.get(name) and there.get(name) in (old.written.get(name), None)
        }
        if changes:
            await self._api.describe(key, changes)
        return Receipt({"id": key}, unchanged=not changes, written=wanted)

    async def _publish(self, key: str, body: Mapping[str, Any], *, write: bool) -> Receipt:
        published = bool(body["published"])
        if write:
            await self._api.publish(key, published=published, featured=bool(body["featured"]))
        url = await self._url(key) if published else ""
        return Receipt({"id": key, "url": url}, unchanged=not write, written={"published": digest(published)})

    async def _url(self, key: str) -> str:
        """Where it is read; asked again as long as a read may lag behind its publication."""
        until = self._clock.monotonic() + self._settings.read_lag_s
        while not (url := await self._api.url(key)) and self._clock.monotonic() < until:
            await self._clock.sleep(_PAUSE_S)
        return url

    async def _relink(self, key: str, body: Mapping[str, Any], old: Receipt | None = None) -> Receipt:
        """Links to articles that have their new addresses by now; the rest of the text is not touched.

        What a link was led to before is led on: the address of an article follows its title.
        """
        rows: Any = body["links"]
        links = {str(row["old"]): str(row["new"]) for row in rows if row["new"]}
        before = msgspec.json.decode(old.values.get("links", "{}"), type=dict[str, str]) if old is not None else {}
        wanted = {before[one]: new for one, new in links.items() if before.get(one, new) != new} | links
        receipt = Receipt({"id": key, "links": msgspec.json.encode(links, order="sorted").decode()})
        shown = await self._api.show(key) if links else None
        content = relinked(shown.content, wanted) if shown is not None else ""
        if shown is not None and content != shown.content:
            await self._api.write(key, {"content": content})
            return receipt
        return msgspec.structs.replace(receipt, unchanged=True)

    async def _redirection(self, path: str) -> Receipt | None:
        number, seen = 1, set[str]()
        while rows := await self._client.get(f"/helpdesk/redirections/{number}"):
            found = [row for row in rows if isinstance(row, Mapping) and str(row.get("redirection_id")) not in seen]
            for row in found:
                if row.get("path") == path:
                    return Receipt({"id": str(row["redirection_id"])})
            if not found:
                return None
            seen.update(str(row.get("redirection_id")) for row in found)
            number += 1
        return None


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of an article or category: texts put together, and nothing that is not known."""
    fields = {name: body[name] for name in _TEXT if body.get(name) is not None}
    if isinstance(fields.get("content"), list):
        fields["content"] = "".join(map(_piece, fields["content"]))
    return fields


def _piece(piece: Any) -> str:
    if isinstance(piece, Mapping):
        return str(piece["url"] or piece["else"])
    return str(piece)


def _written(fields: Mapping[str, Any]) -> dict[str, str]:
    """By digest: of the content without the addresses of its links, which `help.links` changes later."""
    return {
        name: digest(bare(str(value)) if name == "content" else value)
        for name, value in fields.items()
        if name in _TEXT and value is not None
    }
