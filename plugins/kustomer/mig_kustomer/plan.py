"""Lists or search: which of them reads a context in less time (docs/api/kustomer.md, sections 2, 4 and 10)."""

from __future__ import annotations

from mig_kustomer.settings import KustomerSettings

_ARCHIVE = 1
"""Searches of the archive at least: what it holds is not known before."""
_REQUESTS, _SEARCHES = 2000, 100
"""The most a plan has; settings beyond it only say that nobody is to be waited for."""
PEEK_FROM = 4
"""The page at the cap is looked at when search alone knows of more than this part (a quarter) of the cap."""


def minutes(settings: KustomerSettings, *, lists: int = 0, searches: int = 0) -> float:
    """How long so many requests take at least: searches have a limit of their own, and count in the other too."""
    whole = (lists + searches) / min(settings.requests_per_minute, _REQUESTS)
    return max(whole, searches / min(settings.searches_per_minute, _SEARCHES))


def prefers_search(settings: KustomerSettings, total: int, *, only_rows: bool) -> bool:
    """Whether a context is read by search from the beginning.

    Args:
        settings: Page sizes, caps and limits.
        total: How many rows search knows: those of the past two years.
        only_rows: Its rows are all that is wanted; messages also have files and notes have no archive, and search
            would cost one request per conversation for those.
    """
    if total > settings.list_cap:
        return True
    if not only_rows:
        return False
    lists = -(-total // settings.list_page)
    searches = -(-total // settings.search_page) + _ARCHIVE
    return minutes(settings, searches=searches) < minutes(settings, lists=lists)


def worth_a_look(settings: KustomerSettings, rows: int) -> bool:
    """Whether so many rows make it likely enough that the list is longer than it may be asked for."""
    return rows * PEEK_FROM > settings.list_cap
