"""What a YAML text is made of: scalars, lists and mappings, each with its place in the user's file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from shapecalc.errors import ArchitectureError, Place, ShapecalcError, quoted, shorten

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_REAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_AMBIGUOUS = {"on", "off", "yes", "no"}

Constant: TypeAlias = "int | float | bool | str | None"


class Mark(Protocol):
    """Where a node starts; `line` and `column` count from 0. PyYAML's own marks are such."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


class Spot(NamedTuple):
    """A mark inside of a value, as of a word in the head of a step."""

    line: int
    column: int


@dataclass(slots=True, eq=False)
class Scalar:
    """One value as it is written; `plain` is false for quoted text."""

    text: str
    plain: bool
    mark: Mark
    size: ClassVar[int] = 1
    height: ClassVar[int] = 0

    @property
    def width(self) -> int:
        return len(self.text) if self.plain else len(self.text) + 2

    def value(self) -> Constant:
        """The constant that the text stands for; quoted text stands for itself."""
        return constant_of(self.text) if self.plain else self.text


def is_ambiguous(text: str) -> bool:
    """Whether plain text is a word that many YAML readers take for a boolean."""
    return text.lower() in _AMBIGUOUS


def constant_of(text: str) -> Constant:
    """What plain text stands for: YAML 1.2's core schema, without octal and hexadecimal numbers."""
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) <= 20:
        return int(text)
    if _REAL.fullmatch(text) and len(text) <= 40:
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


@dataclass(slots=True, eq=False)
class Collection:
    """What lists and mappings have: once complete, the `size` in nodes and the `height` in levels."""

    mark: Mark
    height: int = 1
    size: int = 0
    width: ClassVar[int] = 1


@dataclass(slots=True, eq=False)
class YamlList(Collection):
    items: list[YamlNode] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class YamlMapping(Collection):
    entries: dict[str, tuple[Scalar, YamlNode]] = field(default_factory=dict)


YamlNode: TypeAlias = "Scalar | YamlList | YamlMapping"


MOST_PARTS = 200_000
"""Parts of values, as of heads of steps, in one file: like the limits of a file, for two seconds."""


class Source:
    """A file's name and text: what turns a mark into a place."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.parts = 0
        """The parts of values that were made so far."""

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def place(self, mark: Mark, width: int = 1) -> Place:
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Place(self.name, mark.line + 1, mark.column + 1, line, max(width, 1))

    def part(self, whole: Scalar, start: int, stop: int) -> Scalar:
        """A part of a value, with no white space around it and its own place; of two lines, the whole's."""
        self.parts += 1
        if self.parts > MOST_PARTS:
            hint = "repeated layers are shorter with times and blocks"
            raise self.error(f"more than {MOST_PARTS:,} words are written in heads and lists", whole, hint)
        text = whole.text[start:stop].strip()
        start += len(whole.text[start:stop]) - len(whole.text[start:stop].lstrip())
        spot = Spot(whole.mark.line, whole.mark.column + start + (not whole.plain))
        line = self.lines[spot.line] if spot.line < len(self.lines) else ""
        mark: Mark = spot if line.startswith(text, spot.column) else whole.mark
        return Scalar(text, True, mark)

    def place_of(self, node: YamlNode) -> Place:
        return self.place(node.mark, node.width)

    @contextmanager
    def placing(self, node: YamlNode) -> Iterator[None]:
        """Give errors that are raised inside of the `with` the place of `node`."""
        try:
            yield
        except ShapecalcError as error:
            raise error.at(self.place_of(node)) from None

    def error(self, message: str, node: YamlNode, hint: str | None = None) -> ArchitectureError:
        """An error of the description, at `node`."""
        return ArchitectureError(message, hint=hint, place=self.place_of(node))


def kind(node: YamlNode) -> str:
    """What a node is, in the words of an error message."""
    if isinstance(node, YamlMapping):
        return "a mapping"
    if isinstance(node, YamlList):
        return "a list"
    value = node.value()
    if value is None:
        return "nothing"
    return f"the text {quoted(node.text)}" if isinstance(value, str) else shorten(node.text)
