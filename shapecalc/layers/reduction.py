"""Functions that go along axes: one number is made of all, or each is added to those before it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, cast_back, of_extreme, of_mean, of_running_sum, of_sum
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axes, check_axis, check_floating, check_numbers
from shapecalc.layers.fields import Axes, Axis, Dtype, Flag
from shapecalc.layers.reads import Reads, except_along, reduced
from shapecalc.layers.rules import Keeps
from shapecalc.layers.softmax import rows
from shapecalc.operations import Operations, Unknown, additions, averaged
from shapecalc.tensors import Shape, Tensor, is_complex, is_differentiable, is_floating


def check_dtype(dtype: str | None, x: Tensor) -> None:
    """Refuse to take complex numbers for real ones, of which torch warns; whether one is 0 loses no part."""
    if dtype not in (None, "bool") and is_complex(x.dtype):
        message = f"dtype {dtype} would drop the imaginary parts of {x.dtype}"
        raise ArchitectureError(message, hint="real and view_as_real take them apart", argument="dtype")


class Reducing(Layer, abstract=True):
    """A function of all elements along the axes `dim`, which go; of all axes unless written."""

    own_defaults = frozenset({"dim"})  # with keepdim, torch wants it
    dim = Axes(None)
    keepdim = Flag(False)

    def gone(self, x: Tensor) -> Collection[int]:
        """The axes that are reduced."""
        return range(x.rank) if self.dim is None else check_axes(self.dim, x, "dim")

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (reduced(x, self.gone(x), self.keepdim),)

    def reduced(self, x: Tensor) -> Shape:
        """The shape without the reduced axes; with `keepdim` these are 1."""
        gone = self.gone(x)
        if self.keepdim:
            return tuple(1 if axis in gone else size for axis, size in enumerate(x.shape))
        return tuple(size for axis, size in enumerate(x.shape) if axis not in gone)


class mean(Reducing):
    """The mean along the axes `dim`, of all elements unless written.

    `dtype` is what the elements are taken for. Source: torch.mean.
    """

    dtype = Dtype()

    def output(self, x: Tensor) -> Tensor:
        if not self.dtype:
            check_floating(x)
        elif not is_floating(self.dtype):
            message = f"dtype must be floating-point, not {self.dtype}: a mean is no whole number"
            raise ArchitectureError(message, argument="dtype")
        return Tensor(self.reduced(x), self.dtype or x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        back = of_mean(x.look, self.gone(x.tensor))
        return (trace.kernel(self.output(x.tensor), x, back=cast_back(x.look, back)),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return averaged(x.elements, y.elements)


class sum(Reducing):  # noqa: A001  # torch's name; no rule here adds by Python's
    """The sum along the axes `dim`, of all elements unless written; of whole numbers it is int64.

    `dtype` is what the elements are taken for. Source: torch.sum.
    """

    dtype = Dtype()
    takes_complex = True

    def output(self, x: Tensor) -> Tensor:
        check_dtype(self.dtype, x)
        own = x.dtype if is_differentiable(x.dtype) else "int64"
        return Tensor(self.reduced(x), self.dtype or own)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor) if self.dtype else trace.made_by("sum", self.output(x.tensor), x)
        back = of_sum(x.look, self.gone(x.tensor))
        return (trace.kernel(made, x, back=cast_back(x.look, back)),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return additions(x.elements, y.elements)


class Extreme(Reducing, abstract=True):
    """The greatest or the least element along the axes `dim`."""

    keeps = Keeps.BOTH

    def output(self, x: Tensor) -> Tensor:
        return Tensor(self.reduced(x), x.dtype)

    def back(self, x: Value) -> Back:
        gone = self.gone(x.tensor)
        kept = tuple([1 if axis in gone else size for axis, size in enumerate(x.shape)])
        return of_extreme(x.look, kept)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=x.elements - y.elements)


class amax(Extreme):
    """The greatest along the axes `dim`, of all elements unless written. Source: torch.amax."""


class amin(Extreme):
    """The least along the axes `dim`, of all elements unless written. Source: torch.amin."""


class ArgExtreme(Extreme, abstract=True):
    """The place of the greatest or the least element along `dim`, of all in one row unless written."""

    own_defaults = frozenset()
    keeps = Keeps.NOTHING
    dim: Any = Axis(None)
    example = example((2, 100), dim=-1)

    def gone(self, x: Tensor) -> range:
        if self.dim is None:
            return range(x.rank)
        axis = check_axis(self.dim, x, "dim", scalars=True)
        return range(axis, axis + 1)

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        return Tensor(self.reduced(x), "int64")


class argmax(ArgExtreme):
    """The place of the greatest element along `dim`, of all in one row unless written: (N, L) → (N).

    Source: torch.argmax.
    """


class argmin(ArgExtreme):
    """The place of the least element along `dim`, of all in one row unless written: (N, L) → (N).

    Source: torch.argmin.
    """


class cumsum(Layer):
    """The sum of each element and all before it along `dim`; of whole numbers it is int64.

    `dtype` is what the elements are taken for. Source: torch.cumsum.
    """

    dim = Axis()
    dtype = Dtype()
    example = example((2, 8, 4), dim=1)

    def output(self, x: Tensor) -> Tensor:
        check_axis(self.dim, x, "dim", scalars=True)
        if self.dtype == "bool":
            raise ArchitectureError("dtype must be one of numbers, not bool", argument="dtype")
        return Tensor(x.shape, self.dtype or (x.dtype if is_floating(x.dtype) else "int64"))

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return additions(x.elements, rows(x, self.dim))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor) if self.dtype else trace.made_by("cumsum", self.output(x.tensor), x)
        length = x.shape[self.dim] if x.rank else 1
        return (trace.kernel(made, x, back=of_running_sum(length, x.look)),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        before = Unknown("an element sees all before it, and none after it")
        return (except_along(x, self.dim, reads=before),)
