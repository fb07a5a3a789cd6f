"""The table a person filled in: which operator an agent of the source is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from mig import Usage

_WAY_OUT = "`mig ids --agents FILE` writes such a table; fill in the column operator_email, and name the file here."


def read_agents(path: str) -> Mapping[str, str]:
    """The table of `agents` under [target]: ids of agents, and the e-mail addresses (lower case) of operators.

    Args:
        path: A CSV file with the columns `id` and `operator_email`; empty: there is none.

    Raises:
        Usage: It cannot be read, lacks a column, or gives one agent two operators.
    """
    if not path:
        return {}
    found: dict[str, str] = {}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as sheet:
            rows = csv.DictReader(sheet)
            missing = {"id", "operator_email"} - set(rows.fieldnames or ())
            if missing:
                raise Usage(f"crisp: agents = {path!r} has no column {' and '.join(sorted(missing))}", _WAY_OUT)
            for row in rows:
                agent, email = (row["id"] or "").strip().lstrip("'"), (row["operator_email"] or "").strip().lower()
                if agent and email and found.setdefault(agent, email) != email:
                    raise Usage(f"crisp: agents = {path!r} gives agent {agent} two operators", "Leave one of them.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Usage(f"crisp: agents = {path!r} cannot be read ({type(error).__name__})", _WAY_OUT) from error
    return found
