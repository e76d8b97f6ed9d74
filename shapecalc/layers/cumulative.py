"""Functions that carry a result along an axis, from each element to the next."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import of_running_sum
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Dtype
from shapecalc.layers.reads import Reads, except_along
from shapecalc.operations import Operations, Unknown, additions
from shapecalc.tensors import Tensor, is_floating, product


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
        axis = self.dim % x.rank if x.rank else 0
        return additions(x.elements, product((*x.shape[:axis], *x.shape[axis + 1 :])))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor) if self.dtype else trace.made_by("cumsum", self.output(x.tensor), x)
        length = x.shape[self.dim] if x.rank else 1
        return (trace.kernel(made, x, back=of_running_sum(length, x.look)),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        before = Unknown("an element sees all before it, and none after it")
        return (except_along(x, self.dim, reads=before),)
