"""What a layer is in Keras: calls, whose arguments a block's function may have as parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.exporting.layout import Doc

NEEDED: Any = object()
"""The default of an argument that has none."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An argument of a call: where uses of a block differ in it, a parameter of the block's function."""

    name: str
    value: Any
    default: Any = NEEDED
    """What Keras takes if it isn't told."""
    keyword: bool = True
    """Whether it is passed by its name."""


@dataclass(frozen=True, slots=True)
class Made:
    """One call: of a layer of `keras.layers`, or of a function of `keras.ops`."""

    function: str
    arguments: Sequence[Slot | str] = ()
    listed: bool = False
    """Whether several inputs are one list."""

    def doc(self, inputs: Sequence[str], arguments: Sequence[Doc]) -> tuple[str, Sequence[Doc], str]:
        """The text before the arguments, the arguments, and the text after them."""
        if self.function.startswith("layers."):
            fed = f"[{', '.join(inputs)}]" if self.listed else ", ".join(inputs)
            return f"{self.function}(", arguments, f")({fed})"
        return f"{self.function}(", [*inputs, *arguments], ")"


@dataclass(frozen=True, slots=True)
class Written:
    """An expression in Python's own syntax."""

    text: str


FIRST = 'data_format="channels_first"'


class NoCounterpartError(Exception):
    """Keras has no counterpart."""

    def __init__(self, why: str = "no layer of Keras is known to give the same") -> None:
        self.why = why


@singledispatch
def calls(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Made | Written]:
    """The calls that are a layer: by its class, so that a class of layers has one counterpart.

    Raises:
        NoCounterpartError: Keras has nothing that gives the same.
    """
    raise NoCounterpartError


def short(values: Sequence[Any]) -> Any:
    """One value for all axes where they are alike."""
    return values[0] if len({*map(repr, values)}) == 1 else tuple(values)


def padding(ends: Sequence[tuple[int, int]]) -> Any:
    """The argument of Keras' paddings: a number, one for each axis, or before and after for each."""
    if any(p < 0 for pair in ends for p in pair):
        raise NoCounterpartError("Keras pads by no negative numbers")
    if all(before == after for before, after in ends):
        return short([before for before, _ in ends])
    return ends[0] if len(ends) == 1 else tuple(ends)
