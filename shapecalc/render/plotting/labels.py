"""Texts beside points, none of them over another, over a point or over a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from shapecalc.render.drawing.text_width import text_width

SIZE = 10
_HIGH = 11.0
_NEAR, _FAR = 7.0, 15.0
_SQUARE = 32.0
_PIECE = 6.0


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > 0 and min(self.bottom, other.bottom) > max(self.top, other.top)

    def holds(self, other: Rectangle) -> bool:
        within = self.left <= other.left and other.right <= self.right
        return within and self.top <= other.top and other.bottom <= self.bottom


class Label(NamedTuple):
    """A text with the point that it is of or, once it has a place, with the left end of its line."""

    text: str
    x: float
    y: float


def around(x: float, y: float, reach: float) -> Rectangle:
    """What a point with its mark takes."""
    return Rectangle(x - reach, y - reach, x + reach, y + reach)


def along(points: Sequence[tuple[float, float]]) -> Iterator[Rectangle]:
    """What a line through points takes, piece by piece."""
    for (ax, ay), (bx, by) in pairwise(points):
        pieces = max(1, int(max(abs(bx - ax), abs(by - ay)) / _PIECE))
        for n in range(pieces + 1):
            yield around(ax + (bx - ax) * n / pieces, ay + (by - ay) * n / pieces, 1.0)


class _Taken:
    """Rectangles by the squares of the plane that they reach into: of many, few are looked at."""

    def __init__(self, rectangles: Iterable[Rectangle]) -> None:
        self.squares: dict[tuple[int, int], list[Rectangle]] = {}
        for rectangle in rectangles:
            self.add(rectangle)

    def add(self, one: Rectangle) -> None:
        for square in _squares(one):
            self.squares.setdefault(square, []).append(one)

    def meets(self, one: Rectangle) -> bool:
        return any(one.meets(other) for square in _squares(one) for other in self.squares.get(square, ()))


def _squares(one: Rectangle) -> Iterator[tuple[int, int]]:
    for x in range(int(one.left // _SQUARE), int(one.right // _SQUARE) + 1):
        for y in range(int(one.top // _SQUARE), int(one.bottom // _SQUARE) + 1):
            yield x, y


def written(
    labels: Sequence[Label], inside: Rectangle, marks: Iterable[Rectangle], lines: Iterable[Rectangle]
) -> list[Label]:
    """The labels that find a place, the first ones first; over a line only where there is no other."""
    found: list[Label] = []
    taken, crossed = _Taken(marks), _Taken(lines)
    for label in labels:
        free = [each for each in _places(label) if inside.holds(each[1]) and not taken.meets(each[1])]
        clear = [each for each in free if not crossed.meets(each[1])]
        for place, at in (clear or free)[:1]:
            found.append(place)
            taken.add(at)
    return found


def _places(label: Label) -> Iterator[tuple[Label, Rectangle]]:
    """Right of the point, left of it, above, below, then the corners; then the same farther off."""
    width = text_width(label.text, SIZE)
    for off in (_NEAR, _FAR):
        slant = off * 0.7
        for dx, dy, before in (
            (off, 0.0, 0.0),
            (-off, 0.0, 1.0),
            (0.0, -off - 2, 0.5),
            (0.0, off + 2, 0.5),
            (slant, -slant - 2, 0.0),
            (slant, slant + 2, 0.0),
            (-slant, -slant - 2, 1.0),
            (-slant, slant + 2, 1.0),
        ):
            left, middle = label.x + dx - width * before, label.y + dy
            yield (
                Label(label.text, left, middle + 3.5),
                Rectangle(left, middle - _HIGH / 2, left + width, middle + _HIGH / 2),
            )
