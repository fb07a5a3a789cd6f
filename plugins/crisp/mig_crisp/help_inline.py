"""Writes runs of marked text, links and pictures as lines of the dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mig_crisp.help_emphasis import Piece, emphasised
from mig_crisp.help_rules import CODE
from mig_crisp.help_signs import destination, escaped, escaped_at_start
from mig_crisp.help_tree import Embed, Link, Picture, Run

Inline = Run | Picture | Embed
_BLANKS = re.compile(" {2,}")
_SHORTEST_FILM = 6
"""Characters of what can be the id of a film; a shorter one is none, and its address a link."""
_NO_FILM = ("videoseries", "playlist", "showcase", "event", "live_stream")
_AFTER_FILM = re.compile(r"/?\Z|/?[?#&]|/[0-9a-f]+")
_VIDEO = re.compile(
    r"(?:https?:)?//(?:www\.|m\.)?(?:(?P<y>youtube(?:-nocookie)?\.com/(?:embed/|v/|shorts/|live/|watch\?(?:[^#]*&)?v=)"
    r"|youtu\.be/)|(?P<v>(?:player\.)?vimeo\.com/(?:video/)?))(?P<id>[A-Za-z0-9_-]+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class _Linked:
    """A link whose address is known, and what it is around."""

    link: Link
    address: str
    items: list[Inline]


class InlineWriter:
    """Writes what stands inside blocks.

    Args:
        address: Says what to write in place of an address; see `help_markdown.markdown`.
        lose: Takes down what is lost; see `help_tree.Tree`.
    """

    def __init__(self, address: Callable[[str, str], str | None], lose: Callable[[str, str], None]) -> None:
        self._address = address
        self._lose = lose

    def lines(self, items: Iterable[Inline]) -> list[str]:
        """The lines of a paragraph; an empty one where two breaks follow one another."""
        items = list(items)
        if (plain := _plain_text(items)) is not None:
            return [escaped_at_start(escaped(plain))] if plain else []
        return emphasised(self._pieces(items, cell=False), self._lose, starts=True)

    def line(self, items: Iterable[Inline], *, cell: bool = False) -> str:
        """Everything on one line, as in a heading or a table."""
        items = list(items)
        if (plain := _plain_text(items)) is not None:
            return escaped(plain)
        flat = [replace(item, text=item.text.replace("\n", " ")) if isinstance(item, Run) else item for item in items]
        return " ".join(emphasised(self._pieces(flat, cell=cell), self._lose, starts=False, cell=cell))

    def embed(self, embed: Embed, *, cell: bool = False) -> str:
        """A link to what a frame or player shows; empty if nothing shall stand for it."""
        # An address that holds the bytes themselves is no words.
        title = embed.title or ("file" if embed.url.startswith("data:") else embed.url)
        written = self._address(embed.url, "link" if embed.sort == "frame" else "media") if embed.url else None
        if not written:
            return escaped(embed.title)
        self._lose("changed", "{} players and frames became links")
        return f"[{escaped(title)}]({destination(written, cell=cell)})"

    def player(self, embed: Embed) -> str:
        """What plays a video in the page, or a link."""
        found = _VIDEO.match(embed.url) if embed.sort != "media" else None
        if found is None or found["id"].lower() in _NO_FILM or not _AFTER_FILM.match(found["rest"]):
            return self.embed(embed)
        name = "vimeo" if found["v"] else "youtube"
        if not (found["id"].isdigit() if name == "vimeo" else len(found["id"]) >= _SHORTEST_FILM):
            return self.embed(embed)
        if name == "vimeo" and re.match("/[0-9a-f]|.*[?&]h=", found["rest"]):
            self._lose("changed", "{} Vimeo videos are named without the hash a private one needs")
        return f"${{{name}}}[{escaped(embed.title or 'Video')}]({found['id']})"

    # ---- links -------------------------------------------------------------------------------------------------------

    def _pieces(self, items: Iterable[Inline], *, cell: bool) -> list[Piece]:
        pieces: list[Piece] = []
        for part in self._linked(_grouped(items)):
            if isinstance(part, _Linked):
                pieces += self._link(part, cell=cell)
            else:
                pieces += self._plain(part, cell=cell)
        return pieces

    def _linked(self, groups: Iterable[tuple[Link | None, list[Inline]]]) -> list[_Linked | Inline]:
        """Ask for the address of each link that something stands for, where it stands first."""
        parts: list[_Linked | Inline] = []
        for link, items in groups:
            if link is None or not self._shows(items):
                parts += items
                continue
            if not link.asked:
                link.asked, link.address = True, self._address(link.url, "link")
            elif link.address:
                self._lose("changed", "{} blocks of links around several, each of which has the link")
            parts += [_Linked(link, link.address, items)] if link.address else items
        return parts

    @staticmethod
    def _shows(items: Sequence[Inline]) -> bool:
        """Whether a link can stand around these: around words or a picture."""
        return any(isinstance(item, Picture) or (isinstance(item, Run) and item.text.strip()) for item in items)

    def _link(self, part: _Linked, *, cell: bool) -> list[Piece]:
        texts = [item.text if isinstance(item, Run) else "x" for item in part.items]
        whole = "".join(texts)
        before, after = whole[: len(whole) - len(whole.lstrip())], whole[len(whole.rstrip()) :]
        inner: list[Piece] = []
        for item in part.items:
            inner += self._plain(
                replace(item, text=item.text.replace("\n", " ")) if isinstance(item, Run) else item, cell=cell
            )
        shown = " ".join(emphasised(inner, self._lose, starts=False, cell=cell))
        if not shown:  # a picture that may not stand here and has no words
            self._lose("dropped", "{} links around nothing that can be shown")
            return inner
        around = [Piece.blank(before)] if before else []
        text = f"[{shown}]({destination(part.address, cell=cell)})"
        return [*around, Piece("atom", text, 0), *([Piece.blank(after)] if after else [])]

    def _plain(self, item: Inline, *, cell: bool) -> list[Piece]:
        if isinstance(item, Embed):
            text = self.embed(item, cell=cell)
            return [Piece.blank(" "), Piece("atom", text, 0), Piece.blank(" ")] if text else []
        if isinstance(item, Picture):
            written = self._address(item.url, "image") if item.url else None
            if written:
                return [Piece("atom", f"![{escaped(item.alt)}]({destination(written, cell=cell)})", 0)]
            return _of_run(Run(item.alt, 0, None))
        return _of_run(item)


def _plain_text(items: Sequence[Inline]) -> str | None:
    """What most lines are: words without anything."""
    texts = []
    for item in items:
        if not isinstance(item, Run) or item.marks or item.link is not None or "\n" in item.text:
            return None
        texts.append(item.text)
    return _BLANKS.sub(" ", "".join(texts).strip())


def _grouped(items: Iterable[Inline]) -> list[tuple[Link | None, list[Inline]]]:
    """Neighbours with the same link; blanks between two of them belong to it."""
    groups: list[tuple[Link | None, list[Inline]]] = []
    keyed = groupby(items, key=lambda item: None if isinstance(item, Embed) else item.link)
    for link, members in keyed:
        run = list(members)
        between = groups[-1][1] if groups and groups[-1][0] is None else None
        if link is not None and len(groups) > 1 and groups[-2][0] is link and between is not None and _blank(between):
            groups[-2][1].extend((*between, *run))
            groups.pop()
        else:
            groups.append((link, run))
    return groups


def _blank(items: Iterable[Inline]) -> bool:
    return all(isinstance(item, Run) and not item.text.strip() for item in items)


def _of_run(run: Run) -> list[Piece]:
    """Words and the blanks and breaks around them."""
    text, marks = run.text, run.marks
    pieces: list[Piece] = []
    for number, part in enumerate(text.split("\n")):
        if number:
            pieces.append(Piece.blank("\n"))
        core = part.strip()
        if not core:
            if part:
                pieces.append(Piece.blank(part, marks))
            continue
        at = part.index(core)
        if at:
            pieces.append(Piece.blank(part[:at], marks))
        pieces.append(Piece("code" if marks & CODE else "text", core, marks & ~CODE))
        if at + len(core) < len(part):
            pieces.append(Piece.blank(part[at + len(core) :], marks))
    return pieces
