"""Lines of Python, laid out as ruff and black do.

A call that is too long is split at its brackets; an argument that still is, before its operators.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
"""Columns of a line: the default of both."""


@dataclass(frozen=True, slots=True)
class Bracketed:
    """A list in brackets, and the text before it."""

    head: str
    items: Sequence[Doc]
    close: str = ")"
    comma: bool = True
    """Whether commas stand between the items; else they follow one another, as in a comprehension."""

    def __str__(self) -> str:
        return f"{self.head}{(', ' if self.comma else ' ').join(map(str, self.items))}{self.close}"


Doc: TypeAlias = "str | Bracketed"


def call(function: str, items: Sequence[Doc]) -> Bracketed:
    return Bracketed(f"{function}(", items)


def named(name: str, value: Doc) -> Doc:
    """A value after its name, as in a call."""
    return (
        f"{name}={value}"
        if isinstance(value, str)
        else Bracketed(f"{name}={value.head}", value.items, value.close, value.comma)
    )


def lines(doc: Doc, indent: int, before: str = "", after: str = "") -> list[str]:
    """A statement or a part of one in as many lines as it takes."""
    space = " " * indent
    flat = f"{space}{before}{doc}{after}"
    if len(flat) <= WIDTH or isinstance(doc, str) or not doc.items:
        return [flat]
    inside = " " * (indent + 4) + (", " if doc.comma else " ").join(map(str, doc.items))
    first, last = f"{space}{before}{doc.head}", f"{space}{doc.close}{after}"
    if len(inside) <= WIDTH:
        return [first, inside, last]
    body = [line for item in doc.items for line in _item(item, indent + 4, "," * doc.comma)]
    return [first, *body, last]


def _item(doc: Doc, indent: int, comma: str) -> list[str]:
    """What stands between brackets: a tuple or an expression that is too long may be in several lines."""
    if not isinstance(doc, str) or '"' in doc or indent + len(doc) + len(comma) <= WIDTH:
        return lines(doc, indent, after=comma)
    if doc[0] == "(" and len(items := _split(doc[1:-1], ", ")) > 1:
        return lines(Bracketed("(", items), indent, after=comma)
    operands = _split(doc, r" (?=[+-] )")
    if len(operands) == 1:
        operands = _split(doc, r" (?=(?:[*%]|//) )")
    return [f"{' ' * indent}{operand}" for operand in (*operands[:-1], operands[-1] + comma)]


def _split(text: str, between: str) -> list[str]:
    """The parts of a text between which such a text stands outside of all brackets."""
    parts, start = [], 0
    for found in re.finditer(between, text):
        before = text[: found.start()]
        if before.count("(") + before.count("[") == before.count(")") + before.count("]"):
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]
