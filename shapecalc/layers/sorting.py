"""Functions that order the elements along an axis, all of them or the greatest ones."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros
from shapecalc.allocation.strides import dense
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis, check_numbers
from shapecalc.layers.fields import Axis, Flag, Size
from shapecalc.layers.reads import Reads, except_along
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least, with_size


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


def selections(size: Dim, k: Dim) -> Dim:
    """Comparisons to find the k greatest of n numbers: n − 1 for the first, n − 2 for the next, and so on."""
    return size * k - k * (k + 1) // 2


class topk(Layer):
    """The `k` greatest elements along `dim` and, as a second output, the places of these, of int64.

    Without `largest` they are the least ones, without `sorted` in any order. Source: torch.topk.
    """

    k = Size()
    dim = Axis(-1)
    largest = Flag(True)
    sorted = Flag(True)
    example = example((2, 8), k=3)

    def output(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axis = check_axis(self.dim, x, "dim", scalars=True)
        check_numbers(x)
        message = f"k is {{1}}, but the input {x} has {{0}} elements along axis {axis}"
        check_at_least(x.shape[axis] if x.rank else 1, self.k, message, why="k elements are there")
        values = with_size(x, axis, self.k) if x.rank else x
        return values, Tensor(values.shape, "int64")

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, self.dim),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        size = x.shape[self.dim] if x.rank else 1
        return Operations(compare=y.elements // self.k * selections(size, self.k))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Autograd keeps the places."""
        made, places = self.output(x.tensor)
        indices = trace.new(places)
        return trace.kernel(made, x, keeps=(indices,), back=in_zeros(x.look)), indices
