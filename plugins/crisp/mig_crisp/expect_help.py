"""What a help centre must show: articles by their outline, on their shelves, linked to one another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from mig import Article, Attachment, Category, Expected, HelpAddress, Lookup, Ref, Unit
from mig_crisp.help_api import is_file
from mig_crisp.help_outline import Outline, of_html
from mig_crisp.help_place import joined_name, locale_of, shelves
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings

IN_ARTICLE = "its article shows it"
FILE = "file"
"""In place of the address of a file of ours, which only the upload tells."""
_AUTHORITY = re.compile(r"(?:https?:)?//(?:[^/?#@]*@)?([^/?#:]+)", re.IGNORECASE)
_NAME = re.compile(r"[/-]((?=[a-z]*[0-9])[0-9a-z]{6,24})/?\Z")
_NUMBERED = re.compile(r" -> mig-file:(\d*)\Z")
"""The same in an outline, with the place of the file in its unit; without one the source showed a file on Crisp."""


def expect_help(unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Expected:
    """A category or an article, as `read` must show it."""
    root = unit.records[0]
    if not office.help_api or not isinstance(root, Category | Article):
        why = "there is no help centre" if not office.help_api else "its article is not moved"
        return Expected([], {record.ref: why for record in unit.records})
    if isinstance(root, Category):
        return Expected([_category(root, look, office)])
    beside = {record.ref: IN_ARTICLE for record in unit.records[1:]}
    held = frozenset(record.ref for record in unit.records[1:] if isinstance(record, Attachment))
    files = [record for record in unit.records if isinstance(record, Attachment)]
    numbered = _outline(root, files, look, settings)
    named = [_NUMBERED.search(one) for one in (*numbered.images, *numbered.links)]
    order = [files[int(one[1])].ref if one[1] else None for one in named if one is not None]
    old = [record for record in unit.records if isinstance(record, HelpAddress)]
    return Expected([_article(root, numbered, old, look, office)], beside, held=held, files=order)


def _category(root: Category, look: Lookup, office: Office) -> Category:
    chain = shelves(root, look)
    extra: dict[str, Any] = {"locale": root.language}
    if office.help_api == "tree":
        name, above = root.name, chain[-2].name if len(chain) > 1 else ""
    else:
        name, above = joined_name(chain[1:] or chain), chain[0].name if len(chain) > 1 else ""
    return Category(
        ref=root.ref,
        name=name,
        description=root.description if office.help_api == "tree" else "",
        extra={**extra, **({"above": above} if above else {})},
    )


def _outline(root: Article, files: list[Attachment], look: Lookup, settings: CrispSettings) -> Outline:
    """What a reader of the source sees, with the addresses it must have: files of ours are numbered."""
    moved = {
        file.stands_as: number for number, file in enumerate(files) if settings.files != "link" and not file.redacted
    }

    def address(url: str, sort: str) -> str | None:
        if url in moved:
            return f"mig-file:{moved[url]}"
        if url.startswith("data:"):
            return None
        ref = root.links.get(url) if sort == "link" else None
        other = _leads_to(ref, look, settings) if ref is not None else None
        if other is not None and _is_of_ours(url, (root, other), look):
            return f"help: {other.language}/{other.title}{_beyond(url)}"
        return "mig-file:" if is_file(url, settings) else url

    return of_html(root.html, address)


def _article(root: Article, numbered: Outline, old: list[HelpAddress], look: Lookup, office: Office) -> Article:
    shelf = look(root.categories[0]) if root.categories else None
    images, links = ([_NUMBERED.sub(f" -> {FILE}", one) for one in many] for many in (numbered.images, numbered.links))
    outline = msgspec.structs.replace(numbered, images=images, links=links)
    extra: dict[str, Any] = {"locale": root.language, **shown(outline)}
    if isinstance(shelf, Category):
        extra["shelf"] = shelf_name(shelf, look, office)
    if office.help_api == "tree" and root.status == "published":
        redirected = old_addresses(one.paths[0] for one in old if one.paths)
        extra |= {"redirections": redirected} if redirected else {}
    author = office.author(root.author, look) if office.help_api == "tree" else None
    if author is not None and "user_id" in author:
        extra["author"] = author["user_id"]
    return Article(
        ref=root.ref,
        title=root.title,
        description=root.description,
        status=root.status,
        featured=root.featured,
        position=root.position,
        extra=extra,
    )


def _is_of_ours(url: str, articles: tuple[Article, ...], look: Lookup) -> bool:
    """Whether a link leads to a help centre of the source: no host, or one that its knowledge bases have.

    Where none has a host of its own, nothing tells it from somebody else's.
    """
    found = _AUTHORITY.match(url)
    if found is None:
        return ":" not in url.partition("/")[0]
    host = found[1].lower().removeprefix("www.")
    told = [name for one in articles for ref in one.bases for name in getattr(look(ref), "hosts", ())]
    below, own = [name for name in told if name[0] == "."], [name for name in told if name[0] != "."]
    return not own or host in own or f".{host}".endswith(tuple(below))


def _beyond(url: str) -> str:
    """What a link says beyond its page: it goes on saying so."""
    page = url.partition("#")[0].partition("?")[0]
    return url[len(page) :]


def _leads_to(ref: Ref, look: Lookup, settings: CrispSettings) -> Article | None:
    """The article a link must lead to: of those everybody can read the one that is meant, or its best likeness.

    In the language of its link, or of that locale; else in that of the knowledge base; else as it was written; else by
    the locales.
    """
    named, *parts = _article_of(ref, look), *ref.id.split(".")
    like = named or _article_of(Ref(ref.kind, ".".join(parts[:-1])), look)
    if like is None:
        return None
    wanted = locale_of(parts[-1], settings) if len(parts) > 1 else ""
    base = look(like.bases[0]) if like.bases else None
    default = getattr(base, "language", None)
    ranked: list[tuple[tuple[bool | str, ...], Article]] = []
    locales = {""}
    for place, language in enumerate(like.languages or [like.ref.id.removeprefix(f"{like.group}.")]):
        one, locale = look(Ref(like.ref.kind, f"{like.group}.{language}")), locale_of(language, settings)
        if isinstance(one, Article) and locale not in locales and _can_be_read(one):
            is_named = named is not None and one.ref == named.ref
            ranked.append(((not is_named, locale != wanted, language != default, place > 0, locale, language), one))
        locales.add(locale)
    return min(ranked, key=lambda row: row[0])[1] if ranked else None


def _article_of(address: Ref, look: Lookup) -> Article | None:
    old = look(address) if address.id else None
    found = look(old.article) if isinstance(old, HelpAddress) and old.article is not None else None
    return found if isinstance(found, Article) else None


def _can_be_read(article: Article) -> bool:
    return article.status == "published" and not (article.deleted or article.internal)


def old_addresses(paths: Iterable[str]) -> list[str]:
    """Old addresses as they are compared: by what an article's end in, without its slug, which may have been another.

    What ends otherwise is nobody's but a person's on the target, and a hash of letters alone is not told from a word.
    """
    named = [(path.rpartition("/"), _NAME.search(path)) for path in paths]
    return sorted({f"{parts[0]}/{name[1]}" for parts, name in named if name is not None})


def shelf_name(shelf: Category, look: Lookup, office: Office) -> str:
    """The names of a shelf and those above it, as they stand there."""
    chain = shelves(shelf, look)
    if office.help_api == "tree" or len(chain) < 2:
        return " > ".join(one.name for one in chain)
    return f"{chain[0].name} > {joined_name(chain[1:])}"


def shown(outline: Outline) -> dict[str, Any]:
    """An outline as it is compared: what is empty is not there."""
    return {name: value for name, value in msgspec.structs.asdict(outline).items() if value}
