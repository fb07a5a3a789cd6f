"""No room says the name of a platform that is none of its business: facts of one travel as neutral records."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    "core/mig": ("kustomer", "crisp"),
    "verify/mig_verify": ("kustomer", "crisp"),
    "plugins/crisp/mig_crisp": ("kustomer",),
    "plugins/kustomer/mig_kustomer": ("crisp",),
}


@pytest.mark.parametrize("room", list(ROOMS))
def test_a_room_names_nobody_else(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / room).rglob("*.py"))
        if "sandbox" not in path.relative_to(ROOT / room).parts  # one of them takes the other's dataset for its staff
        for number, line in enumerate(path.read_text("utf-8").lower().splitlines(), 1)
        if any(name in line for name in ROOMS[room])
    ]
    assert found == []
