"""`sweep`: a row for each point, with its figures or its error."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from shapecalc.analysis.sweep.choice import Choice
from shapecalc.analysis.sweep.points import Axis, Point, Sweep, in_a_line, plain_value
from shapecalc.errors import listed, visible, written
from shapecalc.operations import Unknown
from shapecalc.render import streams
from shapecalc.render.cells import UNKNOWN, count, how_many, plain, shape, size
from shapecalc.render.field_columns import by_axis
from shapecalc.render.grid import Column, Grid, Line


def _field(value: object) -> str:
    return UNKNOWN if isinstance(value, Unknown) else by_axis(value)


_MOST_ERRORS = 8
"""Errors that stand below a table."""
COLUMNS = {
    column.key: column
    for column in [
        Column("params", "Params", count),
        Column("trainable", "Trainable", count),
        Column("buffers", "Buffers", count),
        Column("macs", "MACs", count),
        Column("flops", "FLOPs", count),
        Column("weights", "Weights", size),
        Column("output", "Output shape", shape),
        Column("receptive", "Receptive field", _field),
        Column("peak", "Peak", size),
        Column("training", "Training", size),
        Column("saved", "Saved", size),
    ]
}


class Rows:
    """The rows of a sweep in the order in which they are printed; what can't be known of them is counted."""

    def __init__(self, swept: Sweep, choice: Choice, computed: Iterable[Point]) -> None:
        self.swept = swept
        self.choice = choice
        self.computed = computed
        self.failed = 0
        self.points = 0
        self.unknown = 0

    def __iter__(self) -> Iterator[tuple[Point, bool]]:
        """Each point, and whether it is one of the best; of large sweeps as they come, where that can be."""
        kept = self.choice.kept(self._counted(), self._left_open)
        if self.choice.at_once:
            yield from ((point, False) for point in kept)
            return
        points = self.choice.in_order(kept)
        best = self.choice.best(points) if self.choice.pareto else [False] * len(points)
        yield from zip(points, best, strict=True)

    def _left_open(self) -> None:
        self.unknown += 1

    @property
    def unknown_note(self) -> str:
        """What is to be said of points that are left out because a figure is not known; or nothing."""
        if not self.unknown:
            return ""
        return f"{count(self.unknown)} more left out: a figure that --where asks for is not known"

    def _counted(self) -> Iterator[Point]:
        first: Point | None = None
        for point in self.computed:
            self.points += 1
            self.failed += point.error is not None
            if point.error is None:
                first = first if first and self._alike(first, point) else point
                self._warn(first, point)
            yield point

    def _alike(self, one: Point, other: Point) -> bool:
        """Whether two points are of one network, with the same values for its parameters."""
        names = [axis.name for axis in self.swept.axes if not axis.letter]
        return one.name == other.name and all(one.values[name] == other.values[name] for name in names)

    def _warn(self, one: Point, other: Point) -> None:
        """Say it if sizes of the input change the weights, as every command does."""
        if one.figures.get("params") != other.figures.get("params"):
            letters = listed(axis.name for axis in self.swept.axes if axis.letter)
            streams.note(f"the sizes of {letters} change the weights of {one.name}")

    @property
    def all_failed(self) -> bool:
        return self.failed == self.points


def csv_header(swept: Sweep, pareto: bool) -> list[str]:
    """The names of the columns: first what says which point a row is of, at the end its error."""
    names = ["name", *(axis.name for axis in swept.axes), *swept.all_columns]
    return [*names, *(["pareto"] if pareto else []), "error"]


def write_csv(rows: Rows, file: TextIO, goes_on: bool = False) -> None:
    """A line for each point, written before the next one is computed; `goes_on` behind those of the file."""
    pareto = bool(rows.choice.pareto)
    header = csv_header(rows.swept, pareto)
    keys = header[1 : -2 if pareto else -1]
    writer = csv.writer(file, lineterminator="\n")
    if not goes_on:
        writer.writerow(header)
    for point, best in rows:
        values = [csv_text(point.get(key)) for key in keys]
        marks = [str(best).lower()] if pareto else []
        error = in_a_line(point.error) if point.error else ""
        writer.writerow([visible(point.name), *values, *marks, visible(error)])


def csv_text(value: object) -> str:
    """A value as a line of CSV has it."""
    if isinstance(value, Unknown):
        return UNKNOWN
    return visible(str(value).lower() if isinstance(value, bool) else plain(plain_value(value)))


def write_json(rows: Rows, file: TextIO, goes_on: bool = False) -> None:
    """A list with an object for each point, each in a line of its own; `goes_on` behind those of the file."""
    before = ",\n " if goes_on else "[\n "
    for point, best in rows:
        mark = {"pareto": best} if rows.choice.pareto else {}
        file.write(before + json.dumps({**point.to_dict(), **mark}))
        before = ",\n "
    file.write("[\n]\n" if before[0] == "[" else "\n]\n")


def sweep_grid(rows: Rows) -> Grid:
    """The table: what is the same at every point stands in its heading, errors below it."""
    swept, choice = rows.swept, rows.choice
    axes = [axis for axis in swept.axes if len(axis.values) > 1]
    found = [*rows]
    errors = _Errors(point for point, _ in found)
    columns = [
        *([Column("name", "Network")] if len(swept.networks) > 1 else []),
        *[_axis_column(axis) for axis in axes],
        *[COLUMNS.get(key) or Column(key, key) for key in swept.all_columns],
        *([Column("note", "Note")] if choice.pareto or errors.texts else []),
    ]
    lines = []
    for point, best in found:
        note = " ".join(filter(None, ("best" if best else "", errors.mark(point))))
        values = [note if column.key == "note" else point.get(column.key) for column in columns]
        dimmed = point.error is not None or (bool(choice.pareto) and not best)
        lines.append(Line(tuple(values), style="dim" if dimmed else ""))
    notes = _notes(rows, len(found), sum(best for _, best in found))
    return Grid(heading(swept), tuple(columns) if lines else (), lines, [*notes, *errors.notes()])


def _axis_column(axis: Axis) -> Column:
    """Numbers stand to the right, as counts do, but as they were given: 0.75, 3/4."""
    numbers = all(type(value) is int for value in axis.values)
    return Column(axis.name, axis.name, count if numbers else as_given)


def title_of(column: str) -> str:
    """What stands above a column."""
    return COLUMNS[column].title if column in COLUMNS else column


def as_given(value: object) -> str:
    """A value of an axis as a file would write it."""
    return value if isinstance(value, str) else written(value)


def heading(swept: Sweep) -> str:
    """The networks, their input, and what has one value at all points."""
    names = [next(iter(swept.networks))] if len(swept.networks) == 1 else [f"{len(swept.networks)} networks"]
    given = swept.input
    inputs = [f"input {given}"] if isinstance(given, str) else []
    if isinstance(given, dict):
        inputs = [f"{name} {text}" for name, text in given.items()]
    fixed = [f"{axis.name} {as_given(axis.values[0])}" for axis in swept.axes if len(axis.values) == 1]
    return " · ".join([*names, *inputs, *fixed])


def _notes(rows: Rows, shown: int, best: int) -> list[str]:
    """How many points there are, and what became of them."""
    left = rows.points - shown - rows.unknown
    out = f", {count(left)} of them left out by --where" if left else ""
    notes = [f"Swept       {how_many(rows.points, 'point')}{out}"]
    if rows.unknown:
        notes.append(f"Unknown     {rows.unknown_note}")
    if rows.choice.pareto:
        goals = [f"{'more' if goal.largest else 'less'} {goal.column}" for goal in rows.choice.pareto]
        *most, last = goals
        better = f"{', '.join(most)} or {last}"
        notes.append(f"Best        {count(best)}: no other has {better}, and is worse in none")
    if rows.failed:
        notes.append(f"Errors      at {how_many(rows.failed, 'point')}:")
    return notes


class _Errors:
    """The errors of points, each text once, by its number."""

    def __init__(self, points: Iterable[Point]) -> None:
        texts = (in_a_line(point.error) for point in points if point.error)
        self.texts: Sequence[str] = list(dict.fromkeys(texts))
        self.numbers = {text: number for number, text in enumerate(self.texts, start=1)}

    def mark(self, point: Point) -> str:
        return f"({self.numbers[in_a_line(point.error)]})" if point.error else ""

    def notes(self) -> list[str]:
        shown = [f"  ({number}) {text}" for text, number in self.numbers.items()][:_MOST_ERRORS]
        rest = len(self.texts) - len(shown)
        return [
            *shown,
            *([f"  … and {rest:,} more: --format csv has the error of each point"] if rest else []),
        ]
