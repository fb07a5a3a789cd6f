"""Sorts more lines than memory holds: sorted runs in files, then merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

_RUN = 400_000
"""Lines that are sorted at once."""
_WAYS = 100
"""Runs that are merged at once."""


class Sorter:
    """Takes lines in any order and gives them back in order, each once.

    Args:
        folder: Where the runs lie meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: set[str] = set()
        self._runs: list[Path] = []
        self._number = 0

    def add(self, line: str) -> None:
        """One more line, without its end."""
        self._lines.add(line)
        if len(self._lines) >= _RUN:
            self._flush(iter(sorted(self._lines)))
            self._lines = set()

    def lines(self) -> Iterator[str]:
        """All of them."""
        if not self._runs:
            yield from sorted(self._lines)
            return
        self._flush(iter(sorted(self._lines)))
        self._lines = set()
        while len(self._runs) > _WAYS:
            some, self._runs = self._runs[:_WAYS], self._runs[_WAYS:]
            self._flush(self._merged(some))
        yield from self._merged(self._runs)

    def _flush(self, lines: Iterator[str]) -> None:
        self._number += 1
        path = self._folder / f"{self._number}.run"
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as run:
            run.writelines(f"{line}\n" for line in lines)
        self._runs.append(path)

    def _merged(self, runs: list[Path]) -> Iterator[str]:
        with ExitStack() as stack:
            opened = [stack.enter_context(_read(path)) for path in runs]
            last = None
            for line in heapq.merge(*(map(_bare, run) for run in opened)):
                if line != last:
                    yield line
                last = line
        for path in runs:
            path.unlink()


def _read(path: Path) -> TextIO:
    return path.open(encoding="utf-8", errors="surrogatepass", newline="\n")


def _bare(line: str) -> str:
    return line[:-1]
