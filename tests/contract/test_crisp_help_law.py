"""The conformance laws on a help centre, over both of its interfaces: what was sent is what is read back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mig
from mig.clock import SystemClock
from mig.settings import platform_settings
from mig.testing.conformance import Records, check_unit
from mig_crisp.keeps import NORMALS
from mig_crisp.mapping import CrispMapper
from mig_crisp.sandbox import spec
from mig_crisp.settings import CrispSettings
from mig_crisp.target import CrispTarget, open_target

ORIGIN = "kustomer:org"
APIS = ["locale", "tree"]
PIECES = [
    "<h2>Head <em>it</em></h2>",
    "<p>Plain words &amp; <b>bold</b> __not underlined__ * star</p>",
    "<ul><li>one<ul><li>inner</li></ul></li><li>two <a href='https://example.org/x?a=1&amp;b=2'>link</a></li></ul>",
    "<ol start=3><li>three</li><li>four</li></ol>",
    "<table><thead><tr><th>A|B</th><th>C</th></tr></thead><tbody>"
    + "".join(f"<tr><td>{n}</td><td>x*{n}</td></tr>" for n in range(53))
    + "</tbody></table>",
    "<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
    "<pre><code class='language-py'>if a < b:\n    print('`')\n</code></pre>",
    "<blockquote>quoted<blockquote>deeper</blockquote></blockquote>",
    "<img alt='picture one' src='https://cdn.example.com/1.png'>",
    "<p>text <img src='data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=='> more</p>",
    "<a href='javascript:alert(1)'>never</a>",
    "<a href='/en_us/other-abcdef123'>other article</a>",
    "<iframe src='https://www.youtube.com/embed/abc123'></iframe>",
    "---",
    "<p>--- | || # not a heading</p>",
    "<script>alert(1)</script><style>p{}</style>",
    "<div><p>unclosed <b>bold",
    "مرحبا <bdo>x</bdo>",
    "",
]
TOP = mig.Category(
    ref=mig.Ref(mig.CATEGORY, "c1.en_us"),
    group="c1",
    language="en_us",
    name="Top",
    slug="top",
    extra={"hash": "aaaaaa111"},
)
MID = mig.Category(
    ref=mig.Ref(mig.CATEGORY, "c2.en_us"),
    group="c2",
    language="en_us",
    name="Middle",
    slug="mittel-فئة",
    parent=TOP.ref,
    description="about it",
)
LOW = mig.Category(ref=mig.Ref(mig.CATEGORY, "c3.en_us"), group="c3", language="en_us", name="Low", parent=MID.ref)
OTHER = mig.Article(
    ref=mig.Ref(mig.ARTICLE, "a2.en_us"),
    group="a2",
    language="en_us",
    title="The other [one]",
    slug="other",
    html="<p>other</p>",
    status="published",
    extra={"hash": "abcdef123"},
)
ADDRESS = mig.HelpAddress(
    ref=mig.Ref(mig.HELP_ADDRESS, "abcdef123.en_us"), article=OTHER.ref, paths=["/en_us/other-abcdef123"]
)


@asynccontextmanager
async def workspace(api: str, **wanted: Any) -> AsyncIterator[CrispTarget]:
    async with spec.serve(mig.SandboxOptions(switches={"helpdesk": api})) as running:
        environment = {**running.environment, "CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        given_settings = platform_settings(CrispSettings, "crisp", wanted, environment)
        clock = SystemClock()
        async with open_target(given_settings, mig.Access(clock=clock, budgets=mig.Budgets(clock))) as target:
            yield target


def mapper() -> CrispMapper:
    return CrispMapper(
        platform_settings(CrispSettings, "crisp", {"identifier": "i", "key": "k", "website_id": "w"}, {})
    )


def mapped(records: Sequence[mig.Record], look: mig.Lookup) -> list[mig.Record]:
    decisions = [mapper().map(record, look) for record in records]
    return [one.record for one in decisions if one is not None and one.fate is mig.Fate.LOAD]


async def deliver(
    target: CrispTarget, records: Sequence[mig.Record], look: mig.Lookup, answers: dict[Any, Any], **more: Any
) -> dict[str, mig.Receipt]:
    unit = mig.Unit(mig.UnitKey(f"{records[0].ref.kind}:{records[0].ref.id}"), records, ORIGIN)
    receipts = await check_unit(target, unit, look, NORMALS, answers=answers, **more)
    answers |= {record.ref: receipts for record in records}
    return receipts


@st.composite
def articles(draw: st.DrawFn) -> list[mig.Record]:
    html = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=5)))
    ref = mig.Ref(mig.ARTICLE, "a1.en_us")
    files: list[mig.Record] = [
        mig.Attachment(
            ref=mig.Ref(mig.MEDIA, f"m{n}"), parent=ref, name=f"{n}.gif", mime="image/gif", url=src, stands_as=src
        )
        for n, src in enumerate(
            (
                "https://cdn.example.com/1.png",
                "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==",
            )
        )
        if src in html
    ]
    article = mig.Article(
        ref=ref,
        group="a1",
        language="en_us",
        title=draw(st.sampled_from(["Title", " How? ", "[brackets] | pipe", "عنوان", ""]) | st.text(max_size=40)),
        slug=draw(st.sampled_from(["how-to", "Über uns", "عنوان", ""])),
        description=draw(st.sampled_from(["", "short", "--- x"])),
        html=html,
        status=draw(st.sampled_from(["published", "draft", "odd"])),
        internal=draw(st.booleans()),
        featured=draw(st.booleans()),
        categories=draw(st.sampled_from([[], [TOP.ref], [LOW.ref], [mig.Ref(mig.CATEGORY, "gone.en_us"), MID.ref]])),
        media=[file.ref for file in files],
        links={"/en_us/other-abcdef123": ADDRESS.ref},
        tags=["t"],
    )
    return [article, *files]


@pytest.mark.parametrize("api", APIS)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=articles())
async def test_an_article_is_read_back_as_it_was_sent(tmp_path: Path, api: str, records: list[mig.Record]) -> None:
    (tmp_path / "bytes").write_bytes(b"GIF89a")
    raw = Records([TOP, MID, LOW, OTHER, ADDRESS, *records])
    shelves, (other, address) = mapped([TOP, MID, LOW], raw), mapped([OTHER, ADDRESS], raw)
    wanted = mapped(records, raw)
    look = Records([*shelves, other, address, *wanted])
    answers: dict[Any, Any] = {}
    async with workspace(api) as target:
        for shelf in shelves:
            await deliver(target, [shelf], look, answers)
        await deliver(target, [other, address], look, answers)
        if wanted and isinstance(wanted[0], mig.Article):
            files = {record.ref: tmp_path / "bytes" for record in records if record.ref.id == "m0"}
            await deliver(target, wanted, look, answers, files=files)
