"""Activations as functions, by torch's names; what they do is what the modules of these names do."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation.trace import Trace, Value
from shapecalc.layers.activation import (
    OfFloating,
    OfNumbers,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
    ToFloating,
    gelu_of_one,
)
from shapecalc.layers.base import Elementwise, Layer, example
from shapecalc.layers.checks import check_axis, check_floating
from shapecalc.layers.fields import Axis, Choice, Real
from shapecalc.layers.reads import Sights, but
from shapecalc.layers.rules import OUTPUT, Saved
from shapecalc.layers.softmax import log_shares, rows
from shapecalc.operations import NOTHING, Operations, shares
from shapecalc.tensors import Tensor


class relu(OfNumbers):
    """max(x, 0). Source: torch.relu."""

    keeps_output = True
    function = "relu"
    each = ReLU.each


class sigmoid(ToFloating):
    """1 / (1 + exp(−x)). Source: torch.sigmoid."""

    keeps_output = True
    function = "sigmoid"
    each = Sigmoid.each


class tanh(ToFloating):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)). Source: torch.tanh."""

    keeps_output = True
    function = "tanh"
    each = Tanh.each


class gelu(OfFloating):
    """x · Φ(x), Φ the normal distribution. Source: torch.nn.functional.gelu; arXiv:1606.08415."""

    function = "nn.functional.gelu"
    approximate = Choice("none", "tanh")

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return gelu_of_one(self.approximate) * y.elements


class silu(OfFloating):
    """x / (1 + exp(−x)). Source: torch.nn.functional.silu; Elfwing et al. 2017, arXiv:1702.03118."""

    function = "nn.functional.silu"
    each = SiLU.each


class AlongAxis(Layer, abstract=True):
    """A function of floating-point numbers that looks at all those along one axis."""

    dim = Axis()

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        check_axis(self.dim, x, "dim", scalars=True)
        return x

    def saved(self, x: Value) -> Saved:
        return (OUTPUT,)

    def reads(self, x: Tensor, **_: Any) -> tuple[Sights, ...]:
        return (but(x, self.dim),)


class softmax(AlongAxis):
    """exp(x) divided by its sum along `dim`. Source: torch.softmax."""

    function = "softmax"
    example = example((2, 10), dim=-1)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return shares(x.elements, rows(x, self.dim))


class log_softmax(AlongAxis):
    """The logarithm of softmax along `dim`. Source: torch.log_softmax."""

    function = "log_softmax"
    example = example((2, 10), dim=-1)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return log_shares(x.elements, rows(x, self.dim))


class dropout(Elementwise):
    """In training, each element becomes 0 with probability p. Source: torch.nn.functional.dropout."""

    function = "nn.functional.dropout"
    each = NOTHING
    p = Real(0.5, low=0, high=1)

    def keywords(self) -> dict[str, Any]:
        return {"p": self.p, "training": False}

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """A function is told whether it trains, and this one is not."""
        return (x,)
