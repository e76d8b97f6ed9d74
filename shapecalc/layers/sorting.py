"""Functions that order the elements along an axis, or say where the greatest is."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros
from shapecalc.allocation.strides import dense
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis, check_numbers
from shapecalc.layers.fields import Axis, Flag
from shapecalc.layers.reads import Reads, except_along, reduced
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor


class Ordering(Layer, abstract=True):
    """Elements along `dim` in order, with the number of the place of each."""

    dim = Axis(-1)
    descending = Flag(False)
    example = example((2, 100))

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """All of the axis: any other element might have been in this one's place."""
        return (except_along(x, self.dim),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The numbers are kept: by them each gradient goes back to its place, among zeros."""
        laid = x.strides and dense(x.shape, x.strides)
        numbers = trace.new(Tensor(x.shape, "int64"), laid)
        return trace.kernel(x.tensor, x, keeps=(numbers,), back=in_zeros(x.look), laid=laid), numbers


class sort(Ordering):
    """The elements along `dim` in order, and the places where they were: (N, L) → (N, L), (N, L).

    The smallest comes first, unless `descending`. Source: torch.sort.
    """

    def output(self, x: Tensor) -> tuple[Tensor, ...]:
        check_axis(self.dim, x, "dim", scalars=True)
        return x, Tensor(x.shape, "int64")


class argsort(Ordering):
    """The places of the elements along `dim`, in their order: (N, L) → (N, L) of int64.

    Source: torch.argsort.
    """

    def output(self, x: Tensor) -> Tensor:
        check_axis(self.dim, x, "dim", scalars=True)
        return Tensor(x.shape, "int64")

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return super().run(trace, x)[1:]


class ArgExtreme(Layer, abstract=True):
    """The place of the greatest or the least element along `dim`, of all in one row unless written."""

    keeps = Keeps.NOTHING
    dim: Any = Axis(None)
    keepdim = Flag(False)
    example = example((2, 100), dim=-1)

    def gone(self, x: Tensor) -> range:
        if self.dim is None:
            return range(x.rank)
        axis = check_axis(self.dim, x, "dim", scalars=True)
        return range(axis, axis + 1)

    def output(self, x: Tensor) -> Tensor:
        check_numbers(x)
        gone = self.gone(x)
        kept: list[Dim] = [1 if axis in gone else n for axis, n in enumerate(x.shape)]
        if not self.keepdim:
            kept = [n for axis, n in enumerate(x.shape) if axis not in gone]
        return Tensor(tuple(kept), "int64")

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (reduced(x, self.gone(x), self.keepdim),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=x.elements - y.elements)


class argmax(ArgExtreme):
    """The place of the greatest element along `dim`, of all in one row unless written: (N, L) → (N).

    Source: torch.argmax.
    """


class argmin(ArgExtreme):
    """The place of the least element along `dim`, of all in one row unless written: (N, L) → (N).

    Source: torch.argmin.
    """
