"""What a person is told of a file that was not followed: which one, why, and the way out; nothing of where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from floor_bombs import endless, twice_packed
from floor_files import Stored, Taken, stored, take
from floor_net import OK, PUBLIC, Names, Wires, moved

UNTIL_CLOSED = "Connection: close\r\n"


async def followed(tmp_path: Path, url: str, *, redirect: str = "") -> Taken:
    """What became of a file that lies there."""
    names = Names({"files.example": [[PUBLIC]], "inward.example": [["10.0.0.5"]]})
    wires = Wires(names, lambda _: [moved(redirect) if redirect else OK])
    return await take(tmp_path, Stored(url, wires, names))


FORBIDDEN: Mapping[str, tuple[str, str]] = {
    "https://10.0.0.1/hidden": ("", "private network"),
    "https://inward.example/hidden": ("", "private network"),
    "http://files.example/hidden": ("", "not https"),
    "https://somebody:hidden@files.example/f": ("", "carries credentials"),
    "file:" + "///etc/hidden": ("", "no address"),
    "https://files.example/f": ("http://169.254.169.254/hidden", "not https"),
    "https://files.example/g": ("/hidden", "redirected more than"),
}


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_file_on_forbidden_ground_is_named_with_its_reason_and_the_way_out(url: str, tmp_path: Path) -> None:
    redirect, why = FORBIDDEN[url]
    taken = await followed(tmp_path, url, redirect=redirect)
    _is_told(taken, why)
    assert "attach it anew at the source" in taken.told[0]["hint"]
    assert "hidden" not in str(taken.told)
    assert "hidden" not in str(taken.outcome)


async def test_so_is_one_that_is_too_large(tmp_path: Path) -> None:
    taken = await take(tmp_path, stored(UNTIL_CLOSED, endless))
    _is_told(taken, "larger than 2 MB")
    assert "file_mb" in taken.told[0]["hint"]


async def test_and_one_that_is_packed_as_nobody_asked(tmp_path: Path) -> None:
    taken = await take(tmp_path, stored(f"{UNTIL_CLOSED}Content-Encoding: gzip, gzip\r\n", twice_packed))
    _is_told(taken, "packed")
    assert taken.told[0]["hint"]


async def test_one_whose_host_nobody_knows_is_tried_again(tmp_path: Path) -> None:
    taken = await followed(tmp_path, "https://nobody.example/hidden")
    assert taken.outcome.state == "later"
    assert "no address now" in taken.outcome.reason
    assert "next run tries again" in taken.outcome.reason
    assert [event["ref"] for event in taken.told] == ["attachment/f", "attachment/f"]


def _is_told(taken: Taken, why: str) -> None:
    """The file is archived, and the log names it."""
    assert taken.outcome.receipt is not None
    assert why in taken.outcome.receipt.declined
    (event,) = taken.told
    assert (event["event"], event["log_level"], event["ref"]) == ("file.lost", "info", "attachment/f")
    assert event["why"] == taken.outcome.receipt.declined
