"""The archive's page for people: what it shows, in scripts small enough that a browser reads only what it needs.

A page opened from a folder may read no file, but it may load scripts: every part of the data is one that hands
itself over (`mig.t(3, [...])`). Parts are numbered; `page/index.js` says which is where.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from importlib import resources
from typing import Any

from mig.archive import views
from mig.archive.folder import Folder, Writing
from mig.archive.plain import from_json, to_json
from mig.archive.sorting import Sorter
from mig.archive.words import units, words, words_of, written

CHUNK = 250_000
"""Bytes of threads in one script, unless a single entry is longer."""
SHARD = 160_000
"""Bytes of the index in one script."""
LISTED = 250
"""Titles in one script."""
_PIECE = 100_000
"""Characters of a text that are one entry; a longer one goes on in the next."""
_BREATH = 200
"""Records between two looks at whether a signal came."""
_FIRST = ("contact", "conversation", "custom_object", "company", "article")
"""Kinds in the order people look for them; the others follow by name."""
_EVERYWHERE = frozenset(("agent", "tag", "team", "queue", "attribute"))
"""Kinds so much refers to that nobody reads the list."""
_TABLES = """
CREATE TABLE item (ref TEXT, kind TEXT, id TEXT, parent TEXT, at TEXT, title TEXT, words TEXT, view TEXT);
CREATE TABLE link (target TEXT, ref TEXT);
CREATE TABLE doc (n INTEGER PRIMARY KEY, ref TEXT);
"""
_INDEXES = """
CREATE UNIQUE INDEX item_ref ON item (ref);
CREATE INDEX item_parent ON item (parent, at, ref);
CREATE INDEX link_target ON link (target);
"""
_SAID_IN = "SELECT ref, words, view FROM item WHERE parent = ? AND kind NOT IN ('attachment', 'media') ORDER BY at, ref"
_FILES_IN = _SAID_IN.replace("NOT IN", "IN")
_SHORT_TIME = re.compile(r"(\d\d:\d\d:\d\d)Z$")


class Said:
    """What the page shows of a record beside what it says itself."""

    __slots__ = ("address", "reason", "word")

    def __init__(self, word: str, reason: str = "", address: str = "") -> None:
        self.word = word
        self.reason = reason
        self.address = address


class Pages:
    """Collects records in any order, then writes the page.

    Args:
        folder: The archive.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._db = folder.shelf
        folder.add_tables(_TABLES)
        self._words = Sorter(folder.work)
        self._name = lru_cache(maxsize=20_000)(self._look_up)

    def add(self, kind: str, name: str, record: Mapping[str, Any], said: Said) -> None:
        """A record, as JSON has it; empty: nothing is known of it but its id."""
        ref, parent = f"{kind}/{name}", views.parent_of(kind, record)
        title, at = views.title_of(kind, name, record), _sortable(views.time_of(record))
        if parent and kind in views.FILES:
            view = _file_view(kind, name, record, said)
        elif parent:
            view = _part_view(kind, name, record, said, at)
        else:
            at = _sortable(str(record.get("last_activity_at") or record.get("last_active_at") or "")) or at
            view = _doc_view(kind, name, record, said)
            self._link(ref, record)
        row = (ref, kind, name, parent, at, title, " ".join(sorted(words_of(name, record))), view)
        self._db.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tuple(map(_whole, row)))

    def _link(self, ref: str, record: Mapping[str, Any]) -> None:
        targets = {target for target in views.about(record) if target.partition("/")[0] not in _EVERYWHERE}
        self._db.executemany("INSERT INTO link VALUES (?, ?)", [(_whole(t), _whole(ref)) for t in sorted(targets)])

    # ---- writing -----------------------------------------------------------------------------------------------------

    async def write(self, told: Mapping[str, Any]) -> None:
        """Write the page.

        Args:
            told: What its head says of the migration.
        """
        self._folder.add_tables(_INDEXES)
        kinds = self._number(self._found_missing())
        self._folder.add_tables("CREATE UNIQUE INDEX doc_ref ON doc (ref)")
        chunks = await self._write_threads()
        index = await self._write_index()
        start = {**told, "kinds": kinds, "chunks": chunks, "index": index, "listed": LISTED}
        with self._folder.writing("page/index.js") as sheet:
            sheet.write(f"mig.start({to_json(start)});\n")
        _write_frame(self._folder)

    def _found_missing(self) -> Mapping[str, int]:
        """What is referred to and is not there gets a page all the same: its parts must stand somewhere.

        Returns:
            How many of each kind.
        """
        found: Counter[str] = Counter()
        missing = self._db.execute(
            "SELECT DISTINCT parent FROM item WHERE parent != '' AND parent NOT IN (SELECT ref FROM item)"
        )
        view = to_json({"s": ["missing", "it is named, and was not read"], "l": "", "f": []})
        for (ref,) in missing.fetchall():
            kind, _, name = ref.partition("/")
            found[kind] += 1
            row = (ref, kind, name, "", "", "", " ".join(sorted(words_of(name, {}))), view)
            self._db.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return found

    def _number(self, missing: Mapping[str, int]) -> list[list[Any]]:
        """Give each page its number: by kind, then the newest first.

        Returns:
            Kind, first number, how many, and how many of them are only named by others.
        """
        counts = dict(self._db.execute("SELECT kind, count(*) FROM item WHERE parent = '' GROUP BY kind"))
        order = [kind for kind in _FIRST if kind in counts]
        order += sorted(counts.keys() - set(order))
        found: list[list[Any]] = []
        first = 0
        for kind in order:
            self._db.execute(
                "INSERT INTO doc SELECT ? - 1 + row_number() OVER (ORDER BY at DESC, ref), ref FROM item"
                " WHERE parent = '' AND kind = ?",
                (first, kind),
            )
            found.append([kind, first, counts[kind], missing.get(kind, 0)])
            first += counts[kind]
        return found

    def _look_up(self, ref: str) -> tuple[str, int | None]:
        """What a record is called, and the number of its page."""
        row = self._db.execute(
            "SELECT item.title, doc.n FROM item LEFT JOIN doc ON doc.ref = item.ref WHERE item.ref = ?", (_whole(ref),)
        ).fetchone()
        return (row[0], row[1]) if row is not None else ("", None)

    async def _write_threads(self) -> list[int]:
        """Threads, and the list of titles. Returns: the first number in each script."""
        titles = _Titles(self._folder)
        chunks = _Chunks(self._folder)
        docs = self._db.execute(
            "SELECT doc.n, item.ref, item.kind, item.id, item.at, item.title, item.words, item.view"
            " FROM doc JOIN item ON item.ref = doc.ref ORDER BY doc.n"
        )
        for number, ref, kind, name, at, title, known, text in docs:
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            view = from_json(text)
            self._index(number, known.split())
            whom = view.pop("c", "")
            if whom:
                called, there = self._name(whom)
                view["c"] = [called or whom, there, whom]
                self._index(number, words(called))
            head = {"n": number, "k": kind, "i": name, "t": title, "a": at, **view}
            head["f"] = [[label, self._resolved(value)] for label, value in view["f"]]
            links = [n for (n,) in self._links(ref)]
            if links:
                head["r"] = _packed(links)
            if files := list(self._parts(ref, number, files=True)):
                head["z"] = head.get("z", []) + files
            count = chunks.thread(head, self._pieces(ref, number))
            titles.add([name, title, view["l"], at, count, view["s"][0], view.get("c", [""])[0]])
        titles.close()
        return chunks.close()

    def _links(self, ref: str) -> Iterator[tuple[int]]:
        yield from self._db.execute(
            "SELECT DISTINCT doc.n FROM link JOIN doc ON doc.ref = link.ref WHERE link.target = ? ORDER BY doc.n",
            (ref,),
        )

    def _pieces(self, ref: str, number: int) -> Iterator[dict[str, Any]]:
        """The entries of a thread, in order; a long text as several."""
        for entry in self._parts(ref, number, files=False):
            text = entry.get("x", "")
            yield {**entry, "x": text[:_PIECE]} if len(text) > _PIECE else entry
            for at in range(_PIECE, len(text), _PIECE):
                yield {"k": entry["k"], "i": entry["i"], "x": text[at : at + _PIECE], "o": 1}

    def _parts(self, ref: str, number: int, *, files: bool) -> Iterator[dict[str, Any]]:
        """What stands inside a record, with the files beside each part; all of it is indexed under the page."""
        rows = self._db.execute(_FILES_IN if files else _SAID_IN, (ref,))
        for name, known, text in rows:
            view = from_json(text)
            self._index(number, known.split())
            if not files:
                author = view.pop("w", "")
                if author:
                    view["w"] = self._name(author)[0] or author.partition("/")[2]
                view["f"] = [[label, self._resolved(value)] for label, value in view.get("f", [])]
                if beside := list(self._parts(name, number, files=True)):
                    view["z"] = beside
            yield view

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(one) for one in value]
        if isinstance(value, dict):
            called, there = self._name(value["r"])
            return {"r": value["r"], "t": called, "n": there}
        return value

    def _index(self, number: int, found: Iterable[str]) -> None:
        for word in found:
            self._words.add(f"{units(word)}\t{number:09d}")

    async def _write_index(self) -> list[str]:
        """The index, by word. Returns: the first word of each script."""
        firsts: list[str] = []
        lines: list[str] = []
        size, word, numbers, breath = 0, "", list[int](), 0

        def flush() -> None:
            nonlocal size
            if lines:
                firsts.append(written(lines[0].partition("\t")[0]))
                with self._folder.writing(f"page/i/{len(firsts) - 1}.js") as sheet:
                    sheet.write(f"mig.i({len(firsts) - 1},{to_json(written(chr(10).join(lines)))});\n")
                lines.clear()
                size = 0

        def say() -> None:
            nonlocal size
            if numbers:
                line = f"{word}\t{_packed(numbers)}"
                if size and size + len(line) > SHARD:
                    flush()
                lines.append(line)
                size += len(line.encode("utf-8", "surrogatepass")) + 4
                numbers.clear()

        for line in self._words.lines():
            found, _, number = line.partition("\t")
            if found != word or len(numbers) >= SHARD // 8:  # a word of very many stands in several scripts
                say()
                word = found
                if len(firsts) != breath:
                    breath = len(firsts)
                    await asyncio.sleep(0)
            numbers.append(int(number))
        say()
        flush()
        return firsts


class _Titles:
    """Titles, so many in a script."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._rows: list[Sequence[Any]] = []
        self._number = 0

    def add(self, row: Sequence[Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == LISTED:
            self.close()

    def close(self) -> None:
        if self._rows:
            with self._folder.writing(f"page/d/{self._number}.js") as sheet:
                sheet.write(f"mig.d({self._number},{to_json(self._rows)});\n")
            self._rows = []
            self._number += 1


class _Chunks:
    """Threads, as many as fit in a script; a long one goes on in the next."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._firsts: list[int] = []
        self._open: ExitStack | None = None
        self._sheet: Writing | None = None

    def thread(self, head: dict[str, Any], parts: Iterator[dict[str, Any]]) -> int:
        """One thread. Returns: how many entries it has."""
        count, size = 0, 0
        opening = to_json(head)
        sheet = self._room(head["n"], len(opening))
        sheet.write(opening[:-1] + ',"p":[')
        for part in parts:
            text = to_json(part)
            if sheet.size + len(text) > CHUNK and sheet.size > 1_000 and size:
                sheet.write('],"more":1}')
                self._end()
                sheet = self._room(head["n"], 0)
                sheet.write(to_json({"n": head["n"]})[:-1] + ',"p":[')
                size = 0
            sheet.write(("," if size else "") + text)
            count += "o" not in part
            size += 1
        sheet.write("]}")
        return count

    def close(self) -> list[int]:
        self._end()
        return self._firsts

    def _room(self, number: int, size: int) -> Writing:
        if self._sheet is not None and self._sheet.size + size > CHUNK:
            self._end()
        if self._sheet is not None:
            self._sheet.write(",\n")
            return self._sheet
        name = f"page/t/{len(self._firsts)}.js"
        self._open = ExitStack()
        self._sheet = self._open.enter_context(self._folder.writing(name))
        self._sheet.write(f"mig.t({len(self._firsts)},[\n")
        self._firsts.append(number)
        return self._sheet

    def _end(self) -> None:
        if self._sheet is not None and self._open is not None:
            self._sheet.write("\n]);\n")
            self._open.close()
            self._sheet, self._open = None, None


# ---- what is shown of a record ---------------------------------------------------------------------------------------


def _doc_view(kind: str, name: str, record: Mapping[str, Any], said: Said) -> str:
    view: dict[str, Any] = {"s": [said.word, said.reason], "l": views.line_of(kind, record)}
    view["f"] = views.facts(kind, record)
    if kind in views.FILES:
        view["s"] = [said.word, ""]
        view["z"] = [from_json(_file_view(kind, name, record, said))]
    elif said.address:
        view["u"] = said.address
    if body := views.body_of(record):
        view["b"] = body
    if whom := views.ref_of(record.get("contact")):
        view["c"] = whom
    return to_json(view)


def _part_view(kind: str, name: str, record: Mapping[str, Any], said: Said, at: str) -> str:
    view: dict[str, Any] = {"k": kind, "i": name, "a": at, "x": views.body_of(record), "f": views.facts(kind, record)}
    out = kind == "message" and record.get("side") == "out"
    view["d"] = "out" if out else "in" if kind == "message" else ""
    who = views.ref_of(record.get("author")) or ("" if out or kind == "note" else views.ref_of(record.get("contact")))
    if who:
        view["w"] = who
    if record.get("subject"):
        view["t"] = str(record["subject"])
    if said.word != "loaded":
        view["s"] = [said.word, said.reason]
    return to_json(view)


def _file_view(kind: str, name: str, record: Mapping[str, Any], said: Said) -> str:
    """`reason` and `address` of a file are why its bytes are not here, and where they are."""
    called, size = views.file_of(record)
    return to_json({"k": kind, "i": name, "n": called, "z": size or 0, "p": said.address, "y": said.reason})


# ---- words for JavaScript --------------------------------------------------------------------------------------------


def _whole(value: Any) -> Any:
    """Text as SQLite takes it: halves of letters become U+FFFD."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _sortable(when: str) -> str:
    return _SHORT_TIME.sub(r"\1.000000Z", when)


def _packed(numbers: Sequence[int]) -> str:
    """Numbers in order, each as its distance from the one before, to the base 36."""
    found, last = [], 0
    for number in numbers:
        found.append(_base36(number - last))
        last = number
    return " ".join(found)


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
        if not number:
            return digits


def _write_frame(folder: Folder) -> None:
    """The page itself and its program; the policy in it lets nothing else run, and nobody be asked."""
    ours = resources.files("mig.archive").joinpath("page")
    style = ours.joinpath("page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = ours.joinpath("index.html").read_text("utf-8")
    with folder.writing("page/page.js") as sheet:
        sheet.write(ours.joinpath("page.js").read_text("utf-8"))
    with folder.writing("index.html") as sheet:
        sheet.write(text.replace("{{ style }}", style).replace("{{ digest }}", digest))
