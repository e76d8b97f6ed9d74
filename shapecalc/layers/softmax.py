"""Softmax and its kin (torch.nn, "Non-linear Activations"): elements along an axis become shares of one."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, like
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axes, check_floating, check_rank
from shapecalc.layers.fields import Axis
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Operations, additions, shares
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, product


def rows(x: Tensor, dim: int) -> Dim:
    """How many rows of numbers there are along an axis."""
    axis = dim % max(x.rank, 1)
    return product((*x.shape[:axis], *x.shape[axis + 1 :]))


def log_shares(elements: Dim, rows: Dim) -> Operations:
    """x − log(the sum of exp(x)) of elements in so many rows."""
    return Operations(add=elements, exp=elements + rows) + additions(elements, rows)


class OverAxis(Layer, abstract=True):
    """A function of floating-point numbers that looks at all those along one axis."""

    keeps = Keeps.OUTPUT
    operation = "softmax"

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        return x

    def axis_of(self, x: Tensor) -> int:
        """The axis that is meant."""
        raise NotImplementedError

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, self.axis_of(x)),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return shares(x.elements, rows(x, self.axis_of(x)))


class AlongAxis(OverAxis, abstract=True):
    """What the softmaxes have in common along `dim`.

    Without `dim`, torch takes axis 0 of an input of 0, 1 or 3 axes and axis 1 of any other, and warns.
    """

    dim = Axis(None)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        if self.dim is not None:
            check_axes((self.dim,), x, "dim")
        return x

    def axis_of(self, x: Tensor) -> int:
        return (0 if x.rank in (0, 1, 3) else 1) if self.dim is None else self.dim


class Softmax(AlongAxis):
    """exp(x) divided by its sum along `dim`. Source: torch.nn.Softmax."""


class Softmin(AlongAxis):
    """exp(−x) divided by its sum along `dim`. Source: torch.nn.Softmin."""

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return super().run(trace, trace.kernel(x.tensor, x, strides=x.strides))


class LogSoftmax(AlongAxis):
    """The logarithm of Softmax: x − log(the sum of exp(x) along `dim`). Source: torch.nn.LogSoftmax."""

    operation = "log_softmax"

    def back(self, x: Value) -> Back:
        return like(x.look)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return log_shares(x.elements, rows(x, self.axis_of(x)))


class softmax(AlongAxis):
    """exp(x) divided by its sum along `dim`. Source: torch.softmax."""

    dim = Axis()
    example = example((2, 10), dim=-1)


class log_softmax(LogSoftmax):
    """The logarithm of softmax along `dim`. Source: torch.log_softmax."""

    dim = Axis()
    example = example((2, 10), dim=-1)


class Softmax2d(OverAxis, axes=2):
    """Softmax over the channels at each place of (N, C, H, W) or (C, H, W). Source: torch.nn.Softmax2d."""

    example = example((1, 8, 16, 16))

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 3, 4)
        return super().output(x)

    def axis_of(self, x: Tensor) -> int:
        return -3
