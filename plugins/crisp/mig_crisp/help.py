"""Sending to a help centre: categories, articles born as drafts, told, published, linked to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mig import CATEGORY, Adopted, Call, Clock, Kind, Origin, Postponed, Receipt, Rejected, digest
from mig_crisp.client import CrispClient
from mig_crisp.help_api import HelpApi, Locales, Shown, is_file, pictured, relinked, split
from mig_crisp.help_folders import FolderHelp
from mig_crisp.help_locale import LocaleHelp
from mig_crisp.help_site import PublicSite
from mig_crisp.help_written import (
    changed,
    edited,
    fields_of,
    is_like,
    led_of,
    led_on,
    led_to,
    still,
    told,
    written,
)
from mig_crisp.settings import CrispSettings

_GONE = "Somebody removed it there. To have it again, roll it back or forget it; `mig status` names its unit."
_PAUSE_S = 1.0
_KEPT = 128
"""Articles that are not read again while a journal is rebuilt."""


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
        self._names: dict[str, dict[str, str]] = {}
        """Of a locale's categories, by key."""
        self._clock = clock
        self._site = PublicSite(client, api, settings, clock)
        self._api = api
        self._settings = settings

    async def send(self, call: Call) -> Receipt:
        """One operation; `Rejected` and the rest come from the client."""
        verb, body = call.op.verb, call.body
        if verb == "help.category":
            key, made = await self._api.make_shelf(body)
            known = {"title": digest(body["name"])} if made and self._api.names_shelves else {}
            return Receipt({"id": key}, Origin.CREATED if made else Origin.ADOPTED, written=known)
        if verb == "help.article":
            return Receipt({"id": await self._api.make_article(body)})
        if verb == "help.redirect":
            return await self._site.redirect(str(body["path"]), str(body["target"]))
        key = str(body["key"])
        if verb == "help.links":
            return await self._relink(key, body)
        if verb == "help.page":
            return Receipt({"id": key, "url": await self._site.page(key), "public": "yes"})
        if verb == "help.publish":
            write = bool(body["published"] or body["featured"])
            if not write:  # a new draft is one; one that is said again somebody may have shown to everybody
                shown = await self._api.show(key)
                write = shown is not None and shown.published
            state = {"published": False, "featured": False} | _state(body)
            return await self._publish(key, body, state, write=write)
        if verb == "help.shelf":
            if body["shelf"]:
                await self._api.put_on(key, str(body["shelf"]))
            return Receipt({"id": key}, written={"shelf": digest(body["shelf"])})
        return Receipt({"id": key}, written=await self._written(verb, key, fields_of(body), body))

    async def find(self, call: Call) -> Receipt | None:
        """Whether a doubtful birth took effect: by its name, its path, or the title it was born with."""
        verb, body = call.op.verb, call.body
        if verb == "help.category":
            found = await self._api.find_shelf(body)
            return Receipt({"id": found[0]}, Origin.CREATED if found[1] else Origin.UNSURE) if found else None
        if verb == "help.article":
            key = await self._api.find_article(body)
            return Receipt({"id": key}) if key is not None else None
        there = await self._site.redirection(str(body["path"]))
        return Receipt({"id": there[0]}) if there is not None and there[1] == body["target"] else None

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same with another body; what somebody edited since is left as it is."""
        verb, body = call.op.verb, call.body
        if verb in ("help.category", "help.article"):
            return old
        if verb == "help.redirect":
            return await self._redirect(call, old.values["id"].split(","))
        key = str(body["key"])
        if verb == "help.links":
            return await self._relink(key, body, old)
        if verb == "help.page":
            new = await self.send(call)
            return msgspec.structs.replace(new, unchanged=new.values == old.values)
        if verb == "help.about":
            return await self._describe(key, body, old)
        shown = await self._api.show(key)
        if shown is None:
            raise Rejected("the article is not there any more", _GONE)
        if verb == "help.publish":
            return await self._republish(shown, body, old)
        if verb == "help.shelf":
            if digest(shown.shelf) != old.written.get("shelf") or shown.shelf == body["shelf"]:
                return msgspec.structs.replace(old, unchanged=True)
            return await self.send(call)
        return await self._rewrite(shown, body, old)

    async def _redirect(self, call: Call, ours: list[str]) -> Receipt:
        """An old address led elsewhere, or another old address: the older one leads there still, and all go together.

        An address has one redirection, so that ours is removed first. It may be said again after a kill at any point:
        what leads there by then is that of the attempt before.
        """
        name, target = await self._site.redirection(str(call.body["path"])) or ("", "")
        if name and target == call.body["target"]:
            new = name
        else:
            if name in ours:
                await self._site.drop(name)
            new = (await self.send(call)).values["id"]
        return Receipt({"id": ",".join(filter(None, (*(one for one in ours if one != name), new)))})

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
                await self._site.drop(one)
        return True

    async def edited(self, kind: Kind, receipts: Mapping[str, Receipt]) -> str:
        """What somebody has changed of an article or category since we wrote it; empty: nothing that could be told."""
        birth = receipts.get("birth")
        if birth is None or birth.origin != Origin.CREATED:
            return ""
        key, is_shelf = birth.values["id"], kind == CATEGORY
        ours = receipts.get("about" if is_shelf else "text", birth).written
        if not ours:
            return ""
        shown = await (self._listed(key) if is_shelf else self._api.show(key))
        if shown is None:
            return "somebody has moved it" if await self._is_moved(key, is_shelf=is_shelf) else ""
        links = receipts.get("links", Receipt()).values.get("links")
        names = edited(shown, ours, led_of(links)) - {"order"}  # that of its neighbours moves it, too
        states = {"shelf": shown.shelf, "published": shown.published, "featured": shown.featured}
        for receipt in (receipts.get("shelf", Receipt()), receipts.get("publish", Receipt())):
            names |= {name for name in states if receipt.written.get(name) not in (None, digest(states[name]))}
        return f"somebody has changed its {' and '.join(sorted(names))} since" if names else ""

    async def _is_moved(self, key: str, *, is_shelf: bool) -> bool:
        """Whether what a path named lies in another folder: the last part of a path is of one thing alone."""
        if self._api.names_shelves:
            return False
        locale, path = split(key)
        pages = self._api.shelves(locale) if is_shelf else self._api.articles(locale)
        return path.rpartition("/")[2] in [one.key.rpartition("/")[2] async for page in pages for one in page]

    async def _listed(self, key: str) -> Shown | None:
        """A category; where only lists show them, by one list for all of a rollback."""
        if not self._api.names_shelves:
            return await self._shown_as(key, is_shelf=True)
        locale = split(key)[0]
        if locale not in self._names:
            self._names[locale] = {one.key: one.name async for page in self._api.shelves(locale) for one in page}
        name = self._names[locale].get(key)
        return Shown(key=key, title=name) if name is not None else None

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
            there = await self._site.redirection(str(body["path"]))
            if there is None:
                return None
            return Adopted(receipt=Receipt({"id": there[0]}), same=there[1] == body["target"])
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
            fields = fields_of(body)
            there = {"title": shelf.name, "description": shelf.description}
            ours = written({**fields, **{name: there[name] for name in there if name in fields}})
            return Adopted(receipt=Receipt({"id": key}, written=ours), same=ours == written(fields))
        shown = await self._seen(key)
        if shown is None:
            return None
        if verb == "help.page":
            url = await self._api.url(key)
            return Adopted(receipt=Receipt({"id": key, "url": url, "public": "yes"}), same=True) if url else None
        if verb == "help.links":
            rows: Any = body["links"]
            links = led_to(rows)
            same = relinked(shown.content, links) == shown.content
            led = msgspec.json.encode(links, order="sorted").decode()
            return Adopted(receipt=Receipt({"id": key, "links": led}), same=same)
        if verb == "help.publish":
            url = await self._api.url(key) if shown.published and self._api.names_shelves else ""
            state = _state(body) | {"published": shown.published}
            if "featured" in state:
                state["featured"] = shown.featured
            values = {"id": key, "url": url, **_public(state)}
            receipt = Receipt(values, written={name: digest(value) for name, value in state.items()})
            return Adopted(receipt=receipt, same=state == _state(body))
        if verb == "help.shelf":
            receipt = Receipt({"id": key}, written={"shelf": digest(shown.shelf)})
            return Adopted(receipt=receipt, same=shown.shelf == str(body["shelf"]))
        fields = fields_of(body)
        standing = msgspec.structs.asdict(shown)
        # What the interface does not show is as we wrote it, as far as anybody knows.
        ours = written(
            {name: value if standing.get(name) is None else standing[name] for name, value in fields.items()}
        )
        return Adopted(receipt=Receipt({"id": key}, written=ours), same=ours == written(fields))

    async def _written(self, verb: str, key: str, fields: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, str]:
        """Write these fields, and tell what a receipt remembers of them."""
        is_shelf, leads, led = verb == "help.about", body.get("leads") or (), led_of(body.get("led")) or {}
        said = dict(fields)
        if "content" in fields:  # links that were led on stay so: `help.links` is not due for every text
            said["content"] = relinked(fields["content"], led)
        await (self._api.describe if is_shelf else self._api.write)(key, said)
        until = self._clock.monotonic() + self._settings.read_lag_s
        while True:
            asked = self._clock.monotonic()
            shown = await self._shown_as(key, is_shelf=is_shelf)
            if shown is not None and is_like(said, shown):
                return told(fields, leads, shown)
            if asked >= until:  # as far as anybody knows it is as we wrote it
                return told(fields, leads, None)
            await self._clock.sleep(min(_PAUSE_S, max(0.0, until - self._clock.monotonic())))

    async def _shown_as(self, key: str, *, is_shelf: bool) -> Shown | None:
        if not is_shelf:
            return await self._api.show(key)
        shelf = await self._api.shelf(key)
        return Shown(key=key, title=shelf.name, description=shelf.description) if shelf is not None else None

    async def _rewrite(self, shown: Shown, body: Mapping[str, Any], old: Receipt, verb: str = "help.text") -> Receipt:
        """The fields that changed, where nobody else has changed them since."""
        fields, leads = fields_of(body), body.get("leads") or ()
        wanted, there, ours = told(fields, leads, None), written(msgspec.structs.asdict(shown)), old.written
        led = led_of(body.get("led"))
        theirs = edited(shown, ours, led) | {name for name in there if name not in ours}
        theirs &= edited(shown, wanted, led)  # what is as it is wanted is nobody's
        changes = {name: fields[name] for name in changed(wanted, ours) - theirs}
        known = wanted | still(wanted, ours)
        if changes:
            known |= await self._written(verb, shown.key, changes, body)
        return Receipt({"id": shown.key}, unchanged=not changes, written=known)

    async def _describe(self, key: str, body: Mapping[str, Any], old: Receipt) -> Receipt:
        shown = await self._shown_as(key, is_shelf=True)
        if shown is None:
            raise Rejected("the category is not there any more", _GONE)
        return await self._rewrite(shown, body, old, "help.about")

    async def _publish(self, key: str, body: Mapping[str, Any], state: Mapping[str, bool], *, write: bool) -> Receipt:
        """Bring an article to a state; remembered is the one that is wanted."""
        if write:
            await self._api.publish(key, published=state["published"], featured=state["featured"])
        # In the tree `help.page` asks for its address.
        shows = state["published"] and body["published"] and self._api.names_shelves
        url = await self._site.url(key) if shows else ""
        known = {name: digest(value) for name, value in _state(body).items()}
        return Receipt({"id": key, "url": url, **_public(body)}, unchanged=not write, written=known)

    async def _republish(self, shown: Shown, body: Mapping[str, Any], old: Receipt) -> Receipt:
        """Likewise, but for what somebody changed of it since we wrote it: who showed it, or took it down, is right."""
        now = {"published": shown.published, "featured": shown.featured}
        ours = {name: value for name, value in _state(body).items() if old.written.get(name) == digest(now[name])}
        return await self._publish(shown.key, body, now | ours, write=now | ours != now)

    async def _relink(self, key: str, body: Mapping[str, Any], old: Receipt | None = None) -> Receipt:
        """Links to articles that have their new addresses by now; the rest of the text is not touched.

        What a link was led to before is led on: the address of an article follows its title.
        """
        rows: Any = body["links"]
        links = led_to(rows)
        wanted = led_on(led_of(old.values.get("links")) or {}, links) | links if old is not None else links
        receipt = Receipt({"id": key, "links": msgspec.json.encode(links, order="sorted").decode()})
        shown = await self._api.show(key) if links else None
        content = relinked(shown.content, wanted) if shown is not None else ""
        written = shown is not None and content != shown.content
        if written:
            await self._api.write(key, {"content": content})
        awaited = set(body["awaited"])
        if any(row["old"] in awaited and _is_coming(row) for row in rows):
            why = "articles it links to are not shown yet"
            raise Postponed(why, "The next run leads the links to them.", receipt)
        return msgspec.structs.replace(receipt, unchanged=not written)


def _public(body: Mapping[str, Any]) -> dict[str, str]:
    """What tells the articles that link to it that they need not wait, though nothing may tell where it is read."""
    return {"public": "yes" if body["published"] else "no"}


def _is_coming(link: Mapping[str, Any]) -> bool:
    """Whether the article a link leads to is still to be shown; a receipt of an older release does not say."""
    if link["new"] or link["fate"] in ("archive", "skip"):
        return False
    return bool(link["is_public"] == "no" or not (link["is_public"] or link["is_told"]))


def _state(body: Mapping[str, Any]) -> dict[str, bool]:
    """What `help.publish` says: whether everybody sees it and, where it says that too, whether it is featured."""
    return {name: bool(body[name]) for name in ("published", "featured") if body.get(name) is not None}
