"""Every hook is a contract: it says what it is for, and a page of the docs tells of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from mig import hookspecs
from unit_common import ROOT

HOOKS: dict[str, Callable[..., None]] = {
    name: value for name, value in vars(hookspecs).items() if name.startswith("mig_") and inspect.isfunction(value)
}


def test_there_are_hooks() -> None:
    assert {"mig_sources", "mig_targets", "mig_mappers", "mig_sandboxes", "mig_commands"} <= set(HOOKS)


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_a_hook_is_marked_and_says_what_it_is_for(name: str) -> None:
    assert hasattr(HOOKS[name], "mig_spec")
    text = inspect.getdoc(HOOKS[name]) or ""
    first = text.splitlines()[0] if text else ""
    assert len(first) > 20
    assert first.endswith(".")
    assert all(parameter.annotation for parameter in inspect.signature(HOOKS[name]).parameters.values())


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_a_hook_has_its_place_in_the_docs(name: str) -> None:
    pages = [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"`{name}`" in page.read_text("utf-8")]
    assert pages, f"no page of docs/ tells of {name}"


def test_the_docs_tell_of_no_hook_that_is_not() -> None:
    import re

    for page in sorted((ROOT / "docs").glob("*.md")):
        named = set(re.findall(r"\bmig_(?:sources|targets|[a-z]+s)\b", page.read_text("utf-8")))
        assert named <= set(HOOKS) | {"mig_settings"}, page.name
