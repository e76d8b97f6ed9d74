"""Text in lines that a screen has room for, broken where a reader would pause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from shutil import get_terminal_size
from typing import TypeAlias

from shapecalc.errors import cells

_HANG = 2  # how much further in a line goes on that has no title to hang below

_UNIT = r"(?:[kKMGTP]?(?:MACs|FLOPs)|(?:[KMGT]i)?B)\b"
_PLACE = re.compile(
    r"(?P<open>[(\[{⌊⌈])|(?P<close>[)\]}⌋⌉])"
    # behind a comma, before a sign of equality
    r"|(?P<clause>[,;:] | (?== ))"
    # between words and before a sign, which leads the line that goes on; not between a number and its unit
    rf"|(?P<word>(?<=[^ ])(?<! [-+−=≥≤≠<>→×·*|])(?<![<>!]=)(?<! at) (?! |{_UNIT}))"
    # behind a sign of multiplication, and between the sizes of a shape
    r"|(?P<product>(?<=[^ ])[⋅×*](?=[^ *])|(?<=[\d)A-Z])x(?=[\dA-Zcf(]))"
    r"|(?P<path>(?<=[\w\]])\.(?=[A-Za-z_])|(?<=\])\.(?=\d))"
)
_KINDS = ("clause", "word", "product", "path")
_Break: TypeAlias = tuple[int, tuple[int, int]]
"""A place to break a text, and its rank: how many brackets it stands in, and of which kind it is."""


def screen() -> int | None:
    """The width of the terminal, or what COLUMNS says; None of a pipe or a file, which have none."""
    return get_terminal_size((0, 0)).columns or None


def least(text: str) -> int:
    """The width of the longest part of a text that nothing breaks."""
    places = [0, *(place for place, _ in _breaks(text)), len(text)]
    return max(cells(text[start:stop].rstrip()) for start, stop in pairwise(places))


def wrapped(text: str, width: int, head: str = "", margin: str = "") -> list[str]:
    """The lines of a text, the first behind `head`, the others behind `margin`; joined, they are the text.

    A line is longer than the width, trailing spaces apart, only where nothing breaks it.
    """
    if cells(head) + cells(text) <= width:
        return [head + text]
    filling = _Filling(text, width, margin, [head])
    filling.put(0, len(text), _breaks(text))
    return filling.lines


def hung(text: str, width: int | None, start: int | None = None) -> list[str]:
    """The lines of a note, those after its first from `start` on, or else below what follows its title."""
    if width is None or cells(text) <= width:
        return [text]
    if start is None:
        title = _TITLE.match(text)
        start = len(title[0]) if title else len(text) - len(text.lstrip()) + _HANG
    margin = " " * min(start, width // 2)
    head = text[: len(text) - len(text.lstrip())]
    return [line.rstrip() for line in wrapped(text[len(head) :], width, head, margin)]


_TITLE = re.compile(r"[A-Z][\w ]{10} +| {2,}or ")  # of a note, in a margin of 12


@dataclass(slots=True)
class _Filling:
    """Lines that are filled with the parts of a text, one part after the other."""

    text: str
    width: int
    margin: str
    lines: list[str]
    bare: bool = True
    """Whether the last line has nothing of the text so far."""

    def put(self, start: int, stop: int, breaks: Sequence[_Break]) -> None:
        """Add a part: to the last line or a new one where it fits, else broken at its outermost places."""
        part = self.text[start:stop]
        if self._fits(self.lines[-1] + part):
            self._add(part)
        elif self._fits(self.margin + part) or not breaks:
            self._begin()
            self._add(part)
        else:
            self._begin()  # what belongs together is broken as late as can be
            for first, last, within in _parts(start, stop, breaks):
                self.put(first, last, within)

    def _add(self, part: str) -> None:
        self.lines[-1] += part
        self.bare = False

    def _begin(self) -> None:
        if not self.bare:
            self.lines.append(self.margin)
            self.bare = True

    def _fits(self, line: str) -> bool:
        return cells(line.rstrip()) <= self.width


def _parts(start: int, stop: int, breaks: Sequence[_Break]) -> Iterator[tuple[int, int, list[_Break]]]:
    """What lies between the outermost breaks, each with the breaks inside."""
    outermost = min(rank for _, rank in breaks)
    within: list[_Break] = []
    for place, rank in breaks:
        if rank != outermost:
            within.append((place, rank))
            continue
        yield start, place, within
        start, within = place, []
    yield start, stop, within


@lru_cache(maxsize=10_000)
def _breaks(text: str) -> list[_Break]:
    """The places where a text may be broken, in their order."""
    found = []
    depth = 0
    for match in _PLACE.finditer(text):
        kind = match.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind in _KINDS:
            found.append((match.end(), (depth, _KINDS.index(kind))))
    return found
