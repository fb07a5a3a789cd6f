"""What mig itself says on the desk: whole in every language, and read back in each."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig.engine import files as engine_files
from mig.http import outside
from mig_crisp import files as crisp_files
from mig_crisp import forms
from mig_crisp.settings import CrispSettings
from mig_crisp.words import file_line, missing_line, why_of, words_in
from mig_crisp.words_catalog import CATALOG, ENGLISH, GERMAN, Words
from mig_kustomer import files as kustomer_files

OTHERS = [name for name in CATALOG if name != "en"]
names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)


def filled(template: str) -> str:
    """A reason as it is met, with something in its place."""
    return template.replace("{}", "413")


def raised(module: object) -> list[str]:
    """The reasons a module gives for a file that is not to be had, as templates."""
    found = []
    for node in ast.walk(ast.parse(Path(str(getattr(module, "__file__", ""))).read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Lost", "_declined"):
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            found += ["".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)]
    return [why for why in found if why != "{}"]


OF_ARTICLES = ("written out", "foreign_media", "cannot be reached", "no host", "it is no file")
"""Why a picture of an article is not moved is told in the losses only: its place keeps its old address."""


@pytest.mark.parametrize("module", [engine_files, outside, crisp_files, kustomer_files], ids=lambda one: one.__name__)
def test_every_reason_can_be_said_in_every_language(module: object) -> None:
    reasons = [why for why in raised(module) if not any(part in why for part in OF_ARTICLES)]
    assert reasons
    for why in reasons:
        for words in map(words_in, OTHERS):
            assert why in words.reasons


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalog_is_whole(language: str) -> None:
    words = words_in(language)
    assert set(words.reasons) == set(GERMAN.reasons)
    assert list(words.call_parts) == list(ENGLISH.call_parts)
    for name, text in msgspec.structs.asdict(ENGLISH).items():
        if isinstance(text, str):
            other = str(getattr(words, name))
            assert other.strip()
            assert (text[0] == "[", text.count("{}")) == (other[0] == "[", other.count("{}"))
    for template, other in words.reasons.items():
        assert template.count("{}") == other.count("{}")
        assert other != template
    assert len(set(words.reasons.values())) == len(words.reasons), "each can be told back"


def test_the_settings_know_the_catalogs() -> None:
    hint = next(one for one in msgspec.structs.fields(CrispSettings) if one.name == "language")
    assert list(hint.type.__args__) == list(CATALOG)


@given(names, st.sampled_from([filled(why) for why in GERMAN.reasons] + ["its doctor forbids it"]))
@pytest.mark.parametrize("language", list(CATALOG))
def test_the_line_in_a_files_place_is_read_in_every_language(language: str, name: str, why: str) -> None:
    line = file_line(name, why, language)
    assert why_of(line, name) == why
    found = forms.place_in(line)
    assert found is not None
    assert found[0] == name


@given(names)
@pytest.mark.parametrize("language", list(CATALOG))
def test_the_line_for_a_file_nobody_has_is_read_in_every_language(language: str, name: str) -> None:
    words: Words = CATALOG[language]
    assert forms.gone_in(missing_line(name, words)) == name
    assert forms.gone_line(name, words) == missing_line(name, words)


@given(names, names)
def test_what_somebody_else_says_is_no_such_line(name: str, why: str) -> None:
    assert forms.place_in(f"[Ordner: {name}: {why}]") is None
    assert why_of(f"[file: {name}x: {why}]", f"{name}y") is None
    assert forms.place_in(f"[Datei: {name}: ihr {why}]") is None
