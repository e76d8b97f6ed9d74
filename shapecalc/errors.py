"""Every error a user can meet: one base class, three kinds, each with its place in the user's file.

The kind decides the exit code of the command line: see `exit_code` of each class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import isinf
from typing import Any, Self

_EXCERPT = 100  # characters of a source line that an error quotes at most
MOST_COMPARED = 2000  # names that an unknown one is compared with
LONGEST = 300  # characters of a message and of a hint, whatever they quote


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line of a user's file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    text: str
    width: int = 1

    def __str__(self) -> str:
        return f"{visible(self.file)}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The quoted line with the stretch underlined, as two lines of text."""
        start = max(0, self.column - 1 - _EXCERPT // 2) if len(self.text) > _EXCERPT else 0
        quoted = "".join(c if c.isprintable() else " " for c in self.text[start : start + _EXCERPT])
        offset = self.column - 1 - start
        underline = " " * cells(quoted[:offset]) + "^" * max(1, cells(quoted[offset : offset + self.width]))
        number = str(self.line)
        return f"  {number} │ {quoted.rstrip()}\n  {' ' * len(number)} │ {underline}"


def cells(text: str) -> int:
    """The columns that a text takes on a terminal: East Asian wide characters take two."""
    return len(text) if text.isascii() else _cells(text)


@lru_cache(maxsize=10_000)  # a column of a table has the same texts again and again
def _cells(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def visible(text: str) -> str:
    """A text whose control characters, which a terminal would obey, are written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, length: int = 60) -> str:
    """A text with its end left out where it is longer than an error message should quote."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def short_path(path: object) -> str:
    """A path, so short that the reason why it can't be read or written has room behind it."""
    return shorten(str(path), LONGEST // 2)


def quoted(text: str) -> str:
    """What the user wrote, in quotes and short."""
    return repr(shorten(text))


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names joined by commas, of many the first few."""
    known = list(names)
    return ", ".join([*known[:most], *(["…"] if len(known) > most else [])])


def written(value: object) -> str:
    """A value as the user's file would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float) and isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return shorten(str(value))


class ShapecalcError(Exception):
    """What was found, what was needed (`message`), where (`place`, `path`), and what to do (`hint`)."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        place: Place | None = None,
        path: str | None = None,
        argument: str | None = None,
    ) -> None:
        self.message = shorten(visible(message), LONGEST)
        super().__init__(self.message)
        self.hint = hint and shorten(visible(hint), LONGEST)
        self.place = place
        self.path = path
        self.argument = argument
        self.use: Place | None = None
        """Where the network uses the library that the place is in."""

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process makes it of again: all that it says, whatever its class is made with."""
        return Exception.__new__, (type(self), *self.args), vars(self)

    def at(self, place: Place | None, path: str | None = None) -> Self:
        """The same error with its place in the file; what is already known stays."""
        self.place = self.place or place
        self.path = path if self.path is None else self.path
        return self

    def used_at(self, place: Place) -> Self:
        """The same error of something in a library, with the place that uses it; the last one given stays."""
        self.use = place
        return self

    def about(self, subject: str) -> Self:
        """The same error with what it is about in front of its message."""
        self.message = shorten(f"{subject}: {self.message}", LONGEST)
        self.args = (self.message,)
        return self

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        details = [self.place.excerpt()] if self.place else []
        if self.path:
            details.append(f"  at {self.path}")
        if self.use:
            details.append(f"  used at {self.use}")
        if self.hint:
            details.append(f"  hint: {self.hint}")
        return "\n".join([head, *details])


class UsageError(ShapecalcError):
    """A bad option, or a file that can't be read as an architecture at all: exit code 2."""


class ArchitectureError(ShapecalcError):
    """The file can be read, and what it describes is wrong: exit code 1."""

    exit_code = 1


class UnknownNameError(ArchitectureError):
    """A value is of a name that stands for none."""

    def __init__(self, name: str, message: str, *, hint: str | None) -> None:
        super().__init__(message, hint=hint)
        self.name = name


class UnknownError(ArchitectureError):
    """A figure of a layer is not known, and so neither is the network's."""


class UnavailableError(ShapecalcError):
    """This machine can't do it: no such device, too little memory, torch missing: exit code 3."""

    exit_code = 3


def _alike(a: str, b: str) -> int:
    """At how many places two words have the same character."""
    return sum(map(str.__eq__, a, b))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """A hint that names the candidates closest to `name`, or None if none is close."""
    from difflib import get_close_matches  # only an error pays for this import

    by_lower: dict[str, str] = {}
    for candidate in names:  # of two that differ in case alone, the one that is written more alike
        other = by_lower.setdefault(candidate.lower(), candidate)
        by_lower[candidate.lower()] = max(other, candidate, key=lambda known: _alike(known, name))
    if name.lower() in by_lower:  # nothing is closer: Conv2D is no Conv3d
        return f"did you mean {by_lower[name.lower()]}?"
    close = get_close_matches(name.lower()[:100], list(by_lower)[:MOST_COMPARED], n=3, cutoff=0.6)
    return f"did you mean {' or '.join(by_lower[match] for match in close)}?" if close else None
