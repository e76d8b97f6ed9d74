"""Layers that are another layer, their `inner` one, in all that they do not say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from shapecalc.layers.base import Layer
from shapecalc.layers.fields import Field
from shapecalc.layers.reads import Reads
from shapecalc.layers.rules.costs import Wanted
from shapecalc.layers.weights import Weights
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor
from shapecalc.window import Window

_OF_TYPE = (
    "axes",
    "branching",
    "numbers",
    "elementwise",
    "inputs_range",
    "quantized",
    "reads_values",
    "takes_complex",
)
"""Attributes of a layer type that hold for a layer around it, too."""


class Inner(Layer, abstract=True):
    """A layer around another one, with arguments of its own after those of the other."""

    def __init__(self, inner: Layer, own: Mapping[str, object], **fields: Field[Any]) -> None:
        """`own`: the values of its own `fields`."""
        super().__init__()
        answers = self._answers
        vars(self).update(vars(inner), **own, _answers=answers, fields={**inner.fields, **fields})
        vars(self).update({name: getattr(inner, name) for name in _OF_TYPE})
        self.given = (*inner.given, *own)
        self.own = frozenset(own)
        self.inner = inner

    def replaced(self, values: Mapping[str, object]) -> Self:
        other = super().replaced(values)
        other.inner = self.inner.replaced({n: value for n, value in values.items() if n not in self.own})
        return other

    @property
    def type(self) -> str:
        return self.inner.type

    @property
    def window(self) -> tuple[Window, ...]:
        return self.inner.window

    def letters(self, x: Tensor, made: bool) -> str | None:
        return self.inner.letters(x, made)

    def output(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.inner.output(*inputs)

    def weights(self, *inputs: Tensor) -> Weights:
        return self.inner.weights(*inputs)

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        return self.inner.macs(*inputs, y=y)

    def macs_without_padding(self, *inputs: Tensor, y: Tensor) -> Dim:
        return self.inner.macs_without_padding(*inputs, y=y)

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        return self.inner.gradient_macs(*inputs, wanted=wanted)

    def reads(self, *inputs: Tensor, **output: Any) -> tuple[Reads | None, ...] | None:
        return self.inner.reads(*inputs, **output)
