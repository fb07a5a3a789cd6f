"""`make bench`: the migration against a bare loop of the same requests, and what it asks and holds.

Prints one table in Markdown, for docs/benchmarks.md. Ends with 0 whatever the figures are; with `--check` 1 when one
is worse than wanted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from costs import Extraction, Thread, extraction, threads
from desks import LOOP, MIG, MOVE, NICE, RECORDED_MIG, Sandbox, Spent, cores, desks, measure
from script import write_script
from tenth import tenth

LEAST_THROUGHPUT, MOST_MEMORY = 0.8, 1.1


@dataclass(frozen=True)
class Move:
    """A measured process, as its sandboxes saw it."""

    spent: Spent
    seconds: float
    """Without the start of the interpreter."""
    deliver_s: float
    """From the first write the target accepted to the last."""
    deliver_cpu_s: float
    messages: int
    writes: int


@dataclass
class Figures:
    """All that is printed."""

    customers: int
    larger: int
    requests: dict[str, int] = field(default_factory=dict)
    pairs: list[tuple[Move, Move]] = field(default_factory=list)
    large: Move | None = None
    tenth: Move | None = None
    """A tenth of it, with its longest thread."""
    threads: list[Thread] = field(default_factory=list)
    beside: Counter[str] = field(default_factory=Counter)
    """Requests to the target that belong to no conversation."""
    extractions: dict[int, Extraction] = field(default_factory=dict)


class Bench:
    """Runs what is measured, one after the other.

    Args:
        folder: For journals and recordings.
        customers: Size of the organisation that is timed.
        larger: Size of the one that memory is looked at with.
        seed: Which organisation.
    """

    def __init__(self, folder: Path, customers: int, larger: int, seed: int) -> None:
        self._folder = folder
        self._customers = customers
        self._seed = seed
        self._count = 0
        self.figures = Figures(customers, larger)

    def record(self) -> None:
        """Migrate once, writing down every request, and make the loop's script of it."""
        place = self._place()
        with desks(self._customers, self._seed) as served:
            measure([*RECORDED_MIG, *MOVE], place, served, BENCH_RECORD=str(place / "recording"))
            source, target = served
            counts = write_script(place / "recording", self._script, source.url, target.url)
            self.figures.requests = counts
            self._count_requests(self._customers, source, target)

    def pair(self) -> None:
        """The migration, then the loop, each against fresh sandboxes."""
        with desks(self._customers, self._seed) as served:
            migration = _move(measure([*MIG, *MOVE], self._place(), served), served[1])
        with desks(self._customers, self._seed) as served:
            loop = _move(measure(LOOP, self._place(), served, BENCH_SCRIPT=str(self._script)), served[1])
        unlike = loop.spent.told["unlike"]
        if unlike or loop.writes != migration.writes:
            raise RuntimeError(f"the loop was answered otherwise: {unlike}, {loop.writes} of {migration.writes} writes")
        self.figures.pairs.append((migration, loop))

    def grow(self) -> None:
        """A large organisation, and a tenth of it."""
        dataset = self._folder / "tenth.jsonl"
        with desks(self.figures.larger, self._seed) as served:
            self.figures.large = _move(measure([*MIG, *MOVE], self._place(), served), served[1])
            self._count_requests(self.figures.larger, *served)
            dataset.write_bytes(b"".join(line + b"\n" for line in tenth(served[0].text("dataset").splitlines())))
        with desks(0, 0, dataset) as served:
            self.figures.tenth = _move(measure([*MIG, *MOVE], self._place(), served), served[1])

    def _count_requests(self, customers: int, source: Sandbox, target: Sandbox) -> None:
        found, counters = threads(target.get("history"), target.get("bucket")), target.get("counters")
        contacts = sum(count for route, count in counters["by_route"].items() if "/people/" in route)
        rest = counters["requests"] - contacts - sum(one.requests for one in found)
        self.figures.threads += found
        self.figures.beside.update(people=counters["people"], contacts=contacts, rest=rest)
        data = source.text("dataset").splitlines()
        self.figures.extractions[customers] = extraction(source.get("counters")["routes"], data)

    @property
    def _script(self) -> Path:
        return self._folder / "script"

    def _place(self) -> Path:
        self._count += 1
        place = self._folder / str(self._count)
        place.mkdir()
        return place


def _move(spent: Spent, target: Sandbox) -> Move:
    history, counters = target.get("history"), target.get("counters")
    first, last = history[0]["at"] / 1000, history[-1]["at"] / 1000
    return Move(
        spent,
        float(spent.told["seconds"]),
        last - first,
        spent.cpu_since(first),
        counters["messages"],
        counters["writes"],
    )


# ---- printing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    figures: str
    ratio: str
    wanted: str = ""
    good: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "PASS", False: "FAIL"}[self.good]
        return f"| {self.what} | {self.figures} | {self.ratio} | {self.wanted} | {verdict} |"


def lines(figures: Figures) -> list[Line]:
    """The table."""
    found = _paces(figures)
    if figures.large is not None and figures.tenth is not None:
        found.append(_memory(figures, figures.large, figures.tenth))
    found += _conversations(figures.threads)
    beside = figures.beside
    for_people = f"{beside['contacts']} for {beside['people']} contacts, {beside['rest']} others, refused ones included"
    found.append(Line("... requests to Crisp beside those", for_people, f"{beside['contacts'] / beside['people']:.2f}"))
    for customers, one in figures.extractions.items():
        found += _extraction(customers, one)
    return found


def _paces(figures: Figures) -> list[Line]:
    moves, loops = zip(*figures.pairs, strict=True)
    delivered = [loop.deliver_s / move.deliver_s for move, loop in figures.pairs]
    whole = [loop.seconds / move.seconds for move, loop in figures.pairs]
    cpu = [move.spent.cpu_s / loop.spent.told["cpu_seconds"] for move, loop in figures.pairs]
    cpu_delivered = [move.deliver_cpu_s / loop.deliver_cpu_s for move, loop in figures.pairs]
    messages = moves[0].messages
    pace = f"{LEAST_THROUGHPUT} or more"
    return [
        Line(
            "Throughput of the delivery (loop's time / ours)",
            f"{_mid([m.deliver_s for m in moves]):.2f} s; loop {_mid([m.deliver_s for m in loops]):.2f} s",
            _spread(delivered),
            pace,
            _mid(delivered) >= LEAST_THROUGHPUT,
        ),
        Line(
            "Throughput of the whole run",
            f"{_mid([m.seconds for m in moves]):.2f} s; loop {_mid([m.seconds for m in loops]):.2f} s",
            _spread(whole),
            pace,
            _mid(whole) >= LEAST_THROUGHPUT,
        ),
        Line(
            "CPU per message, whole run (ours / loop's)",
            f"{_each([m.spent.cpu_s for m in moves], messages)}; "
            f"loop {_each([m.spent.told['cpu_seconds'] for m in loops], messages)}",
            _spread(cpu),
        ),
        Line(
            "CPU per message, delivery",
            f"{_each([m.deliver_cpu_s for m in moves], messages)}; "
            f"loop {_each([m.deliver_cpu_s for m in loops], messages)}",
            _spread(cpu_delivered),
        ),
        Line(
            "Sandboxes' CPU meanwhile",
            f"{_mid([m.spent.sandboxes_cpu_s for m in moves]):.2f} s; "
            f"loop {_mid([m.spent.sandboxes_cpu_s for m in loops]):.2f} s",
            "",
        ),
    ]


def _memory(figures: Figures, large: Move, tenth: Move) -> Line:
    small = tenth.spent.peak_mb
    ratio = large.spent.peak_mb / small
    return Line(
        f"Peak memory at {figures.larger} customers / at a tenth of them",
        f"{large.spent.peak_mb:.0f} MB ({large.messages} messages, {large.seconds:.0f} s); "
        f"{small:.0f} MB ({tenth.messages} messages, {tenth.seconds:.0f} s)",
        f"{ratio:.2f}",
        f"{MOST_MEMORY} or less",
        ratio <= MOST_MEMORY,
    )


def _conversations(found: Sequence[Thread]) -> list[Line]:
    requests, bounds = sum(one.requests for one in found), sum(one.bound(len(one.messages)) for one in found)
    over = sum(one.requests > one.bound(len(one.messages)) for one in found)
    messages, files = sum(len(one.messages) for one in found), sum(len(one.files) for one in found)
    split = sum(one.requests > one.bound(len(one.told)) for one in found)
    return [
        Line(
            "Requests per conversation / 4 + m + 2f (+1 routing, +1 inbox)",
            f"{requests} for {len(found)} conversations, {messages} messages, {files} files",
            f"{requests / bounds:.3f}",
            "none above",
            over == 0,
        ),
        Line(
            "... conversations above it when m counts messages of the source only",
            f"{split} of {len(found)}: long text in parts, or a note that opens a silent conversation",
            "",
        ),
    ]


def _extraction(customers: int, one: Extraction) -> list[Line]:
    return [
        Line(
            f"Extraction requests at {customers} customers / section 10's minimum",
            f"{one.made}, {one.by_id} of them reads of one resource; {one.least} by the cheaper route of each kind "
            f"({one.by_search} by search alone)",
            f"{one.made / one.least:.2f}",
        ),
        Line(
            "... addresses of files, asked for when they are moved / conversations with files",
            f"{one.addresses}; {one.holding}",
            f"{one.addresses / max(1, one.holding):.2f}",
        ),
    ]


def _mid(values: Sequence[float]) -> float:
    return statistics.median(values)


def _spread(values: Sequence[float]) -> str:
    return f"**{_mid(values):.2f}** ({min(values):.2f} to {max(values):.2f})"


def _each(values: Sequence[float], messages: int) -> str:
    return f"{_mid(values) / messages * 1000:.2f} ms"


def show(figures: Figures) -> bool:
    """Print the figures. Returns: whether all that is wanted holds."""
    table, counts = lines(figures), figures.requests
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores: ", end="")
    print(f"the sandboxes on core {cores()[0]}, what is measured on core {cores()[1]}", end="")
    print(f", priority {NICE}." if NICE else ".")
    print(f"{figures.customers} customers, median (least to most) of {len(figures.pairs)}. ", end="")
    print(f"The loop sends {counts['extract']} requests to read and {counts['deliver']} to deliver, ", end="")
    print(f"of them {counts['files']} uploads.\n")
    print("| What | Figures | Ratio | Wanted | |\n|---|---|---|---|---|")
    for line in table:
        print(line)
    return all(line.good is not False for line in table)


def main() -> int:
    """Read the options, run everything, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=300, help="size of the organisation")
    options.add_argument("--large", type=int, default=10_000, help="size of the one that memory is looked at with")
    options.add_argument("--pairs", type=int, default=3, help="how often migration and loop take turns")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--quick", action="store_true", help="20 customers, one pair: does it run at all?")
    options.add_argument("--check", action="store_true", help="exit 1 when a figure is worse than wanted")
    asked = options.parse_args()
    customers, pairs = (20, 1) if asked.quick else (asked.customers, asked.pairs)
    larger = 200 if asked.quick else asked.large
    os.sched_setaffinity(0, {cores()[0]})
    with tempfile.TemporaryDirectory(prefix="mig-bench-") as folder:
        bench = Bench(Path(folder), customers, larger, asked.seed)
        print(f"recording {customers} customers", file=sys.stderr)
        bench.record()
        for number in range(pairs):
            print(f"pair {number + 1} of {pairs}", file=sys.stderr)
            bench.pair()
        print(f"{bench.figures.larger} customers", file=sys.stderr)
        bench.grow()
    good = show(bench.figures)
    return 0 if good or not asked.check else 1


if __name__ == "__main__":
    sys.exit(main())
