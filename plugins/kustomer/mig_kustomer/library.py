"""The help centre as neutral records: categories and articles, one for each language, with what stands in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from mig import (
    AGENT,
    ARTICLE,
    CATEGORY,
    HELP_ADDRESS,
    KNOWLEDGE_BASE,
    MEDIA,
    Article,
    Attachment,
    Category,
    Config,
    HelpAddress,
    Kind,
    KnowledgeBase,
    Oddity,
    Record,
    Ref,
)
from mig_kustomer import html_media
from mig_kustomer.names import is_usable
from mig_kustomer.office import config
from mig_kustomer.reading import MISSING, Reader, Reading

_HASH = re.compile(r"(?:^|-)([0-9a-z]{6,24})$", re.IGNORECASE)
"""What the last part of an article's path ends in: its id, or its `hash` [inferred from that being the one in URLs]."""
_SHARED = [".kustomerapp.com", ".kustomer.help", ".kustomerhelp.com"]
"""Hosts below which the help centres of every organisation are; a hash or an id is of one article alone."""
_HOST = re.compile(r"(?:https?://)?(?:www\.)?([^/:?#\s]+)", re.IGNORECASE)
_NO_LANGUAGES = frozenset(("app", "faq", "hc", "kb"))
_ENDING = re.compile(r"\.html?$", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)
_LONGEST_WORD = 1000


def categories(row: Reading) -> list[Record]:
    """A category in each of its languages (docs/api/kustomer.md, section 7.17).

    The hidden root of a knowledge base is one too, with `root` in `extra`. Where a category stands among its siblings
    is written on the category above it: `positions` and `categoryPositions` stay in `extra`.
    """
    langs = row.resource.get("attributes")
    langs = langs.get("langs") if isinstance(langs, dict) else None
    names = list(langs) if isinstance(langs, dict) and langs else [""]
    made = [_category(row, name, names, langs[name] if isinstance(langs, dict) and langs else None) for name in names]
    _pass_on(row, [one for one, _ in made], [warning for _, odd in made for warning in odd])
    return [one for one, _ in made]


def _category(row: Reading, language: str, languages: list[str], entry: Any) -> tuple[Category, list[Oddity]]:
    one = _copy(row, Ref(CATEGORY, _in(row.ref.id, language)))
    at = one.attributes
    at.mapping("langs")  # each record keeps what is said of its own language
    said = Reader(entry if isinstance(entry, dict) else {}, at.doubt, f"langs.{language}.")
    if not isinstance(entry, dict):
        at.doubt(f"langs.{language}".rstrip("."), MISSING if entry is None else "something else than an object")
    record = Category(
        ref=one.ref,
        changed_at=one.changed_at,
        created_at=one.created_at,
        group=row.ref.id,
        language=language,
        name=said.text("title") or at.text("title"),
        slug=said.text("slug"),
        description=said.text("description"),
        parent=_one_of(one, at, "parent", CATEGORY, language),
        base=_one_of(one, at, "knowledgeBase", KNOWLEDGE_BASE, None),
        position=at.count("position"),
        published=not any([at.yes_no("published") is False, said.flag("disabled")]),
        languages=languages,
        deleted=any([at.flag("deleted"), at.since("deletedAt")]),
    )
    left, extra = said.rest() if isinstance(entry, dict) else entry, one.extra()
    if left:
        extra = _beside(extra, "langs", {language: left})
    return msgspec.structs.replace(record, extra=extra), one.warnings


def articles(row: Reading, beside: Mapping[str, Any]) -> list[Record]:
    """An article in each of its languages, with the pictures and files in it and the addresses it has.

    Its texts are versions; which of them were read stands beside it: under `versions` the one that is shown, under
    `drafts` a newer one nobody sees yet, under `unread` why there is none.

    Args:
        row: The article.
        beside: Other members of the envelope of ours.
    """
    languages = languages_of(row.resource)
    records: list[Record] = []
    warnings: list[Oddity] = []
    for language in languages:
        made, odd = _article(row, language, languages, beside)
        records += made
        warnings += odd
    _pass_on(row, records, warnings)
    return records


def languages_of(resource: Mapping[str, Any]) -> list[str]:
    """The languages of an article, the one it was written in first; one without any has that one alone."""
    found = resource.get("attributes")
    at: Mapping[str, Any] = found if isinstance(found, dict) else {}
    named: list[str] = []
    for name in ("langVersions", "latestLangs"):
        named += at[name] if isinstance(at.get(name), dict) else ()
    source = at.get("source") if isinstance(at.get("source"), str) else ""
    if source in named or not named:
        named.insert(0, str(source))
    return list(dict.fromkeys(named))


def version_named(resource: Mapping[str, Any], language: str, which: str) -> str:
    """The id of a version an article names for a language; empty: it names none.

    Args:
        resource: The article.
        language: Which language.
        which: `currentVersion`, the public one, or `latestVersion`.
    """
    found = _entry(resource, language).get(which)
    if isinstance(found, dict):
        found = found.get("id")
    if isinstance(found, dict):
        found = found.get("_id")
    return found if is_usable(found) else ""


def populated(resource: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    """The public version where the answer has it in place of its id (docs/api/kustomer.md, section 7.17)."""
    found = _entry(resource, language).get("currentVersion")
    found = found.get("id") if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _entry(resource: Mapping[str, Any], language: str) -> Mapping[str, Any]:
    at = resource.get("attributes")
    versions = at.get("langVersions") if isinstance(at, dict) else None
    entry = versions.get(language) if isinstance(versions, dict) else None
    return entry if isinstance(entry, dict) else {}


def _article(
    row: Reading, language: str, languages: list[str], beside: Mapping[str, Any]
) -> tuple[list[Record], list[Oddity]]:
    ref = Ref(ARTICLE, _in(row.ref.id, language))
    one = _copy(row, ref)
    at, shown = one.attributes, _of(beside, "versions", language) or populated(row.resource, language)
    said = Reader(shown or {}, at.doubt, "version.")
    draft, why = _of(beside, "drafts", language), _of(beside, "unread", language)
    if isinstance(why, str):
        at.doubt("version", why)
    html = said.text("htmlBody")
    slug, found, told = said.text("slug"), html_media.media(html), at.peek("hash")
    record = Article(
        ref=ref,
        changed_at=one.changed_at,
        created_at=one.created_at,
        group=row.ref.id,
        language=language,
        title=said.text("title") or at.text("title"),
        slug=slug,
        description=said.text("metaDescription") or at.text("metaDescription"),
        keywords=said.texts("metaKeywords", _LONGEST_WORD) or at.texts("metaKeywords", _LONGEST_WORD),
        html=html,
        status=_status(at, said, shown is not None),
        internal="internal" in (said.peek("scope"), at.peek("scope")),
        featured=any(part.peek("featured") is True for part in at.parts("knowledgeBases")),
        categories=[
            Ref(CATEGORY, _in(part.text("id"), language))
            for part in at.parts("categories")
            if is_usable(part.peek("id"))
        ],
        bases=_base_refs(row.resource),
        author=one.relation("createdBy", AGENT),
        tags=at.texts("tags"),
        media=[_media_ref(ref, shown.url) for shown in found],
        addresses=_addresses(row.ref.id, told if isinstance(told, str) else "", slug, language),
        links=_links(html),
        languages=languages,
        published_at=said.time("publishedAt") or at.time("publishedAt"),
        deleted=any([at.flag("deleted"), at.since("deletedAt")]),
    )
    extra = _article_extra(one, language, said.rest(), draft)
    files: list[Record] = [_file(record, one, shown) for shown in found]
    return [msgspec.structs.replace(record, extra=extra), *files, *_help_addresses(record, told)], one.warnings


def _article_extra(one: Reading, language: str, left: Mapping[str, Any], draft: Any) -> dict[str, Any]:
    """What no field took of an article, of its text, and of what is said of this language; and its draft."""
    for name in ("langVersions", "latestLangs"):
        _keep_own(one.attributes, name)
    extra = one.extra()
    ours = {
        "version": left,
        "draft": draft,
        "langVersions": _own(one.resource, "langVersions", language),
        "latestLangs": _own(one.resource, "latestLangs", language),
    }
    for name, value in ours.items():
        if value:
            extra = _beside(extra, name, value)
    return extra


def _status(at: Reader, said: Reader, there: bool) -> str:
    """The version's word, unless the article as a whole is not public; a language without a text is a draft."""
    if not there:
        return "draft"
    word, whole = said.shown("status"), at.shown("status")
    if word in ("", "published") and whole not in ("", "published"):
        return whole
    return word or whole or "published"


def _base_refs(resource: Mapping[str, Any]) -> list[Ref]:
    """The knowledge bases an article is in; the list itself stays in `extra`, with where it is featured."""
    at = resource.get("attributes")
    rows = at.get("knowledgeBases") if isinstance(at, dict) else None
    ids = [one.get("id") if isinstance(one, dict) else one for one in rows] if isinstance(rows, list) else []
    return [Ref(KNOWLEDGE_BASE, one) for one in ids if is_usable(one)]


def _file(record: Article, one: Reading, shown: html_media.Shown) -> Attachment:
    extra: dict[str, Any] = {"media_id": shown.media_id} if shown.media_id else {}
    if "://" not in shown.url and not shown.url.startswith("data:"):
        extra["bases"] = [base.id for base in record.bases]  # whose host it stands on
    return Attachment(
        ref=_media_ref(record.ref, shown.url),
        changed_at=one.changed_at,
        parent=record.ref,
        name=shown.name,
        mime=shown.mime,
        url=shown.url,
        stands_as=shown.url,
        extra=extra,
    )


def _media_ref(article: Ref, url: str) -> Ref:
    digest = hashlib.sha256(url.encode("utf-8", "backslashreplace")).hexdigest()
    return Ref(MEDIA, f"{article.id}.{digest[:12]}")


# ---- addresses -------------------------------------------------------------------------------------------------------


def _addresses(id_: str, told: str, slug: str, language: str) -> list[str]:
    """The paths an article may be found by, the usual one first, without a host [inferred].

    `/<language>/<slug>-<hash>`, the same without its language or its slug, `/articles/<hash>` and by its id. Slugs are
    written plainly here: an address must be unquoted before it is compared.
    """
    names = [f"{slug}-{told}" if slug and told else "", told, slug]
    paths = [f"/{language}/{name}" for name in names if name and language]
    paths += [f"/{name}" for name in names if name]
    return list(dict.fromkeys([*paths, *(f"/articles/{name}" for name in (told, id_) if name)]))


def _help_addresses(record: Article, told: Any) -> list[Record]:
    """Two for each article: `<hash>.<language>`, and of the language it was written in the mere `<hash>` and its id."""
    is_first, named = record.language == record.languages[0], f"/articles/{record.group}"
    by_id = [_address(record.group, record, [named])] if is_first and is_usable(record.group) else []
    if not isinstance(told, str) or not is_usable(f"{told}.{record.language}"):
        return [*by_id]
    tongue = f"/{record.language}/"
    own = [path for path in record.addresses if record.language and path.startswith(tongue)]
    mere = [path for path in record.addresses if path not in (*own, named)]
    found = [_address(f"{told}.{_plain(record.language)}", record, own)] if own else []
    return [*found, _address(told, record, mere), *by_id] if is_first else [*found]


def _address(id_: str, record: Article, paths: Iterable[str]) -> HelpAddress:
    ref = Ref(HELP_ADDRESS, id_.lower())
    return HelpAddress(ref=ref, changed_at=record.changed_at, article=record.ref, paths=list(paths))


def _links(html: str) -> dict[str, Ref]:
    """Links whose path ends as that of an article does; whether one is meant, only who knows all of them can tell.

    Nor can it be told here whether a host is one of the organisation's: its knowledge bases say that.
    """
    found: dict[str, Ref] = {}
    for url in html_media.links(html):
        try:
            steps = [step for step in unquote(urlsplit(url).path).split("/") if step]
        except ValueError:
            continue
        ending = _HASH.search(_ENDING.sub("", steps[-1])) if steps else None
        if ending is None:
            continue
        tongue = next((step for step in steps[:-1] if _LANGUAGE.fullmatch(step) and step not in _NO_LANGUAGES), "")
        name = f"{ending[1]}.{_plain(tongue)}" if tongue else ending[1]
        found[url] = Ref(HELP_ADDRESS, name.lower())
    return found


def _plain(language: str) -> str:
    """A language as addresses and articles write it alike: `en-US` is `en_us`."""
    return language.lower().replace("-", "_")


# ---- of one row many records -----------------------------------------------------------------------------------------


def _in(id_: str, language: str) -> str:
    """The id of a thing in one language; of a language no id may hold, an escaped form."""
    plain = f"{id_}.{language}"
    if is_usable(plain):
        return plain
    return f"{id_}.{quote(language, safe='')[:60]}"


def _copy(row: Reading, ref: Ref) -> Reading:
    """The same row read anew, for another record."""
    return Reading(ref, row.resource)


def _one_of(one: Reading, at: Reader, name: str, kind: Kind, language: str | None) -> Ref | None:
    """What a relationship or an attribute of the same name says; both are taken."""
    related, told = one.relation(name, kind), at.text(name)
    found = related.id if related is not None else told
    if not is_usable(found):
        return None
    return Ref(kind, found if language is None else _in(found, language))


def _of(beside: Mapping[str, Any], name: str, language: str) -> Any:
    members = beside.get(name)
    found = members.get(language) if isinstance(members, dict) else None
    return found if isinstance(found, (dict, str)) and (name == "unread") == isinstance(found, str) else None


def _keep_own(at: Reader, name: str) -> None:
    """Take what is said of all languages: each record keeps what is said of its own."""
    if isinstance(at.peek(name), dict) or at.peek(name) is None:
        at.mapping(name)
    else:
        at.doubt(name, "something else where an object belongs")


def _own(resource: Mapping[str, Any], name: str, language: str) -> Any:
    at = resource.get("attributes")
    found = at.get(name) if isinstance(at, dict) else None
    if not isinstance(found, dict):
        return None
    entry: Any = found.get(language)
    if name == "langVersions" and populated(resource, language) is not None:
        id_ = version_named(resource, language, "currentVersion")
        return {**entry, "currentVersion": {**entry["currentVersion"], "id": id_}}
    return entry


def _beside(extra: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """`extra` with something of ours; an attribute of that name makes room under an underscore."""
    if name in extra:
        extra["_" + name] = extra.pop(name)
    extra[name] = value
    return extra


def _pass_on(row: Reading, records: Iterable[Record], warnings: list[Oddity]) -> None:
    """Warnings about the row as a whole belong to its first record."""
    first = next((record.ref for record in records), row.ref)
    own = [Oddity(first, odd.field, odd.why) for odd in row.warnings]
    row.warnings = list(dict.fromkeys([*own, *warnings]))


def knowledge_base(row: Reading, beside: Mapping[str, Any]) -> list[Record]:
    """A knowledge base (docs/api/kustomer.md, section 7.17), and which hosts its pages have [inferred: `domain`]."""
    (found,) = config(row, "knowledge_bases", beside)
    assert isinstance(found, Config)
    fields = found.fields
    named = [value for name, value in fields.items() if "domain" in name.lower()]
    flat = [one for value in named for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    own = [host[1].lower() for one in flat if (host := _HOST.match(one.strip()))]
    language = fields.get("defaultLang")
    return [
        KnowledgeBase(
            **msgspec.structs.asdict(found),
            primary=fields.get("default") is not False,
            language=language if isinstance(language, str) else "",
            hosts=list(dict.fromkeys([*_SHARED, *own])),
        )
    ]
