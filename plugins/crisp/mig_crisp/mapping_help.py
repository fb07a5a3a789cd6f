"""The default mapping of a help centre: its locales, what stands where, and what a reader may see."""

from __future__ import annotations

import msgspec

from mig import Article, Attachment, Category, Decision, Fate, HelpAddress, KnowledgeBase, Lookup, Loss, Ref
from mig_crisp.help_place import MAX_NAME, is_circle, locale_of, position_in, slug_of
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean


def category(record: Category, look: Lookup, settings: CrispSettings) -> Decision:
    """A shelf in its locale; the hidden root of a knowledge base is none."""
    locale = locale_of(record.language, settings)
    if record.deleted:
        return Decision(Fate.ARCHIVE, record, "it was deleted at the source")
    if record.extra.get("root"):
        return Decision(Fate.ARCHIVE, record, "it is the hidden root of its knowledge base, which nobody sees")
    if not locale:
        return Decision(Fate.ARCHIVE, record, _no_locale(record.language))
    rival = _first(record.languages, locale, settings) or record.language
    if rival != record.language:
        return Decision(Fate.ARCHIVE, record, f'it is there in {rival}: both go to the locale "{locale}"')
    losses: list[Loss] = []
    above = look(record.parent) if record.parent is not None else None
    parent = _shelf(record.parent, look, settings) if record.parent is not None else None
    if parent is not None and is_circle(record, look):
        parent = None
        losses.append(Loss("parent", "changed", "its categories stand in a circle: it goes to the top"))
    elif record.parent is not None and parent is None and not _is_root(above):
        losses.append(Loss("parent", "changed", "the source does not have the category above it: it goes to the top"))
    if not record.published:
        losses.append(Loss("published", "dropped", "Crisp's categories are not switched off; empty ones do not show"))
    name = (clean(record.name).strip() or record.slug or record.group)[:MAX_NAME]
    if parent is None:
        name = f"{_base(record.base, look)}{name}"[:MAX_NAME]
    position = record.position
    if position is None and isinstance(above, Category):
        position = position_in(above.extra, ("categoryPositions", "positions"), record.group)
    mapped = msgspec.structs.replace(
        record, language=locale, name=name, slug=slug_of(record), parent=parent, position=position
    )
    return Decision(Fate.LOAD, mapped, losses=losses)


def article(record: Article, look: Lookup, settings: CrispSettings) -> Decision:
    """A text in its locale, on the first of its shelves that stands."""
    locale = locale_of(record.language, settings)
    if record.deleted:
        return Decision(Fate.ARCHIVE, record, "it was deleted at the source")
    if not record.html.strip() and not record.title.strip():
        return Decision(Fate.ARCHIVE, record, "it has neither a title nor a text in this language")
    if not locale:
        return Decision(Fate.ARCHIVE, record, _no_locale(record.language))
    rival = _first(record.languages, locale, settings) or record.language
    if rival != record.language:
        why = f'it is there in {rival}: both go to the locale "{locale}". Name another for one in help_locales'
        return Decision(Fate.ARCHIVE, record, why)
    if record.internal and settings.internal_articles == "archive":
        return Decision(Fate.ARCHIVE, record, "only the desk may read it (internal_articles)")
    losses: list[Loss] = []
    status = "published" if record.status == "published" and not record.internal else "draft"
    if record.internal and record.status == "published":
        losses.append(
            Loss("internal", "changed", "only the desk may read it: it stays a draft, which nobody else sees")
        )
    elif record.status not in ("published", "draft"):
        losses.append(Loss("status", "changed", "an unknown status became draft"))
    elif status == "published" and (why := _switched_off(record, look)):
        status = "draft"
        losses.append(Loss("status", "changed", f"{why}: it stays a draft, for nobody knows who reads it there"))
    standing = [one for ref in record.categories if (one := _shelf(ref, look, settings)) is not None]
    if len(standing) > 1:
        losses.append(Loss("categories", "changed", "an article stands in one category: the first"))
    if len(standing) < len(record.categories):
        losses.append(Loss("categories", "changed", "a category that is not moved"))
    position = record.position
    shelf = look(standing[0]) if standing else None
    if position is None and isinstance(shelf, Category):
        position = position_in(shelf.extra, ("positions",), record.group)
    title = clean(record.title).strip() or record.slug or record.group
    if len(title) > MAX_NAME:
        losses.append(Loss("title", "changed", f"cut at {MAX_NAME} characters; whole in the archive"))
    mapped = msgspec.structs.replace(
        record,
        language=locale,
        title=title[:MAX_NAME],
        slug=slug_of(record),
        description=clean(record.description).strip(),
        status=status,
        categories=standing[:1],
        position=position,
    )
    lost = (("keywords", record.keywords), ("tags", record.tags))
    losses += [Loss(name, "archived", "Crisp's articles have none") for name, value in lost if value]
    return Decision(Fate.LOAD, mapped, losses=losses)


def media(record: Attachment, look: Lookup) -> Decision:
    """A picture or file of an article: moved, so that it outlives the source."""
    return Decision(Fate.LOAD, record)


def address(record: HelpAddress, look: Lookup) -> Decision:
    """An old address: redirected where the help centre can."""
    return Decision(Fate.LOAD, record)


def _switched_off(record: Article, look: Lookup) -> str:
    """Why nobody may see an article at the source although it is published; empty: nothing says so.

    No document says what a page shows of an article whose shelf or knowledge base is off, so it stays unseen until
    somebody shows it. One shelf that is on is enough.
    """
    bases = [one for ref in record.bases if isinstance(one := look(ref), KnowledgeBase)]
    if bases and all(map(_is_off, bases)):
        return "its knowledge base is switched off at the source"
    found = [one for ref in record.categories if isinstance(one := look(ref), Category)]
    shelves = [one for one in found if not one.deleted and not _is_root(one)]
    if shelves and all(_is_dark(one, look) for one in shelves):
        return "every category it stands in is switched off at the source"
    return ""


def _is_dark(shelf: Category, look: Lookup) -> bool:
    """Whether a shelf, one above it, or its knowledge base is off; the hidden root says nothing of the kind."""
    if _is_off(look(shelf.base) if shelf.base is not None else None):
        return True
    above: object = shelf
    seen: set[Ref] = set()
    while isinstance(above, Category) and above.ref not in seen:
        if not above.published and not _is_root(above):
            return True
        seen.add(above.ref)
        above = look(above.parent) if above.parent is not None else None
    return False


def _is_off(base: object) -> bool:
    return isinstance(base, KnowledgeBase) and not base.active


def _stands(shelf: Category, settings: CrispSettings) -> bool:
    return not shelf.deleted and not _is_root(shelf) and bool(locale_of(shelf.language, settings))


def _shelf(ref: Ref, look: Lookup, settings: CrispSettings) -> Ref | None:
    """The shelf that stands for another in its locale; None: none does."""
    found = look(ref)
    if not isinstance(found, Category) or not _stands(found, settings):
        return None
    rival = _first(found.languages, locale_of(found.language, settings), settings)
    return ref if rival in ("", found.language) else Ref(ref.kind, f"{found.group}.{rival}")


def _first(languages: list[str], locale: str, settings: CrispSettings) -> str:
    """Of several languages that go to one locale the first."""
    return next((one for one in languages if locale_of(one, settings) == locale), "")


def _is_root(record: object) -> bool:
    return isinstance(record, Category) and bool(record.extra.get("root"))


def _base(ref: Ref | None, look: Lookup) -> str:
    """What the top shelves of a second knowledge base begin with: Crisp has one help centre."""
    found = look(ref) if ref is not None else None
    if not isinstance(found, KnowledgeBase) or found.primary or not found.title.strip():
        return ""
    return f"{clean(found.title).strip()}: "


def _no_locale(language: str) -> str:
    return f'no locale is known for the language "{language}": name one in help_locales' if language else "no language"
