"""Where pictures of articles lie, and their bytes: moved, kept, declined, and told by the audit."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited, told
from help_made import ARTICLES, LANGUAGES, PICTURE, version_id, write_help_centre
from help_read import articles_of, in_markdown

FAR = "https://far.example/pictures/a%20b.png"
SECOND = "data:image/gif;base64," + base64.b64encode(base64.b64decode(PICTURE.partition(",")[2]) + b"2").decode()
HTML = (
    f"<p>One <img alt='first' src='{PICTURE}'> two <img alt='second' src='{SECOND}'> "
    f"far <img alt='far' src='{FAR}'> first again <img alt='again' src='{PICTURE}'>.</p>"
    f"<table><tr><td>cell</td><td><img alt='in a cell' src='{SECOND}'></td></tr></table>"
    f"<p><video title='film' src='{SECOND}'></video></p>"
)


@contextmanager
def moved(
    folder: Path, api: str, *, settings: Mapping[str, str] = {}, html: str = HTML, **switches: str
) -> Iterator[Audited]:
    """A help centre whose article of zones is made of pictures, migrated; those of other hosts are kept."""
    write_help_centre(folder / "help.jsonl")
    keeps = {"KUSTOMER_FOREIGN_MEDIA": "keep"}
    wanted: dict[str, Any] = {"switches": {"helpdesk": api, **switches}, "settings": settings, "more": keeps}
    with audited(folder, dataset=folder / "help.jsonl", **wanted) as desk:
        source = desk.organisation.organisation
        texts = {version_id(ARTICLES["zones"], "en_us"): html}
        if "put_fails" in switches:  # a dozen in a row would end the run
            texts |= {version_id(ARTICLES["pay"], one): "<p>Pay.</p>" for one in LANGUAGES}
        for name, text in texts.items():
            source.put("kb_versions", {"id": name, "attributes": {"htmlBody": text}})
        report = desk.migrate()
        assert (report.status, report.exit_code) == ("completed", 1 if "put_fails" in switches else 0), report.error
        yield desk


def zones(desk: Audited) -> Any:
    return articles_of(desk.workspace.state()["helpdesk"], "en")["Zones"]


def shown(desk: Audited) -> dict[str, str]:
    """Its pictures by their words."""
    return dict(in_markdown(zones(desk)["content"]).pictures)


def media_id(url: str) -> str:
    return f"{ARTICLES['zones'].id}.en_us.{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def is_clean(desk: Audited) -> None:
    result = desk.audit()
    assert result.found == [], told(result)
    assert result.verdict == "pass"


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_pictures_are_compared_where_they_lie_and_by_their_bytes(tmp_path: Path, api: str) -> None:
    with moved(tmp_path, api) as desk:
        pictures = shown(desk)
        assert pictures["far"] == FAR
        assert pictures["first"] == pictures["again"] != pictures["second"] == pictures["in a cell"]
        is_clean(desk)
        content, name = zones(desk)["content"], zones(desk)["name"]
        swapped = content.replace(pictures["first"], "@").replace(pictures["second"], pictures["first"])
        for hurt, found in (
            (content.replace(FAR, "https://far.example/other.png"), {("article", "extra.images")}),
            (content.replace(FAR, pictures["first"]), {("article", "extra.images")}),
            (content.replace(pictures["first"], FAR), {("article", "extra.images")}),
            (swapped.replace("@", pictures["second"]), {("media", "bytes")}),
            (content.replace(f"again]({pictures['first']}", f"again]({pictures['second']}"), {("media", "bytes")}),
        ):
            desk.workspace.alter_article("en", name, content=hurt)
            result = desk.audit()
            assert {(one.kind, one.field) for one in result.found} == found, told(result)
            if found == {("media", "bytes")}:
                assert media_id(PICTURE) in [one.source_id for one in result.found]


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_what_crisp_declines_leaves_its_words_or_its_old_address(tmp_path: Path, api: str) -> None:
    with moved(tmp_path, api, extensions="png") as desk:
        assert shown(desk) == {"far": FAR}
        content = zones(desk)["content"]
        assert content.startswith("One first two second far ![far]")
        assert "()" not in content
        is_clean(desk)


def test_without_a_place_for_files_pictures_stay_where_they_are(tmp_path: Path) -> None:
    with moved(tmp_path, "locale", settings={"files": "link"}) as desk:
        assert shown(desk) == {"far": FAR}
        is_clean(desk)


def test_a_sample_looks_at_files_of_articles_too(tmp_path: Path) -> None:
    with moved(tmp_path, "locale") as desk:
        result = desk.audit("samples", seed=1)
        assert result.found == [], told(result)
        assert result.levels["bytes"].checked > 0


def test_a_player_without_a_word_is_not_called_by_its_bytes(tmp_path: Path) -> None:
    with moved(tmp_path, "locale", html=f"<p>One</p><video src='{SECOND}'></video>") as desk:
        assert zones(desk)["content"].startswith("One\n\n[file](http")
        is_clean(desk)


def test_a_picture_that_waits_to_be_uploaded_is_pending_and_no_fault(tmp_path: Path) -> None:
    html = f"<p><img alt='first' src='{PICTURE}'> and <img alt='far' src='{FAR}'></p>"
    with moved(tmp_path, "locale", settings={"upload_attempts": "1"}, html=html, put_fails="1") as desk:
        assert shown(desk) == {"far": FAR}
        result = desk.audit()
        assert result.found == [], told(result)
        assert result.verdict == "incomplete"
        assert result.kinds["media"].pending == 1


def test_a_picture_that_a_page_fills_in_late_is_moved(tmp_path: Path) -> None:
    with moved(tmp_path, "locale", html=f"<p><img alt='late' src='{FAR}' data-src='{PICTURE}'></p>") as desk:
        assert "sandbox" in shown(desk)["late"] or "127.0.0.1" in shown(desk)["late"]
        is_clean(desk)


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_files_that_frames_objects_and_links_show_are_moved(tmp_path: Path, api: str) -> None:
    html = (
        f"<p>a</p><iframe src='{PICTURE}' title='frame'></iframe><object data='{SECOND}' title='object'></object>"
        f"<p><a href='{SECOND}'>link</a> <img alt='sizes' srcset='{PICTURE} 2x'></p>"
        "<table><tr><td>b</td><td><embed src='https://example.org/x.swf' title='far'></td></tr></table>"
    )
    with moved(tmp_path, api, html=html) as desk:
        found = in_markdown(zones(desk)["content"])
        stored = {one["url"] for one in desk.workspace.bucket()}
        links = dict(found.links)
        assert {name for name, url in links.items() if url in stored} == {"frame", "object", "link"}
        assert links["far"] == "https://example.org/x.swf"
        assert dict(found.pictures)["sizes"] in stored
        result = desk.audit()
        assert result.found == [], told(result)
