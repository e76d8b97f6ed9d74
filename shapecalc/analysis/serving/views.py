"""What stands in a step of serving where a whole forward pass has other tensors: views of what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.layers.base import Layer
from shapecalc.operations import NOTHING
from shapecalc.symbolic import Dim, Expr, at, symbols_in
from shapecalc.tensors import Tensor, with_size


class View(Layer, abstract=True):
    """A view that computes nothing and takes no memory of its own."""

    each = NOTHING

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        return (trace.buffer(self.output(*[x.tensor for x in inputs])),)

    def output(self, *inputs: Tensor) -> Tensor:
        raise NotImplementedError


class AlongTokens(View, abstract=True):
    """A view of another number of tokens."""

    inputs_range = (1, 1)

    def __init__(self, axis: int, size: Dim) -> None:
        super().__init__()
        self.axis = axis
        self.size = size

    def output(self, *inputs: Tensor) -> Tensor:
        return with_size(inputs[0], self.axis, self.size)


class KeptTokens(AlongTokens, abstract=True):
    """All tokens up to the new one, which is written into what is kept of earlier ones."""


class NewestToken(AlongTokens, abstract=True):
    """The last of all tokens, for which all of them stay where they lie."""

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        (x,) = inputs
        return (trace.part(x, self.output(x.tensor).shape, x.all_strides),)


class GivenTensor(View, abstract=True):
    """What is kept of other inputs, and is the same for each token."""

    inputs_range = (0, 0)

    def __init__(self, made: Tensor) -> None:
        super().__init__()
        self.made = made

    def output(self, *inputs: Any) -> Tensor:
        return self.made


def layer_at(layer: Layer, sizes: Mapping[str, Dim]) -> Layer:
    """A layer with sizes in place of symbols in its arguments."""
    found = {name: _argument(layer.__dict__.get(name), sizes) for name in layer.fields}
    changed = {name: value for name, value in found.items() if value is not layer.__dict__.get(name)}
    return layer.replaced(changed) if changed else layer


def _argument(value: object, sizes: Mapping[str, Dim]) -> object:
    if isinstance(value, Expr):
        return value if symbols_in(value).isdisjoint(sizes) else at(value, sizes)
    if isinstance(value, tuple):
        found = tuple([_argument(one, sizes) for one in value])
        return found if any(a is not b for a, b in zip(found, value, strict=True)) else value
    return value
