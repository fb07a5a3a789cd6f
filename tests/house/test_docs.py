"""What we promise is written down: every hook has a page, every setting a sentence."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator

import pytest

from mig import hookspecs
from unit_common import ROOT

HOOKS: dict[str, Callable[..., None]] = {
    name: value for name, value in vars(hookspecs).items() if name.startswith("mig_") and inspect.isfunction(value)
}
PAGES = {page.name: page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
CODE = [
    path for folder in ("core", "verify", "plugins", "docs/examples") for path in sorted((ROOT / folder).rglob("*.py"))
]


def settings_classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class of the repository whose base is `Settings`."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Settings") for base in node.bases):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


CLASSES = dict(settings_classes())


def test_there_are_hooks_pages_and_settings() -> None:
    assert {"mig_sources", "mig_targets", "mig_mappers", "mig_sandboxes", "mig_commands"} <= set(HOOKS)
    assert len(PAGES) > 3
    assert {name.rpartition(":")[2] for name in CLASSES} >= {"EngineSettings", "CrispSettings", "KustomerSettings"}


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_a_hook_is_marked_and_says_what_it_is_for(name: str) -> None:
    assert hasattr(HOOKS[name], "mig_spec")
    first = (inspect.getdoc(HOOKS[name]) or "").partition("\n")[0]
    assert len(first) > 20
    assert first.endswith(".")
    for parameter in inspect.signature(HOOKS[name]).parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_a_hook_has_its_place_in_the_docs(name: str) -> None:
    assert [page for page, text in PAGES.items() if f"`{name}`" in text], f"no page of docs/ tells of {name}"


def test_the_docs_name_no_hook_that_is_not_there() -> None:
    text = "\n".join(PAGES.values())
    named = set(re.findall(r"def (mig_\w+)\(|`(mig_\w+s)`", text))
    assert {first or second for first, second in named} <= set(HOOKS)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_setting_has_its_sentence_below_it(name: str) -> None:
    body = CLASSES[name].body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            text = following.value if isinstance(following, ast.Expr) else None
            assert isinstance(text, ast.Constant), f"{ast.unparse(node.target)} has no docstring"
            assert isinstance(text.value, str)
            assert len(text.value) > 8


@pytest.mark.parametrize("name", sorted(name for name in CLASSES if not name.startswith("docs")))
def test_every_setting_has_its_row_in_the_docs(name: str) -> None:
    fields = [ast.unparse(node.target) for node in CLASSES[name].body if isinstance(node, ast.AnnAssign)]
    missing = [field for field in fields if f"| `{field}` |" not in PAGES["settings.md"]]
    assert missing == []
