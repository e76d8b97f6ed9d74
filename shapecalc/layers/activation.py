"""Activations (torch.nn, "Non-linear Activations"): each element becomes a function of itself."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_absolute, of_quotient
from shapecalc.allocation.gradients import Back, led_by, like, of_difference, passed
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis, check_floating, check_numbers
from shapecalc.layers.fields import Axis, Flag, Real
from shapecalc.layers.ranges import check_fits, computed_in
from shapecalc.layers.reads import Merged, Reads, except_along
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Operations
from shapecalc.tensors import Tensor, check_multiple, is_differentiable, is_floating


class Activation(Layer, abstract=True):
    """An activation is one kernel."""

    elementwise = True
    aligned = True
    keeps = Keeps.INPUTS
    leads: ClassVar[bool] = False
    """Whether the gradient lies in the order of what autograd keeps, and not of the gradient that arrives."""

    def back(self, x: Value) -> Back:
        return led_by(x.look) if self.leads else like(x.look)


class InPlace(Activation, abstract=True):
    """An activation that may write over its input."""

    overwrites: ClassVar[bool] = False
    """Whether in place autograd keeps the output; else it keeps a copy of the input."""
    inplace = Flag(False)
    last_fields: ClassVar[tuple[str, ...]] = ("inplace",)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        if not self.inplace:
            return super().run(trace, x)
        if self.keeps is Keeps.OUTPUT or self.overwrites:
            return (trace.in_place(x, keeps=(OUTPUT,), back=self.back(x)),)
        copies = [trace.new(x.tensor, x.strides)] if x.tracked else []
        return (trace.in_place(x, keeps=copies, back=self.back(x)),)


class OfNumbers(Activation, abstract=True):
    """An activation of any numbers but bool."""

    leads = True

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        return x


class ReLU(InPlace, OfNumbers):
    """max(x, 0). Source: torch.nn.ReLU."""

    keeps = Keeps.OUTPUT
    each = Operations(compare=1)


class relu(OfNumbers):
    """max(x, 0). Source: torch.relu."""

    keeps = Keeps.OUTPUT
    each = ReLU.each


class ReLU6(InPlace, OfNumbers):
    """min(max(x, 0), 6). Source: torch.nn.ReLU6."""

    each = Operations(compare=2)


class Threshold(InPlace, OfNumbers):
    """x where it is above `threshold`, else `value`. Source: torch.nn.Threshold."""

    each = Operations(compare=1)
    threshold = Real()
    value = Real()
    example = example((1, 16), threshold=0.1, value=0)

    def output(self, x: Tensor) -> Tensor:
        check_fits(self.threshold, computed_in(x.dtype), "threshold")
        check_fits(self.value, x.dtype, "value")
        return super().output(x)


class Hardtanh(InPlace, OfNumbers):
    """min(max(x, min_val), max_val). Source: torch.nn.Hardtanh."""

    each = Operations(compare=2)
    min_val = Real(-1.0)
    max_val = Real(1.0)

    def check(self) -> None:
        if self.max_val <= self.min_val:
            raise ArchitectureError(
                f"max_val must be above min_val {self.min_val:g}, not {self.max_val:g}", argument="max_val"
            )

    def output(self, x: Tensor) -> Tensor:
        for name in ("min_val", "max_val"):
            value = getattr(self, name)
            if not is_floating(x.dtype):
                value = type(value)(int(value))  # the bounds of whole numbers are made whole
            check_fits(value, x.dtype, name)
        if x.dtype == "uint8" and self.min_val <= -1:
            raise ArchitectureError(f"min_val {self.min_val:g} is beyond uint8", argument="min_val")
        return super().output(x)


class ToFloating(Activation, abstract=True):
    """One that makes floating-point numbers of integers."""

    def output(self, x: Tensor) -> Tensor:
        return x if is_differentiable(x.dtype) else Tensor(x.shape, "float32")


class Sigmoid(ToFloating):
    """1 / (1 + exp(−x)). Source: torch.nn.Sigmoid."""

    takes_complex = True
    keeps = Keeps.OUTPUT
    each = Operations(add=1, divide=1, exp=1)


class Tanh(ToFloating):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)). Source: torch.nn.Tanh."""

    takes_complex = True
    keeps = Keeps.OUTPUT
    each = Operations(exp=1)


class sigmoid(Sigmoid):
    """1 / (1 + exp(−x)). Source: torch.sigmoid."""


class tanh(Tanh):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)). Source: torch.tanh."""


class Softsign(ToFloating):
    """x / (1 + |x|). Source: torch.nn.Softsign."""

    each = Operations(add=1, divide=1)

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        return super().output(x)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        below = trace.kernel(x.tensor, x, keeps=(x,), back=of_absolute(x.look), strides=x.strides)
        below = trace.kernel(x.tensor, below, back=passed(below.look), strides=x.strides)
        made, back = self.output(x.tensor), of_quotient(x.look, below.look)
        return (trace.kernel(made, x, below, keeps=(x, below), back=back, strides=x.strides),)


class Tanhshrink(ToFloating):
    """x − tanh(x). Source: torch.nn.Tanhshrink."""

    each = Operations(add=1, exp=1)

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        return super().output(x)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        bent = trace.kernel(self.output(x.tensor), x, keeps=(OUTPUT,), strides=x.strides)
        back = of_difference(x.look, bent.look)
        return (trace.kernel(bent.tensor, x, bent, back=back, strides=x.strides),)


class GLU(Layer):
    """The first half along `dim` times the sigmoid of the second, which gates it.

    (*, n, *) → (*, n/2, *). Source: Dauphin et al. 2016, arXiv:1612.08083; torch.nn.GLU.
    """

    keeps = Keeps.INPUTS
    aligned = True
    each = Sigmoid.each + Operations(mul=1)
    dim = Axis(-1)

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        axis = check_axis(self.dim, x, "dim")
        size = x.shape[axis]
        message = f"the input has {{0}} on axis {axis}, which can't be halved ({x})"
        check_multiple(size, 2, message, why="one half gates the other")
        return Tensor((*x.shape[:axis], size // 2, *x.shape[axis + 1 :]), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        halves = Merged(self.dim % x.rank, "two halves of an axis are taken together")
        return (except_along(x, self.dim, reads=halves),)
