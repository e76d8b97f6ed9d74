"""The points of a sweep one by one, by their numbers, from formulas as far as these hold."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import NamedTuple

from shapecalc.analysis.sweep.figures import AT_EACH_POINT, FIGURES, Figures, put_in
from shapecalc.analysis.sweep.points import Axis, Point, Sweep
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.engine.limits import forget
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import Expr, at, symbol
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import Tensor

_FEWEST = 3
"""Points that are worth formulas in a letter of the input, which take longer than numbers."""
_MANY = 50
"""Points that are worth formulas in a parameter, too."""

_KEPT = 200
"""Points that are analysed one by one before what layers keep of them is let go: some megabytes."""


class Computing:
    """Computes the points of a sweep, and keeps the formulas of the last ones for the next."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.names = list(sweep.networks)
        self.last: _Network | None = None

    def points(self, start: int = 0, stop: int | None = None) -> Generator[Point]:
        """The points of these numbers, as they are asked for: network by network, the last axis fastest."""
        each = self.sweep.of_each
        stop = self.sweep.size if stop is None else stop
        for number in range(start // each, -(-stop // each)):
            first = number * each
            network = self.network(self.names[number])
            for point in network.points(max(start - first, 0), min(stop - first, each)):
                yield self.with_joined(point)

    def network(self, name: str) -> _Network:
        last = self.last  # held here: in a cluster, threads of one process may share this
        if last is None or last.name != name:
            self.last = last = _Network(self.sweep, name, self.sweep.networks[name])
        return last

    def with_joined(self, point: Point) -> Point:
        """The point with the columns of the user's file, too."""
        joined = self.sweep.joined
        if joined is None:
            return point
        return replace(point, figures={**point.figures, **joined.of(point.get(joined.on))})


class GeneralFigures(NamedTuple):
    """Figures with letters in place of numbers, and the conditions under which they hold."""

    figures: Mapping[str, object]
    conditions: Sequence[Condition]
    letters: Sequence[str]

    def at(self, values: Mapping[str, object]) -> dict[str, object]:
        """The figures at these values; none where the formulas do not hold for them."""
        numbers = {name: _number(values[name]) for name in self.letters}
        if not all(condition.holds(numbers) for condition in self.conditions):
            return {}
        return {column: put_in(figure, numbers) for column, figure in self.figures.items()}


class _Network:
    """One network of a sweep."""

    def __init__(self, sweep: Sweep, name: str, architecture: Architecture) -> None:
        self.sweep = sweep
        self.name = name
        self.architecture = architecture
        self.parameters = [axis for axis in sweep.axes if not axis.letter]
        self.letters = [axis for axis in sweep.axes if axis.letter]
        self.analysed = 0
        self.last: tuple[int, GeneralFigures | None] | None = None

    def points(self, start: int, stop: int) -> Iterator[Point]:
        """The points of these numbers; formulas are found once for those that have them in common."""
        if self.sweep.zipped:
            yield from (self.point(self.side_by_side(place), None) for place in range(start, stop))
            return
        each = prod(len(axis.values) for axis in self.general)
        for group in range(start // each, -(-stop // each)):
            values = _at(self.others, group)
            formulas = self.formulas_at(group, values)
            for place in range(max(start - group * each, 0), min(stop - group * each, each)):
                yield self.point({**values, **_at(self.general, place)}, formulas)

    def side_by_side(self, place: int) -> dict[str, object]:
        """The values of all axes at a place; what has one value has it everywhere."""
        return {axis.name: axis.values[place if len(axis.values) > 1 else 0] for axis in self.sweep.axes}

    @cached_property
    def general(self) -> list[Axis]:
        return self.in_general()

    @property
    def others(self) -> list[Axis]:
        """The axes before the general ones: the network is analysed at each combination of their values."""
        return self.parameters[: len(self.parameters) + len(self.letters) - len(self.general)]

    def formulas_at(self, group: int, values: Mapping[str, object]) -> GeneralFigures | None:
        """The formulas of a group of points, which are those of the last one that was asked for, or new."""
        last = self.last
        if last is None or last[0] != group:
            self.last = last = group, self.formulas(values, self.general)
        return last[1]

    def in_general(self) -> list[Axis]:
        """The axes, the last ones of all, for which letters are analysed once in place of their numbers.

        A parameter is among them if its values are whole numbers and the network can be analysed with a
        letter in its place: a number of copies can't.
        """
        found = self.letters
        for axis in reversed(self.parameters):
            wider = [axis, *found]
            if prod(len(each.values) for each in wider) < _MANY or not self.takes_letter(axis):
                break
            first = {other.name: other.values[0] for other in self.parameters if other not in wider}
            if self.formulas(first, wider) is None:
                break
            found = wider
        return found

    def takes_letter(self, axis: Axis) -> bool:
        """Whether the values of a parameter are sizes: a letter is one of at least 1."""
        try:
            default = self.architecture.scope()[axis.name]
        except ShapecalcError:
            return False
        return type(default) is int and all(type(value) is int and value > 0 for value in axis.values)

    def formulas(self, values: Mapping[str, object], general: Sequence[Axis]) -> GeneralFigures | None:
        """The figures with letters, once for all of their sizes; None where there are few, or no formulas."""
        if not general or prod(len(axis.values) for axis in general) < _FEWEST:
            return None
        letters = {axis.name: symbol(axis.name) for axis in general if not axis.letter}
        try:
            found = Figures(
                analyse(self.architecture, self.sweep.input, {**values, **letters}, brief=True),
                self.sweep.terms,
            )
            wanted = [column for column in self.sweep.columns if column not in AT_EACH_POINT]
            figures = {column: FIGURES[column](found) for column in wanted}
        except ShapecalcError:  # a layer that takes no formulas, or not these
            return None
        return GeneralFigures(figures, found.conditions, [axis.name for axis in general])

    def point(self, there: Mapping[str, object], formulas: GeneralFigures | None) -> Point:
        ordered = {axis.name: there[axis.name] for axis in self.sweep.axes}
        known = formulas.at(ordered) if formulas else {}
        if len(known) == len(self.sweep.columns):
            return Point(self.name, ordered, known)
        return self.computed(ordered, known)

    def computed(self, ordered: Mapping[str, object], known: Mapping[str, object]) -> Point:
        """The point as `show` has it: analysed by itself, for the figures that are not known."""
        self.analysed += 1
        if self.analysed % _KEPT == 0:
            forget(self.architecture)
        figures: dict[str, object] = dict.fromkeys(self.sweep.columns)
        error: ShapecalcError | None = None
        values = {axis.name: ordered[axis.name] for axis in self.parameters}
        sizes = {axis.name: _number(ordered[axis.name]) for axis in self.letters}
        try:
            given = at_sizes(self.architecture, self.sweep.input, values, sizes)
            found = Figures(analyse(self.architecture, *given, brief=True), self.sweep.terms)
        except ShapecalcError as refusal:
            return Point(self.name, ordered, figures, refusal)
        for column in self.sweep.columns:
            try:
                figures[column] = known[column] if column in known else FIGURES[column](found)
            except ShapecalcError as refusal:
                error = error or refusal
        return Point(self.name, ordered, figures, error)


def at_sizes(
    architecture: Architecture, given: Given, values: Mapping[str, object], sizes: Mapping[str, int]
) -> tuple[Given, Mapping[str, object]]:
    """The inputs and the values of parameters that `analyse` takes, numbers in place of letters."""
    if not sizes:
        return given, values
    put = {
        name: Tensor(tuple([at(size, sizes) for size in x.shape]), x.dtype)
        for name, x in inputs_of(architecture, given, values).items()
    }
    scope = architecture.scope(values)
    own = {name: at(v, sizes) if isinstance(v := scope[name], Expr) else values[name] for name in values}
    return put, own


def _number(value: object) -> int:
    """A value of an axis of sizes, which has been looked at."""
    assert isinstance(value, int)
    return value


def _at(axes: Sequence[Axis], place: int) -> dict[str, object]:
    """The values at a place in the grid of axes, of which the last goes fastest."""
    found: dict[str, object] = {}
    for axis in reversed(axes):
        place, own = divmod(place, len(axis.values))
        found[axis.name] = axis.values[own]
    return found
