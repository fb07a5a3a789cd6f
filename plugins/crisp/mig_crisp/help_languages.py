"""Which article a link means: the one in its language or, where nobody can read that one, one in another."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mig import HELP_ADDRESS, Article, HelpAddress, KnowledgeBase, Lookup, Ref
from mig_crisp.help_place import locale_of, ref_of
from mig_crisp.settings import CrispSettings

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def meant(ref: Ref, look: Lookup, settings: CrispSettings) -> tuple[Ref | None, bool]:
    """The article an address means, and whether it is one in another language.

    Args:
        ref: The address.
        look: Knows articles as they are wanted on the target.
        settings: Which locale a language goes to.

    Returns:
        None: there is none. One nobody can read (yet) where there is no other.
    """
    own = _at(ref, look)
    if own is not None and is_public(own, settings):
        return own.ref, False
    whole, _, language = ref.id.rpartition(".")
    any_of = own or _at(Ref(HELP_ADDRESS, whole), look)
    if any_of is None:
        return None, False
    wanted = locale_of(language, settings) if whole else ""
    for one in _in_order(any_of, wanted, look, settings):
        other = look(ref_of(any_of, one))
        if isinstance(other, Article) and is_public(other, settings):
            return other.ref, not wanted or locale_of(one, settings) != wanted
    return (own.ref if own is not None else None), False


def is_home(url: str, articles: list[Article], look: Lookup) -> bool | None:
    """Whether an address lies in the old help centre: it names no host, or one of its own.

    Args:
        url: The address.
        articles: Those whose knowledge bases say what hosts they have.
        look: Knows the knowledge bases.

    Returns:
        None: nothing says what hosts there are.
    """
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return False
    if not host:
        return not _SCHEME.match(url) and not url.startswith("#")
    bases = [base for one in articles for ref in one.bases if isinstance(base := look(ref), KnowledgeBase)]
    hosts = {name for base in bases for name in base.hosts}
    if host in hosts or any(name.startswith(".") and f".{host}".endswith(name) for name in hosts):
        return True
    return False if any(not name.startswith(".") for name in hosts) else None


def _at(ref: Ref, look: Lookup) -> Article | None:
    address = look(ref) if ref.id else None
    found = look(address.article) if isinstance(address, HelpAddress) and address.article is not None else None
    return found if isinstance(found, Article) else None


def _in_order(article: Article, locale: str, look: Lookup, settings: CrispSettings) -> list[str]:
    """Its languages: those of the locale, that of its knowledge base, the one it was written in, then by locales."""
    base = look(article.bases[0]) if article.bases else None
    named = base.language if isinstance(base, KnowledgeBase) else None
    by_locale = sorted(article.languages, key=lambda one: (locale_of(one, settings), one))
    near = [one for one in by_locale if locale and locale_of(one, settings) == locale]
    default = [one for one in article.languages if one == named]
    return list(dict.fromkeys([*near, *default, *article.languages[:1], *by_locale]))


def is_public(article: Article, settings: CrispSettings) -> bool:
    """Whether everybody can read it there: published, and the one of its languages that its locale has."""
    if article.status != "published" or article.internal or article.deleted:
        return False
    language = article.ref.id.removeprefix(f"{article.group}.")
    locale = locale_of(language, settings)
    same = [one for one in article.languages if locale_of(one, settings) == locale]
    return bool(locale) and same[:1] in ([language], [])
