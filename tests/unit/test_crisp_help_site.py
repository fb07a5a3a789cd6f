"""When a page is believed not to be there, and when links wait for the articles they lead to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig import Call, Effect, Operation, Postponed, UnitKey
from mig.settings import Secret
from mig_crisp.help import HelpCentre
from mig_crisp.help_api import Shown
from mig_crisp.help_site import PublicSite
from mig_crisp.settings import CrispSettings
from storm import VirtualClock

KEY, OLD, NEW = "en/1", "/en/two-bbbb2", "https://help.example/two/"
WAYS = st.floats(0.001, 3.0)
"""Seconds a request takes to arrive, and its answer to come back."""


class Slow:
    """One article, whose page shows from some moment on; requests and answers take their time."""

    names_shelves = True

    def __init__(self, clock: VirtualClock, shows_at: float = 0.0, there: float = 0.0, back: float = 0.0) -> None:
        self._clock, self._shows_at, self._there, self._back = clock, shows_at, there, back
        self.content = f"See [two]({OLD})."
        self.written: list[str] = []

    async def url(self, key: str) -> str:
        await self._clock.sleep(self._there)
        shows = self._clock.monotonic() >= self._shows_at
        await self._clock.sleep(self._back)
        return NEW if shows else ""

    async def show(self, key: str) -> Shown:
        return Shown(key=key, content=self.content)

    async def write(self, key: str, fields: Any) -> None:
        self.written.append(fields["content"])


def settings(lag_s: float = 5.0) -> CrispSettings:
    return CrispSettings(identifier="a", key=Secret("b"), website_id="c", read_lag_s=lag_s)


@given(lag=st.floats(0.0, 20.0), late=st.floats(0.0, 1.0), there=WAYS, back=WAYS)
async def test_a_page_that_shows_within_the_lag_is_found(lag: float, late: float, there: float, back: float) -> None:
    """However long answers take: what one tells was so when it was asked, not when it came."""
    clock = VirtualClock()
    api: Any = Slow(clock, clock.monotonic() + lag * late, there, back)
    site = PublicSite(None, api, settings(lag), clock)  # type: ignore[arg-type]  # asks only the interface
    assert await site.url(KEY) == NEW


async def test_a_page_that_never_shows_is_given_up_when_the_lag_is_over() -> None:
    clock = VirtualClock()
    api: Any = Slow(clock, float("inf"), 0.1, 0.1)
    began = clock.monotonic()
    assert await PublicSite(None, api, settings(), clock).url(KEY) == ""  # type: ignore[arg-type]  # as above
    assert 5.0 <= clock.monotonic() - began < 6.5


def links(new: str, public: str, *, told: str = "", fate: str = "load", awaited: bool = True) -> Call:
    rows = [{"old": OLD, "new": new, "is_public": public, "is_told": told, "fate": fate, "to": ""}]
    body = {"key": KEY, "links": rows, "text": "", "awaited": [OLD] if awaited else []}
    operation = Operation(name="links", verb="help.links", effect=Effect.PUT, body=body)
    return Call(UnitKey("article:1"), operation, body)


@pytest.mark.parametrize(
    ("call", "waits", "leads"),
    [
        (links("", ""), True, False),
        (links("", "", fate=""), True, False),
        (links("", "no", told=KEY), True, False),
        (links("", "", fate="archive"), False, False),
        (links("", "", told=KEY), False, False),  # as a journal from before has it, with a page that came too late
        (links(NEW, "yes"), False, True),
        (links(NEW, ""), False, True),  # as a journal from before has it
        (links("", "yes"), False, False),  # shown, and nothing tells where: waiting would not end
        (links("", "", awaited=False), False, False),  # a draft
    ],
    ids=[
        *("not there yet", "not decided yet", "a draft until now", "only archived", "told before"),
        *("shown", "shown before", "shown nowhere", "never shown"),
    ],
)
async def test_links_wait_for_articles_that_will_be_shown(call: Call, waits: bool, leads: bool) -> None:
    clock = VirtualClock()
    api: Any = Slow(clock)
    centre = HelpCentre(None, api, settings(), clock)  # type: ignore[arg-type]  # asks only the interface
    if waits:
        with pytest.raises(Postponed):
            await centre.send(call)
    else:
        await centre.send(call)
    assert api.written == ([f"See [two]({NEW})."] if leads else [])
