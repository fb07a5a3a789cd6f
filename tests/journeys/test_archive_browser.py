"""The archive's page in a real browser, from a folder: what is typed is answered, and nothing is asked of anybody."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import mig
from archive_made import archived, fill, made
from browser import CHROMIUM, browser
from mig.journal.store import Journal

pytestmark = [pytest.mark.soak, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
RECORDS = int(os.environ.get("MIG_ARCHIVE_RECORDS", "200000"))
ANSWERED = "document.querySelector('.list li')"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    journal = Journal.open(f"sqlite:///{folder}/mig.db", inline=True)
    fill(journal, list(made(RECORDS)))
    talk, anna = mig.Ref(mig.CONVERSATION, "evil"), mig.Ref(mig.CONTACT, "c-anna")
    fill(
        journal,
        [
            mig.Contact(ref=anna, name="Zaphodine <b>Beeble</b>"),
            mig.Conversation(ref=talk, title="<img src=x onerror=alert(1)>", contact=anna),
            mig.Message(ref=mig.Ref(mig.MESSAGE, "m"), conversation=talk, html="<script>alert(1)</script>Hello"),
            mig.Note(ref=mig.Ref(mig.NOTE, "n"), conversation=talk, text="</script><script>alert(2)"),
        ],
    )
    began = time.monotonic()
    found = written(journal, folder)
    print(f"\n{RECORDS:,} records archived in {time.monotonic() - began:.0f} s")
    return found


def written(journal: Journal, folder: Path) -> Path:
    """The archive of a journal, which is closed then."""
    archived(journal, folder / "out")
    journal.close()
    return folder / "out"


async def test_two_hundred_thousand_records_are_searched_while_one_types(out: Path, tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        opened = await tab.open((out / "index.html").as_uri())
        await tab.wait("document.activeElement.id === 'q'")
        print(f"\nopened in {opened:.2f} s")
        assert opened < 2
        for typed, told in (
            ("zaph", "Zaphodine"),
            ("ORD-100042", "Order 100042"),
            ("anna mei", "Anna"),
            ("5f0000000064", ""),
        ):
            await tab.run("document.getElementById('q').value = ''; document.getElementById('q').focus()")
            await tab.run("document.getElementById('main').replaceChildren()")
            await tab.type(typed)
            took = await tab.wait(f"({ANSWERED} || {{}}).innerText && {ANSWERED}.innerText.includes({told!r})")
            searched = await tab.run("document.documentElement.dataset.answered")
            print(f"{typed}: {took:.2f} s, of it {searched} ms of search")
            assert took < 1
        assert tab.complaints == []
        assert {address.partition(":")[0] for address in tab.asked} == {"file"}


async def test_what_people_wrote_is_shown_and_never_run(out: Path, tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        await tab.open((out / "index.html").as_uri() + "#/conversation/evil")
        await tab.wait("document.querySelectorAll('.said').length === 2")
        shown = await tab.run("document.getElementById('main').innerText")
        for text in ("<img src=x onerror=alert(1)>", "Hello", "<script>alert(2)", "Internal note"):
            assert text in shown
        await tab.run("Array.from(document.querySelectorAll('main a')).find(a => a.href.includes('c-anna')).click()")
        await tab.wait("document.querySelector('.title').innerText.includes('Beeble')")
        await tab.wait("document.querySelector('.list').innerText.includes('onerror')")
        assert tab.complaints == []


async def test_who_does_not_see_it_finds_the_way(out: Path, tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        await tab.open((out / "index.html").as_uri() + "#q=zaphodine")
        await tab.wait(ANSWERED)
        assert await tab.run("document.querySelector('label[for=q]').innerText")
        assert await tab.run("document.getElementById('status').getAttribute('aria-live')") == "polite"
        assert "1 person" in await tab.run("document.getElementById('status').innerText")
        assert await tab.run("document.querySelectorAll('h1').length") == 1
        await tab.run("document.querySelector('.list a').click()")
        await tab.wait("document.activeElement.classList.contains('title')")
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        for width in (400, 1600):
            await tab.shoot(tmp_path / "seen.png", width, 900)
            assert await tab.run(wide)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More of one beginning than a look-up keeps."""
    folder = tmp_path_factory.mktemp("orders")
    found = [
        mig.CustomObject(ref=mig.Ref(mig.CUSTOM_OBJECT, f"o{n}"), klass="order", title=f"Order {100_000 + n}")
        for n in range(70_000)
    ]
    journal = Journal.open(f"sqlite:///{folder}/mig.db", inline=True)
    fill(journal, found)
    return written(journal, folder)


async def test_a_word_that_leads_to_too_many_hides_nothing(orders: Path, tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        await tab.open((orders / "index.html").as_uri())
        await tab.wait("document.activeElement.id === 'q'")
        for typed, told in (
            ("order 169990", "1 object"),
            ("169990 ord", "1 object"),
            ("order", "more"),
            ("ord ord", "more"),
        ):
            await tab.run("document.getElementById('q').value = ''; document.getElementById('q').focus()")
            await tab.run("document.getElementById('status').textContent = ''")
            await tab.type(typed)
            await tab.wait(f"document.getElementById('status').innerText.includes({told!r})")
        await tab.run("location.hash = '#q=%zz'")
        await tab.wait("document.getElementById('status').innerText.includes('Nothing is found')")
        assert tab.complaints == []
