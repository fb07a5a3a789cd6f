"""Files put into a folder: what cannot be finished leaves nothing half-written in what a web server shows."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, cast

import pytest

import mig
from mig.clock import SystemClock
from mig.http import Outside
from mig.platforms import Effect, Operation, Spooled
from mig.settings import Secret
from mig_crisp.client import CrispClient
from mig_crisp.events import Events
from mig_crisp.files import Uploads
from mig_crisp.settings import CrispSettings

SHA = "ab" * 32


@pytest.fixture
def spooled(tmp_path: Path) -> Spooled:
    """A file's bytes on this machine."""
    path = tmp_path / "spooled"
    path.write_bytes(b"bytes")
    return Spooled(path, 5, SHA)


async def copy(shelf: Path, file: Spooled, name: str) -> mig.Receipt:
    """Put a file into the folder, as an operation asks for it."""
    settings = CrispSettings(
        identifier="i",
        key=Secret("k"),
        website_id="w",
        files=f"folder:{shelf}",
        files_url="https://files.example",
    )
    nobody = cast(Any, None)  # a folder needs neither the platform nor the network
    uploads = Uploads(cast(CrispClient, nobody), cast(Events, nobody), cast(Outside, nobody), SystemClock(), settings)
    body = {"name": name, "type": "text/plain"}
    op = Operation(name="f/upload", verb="folder.copy", effect=Effect.FREE, body=body)
    call = mig.Call(op=op, body=body, unit=mig.UnitKey("conversation:c"), files={mig.Ref(mig.ATTACHMENT, "f"): file})
    return await uploads.send(call)


def left(shelf: Path) -> list[str]:
    """The names of the files in the folder."""
    return sorted(path.name for path in shelf.rglob("*") if path.is_file())


async def test_a_file_is_put_into_the_folder(spooled: Spooled, tmp_path: Path) -> None:
    receipt = await copy(tmp_path / "shelf", spooled, "a.txt")
    assert receipt.values["url"] == f"https://files.example/ab/{SHA}/a.txt"
    assert left(tmp_path / "shelf") == ["a.txt"]


async def test_a_name_the_folder_does_not_take_leaves_nothing(spooled: Spooled, tmp_path: Path) -> None:
    with pytest.raises(mig.Rejected, match="takes no such name"):
        await copy(tmp_path / "shelf", spooled, "x" * 300)
    assert left(tmp_path / "shelf") == []


async def test_a_full_disk_leaves_nothing(spooled: Spooled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(mig.Refused, match="No space left"):
        await copy(tmp_path / "shelf", spooled, "a.txt")
    assert left(tmp_path / "shelf") == []
