"""The points of a sweep one by one, each with its figures, or with the error of what can't be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import PurePath
from typing import Any, NamedTuple

from shapecalc.analysis.sweep.figures import AT_EACH_POINT, FIGURES, Figures, put_in
from shapecalc.analysis.sweep.joined import Joined
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError, UsageError, listed, nearest
from shapecalc.language.architecture import Architecture
from shapecalc.operations import Unknown
from shapecalc.symbolic import Expr, at, symbols_in
from shapecalc.tensors import Tensor, for_json

MOST_POINTS = 10_000_000
_FEWEST = 3
"""Points that are worth formulas, which take longer than numbers."""


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

    def check(self) -> None:
        """Refuse what is wrong at every point.

        Raises:
            UsageError: an axis is of no parameter or letter, or a value of no kind that it takes; a letter
                has no values; there are too many points.
        """
        if self.size > MOST_POINTS:
            raise UsageError(f"the sweep has {self.size:,} points, at most {MOST_POINTS:,} are taken")
        if self.zipped:
            _check_pairs(self.axes)
        _check_names(self.axes, self.columns)
        for axis in self.axes:
            if axis.letter:
                _check_sizes(axis)
        for architecture in self.networks.values():
            _check_values(architecture, [axis for axis in self.axes if not axis.letter])
            _check_letters(architecture, self)


def _check_pairs(axes: Sequence[Axis]) -> None:
    lengths = {axis.name: len(axis.values) for axis in axes if len(axis.values) > 1}
    if len({*lengths.values()}) > 1:
        counts = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise UsageError(f"--zip takes the values of all axes side by side, and {counts}")


def _check_names(axes: Sequence[Axis], columns: Sequence[str]) -> None:
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is varied twice", hint="one --set or --vary has all of its values")
        if name in columns or name in ("name", "note", "error", "pareto"):
            raise UsageError(
                f"{name} is varied, and is a column of its own, too", hint="leave out the column"
            )


def _check_sizes(axis: Axis) -> None:
    for value in axis.values:
        if type(value) is not int or value < 1:
            raise UsageError(f"--vary {axis.name}: a size is a whole number of at least 1, not {value}")


def _check_values(architecture: Architecture, axes: Sequence[Axis]) -> None:
    """Refuse a parameter that the file lacks, and a value of another kind than its default."""
    for axis in axes:
        for value in axis.values:
            try:
                architecture.scope({axis.name: value})
            except UsageError:
                raise
            except ShapecalcError:  # together with the others' values it may be right
                continue


def _check_letters(architecture: Architecture, sweep: Sweep) -> None:
    """Refuse letters without values, and values for letters that are not there."""
    first = {axis.name: axis.values[0] for axis in sweep.axes if not axis.letter}
    varied = [axis.name for axis in sweep.axes if axis.letter]
    try:
        letters = _letters(architecture, sweep.input, first)
    except ArchitectureError:  # of the first values, which others need not have
        return
    for name in varied:
        if name not in letters:
            hint = (
                nearest(name, letters)
                or f"letters: {listed(sorted(letters)) or 'none'}, as in --input 1x3xSxS"
            )
            raise UsageError(
                f"--vary {name}: the input of {architecture.name} has no letter {name}", hint=hint
            )
    for name in sorted(letters - {*varied}):
        raise UsageError(
            f"{architecture.name} has the letter {name}, and a sweep needs numbers for it",
            hint=f"--vary {name}=FIRST..LAST:STEP, or a number in its place",
        )


def _letters(architecture: Architecture, given: Given, values: Mapping[str, object]) -> frozenset[str]:
    """The letters of the inputs, and of values for parameters."""
    inputs = inputs_of(architecture, given, values)
    formulas = [value for value in architecture.scope(values).values() if isinstance(value, Expr)]
    return symbols_in(*[size for tensor in inputs.values() for size in tensor.shape], *formulas)


class _Network:
    """One network of a sweep."""

    def __init__(self, sweep: Sweep, name: str, architecture: Architecture) -> None:
        self.sweep = sweep
        self.name = name
        self.architecture = architecture
        self.letters = [axis for axis in sweep.axes if axis.letter]
        self.others = [axis for axis in sweep.axes if not axis.letter]

    def points(self) -> Iterator[Point]:
        if self.sweep.zipped:
            yield from self.pairs()
            return
        for values in _grid(self.others):
            formulas = self.formulas(values)
            for sizes in _grid(self.letters):
                yield self.point(values, sizes, formulas)

    def pairs(self) -> Iterator[Point]:
        for place in range(max([len(axis.values) for axis in self.sweep.axes], default=1)):
            values, sizes = (
                {axis.name: axis.values[place if len(axis.values) > 1 else 0] for axis in axes}
                for axes in (self.others, self.letters)
            )
            yield self.point(values, sizes, None)

    def formulas(self, values: Mapping[str, object]) -> tuple[Figures, Mapping[str, object]] | None:
        """The figures with letters, once for all of their sizes; None where there are none, or few sizes."""
        if prod(len(axis.values) for axis in self.letters) < _FEWEST or not self.letters:
            return None
        try:
            found = Figures(analyse(self.architecture, self.sweep.input, values, brief=True))
            wanted = [column for column in self.sweep.columns if column not in AT_EACH_POINT]
            return found, {column: FIGURES[column](found) for column in wanted}
        except ShapecalcError:  # a layer that takes no formulas, or not these
            return None

    def point(
        self,
        values: Mapping[str, object],
        sizes: Mapping[str, object],
        formulas: tuple[Figures, Mapping[str, object]] | None,
    ) -> Point:
        there = {**values, **sizes}
        ordered = {axis.name: there[axis.name] for axis in self.sweep.axes}
        numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
        known: dict[str, object] = {}
        if formulas and all(condition.holds(numbers) for condition in formulas[0].conditions):
            known = {column: put_in(figure, numbers) for column, figure in formulas[1].items()}
        if len(known) == len(self.sweep.columns):
            return Point(self.name, ordered, known)
        return self.computed(ordered, values, numbers, known)

    def computed(
        self,
        ordered: Mapping[str, object],
        values: Mapping[str, object],
        sizes: Mapping[str, int],
        known: Mapping[str, object],
    ) -> Point:
        """The point as `show` has it: analysed by itself, for the figures that are not known."""
        figures: dict[str, object] = dict.fromkeys(self.sweep.columns)
        error: ShapecalcError | None = None
        try:
            found = Figures(analyse(self.architecture, *self.given(values, sizes), brief=True))
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


def _grid(axes: Sequence[Axis]) -> Iterator[dict[str, object]]:
    """Each combination of the values of axes."""
    names = [axis.name for axis in axes]
    return (dict(zip(names, values, strict=True)) for values in product(*[axis.values for axis in axes]))
