"""Columns of a user's own, as measured accuracies: a CSV file whose rows are joined to those of a sweep."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from shapecalc.analysis.sweep.conditions import numeric
from shapecalc.errors import UsageError, listed, nearest, quoted, visible

Key: TypeAlias = "Fraction | str"
Row: TypeAlias = "Mapping[str, object]"


class Joined(NamedTuple):
    """The columns of a file, by the values of the one column that a sweep has too."""

    on: str
    columns: Sequence[str]
    rows: Mapping[Key, Row]

    def of(self, value: object) -> Row:
        """What the file has beside a value; None in each column where it has no such row.

        A network is found by its whole name or, if the file has none such, by its last part:
        `imagenet/resnet: resnet18` as `resnet18`.
        """
        own = self.rows.get(_key(value))
        if own is None and self.on == "name":
            own = self.rows.get(_key(str(value).rpartition(": ")[2].rpartition("/")[2]))
        return dict.fromkeys(self.columns) if own is None else own


def read_joined(text: str, file: str, on: str, columns: Collection[str], taken: Collection[str]) -> Joined:
    """The columns of a text in CSV; `columns` are those that rows can be joined by, `taken` all there are.

    Raises:
        UsageError: it is no table with a header, has not the column `on`, or one that is taken, or two rows
            of the same value.
    """
    lines = csv.reader(io.StringIO(text), strict=True)
    header = [visible(name.strip()) for name in _next(lines, file) or ()]
    if on not in columns:
        raise UsageError(f"--on: there is no column {quoted(on)}", hint=f"columns: {listed(columns)}")
    if on not in header:
        hint = nearest(on, header) or f"its columns: {listed(header) or 'none'}"
        raise UsageError(f"{file}:1: there is no column {quoted(on)} to join by", hint=hint)
    for name in header:
        if not name or header.count(name) > 1 or (name != on and name in taken):
            raise UsageError(
                f"{file}:1: the column {quoted(name)} is nameless, twice there, or one of the sweep's own",
                hint="each column has a name of its own",
            )
    rows: dict[Key, Row] = {}
    while (values := _next(lines, file)) is not None:
        if values:
            _add(
                rows, dict(zip(header, _as_many(values, header, f"{file}:{lines.line_num}"), strict=True)), on
            )
    return Joined(on, [name for name in header if name != on], rows)


def _next(lines: Iterator[list[str]], file: str) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error as error:
        raise UsageError(f"{file} is no CSV: {error}") from None


def _as_many(values: Sequence[str], header: Sequence[str], place: str) -> Sequence[str]:
    if len(values) != len(header):
        raise UsageError(f"{place}: {len(values)} values, for the {len(header)} columns of the first line")
    return [value.strip() for value in values]


def _add(rows: dict[Key, Row], values: Mapping[str, str], on: str) -> None:
    key = _key(values[on])
    if key in rows:
        raise UsageError(f"--join: {on} is {quoted(values[on])} in two rows", hint="each has one row")
    rows[key] = {name: _value(text) for name, text in values.items() if name != on}


def _key(value: object) -> Key:
    number = numeric(value)
    return str(value) if number is None else number


def _value(text: str) -> object:
    """A number as it is written, a word, or None of nothing."""
    number = numeric(text)
    if number is None or "/" in text:
        return text or None
    return int(number) if number.denominator == 1 and text.lstrip("+-").isdecimal() else float(text)
