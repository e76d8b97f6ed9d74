"""The tensors that a layer owns: parameters, and buffers, which no optimizer trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from shapecalc.allocation import Trace, Value
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, product


class Weight(NamedTuple):
    """A tensor that a layer owns: a parameter, or a buffer, which no optimizer trains."""

    shape: Shape
    dtype: str = "float32"
    buffer: bool = False

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def kind(self) -> str:
        return "buffer" if self.buffer else "parameter"


Weights: TypeAlias = Mapping[str, Weight]
"""Name → weight, named as in torch's `state_dict`."""


def weight_and_bias(shape: Shape, features: Dim, bias: bool) -> Weights:
    """A weight of this shape, and where there is a `bias`, one element of it for each of the features."""
    weights = {"weight": Weight(shape)}
    return {**weights, "bias": Weight((features,))} if bias else weights


def owned(trace: Trace, weights: Weights, *names: str) -> list[Value]:
    """The parameters among the weights, or those of these names, as values of a trace."""
    chosen = {name: weights[name] for name in names} if names else weights
    return list(
        trace.parameters({name: weight.shape for name, weight in chosen.items() if not weight.buffer})
    )
