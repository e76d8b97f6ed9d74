"""What a picture has: boxes, in stacks and beside one another, and the lines between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shapecalc.errors import UsageError


class TooLargeError(UsageError):
    """A picture that would have more in it than is drawn; a graph of fewer levels may have less."""


@dataclass(eq=False)
class Box:
    """One box: what it says, and the part that it has in the network, which decides its colour."""

    words: tuple[str, ...] = ()
    """What it is, in a line or two."""
    role: str = "other"
    path: str = ""
    times: str = ""
    """How many copies it stands for, if they are several."""
    figures: tuple[str, ...] = ()
    """What is shown of it besides, each in a line."""
    rows: tuple[int, ...] = ()
    """The numbers of the rows of an analysis that it stands for."""
    share: float | None = None
    """Of a picture that is coloured by a figure, the part of the network's that it has, from 0 to 1."""

    @property
    def lines(self) -> tuple[str, ...]:
        first, *more = self.words or ("",)
        return (first + times_sign(self.times), *more, *self.figures)


def times_sign(times: str) -> str:
    return f" × {times}" if times else ""


@dataclass(eq=False)
class Stack:
    """Parts that follow one another; with a name or several times, in a frame."""

    parts: list[Part] = field(default_factory=list)
    name: str = ""
    path: str = ""
    times: str = ""

    @property
    def title(self) -> str:
        return (self.name + times_sign(self.times)).strip()


@dataclass(eq=False)
class Split:
    """Stacks side by side, and the box that joins them, if they are joined."""

    branches: list[Stack]
    join: Box | None


Part: TypeAlias = "Box | Stack | Split"


class Link(NamedTuple):
    """A line from one box to another."""

    source: Box
    target: Box
    via: int | None = None
    """Where the target joins branches, the number of the empty one that the line is."""


@dataclass(eq=False)
class Figure:
    """A stack that is drawn by itself, with the lines between its boxes."""

    root: Stack
    links: list[Link]


def inside(part: Part) -> Sequence[Part]:
    """The parts that a part is made of, in order."""
    if isinstance(part, Split):
        return [*part.branches, *([part.join] if part.join else [])]
    return part.parts if isinstance(part, Stack) else []


def each(part: Part) -> Iterator[Part]:
    """A part and all parts inside of it, in order."""
    yield part
    for inner in inside(part):
        yield from each(inner)


def boxes(part: Part) -> Iterator[Box]:
    """All boxes of a part."""
    return (inner for inner in each(part) if isinstance(inner, Box))


class Numbering:
    """Names of boxes and frames for other programs: `n0`, `n1`, …; the same part has the same name."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def of(self, part: Part) -> str:
        return self.known.setdefault(id(part), f"n{len(self.known)}")


def stacks(part: Part) -> Iterator[Stack]:
    return (inner for inner in each(part) if isinstance(inner, Stack))


def splits(part: Part) -> Iterator[Split]:
    return (inner for inner in each(part) if isinstance(inner, Split))
