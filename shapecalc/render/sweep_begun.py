"""The rows of a sweep that was broken off, as its file has them: which are whole, and where it goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shapecalc.analysis.sweep.points import Axis, Sweep, plain_value
from shapecalc.errors import visible
from shapecalc.render.sweep import csv_header, csv_text


class Begun(NamedTuple):
    """What is there of a sweep already."""

    number: int = 0
    """Of the point that comes next."""
    size: int = 0
    """The bytes up to the end of the last whole row."""
    some_known: bool = False
    """Whether one of the rows has no error."""


class _Row(NamedTuple):
    line: int
    name: str
    values: Sequence[str]
    """Of the axes, as the file writes them."""
    failed: bool
    size: int
    """The bytes up to its end."""


def begun(lines: Iterable[bytes], form: str, swept: Sweep) -> Begun:
    """What a file in CSV or JSON has of a sweep; a last line that is no whole row counts as none.

    Raises:
        ValueError: its lines are none that this sweep writes.
    """
    found, last = Begun(), None
    for last in (_csv_rows if form == "csv" else _json_rows)(iter(lines), swept):
        found = Begun(0, last.size, found.some_known or not last.failed)
    return found._replace(number=_number(last, swept, form) + 1) if last else found


def _csv_rows(lines: Iterator[bytes], swept: Sweep) -> Iterator[_Row]:
    header = csv_header(swept, pareto=False)
    size = 0
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return
        size += len(line)
        values = next(csv.reader([line.decode()]), [])
        if len(values) != len(header) or (number == 1 and values != header):
            raise ValueError(f"line {number} is none of this sweep")
        if number > 1:
            yield _Row(number, values[0], values[1 : 1 + len(swept.axes)], bool(values[-1]), size)


def _json_rows(lines: Iterator[bytes], swept: Sweep) -> Iterator[_Row]:
    size = 0
    for number, line in enumerate(lines, start=1):
        own = line.rstrip(b",\n")
        if own == b"]":
            return
        if number > 1:
            try:
                row = json.loads(own)
                values = [json.dumps(row[axis.name]) for axis in swept.axes]
                yield _Row(number, visible(row["name"]), values, row["error"] is not None, size + len(own))
            except (ValueError, KeyError, TypeError):
                if not line.endswith(b"\n"):  # the beginning of a row
                    return
                raise ValueError(f"line {number} is none of this sweep") from None
        elif own != b"[":
            raise ValueError("line 1 is none of this sweep")
        size += len(line)


def _number(row: _Row, swept: Sweep, form: str) -> int:
    """The number of the point that a row is of."""
    written = [_texts(axis, form) for axis in swept.axes]
    place = 0
    try:
        for texts, text in zip(written, row.values, strict=True):
            own = texts.index(text)
            place = max(place, own) if swept.zipped else place * len(texts) + own
        return list(map(visible, swept.networks)).index(row.name) * swept.of_each + place
    except ValueError:
        raise ValueError(f"line {row.line} is of no point of this sweep") from None


def _texts(axis: Axis, form: str) -> list[str]:
    """The values of an axis as a file has them."""
    write = csv_text if form == "csv" else (lambda value: json.dumps(plain_value(value)))
    found = [write(value) for value in axis.values]
    if len({*found}) < len(found):
        raise ValueError(f"two values of {axis.name} are written alike: which of them a row is of is unknown")
    return found
