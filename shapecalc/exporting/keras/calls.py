"""What a layer is in Keras: calls, whose arguments a block's function may have as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any, TypeAlias

from shapecalc.engine.results import Row
from shapecalc.exporting.layout import Bracketed, Doc, call
from shapecalc.layers import Layer

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

    @classmethod
    def by_place(cls, name: str, value: Any) -> Slot:
        """One that has to be given, and is passed without its name."""
        return cls(name, value, keyword=False)


@dataclass(frozen=True, slots=True)
class Made:
    """One call: of a layer or of a function, of Keras' own or of those that are written into the file."""

    function: str
    arguments: Sequence[Slot | str] = ()
    listed: bool = False
    """Whether several inputs are one list."""
    held: bool = False
    """Whether the first input is one of the arguments that the layer is made with."""
    anchored: bool = False
    """Whether the last input is a tensor of the model's, by which the layer is part of the model."""
    order: Sequence[int] | None = None
    """Which inputs it takes, if not each of them in their order."""
    first: Made | None = None
    """What gives the same where only the first output is read."""
    once: bool = False
    """Whether the layer is made alone, to be called wherever its weights are used."""

    def needed(self, outputs: int) -> Made:
        """The call where so many of the outputs are read."""
        return self.first if self.first is not None and outputs == 1 else self

    @property
    def is_layer(self) -> bool:
        """Whether it makes a layer, which then is called: classes begin with a capital letter."""
        return self.function.rpartition(".")[2][0].isupper()

    @property
    def is_main(self) -> bool:
        """Whether it is the layer itself, not what Keras needs before or after it."""
        return self.is_layer and not self.function.startswith(("layers.ZeroPadding", "layers.Cropping"))

    @property
    def kind(self) -> tuple[Any, ...]:
        """What two calls have in common that differ in the values of arguments alone."""
        named = (a.name if isinstance(a, Slot) else f"={a}" for a in self.arguments)
        return (self.once, self.function, self.listed, self.held, self.order, *named)

    def doc(self, inputs: Sequence[str], arguments: Sequence[Doc]) -> Doc:
        if not self.is_layer:
            fed = [f"[{', '.join(inputs)}]"] if self.listed else inputs
            return call(self.function, [*fed, *arguments])
        if self.once:
            return call(self.function, arguments)
        if self.order is not None:
            inputs = [inputs[place] for place in self.order]
        held, fed = (inputs[:1], inputs[1:]) if self.held else ((), inputs)
        given = f"[{', '.join(fed)}]" if self.listed else ", ".join(fed)
        return Bracketed(f"{self.function}(", [*held, *arguments], f")({given})")


@dataclass(frozen=True, slots=True)
class Written:
    """An expression in Python's own syntax."""

    text: str
    arguments: Sequence[Slot | str] = ()

    @property
    def kind(self) -> tuple[Any, ...]:
        return (self.text,)

    def doc(self, inputs: Sequence[str], arguments: Sequence[Doc]) -> Doc:
        return self.text


@dataclass(frozen=True, slots=True)
class Again:
    """A call of a layer that was made before: of the first input, on the others."""

    arguments: Sequence[Slot | str] = ()

    @property
    def kind(self) -> tuple[Any, ...]:
        return ("again",)

    def doc(self, inputs: Sequence[str], arguments: Sequence[Doc]) -> Doc:
        return f"{inputs[0]}({', '.join(inputs[1:])})"


Call: TypeAlias = Made | Written | Again


FIRST = 'data_format="channels_first"'


class NoCounterpartError(Exception):
    """Keras has no counterpart."""

    def __init__(self, why: str = "no layer of Keras is known to give the same") -> None:
        self.why = why


@singledispatch
def calls(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    """The calls that are a layer: by its class, so that a class of layers has one counterpart.

    Raises:
        NoCounterpartError: Keras has nothing that gives the same.
    """
    raise NoCounterpartError


def one_call(rules: Mapping[type[Layer], Callable[[Any, Row], Call]]) -> None:
    """Add rules of layers that are one call each, whatever their inputs are called."""
    for kind, rule in rules.items():
        calls.register(kind, partial(_one_call, rule))


def _one_call(rule: Callable[[Any, Row], Call], layer: Any, row: Row, _: Sequence[str]) -> Iterator[Call]:
    yield rule(layer, row)


def check_batch(row: Row, rank: int) -> None:
    """Refuse an input of fewer axes than that, which has no batch: Keras always has one."""
    if row.inputs[0].rank < rank:
        raise NoCounterpartError("Keras needs the batch axis")


def short(values: Sequence[Any]) -> Any:
    """One value for all axes where they are alike."""
    return values[0] if len({*map(repr, values)}) == 1 else tuple(values)
