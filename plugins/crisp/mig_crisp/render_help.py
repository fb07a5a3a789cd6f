"""Articles and categories of a help centre as the requests that make them, in both of Crisp's interfaces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from mig import (
    Article,
    Attachment,
    Category,
    Declined,
    Effect,
    Fate,
    FromReceipt,
    HelpAddress,
    Lookup,
    Loss,
    Operation,
    Record,
    Ref,
    Rendered,
    Unit,
    digest,
)
from mig_crisp.help_languages import is_home, is_public, meant
from mig_crisp.help_markdown import markdown
from mig_crisp.help_place import joined_name, shelves
from mig_crisp.help_signs import destination
from mig_crisp.marks import marker
from mig_crisp.office import Office
from mig_crisp.render_files import held, never, upload
from mig_crisp.settings import CrispSettings

NO_HELP_CENTRE = (
    "this workspace has no help centre, or this token may not see it: make one in Crisp, then run again with --remap"
)
_HOLE = re.compile("\ue000(\\d+)\ue001")
"""Stands in the Markdown where an address comes that is known only when it is sent."""


def render_help(unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Rendered:
    """A category or an article with what hangs on it."""
    root = unit.records[0]
    if not office.help_api:
        return Rendered((), [Declined(record.ref, Fate.ARCHIVE, NO_HELP_CENTRE) for record in unit.records])
    if isinstance(root, Category):
        return _category(root, unit, look, office)
    if isinstance(root, Article):
        return _Article(root, unit, look, settings, office).render()
    why = "its article is not moved"
    return Rendered((), [Declined(record.ref, Fate.ARCHIVE, why) for record in unit.records])


# ---- categories ------------------------------------------------------------------------------------------------------


def _category(root: Category, unit: Unit, look: Lookup, office: Office) -> Rendered:
    chain = shelves(root, look)
    losses: list[tuple[Ref, Loss]] = []
    body: dict[str, Any] = {"locale": root.language, "name": root.name}
    if office.help_api == "tree":
        body |= {"above": _place_of(chain[-2]) if len(chain) > 1 else "", "slug": root.slug}
    else:
        # Two floors only (docs/api/crisp.md, section 9): deeper ones join their names.
        body |= {
            "above": _place_of(chain[0]) if len(chain) > 1 else "",
            "name": joined_name(chain[1:] or chain),
        }
        if len(chain) > 2:
            losses.append((root.ref, Loss("parent", "changed", "Crisp has two floors: its name joins those between")))
        if root.description:
            losses.append((root.ref, Loss("description", "archived", "this interface has none of categories")))
    above = (chain[-2].ref,) if len(chain) > 1 else ()
    birth = Operation(
        name="birth",
        verb="help.category",
        effect=Effect.CREATE,
        body=body,
        carries=(root.ref,),
        marker=marker(unit.origin, root.ref, 1),
        after=above,
        cost=(("crisp.requests", 2),),
    )
    operations = [birth]
    if office.help_api == "tree":
        about = {"key": _KEY, "title": root.name, "description": root.description, "order": root.position}
        operations.append(_put("about", root, about, requests=3))
    return Rendered(operations, [], losses)


def _place_of(shelf: Category) -> FromReceipt:
    return FromReceipt("birth", of=shelf.ref, default="", required=False)


# ---- articles --------------------------------------------------------------------------------------------------------

_KEY = FromReceipt("birth")


class _Article:
    def __init__(self, root: Article, unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> None:
        self._root = root
        self._unit = unit
        self._look = look
        self._settings = settings
        self._office = office
        self._holes: list[object] = []
        self._asked: list[str] = []
        """Addresses that stand in the text, in order."""
        self._links: dict[str, Ref] = {}
        """Addresses in the text that lead to other articles."""
        self._staying: set[str] = set()
        """Those that still lead to the old help centre."""
        self._elsewhere: set[str] = set()
        """Those that lead to one in another language than theirs."""
        files = [record for record in unit.records if isinstance(record, Attachment)]
        self._media = {file.stands_as: file for file in files}

    def render(self) -> Rendered:
        root, tree = self._root, self._office.help_api == "tree"
        declined: list[Declined] = []
        written = markdown(root.html, address=self._address)
        losses = [(root.ref, loss) for loss in written.losses]
        if why := self._of_links():
            losses.append((root.ref, Loss("links", "changed", why)))
        if root.author is not None and not tree:
            losses.append((root.ref, Loss("author", "archived", "this interface names no author")))
        shelf = root.categories[0] if root.categories else None
        text = {
            "key": _KEY,
            "title": root.title,
            "description": root.description,
            "content": _pieces(written.text, self._holes),
            "order": root.position,
            "featured": None if tree else root.featured,
            # Which links may be led on, and where they were led: their addresses are no edit of somebody's.
            "leads": sorted(map(_in_text, self._links)),
            "led": FromReceipt("links", value="links", default="", required=False),
        }
        if tree and (operator := self._office.author(root.author, self._look)) and "user_id" in operator:
            text["author"] = operator["user_id"]
        operations = [self._birth(shelf), *self._uploads(declined)]
        if not tree and shelf is not None:
            operations.append(
                _put("shelf", root, {"key": _KEY, "shelf": FromReceipt("birth", of=shelf, default="", required=False)})
            )
        operations.append(_put("text", root, text, requests=5 if tree else 2))
        # By its title: where it is read may follow from that.
        state = {
            "key": _KEY,
            "published": root.status == "published",
            "featured": root.featured if tree else None,
            "named": root.title,
        }
        operations.append(_put("publish", root, state, requests=2))
        if tree and root.status == "published":
            # When all are published: a site that has to be refreshed is refreshed once.
            page = {"key": _KEY, "named": root.title}
            operations.append(msgspec.structs.replace(_put("page", root, page, requests=3, phase=1), carries=()))
        if self._links:
            operations.append(self._relinked(written.text))
        operations += self._redirections(declined)
        return Rendered(operations, declined, losses)

    def _birth(self, shelf: Ref | None) -> Operation:
        """Empty and a draft; its title, or in the tree its path, is the mark by which it is found after a crash."""
        root, tree = self._root, self._office.help_api == "tree"
        mark = marker(self._unit.origin, root.ref, 1)
        body: dict[str, Any] = {"locale": root.language, "title": f"[mig {mark}]", "final": root.title}
        if tree:
            above = FromReceipt("birth", of=shelf, default="", required=False) if shelf is not None else ""
            body = {"locale": root.language, "above": above, "slug": root.slug + self._settings.article_suffix}
        return Operation(
            name="birth",
            verb="help.article",
            effect=Effect.CREATE,
            body=body,
            carries=(root.ref,),
            marker=mark,
            fleeting=not tree,
            after=(shelf,) if shelf is not None else (),
            cost=(("crisp.requests", 1),),
        )

    def _uploads(self, declined: list[Declined]) -> list[Operation]:
        operations = []
        for file in self._media.values():
            if why := never(file, self._settings):
                declined.append(Declined(file.ref, Fate.ARCHIVE, why))
            elif (operation := upload(file, self._settings, namespace="helpdesk")) is not None:
                # By its place its address is found again in the text, where the journal is lost.
                nth = self._asked.index(file.stands_as) if file.stands_as in self._asked else -1
                place = {"nth": nth, "of": len(self._asked), "key": _KEY}
                operations.append(msgspec.structs.replace(operation, body={**operation.body, **place}))
            else:  # its own address is the one that is written
                declined.append(Declined(file.ref, Fate.LOAD, "its article shows it by its own address"))
        return operations

    def _address(self, url: str, sort: str) -> str | None:
        """What is written in place of an address of the body: a hole where it is known only later."""
        written = self._written(url, sort)
        if written is not None and url not in self._asked:
            self._asked.append(url)
        return written

    def _written(self, url: str, sort: str) -> str | None:
        file = self._media.get(url)
        if file is not None:
            told = held(file, self._settings)
            hole = told["url"]
            if isinstance(hole, FromReceipt):
                # Of a file that cannot be moved the old address stays, but for bytes that stood in the page itself.
                instead = "" if url.startswith("data:") else file.url or url
                return self._hole(
                    {"url": FromReceipt(hole.op, value="url", default="", required=False), "else": instead}
                )
        if sort == "link":
            self._lead(url)
        return None if url.startswith("data:") else url

    def _lead(self, url: str) -> None:
        """Note where a link leads: to an article that is moved, or to where the old help centre was."""
        ref = self._root.links.get(url)
        other, is_elsewhere = meant(ref, self._look, self._settings) if ref is not None else (None, False)
        article = self._look(other) if other is not None else None
        there = [self._root, *([article] if isinstance(article, Article) else [])]
        home = is_home(url, there, self._look)
        if other is not None and home is not False:
            self._links[url] = other
            self._elsewhere |= {url} if is_elsewhere else set()
        if home and not (isinstance(article, Article) and is_public(article, self._settings)):
            self._staying.add(url)

    def _hole(self, value: object) -> str:
        self._holes.append(value)
        return f"\ue000{len(self._holes) - 1}\ue001"

    def _relinked(self, text: str) -> Operation:
        """Links to other articles, when those have their addresses: first each is told with its old links.

        Its name for the text and for where the others stand makes it due again when either changes.
        """
        tree = self._office.help_api == "tree"
        shown = "page" if tree else "publish"
        links = [
            {
                "old": _in_text(url),
                "new": FromReceipt(shown, of=ref, value="url", default="", required=False),
                "is_public": FromReceipt(shown, of=ref, value="public", default="", required=False),
                "is_told": FromReceipt(shown, of=ref, default="", required=False),
                "fate": FromReceipt("", of=ref, value="fate", default="", required=False),
                "to": self._path_of(ref),
                # What a link says beyond its page goes with it; a digest is made of this, so only where there is some.
                **({"rest": rest} if (rest := _rest(url)) else {}),
            }
            for url, ref in sorted(self._links.items())
        ]
        awaited = sorted(_in_text(url) for url, ref in self._links.items() if self._is_public(ref))
        body = {"key": _KEY, "links": links, "text": digest(text), "awaited": awaited}
        # It carries nothing, so that it is due whenever the text was told anew, also in the phase after that.
        return msgspec.structs.replace(_put("links", self._root, body, requests=2, phase=2 if tree else 1), carries=())

    def _of_links(self) -> str:
        """What links between articles lose."""
        places, others = sum("#" in url for url in self._links), len(self._elsewhere)
        staying = len(self._staying)
        whys = [
            f"{places} links to a place in an article keep its name: where Crisp has no such, they open the top",
            f"{others} links lead to an article in another language: in theirs nobody can read it",
            f"{staying} links still lead to the old help centre: to nothing that is known and can be read here",
        ]
        return "; ".join(why for why, many in zip(whys, (places, others, staying), strict=True) if many)

    def _is_public(self, ref: Ref) -> bool:
        other = self._look(ref)
        return isinstance(other, Article) and is_public(other, self._settings)

    def _path_of(self, ref: Ref) -> str:
        other = self._look(ref)
        if not isinstance(other, Article):
            return ""
        shelf = self._look(other.categories[0]) if other.categories else None
        chain = shelves(shelf, self._look) if isinstance(shelf, Category) else []
        return "/".join([*(one.slug for one in chain), other.slug, other.title, other.status])

    def _redirections(self, declined: list[Declined]) -> list[Operation]:
        rows: list[Operation] = []
        for record in self._unit.records:
            if not isinstance(record, HelpAddress):
                continue
            if self._office.help_api != "tree" or self._root.status != "published" or not record.paths:
                why = (
                    "a draft has no address"
                    if self._root.status != "published"
                    else "this interface has no redirections"
                )
                declined.append(Declined(record.ref, Fate.ARCHIVE, f"{why}: `mig ids` lists old and new"))
                continue
            # The usual one: each costs a request, and the others are guesses of the source's plugin.
            body = {"path": record.paths[0], "target": FromReceipt("page", value="url")}
            rows.append(_redirection(record, body, marker(self._unit.origin, record.ref, 1)))
        return rows


def _redirection(record: HelpAddress, body: dict[str, Any], mark: str) -> Operation:
    return Operation(
        name=f"redirect/{record.ref.id}",
        verb="help.redirect",
        effect=Effect.CREATE,
        body=body,
        carries=(record.ref,),
        marker=mark,
        phase=2,
        cost=(("crisp.requests", 1),),
    )


def _put(name: str, root: Record, body: dict[str, Any], *, requests: int = 1, phase: int = 0) -> Operation:
    return Operation(
        name=name,
        verb=f"help.{name}",
        effect=Effect.PUT,
        body=body,
        carries=(root.ref,),
        phase=phase,
        cost=(("crisp.requests", requests),),
    )


def _in_text(url: str) -> str:
    """An address as it stands in a text."""
    return destination(url, cell=False)


def _rest(url: str) -> str:
    """The query and the place in the page that a link names, as they stand in a text."""
    found = re.search(r"[?#].*", url, re.DOTALL)
    return _in_text(found[0]) if found is not None else ""


def _pieces(text: str, holes: Sequence[object]) -> object:
    """The text, or a list of texts and what comes in between when it is sent."""
    pieces: list[object] = []
    start = 0
    for match in _HOLE.finditer(text):
        pieces += [text[start : match.start()], holes[int(match[1])]]
        start = match.end()
    return [*pieces, text[start:]] if pieces else text
