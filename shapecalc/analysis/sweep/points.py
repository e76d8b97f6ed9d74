"""The points of a sweep one by one, each with its figures, or with the error of what can't be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import PurePath
from typing import Any, NamedTuple

from shapecalc.analysis.sweep.figures import AT_EACH_POINT, FIGURES, Figures, Terms, put_in
from shapecalc.analysis.sweep.joined import Joined
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError
from shapecalc.language.architecture import Architecture
from shapecalc.operations import Unknown
from shapecalc.symbolic import Expr, at, symbol
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import Tensor, for_json

_FEWEST = 3
"""Points that are worth formulas in a letter of the input, which take longer than numbers."""
_MANY = 50
"""Points that are worth formulas in a parameter, too."""


class Axis(NamedTuple):
    """What varies: a parameter of the file or, with `letter`, a letter of the inputs."""

    name: str
    values: Sequence[object]
    letter: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A network at one point of a sweep."""

    name: str
    values: Mapping[str, object]
    """By the names of the axes."""
    figures: Mapping[str, object]
    """By the names of the columns; None of what the error leaves unknown."""
    error: ShapecalcError | None = None
    """Why not all is known."""

    def get(self, column: str) -> object:
        """What stands in a column."""
        if column == "name":
            return self.name
        return self.values[column] if column in self.values else self.figures[column]

    def to_dict(self) -> dict[str, Any]:
        """The row of a frame: the network, the axes, the figures as numbers, and the error as text."""
        values = {name: plain_value(value) for name, value in self.values.items()}
        figures = {name: plain_value(figure) for name, figure in self.figures.items()}
        return {"name": self.name, **values, **figures, "error": self.error and in_a_line(self.error)}


def plain_value(value: object) -> object:
    """A value in JSON's types, a shape as text: a frame has no column of lists."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return for_json(value)


def in_a_line(error: ShapecalcError) -> str:
    """What an error says and where in the file, without the lines that it quotes."""
    place, path = error.place, f" (at {error.path})" if error.path else ""
    where = f"{PurePath(place.file).name}:{place.line}:{place.column}: " if place else ""
    return f"{where}{error.message}{path}"


class Sweep(NamedTuple):
    """What is swept: networks by their names, over axes, for columns."""

    networks: Mapping[str, Architecture]
    input: Given
    axes: Sequence[Axis]
    columns: Sequence[str]
    zipped: bool = False
    joined: Joined | None = None
    terms: Terms = Terms()

    @property
    def size(self) -> int:
        """How many points there are."""
        lengths = [len(axis.values) for axis in self.axes]
        return len(self.networks) * (max(lengths, default=1) if self.zipped else prod(lengths))

    def points(self) -> Iterator[Point]:
        """Each point, as it is asked for; networks first, then the axes, of which the last goes fastest."""
        for name, architecture in self.networks.items():
            for point in _Network(self, name, architecture).points():
                yield self._with_joined(point)

    def _with_joined(self, point: Point) -> Point:
        """The point with the columns of the user's file, too."""
        if self.joined is None:
            return point
        return replace(point, figures={**point.figures, **self.joined.of(point.get(self.joined.on))})

    @property
    def all_columns(self) -> Sequence[str]:
        """The figures, and the columns of the user's file."""
        return [*self.columns, *(self.joined.columns if self.joined else ())]


class Formulas(NamedTuple):
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

    def points(self) -> Iterator[Point]:
        if self.sweep.zipped:
            for place in range(max([len(axis.values) for axis in self.sweep.axes], default=1)):
                pair = {
                    axis.name: axis.values[place if len(axis.values) > 1 else 0] for axis in self.sweep.axes
                }
                yield self.point(pair, None)
            return
        general = self.in_general()
        others = self.parameters[: len(self.parameters) + len(self.letters) - len(general)]
        for values in _grid(others):
            formulas = self.formulas(values, general)
            for sizes in _grid(general or self.letters):
                yield self.point({**values, **sizes}, formulas)

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

    def formulas(self, values: Mapping[str, object], general: Sequence[Axis]) -> Formulas | None:
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
        return Formulas(figures, found.conditions, [axis.name for axis in general])

    def point(self, there: Mapping[str, object], formulas: Formulas | None) -> Point:
        ordered = {axis.name: there[axis.name] for axis in self.sweep.axes}
        known = formulas.at(ordered) if formulas else {}
        if len(known) == len(self.sweep.columns):
            return Point(self.name, ordered, known)
        return self.computed(ordered, known)

    def computed(self, ordered: Mapping[str, object], known: Mapping[str, object]) -> Point:
        """The point as `show` has it: analysed by itself, for the figures that are not known."""
        figures: dict[str, object] = dict.fromkeys(self.sweep.columns)
        error: ShapecalcError | None = None
        values = {axis.name: ordered[axis.name] for axis in self.parameters}
        sizes = {axis.name: _number(ordered[axis.name]) for axis in self.letters}
        try:
            found = Figures(
                analyse(self.architecture, *self.given(values, sizes), brief=True), self.sweep.terms
            )
        except ShapecalcError as refusal:
            return Point(self.name, ordered, figures, refusal)
        for column in self.sweep.columns:
            try:
                figures[column] = known[column] if column in known else FIGURES[column](found)
            except ShapecalcError as refusal:
                error = error or refusal
        return Point(self.name, ordered, figures, error)

    def given(
        self, values: Mapping[str, object], sizes: Mapping[str, int]
    ) -> tuple[Given, Mapping[str, object]]:
        """What `analyse` takes, numbers in place of letters."""
        if not sizes:
            return self.sweep.input, values
        inputs = inputs_of(self.architecture, self.sweep.input, values)
        put = {
            name: Tensor(tuple(at(size, sizes) for size in tensor.shape), tensor.dtype)
            for name, tensor in inputs.items()
        }
        scope = self.architecture.scope(values)
        own = {name: at(v, sizes) if isinstance(v := scope[name], Expr) else values[name] for name in values}
        return put, own


def _number(value: object) -> int:
    """A value of an axis of sizes, which has been looked at."""
    assert isinstance(value, int)
    return value


def _grid(axes: Sequence[Axis]) -> Iterator[dict[str, object]]:
    """Each combination of the values of axes."""
    names = [axis.name for axis in axes]
    return (dict(zip(names, values, strict=True)) for values in product(*[axis.values for axis in axes]))
