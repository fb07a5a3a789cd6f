"""The bytes of files: spooled with limits, tried again, sent once, and never left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mig
from mig.engine.files import Files
from mig.engine.plan import Step
from mig.engine.protocol import Outcome
from mig.journal import staging
from mig.journal.staging import Staged
from mig.journal.store import Journal
from mig.model import TYPES
from mig.platforms import Effect, File, Operation, Receipt
from mig.settings import EngineSettings
from storm import MemorySource, VirtualClock

Bytes = Callable[[], AsyncIterator[bytes]]


class FileSource(MemorySource):
    """Files as a test wants them; counts how often each was opened."""

    def __init__(self, *answers: bytes | Exception | Bytes) -> None:
        super().__init__([])
        self.answers = list(answers)
        self.opened = 0

    @asynccontextmanager
    async def open_file(self, record: mig.Record) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        yield answer() if callable(answer) else _chunks(answer)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 7):
        yield data[start : start + 7]


class World:
    """A journal that knows some files, and a source that gives their bytes."""

    def __init__(self, tmp_path: Path, source: Any, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.journal = Journal.open("sqlite://", inline=True)
        self.spool = tmp_path / "spool"
        self.spool.mkdir()
        engine = EngineSettings(attempts=3, spool=str(self.spool), **settings)
        self.files = Files(self.journal, 1, source, TYPES, self.clock, engine)
        self.sent: list[tuple[str, bytes]] = []

    async def know(self, *names: str) -> None:
        def stage(connection: Any) -> None:
            staging.find_migration(
                connection, source="s", organisation="o", target="t", workspace="w", now="2026-01-01"
            )
            staging.stage_records(connection, 1, [_staged(name) for name in names])

        await self.journal.write(stage)

    async def settle(self, which: str, *, effect: Effect = Effect.FREE, **body: Any) -> Outcome:
        ref = mig.Ref(mig.ATTACHMENT, which)
        op = Operation(name=f"{ref}/upload", verb="upload", effect=effect, body={"file": File(ref), **body})
        step = Step(op=op, action="send", digest="d")

        async def send() -> Outcome:
            (file,) = step.files.values()
            if file.path is None:
                return Outcome("done", Receipt({"url": ""}, declined=file.why))
            data = await asyncio.to_thread(file.path.read_bytes)
            assert len(data) == file.size
            self.sent.append((which, data))
            return Outcome("done", Receipt({"url": f"u{len(self.sent)}"}))

        return await self.files.settle(step, lambda op: op.body, send)

    def close(self) -> None:
        self.files.close()
        self.journal.close()

    def left(self) -> list[Path]:
        return [path for path in self.spool.rglob("*") if path.is_file()]


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(source: Any, **settings: Any) -> World:
        made.append(World(tmp_path, source, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _staged(name: str) -> Staged:
    record = mig.Attachment(ref=mig.Ref(mig.ATTACHMENT, name), name=name)
    return Staged(
        ref=record.ref,
        resource="attachments",
        raw_id=name,
        body=msgspec.json.encode(record),
        digest="d",
        changed_at=None,
        parent=None,
        own="0",
    )


async def test_bytes_are_handed_on_whole_and_removed_afterwards(worlds: Callable[..., World]) -> None:
    world = worlds(FileSource(b"x" * 100_000))
    await world.know("a")
    outcome = await world.settle("a")
    assert outcome.receipt == Receipt({"url": "u1"})
    assert world.sent == [("a", b"x" * 100_000)]
    assert world.left() == []
    world.files.close()
    assert list(world.spool.iterdir()) == []


async def test_an_empty_file_is_a_file(worlds: Callable[..., World]) -> None:
    world = worlds(FileSource(b""))
    await world.know("a")
    await world.settle("a")
    assert world.sent == [("a", b"")]


async def test_what_breaks_off_is_read_again_from_its_beginning(worlds: Callable[..., World]) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise mig.Unclear("cut")

    source = FileSource(mig.Unclear("503"), broken, b"whole")
    world = worlds(source)
    await world.know("a")
    await world.settle("a")
    assert world.sent == [("a", b"whole")]
    assert source.opened == 3
    assert world.clock.seconds > 0


async def test_what_cannot_be_read_today_waits_for_the_next_run(worlds: Callable[..., World]) -> None:
    source = FileSource(mig.Unclear("503"))
    world = worlds(source)
    await world.know("a")
    with pytest.raises(mig.Postponed, match="503") as caught:
        await world.settle("a")
    assert "next run" in caught.value.hint
    assert source.opened == 3
    assert world.sent == []


@pytest.mark.parametrize("error", [mig.Lost("it is gone")])
async def test_what_can_never_be_read_is_told_to_the_target_at_once(
    worlds: Callable[..., World], error: Exception
) -> None:
    source = FileSource(error)
    world = worlds(source)
    await world.know("a")
    outcome = await world.settle("a")
    assert outcome.receipt == Receipt({"url": ""}, declined="it is gone")
    assert source.opened == 1


async def test_an_endless_file_ends_at_the_limit(worlds: Callable[..., World]) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b"x" * 65_536

    world = worlds(FileSource(endless), file_mb=1)
    await world.know("a")
    outcome = await world.settle("a")
    assert outcome.receipt is not None
    assert "larger than 1 MB" in outcome.receipt.declined
    assert read < 2_000_000
    assert world.left() == []


async def test_a_file_that_drips_ends_at_its_time(worlds: Callable[..., World]) -> None:
    async def drips() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    world = worlds(FileSource(drips), file_s=0.2)
    await world.know("a")
    with pytest.raises(mig.Postponed, match="did not come within"):
        await world.settle("a")
    assert world.left() == []


async def test_equal_bytes_under_one_name_are_sent_once_also_by_two_lanes_and_the_next_run(
    worlds: Callable[..., World],
) -> None:
    world = worlds(FileSource(b"logo"))
    await world.know("a", "b", "c", "d")
    first, second = await asyncio.gather(world.settle("a", name="logo.png"), world.settle("b", name="logo.png"))
    third = await world.settle("c", name="logo.png")
    assert len(world.sent) == 1
    assert {outcome.receipt.values["url"] for outcome in (first, second, third) if outcome.receipt} == {"u1"}
    await world.settle("d", name="other.png")
    assert len(world.sent) == 2, "another name is another file"


async def test_what_was_declined_is_asked_for_again(worlds: Callable[..., World]) -> None:
    source = FileSource(mig.Lost("gone"), b"back")
    world = worlds(source)
    await world.know("a")
    assert (await world.settle("a")).receipt == Receipt({"url": ""}, declined="gone")
    assert (await world.settle("a")).receipt == Receipt({"url": "u1"})


async def test_only_what_is_harmless_twice_is_answered_from_memory(worlds: Callable[..., World]) -> None:
    world = worlds(FileSource(b"same"))
    await world.know("a")
    await world.settle("a", effect=Effect.CREATE)
    await world.settle("a", effect=Effect.CREATE)
    assert len(world.sent) == 2


async def test_a_source_without_files_says_so(worlds: Callable[..., World]) -> None:
    world = worlds(MemorySource([]))
    await world.know("a")
    outcome = await world.settle("a")
    assert outcome.receipt is not None
    assert outcome.receipt.declined == "the source cannot give files"


async def test_no_room_for_the_bytes_ends_the_run(worlds: Callable[..., World]) -> None:
    def full() -> AsyncIterator[bytes]:
        raise OSError(28, "No space left on device")

    world = worlds(FileSource(full))
    await world.know("a")
    with pytest.raises(mig.Refused, match="No space left"):
        await world.settle("a")


def test_the_spool_is_private(worlds: Callable[..., World]) -> None:
    async def look() -> Sequence[int]:
        modes: list[int] = []

        async def peek() -> AsyncIterator[bytes]:
            modes.extend(path.stat().st_mode & 0o077 for path in world.spool.iterdir())
            yield b"x"

        world = worlds(FileSource(peek))
        await world.know("a")
        await world.settle("a")
        return modes

    modes = asyncio.run(look())
    assert modes
    assert not any(modes)
