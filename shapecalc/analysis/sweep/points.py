"""What a sweep is made of: axes, networks, and points, each with its figures or its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import PurePath
from typing import Any, NamedTuple

from shapecalc.analysis.sweep.figures import Terms
from shapecalc.analysis.sweep.joined import Joined
from shapecalc.engine.inputs import Given
from shapecalc.errors import ShapecalcError
from shapecalc.language.architecture import Architecture
from shapecalc.operations import Unknown
from shapecalc.tensors import for_json


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
        return len(self.networks) * self.of_each

    @property
    def of_each(self) -> int:
        """How many points there are of each network."""
        lengths = [len(axis.values) for axis in self.axes]
        return max(lengths, default=1) if self.zipped else prod(lengths)

    @property
    def all_columns(self) -> Sequence[str]:
        """The figures, and the columns of the user's file."""
        return [*self.columns, *(self.joined.columns if self.joined else ())]
