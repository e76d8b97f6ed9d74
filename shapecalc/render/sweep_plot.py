"""`sweep` as a plot: two columns on two axes, a line through the points that differ in one value alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from shapecalc.analysis.sweep.choice import Choice, ordered
from shapecalc.analysis.sweep.conditions import numeric
from shapecalc.analysis.sweep.figures import SHAPES
from shapecalc.analysis.sweep.points import Axis, Point, Sweep
from shapecalc.errors import UsageError
from shapecalc.render import streams
from shapecalc.render.plotting.plot import MOST_DOTS, Dot, DotSeries, Guide, Plot
from shapecalc.render.plotting.scale import PlotAxis
from shapecalc.render.sweep import Rows, as_given, heading, title_of

_UNITS = {"params": "elements", "trainable": "elements", "buffers": "elements"}
_BYTES = ("weights", "peak", "training", "saved")
_MOST_SERIES = 14
"""Lines that can be told apart; of more, each network is one series without a line."""
_MOST_LABELLED = 40


class Ends(NamedTuple):
    """What stands on the axes: two columns, and which of x and y are logarithmic; None where ranges tell."""

    x: str
    y: str
    log: str | None = None

    def axis(self, name: str) -> PlotAxis:
        column = self.x if name == "x" else self.y
        unit = "bytes" if column in _BYTES else _UNITS.get(column)
        title = f"{title_of(column)} ({unit})" if unit else title_of(column)
        return PlotAxis(title, None if self.log is None else name in self.log, column in _BYTES)


def read_ends(x: str | None, y: str | None, log: str | None, swept: Sweep) -> Ends:
    """What stands on the axes: unless told the first two figures or, of one alone, the last axis and it.

    Raises:
        UsageError: a column has no order, there is none, or one for both axes.
    """
    columns = [*(axis.name for axis in swept.axes), *swept.all_columns]
    figures = [name for name in swept.all_columns if name not in SHAPES]
    varied = [axis.name for axis in reversed(swept.axes) if len(axis.values) > 1]
    free = [*figures[:2], *varied] if len(figures) > 1 else [*varied, *figures]
    free = [name for name in free if name not in (x, y)]
    if len(free) < (not x) + (not y):
        raise UsageError("a plot needs two columns", hint="--columns params,macs, or --x S --y macs")
    across = ordered("--x", x or free.pop(0), columns)
    upright = ordered("--y", y or free.pop(0), columns)
    if across == upright:
        raise UsageError(f"--x and --y are both {across}", hint="a plot needs two columns")
    return Ends(across, upright, None if log is None else log.replace("none", ""))


def sweep_plot(rows: Rows, ends: Ends) -> Plot:
    """The plot of the points that have a number in both columns; the best are marked, with a line between.

    Raises:
        UsageError: there is no point to draw, or there are too many.
    """
    found = []
    for point, best in rows:
        found.append((point, best))
        if len(found) > MOST_DOTS:
            raise UsageError(f"a plot has {MOST_DOTS:,} points at most", hint="fewer values, or --where")
    drawn = [(point, best) for point, best in found if _pair(point, ends)]
    if len(drawn) < len(found):
        left = len(found) - len(drawn)
        streams.note(f"{left:,} of {len(found):,} points are not drawn: no number on both axes")
    series = _Series(rows.swept, rows.choice, ends).all(drawn)
    guides = _stairs([point for point, best in drawn if best], rows.choice, ends)
    title = f"{title_of(ends.y)} by {title_of(ends.x)} · {heading(rows.swept)}"
    return Plot(title, _described(rows, ends, drawn), ends.axis("x"), ends.axis("y"), series, guides)


def _pair(point: Point, ends: Ends) -> tuple[Fraction, Fraction] | None:
    x, y = numeric(point.get(ends.x)), numeric(point.get(ends.y))
    return None if x is None or y is None else (x, y)


def _described(rows: Rows, ends: Ends, drawn: Sequence[tuple[Point, bool]]) -> str:
    best = [point for point, best in drawn if best]
    marked = (
        f" The best of them, by {_goals(rows.choice)}: {'; '.join(map(_in_words, best))}." if best else ""
    )
    return f"{len(drawn):,} points: {title_of(ends.y)} by {title_of(ends.x)}.{marked}"


def _goals(choice: Choice) -> str:
    return ", ".join(f"{'more' if goal.largest else 'less'} {goal.column}" for goal in choice.pareto)


def _in_words(point: Point) -> str:
    return ", ".join([point.name, *(f"{name} {as_given(value)}" for name, value in point.values.items())])


class _Series:
    """Points by what they belong to."""

    def __init__(self, swept: Sweep, choice: Choice, ends: Ends) -> None:
        self.swept = swept
        self.choice = choice
        self.ends = ends
        self.varied = [axis for axis in swept.axes if len(axis.values) > 1]
        self.running = self._running()

    def _running(self) -> Axis | None:
        """The axis along which a line goes: the one that is drawn across, or the one that goes fastest."""
        across = [axis for axis in self.varied if axis.name == self.ends.x]
        numbers = [axis for axis in self.varied if all(numeric(v) is not None for v in axis.values)]
        return next(iter([*across, *reversed(numbers)]), None)

    def all(self, drawn: Sequence[tuple[Point, bool]]) -> list[DotSeries]:
        groups: dict[str, list[tuple[Point, bool]]] = {}
        for point, best in drawn:
            groups.setdefault(self._group(point), []).append((point, best))
        if all(len(group) == 1 for group in groups.values()):
            return [DotSeries("", [self._dot(point, best, self._own(point)) for point, best in drawn])]
        joined = self.running is not None and len(groups) <= _MOST_SERIES
        if len(groups) > _MOST_SERIES:
            groups = self._by_network(drawn)
        few = len(drawn) <= _MOST_LABELLED
        return [
            DotSeries(
                name if len(groups) > 1 else "",
                [self._dot(point, best, self._along(point) if few or best else "") for point, best in group],
                joined,
            )
            for name, group in groups.items()
        ]

    def _group(self, point: Point) -> str:
        """What is the same of the points of a line."""
        return self._said(point, [axis for axis in self.varied if axis != self.running])

    def _own(self, point: Point) -> str:
        return self._said(
            point, [axis for axis in self.varied if axis.name not in (self.ends.x, self.ends.y)]
        )

    def _said(self, point: Point, axes: Sequence[Axis]) -> str:
        values = [f"{axis.name} {as_given(point.values[axis.name])}" for axis in axes]
        return ", ".join(filter(None, [self._network(point), *values]))

    def _by_network(self, drawn: Sequence[tuple[Point, bool]]) -> dict[str, list[tuple[Point, bool]]]:
        networks: dict[str, list[tuple[Point, bool]]] = {}
        for point, best in drawn:
            networks.setdefault(self._network(point), []).append((point, best))
        return networks if len(networks) <= _MOST_SERIES else {"": [*drawn]}

    def _network(self, point: Point) -> str:
        """The last part of a network's name, where there are several."""
        if len(self.swept.networks) == 1:
            return ""
        return point.name.rpartition(": ")[2].rpartition("/")[2]

    def _along(self, point: Point) -> str:
        """Where on its line a point is, unless the axis says it."""
        if self.running is None or self.running.name in (self.ends.x, self.ends.y):
            return ""
        return f"{self.running.name} {as_given(point.values[self.running.name])}"

    def _dot(self, point: Point, best: bool, label: str) -> Dot:
        x, y = _pair(point, self.ends) or (Fraction(), Fraction())
        ends = f"{title_of(self.ends.x)} {_plain(x)}, {title_of(self.ends.y)} {_plain(y)}"
        return Dot(x, y, label, f"{_in_words(point)}: {ends}", best, bool(self.choice.pareto) and not best)


def _plain(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):g}"


def _stairs(best: Sequence[Point], choice: Choice, ends: Ends) -> list[Guide]:
    """The border of what the best points beat, where the axes are what they are the best of."""
    goals = {goal.column: goal.largest for goal in choice.pareto}
    if {*goals} != {ends.x, ends.y}:
        return []
    points = sorted({pair for point in best if (pair := _pair(point, ends))})
    steps = points[:1]
    for (last, y), (x, above) in pairwise(points):
        steps += [(last, above) if goals[ends.x] else (x, y), (x, above)]
    return [Guide(steps)] if len(points) > 1 else []
