"""Writes the pages that are made from code: what every field becomes, every setting, every switch of a sandbox."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from mig.model import TYPES
from mig.settings import EngineSettings, Settings
from mig_crisp import sandbox as crisp_sandbox
from mig_crisp.by_hand import BY_HAND
from mig_crisp.keeps import KEEPS
from mig_crisp.settings import CrispSettings
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.sandbox import switches as kustomer_switches
from mig_kustomer.settings import KustomerSettings

HERE = Path(__file__).parent
GENERATED = "<!-- made by docs/generate.py; `make docs` writes it anew -->"


def mapping_table() -> str:
    """A table per kind: field, what becomes of it, where; and the kinds that have none."""
    lines = [GENERATED, ""]
    for kind in dict.fromkeys(kind for kind, _ in KEEPS):
        lines += [f"## Fields of a {kind}", "", "| Field | Kept | |", "|---|---|---|"]
        for (of, name), keep in KEEPS.items():
            if of == kind:
                lines.append(f"| `{name}` | {keep.how} | {keep.note} |")
        lines.append("")
    told = {kind for kind, _ in KEEPS}
    rest = [kind for kind in {**TYPES, **{one.kind: None for one in RESOURCES.values()}} if kind not in told]
    lines += ["## Kinds without a place", "", "Nothing on Crisp holds any field of these. They are archived whole:", ""]
    lines += [f"* `{kind}`{': ' + BY_HAND[kind] if BY_HAND.get(kind) else ''}" for kind in rest]
    return "\n".join([*lines, ""])


def settings_page() -> str:
    """Every setting with its default and its meaning."""
    lines = [GENERATED, "", "# Settings", ""]
    for title, kind in (
        ("`[source]` for Kustomer, or `KUSTOMER_<NAME>`", KustomerSettings),
        ("`[target]` for Crisp, or `CRISP_<NAME>`", CrispSettings),
        ("`[engine]`", EngineSettings),
    ):
        lines += [f"## {title}", "", "| Name | Type | Default | |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {type_} | {default} | {text} |" for name, type_, default, text in documented(kind)]
        lines.append("")
    lines += [
        "## Beside these",
        "",
        "`state` (or `MIG_STATE`, or `--state`): the journal, default `sqlite:///mig.db`.",
        '`[shares]`: `"BUCKET" = 0.5`, which part of a limit is ours; the buckets are `kustomer.all`,',
        "`kustomer.search`, `crisp.requests` (a day's) and `crisp.conversations`.",
        "",
        '`hours`: when a run may work, `hours = "20-06"`; at the top of the file, like `state`.',
        "",
        '`[acknowledged]`: what a person confirmed of a platform, `crisp = ["ai-agent-off", ...]` ([](configure.md)).',
        "",
    ]
    return "\n".join(lines)


def documented(kind: type[Settings]) -> list[tuple[str, str, str, str]]:
    """Name, type, default and docstring of each field of a settings class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    rows = []
    for statement, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            assert isinstance(after, ast.Expr), statement.target.id
            assert isinstance(after.value, ast.Constant), statement.target.id
            default = f"`{_as_toml(statement.value)}`" if statement.value is not None else "required"
            text = " ".join(str(after.value.value).split())
            rows.append((statement.target.id, _type(ast.unparse(statement.annotation)), default, text))
    return rows


def _as_toml(value: ast.expr) -> str:
    """A default as mig.toml would say it."""
    said = ast.unparse(value)
    if said.startswith("field("):
        return "{}" if "dict" in said else "[]"
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return f'"{value.value}"'
    return {"True": "true", "False": "false", "None": "none"}.get(said, said)


def _type(annotation: str) -> str:
    """A type in words; of a choice, what there is to choose."""
    if annotation.startswith("Literal["):
        return ", ".join(f"`{one.strip()}`" for one in annotation[8:-1].replace("'", '"').split(","))
    words = {"str": "text", "Secret": "secret text", "int": "whole number", "float": "number", "bool": "true or false"}
    plain = annotation.removesuffix(" | None")
    return words.get(plain) or ("list" if plain.startswith("list") else "table" if plain.startswith("dict") else plain)


def switches_page() -> str:
    """The switches of both sandboxes."""
    lines = [GENERATED, ""]
    for name, switches in (("Kustomer", kustomer_switches.SWITCHES), ("Crisp", crisp_sandbox.SWITCHES)):
        found: Mapping[str, object] = switches
        lines += [f"## Switches of {name}", "", "| Switch | |", "|---|---|"]
        lines += [f"| `{key}` | {' '.join(str(text).split()).replace('|', ' or ')} |" for key, text in found.items()]
        lines.append("")
    return "\n".join(lines)


PAGES = {"mapping-table.md": mapping_table, "settings.md": settings_page, "switches.md": switches_page}


def main() -> None:
    """Write each page that is not as it should be."""
    for name, make in PAGES.items():
        (HERE / name).write_text(make().rstrip() + "\n", "utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
