"""The greatest elements along an axis, and where they are."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis, check_numbers
from shapecalc.layers.fields import Axis, Flag, Size
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.slicing import with_size
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least


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
