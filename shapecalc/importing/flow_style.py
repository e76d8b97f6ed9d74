"""How a file is written: each step on a line of its own in flow style, as long as it fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

from shapecalc.errors import written

WIDTH = 112
"""Columns of a line."""


@dataclass
class Line:
    """One step to be written: its head, what comes after the colon, how often in a row."""

    head: str
    beside: str = ""
    value: Any = None
    times: int = 1
    frozen: bool = False

    def same(self, other: Line) -> bool:
        alone = not self.beside and not other.beside
        written = self.head, self.frozen, repr(self.value)
        return alone and written == (other.head, other.frozen, repr(other.value))

    @property
    def key(self) -> str:
        head = f"{self.head} frozen" if self.frozen else self.head
        return f"{head}{self.beside}" + (f" times {self.times}" if self.times > 1 else "")


_LONGEST = 8
"""Lines of a row that comes again."""


def rows_once(lines: Sequence[Line]) -> list[Line]:
    """The same steps, where several in a row come again right after themselves: once, and how often."""
    found: list[Line] = []
    at = 0
    while at < len(lines):
        length, times = _row(lines[at:])
        row = [*lines[at : at + length]]
        found += row if times == 1 else [Line("seq", value=rows_once(row), times=times)]
        at += length * times
    return found


def _row(lines: Sequence[Line]) -> tuple[int, int]:
    """Of the row at the beginning that saves most lines, how long it is, and how often it comes."""
    best = (1, 1)
    for length in range(2, min(_LONGEST, len(lines) // 2) + 1):
        row, times = lines[:length], 1
        while _alike(row, lines[length * times : length * (times + 1)]):
            times += 1
        if times > 1 and length * (times - 1) > best[0] * (best[1] - 1):
            best = (length, times)
    return best


def _alike(row: Sequence[Line], other: Sequence[Line]) -> bool:
    return len(row) == len(other) and all(
        a.same(b) and a.times == b.times for a, b in zip(row, other, strict=True)
    )


def flow(value: Any) -> str:
    """A value in flow style."""
    if isinstance(value, Line):
        return value.key if value.value is None else f"{value.key}: {flow(value.value)}"
    if value is None or isinstance(value, (bool, float)):
        return _real(value) if isinstance(value, float) else written(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(flow(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return f'"{text}"' if re.search(r"[,\[\]{}:#]|^$", text) else text


def _real(value: float) -> str:
    text = written(value) if isinf(value) else repr(value)
    mantissa, e, exponent = text.partition("e")
    return text if not e else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"


def listed(lines: Sequence[Line], indent: int) -> list[str]:
    """Steps as the lines of a list; each in flow style if it fits."""
    return [text for line in lines for text in _listed(line, indent)]


def _listed(line: Line, indent: int) -> list[str]:
    short = f"- {flow(line)}"
    if len(short) + indent <= WIDTH and not _deep(line.value):
        return [short]
    if isinstance(line.value, dict) and "branches" in line.value:
        rest = {k: v for k, v in line.value.items() if k != "branches"}
        more = [f"    {key}: {flow(value)}" for key, value in rest.items()]
        inner = _branches(line.value["branches"], indent + 6)
        return [f"- {line.key}:", "    branches:", *(f"    {text}" for text in inner), *more]
    if isinstance(line.value, list) and line.value and isinstance(line.value[0], Line):
        return [f"- {line.key}:", *(f"    {text}" for text in listed(line.value, indent + 4))]
    if isinstance(line.value, list) and any(isinstance(item, list) for item in line.value):
        return [f"- {line.key}:", *(f"  {text}" for text in _branches(line.value, indent + 4))]
    if isinstance(line.value, dict):
        return [f"- {line.key}:", *(f"    {text}" for text in _wrapped(line.value, indent + 4))]
    return [short]


def _wrapped(value: dict[str, Any], indent: int) -> list[str]:
    """A mapping in flow style, on as many lines as it needs."""
    lines = ["{"]
    for number, (key, item) in enumerate(value.items(), start=1):
        text = f"{key}: {flow(item)}" + (", " if number < len(value) else "}")
        if len(lines[-1]) > 1 and len(lines[-1]) + len(text.rstrip()) + indent > WIDTH:
            lines.append(" ")
        lines[-1] += text
    return [line.rstrip() for line in lines]


def _deep(value: Any) -> bool:
    """Whether a value is easier to read in block style: many steps, or joins within joins."""
    if isinstance(value, dict):
        return _deep(value.get("branches"))
    if isinstance(value, Line):
        return "," in value.beside or _deep(value.value)
    if not isinstance(value, list):
        return False
    if any(_commas(item) for item in value):
        return True
    steps = [line for item in value for line in (item if isinstance(item, list) else [item])]
    return sum(isinstance(step, Line) for step in steps) > 6


def _commas(item: Any) -> bool:
    """Whether a step within has several names in its head, whose commas would end it in flow style."""
    if isinstance(item, Line):
        return "," in item.beside or _commas(item.value)
    if isinstance(item, dict):
        return _commas(item.get("branches"))
    return isinstance(item, list) and any(map(_commas, item))


def _branches(branches: Sequence[Any], indent: int) -> list[str]:
    found = []
    for branch in branches:
        if not isinstance(branch, list):
            found.append(f"- {flow(branch)}")
            continue
        short = f"- {flow(branch)}"
        if (len(short) + indent <= WIDTH and not _commas(branch)) or not branch:
            found.append(short)
            continue
        lines = listed(branch, indent + 2)
        found += [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]
    return found
