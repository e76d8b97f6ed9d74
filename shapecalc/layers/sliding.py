"""A view of all places of a window along one axis (torch.Tensor.unfold)."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Size
from shapecalc.layers.reads import Reads, except_along
from shapecalc.operations import Unknown
from shapecalc.tensors import Tensor, check_at_least


class unfold(Rearranging):
    """A window slides along `dimension`; what it shows at each place is along a new last axis.

    (N, C, L) → (N, C, ⌊(L − size)/step⌋ + 1, size) with dimension 2. Source: torch.Tensor.unfold.
    """

    function = "Tensor.unfold"
    takes_complex = True
    dimension = Axis()
    size = Size()
    step = Size()
    example = example((2, 8, 10), dimension=2, size=4, step=2)

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dimension, x, "dimension", scalars=True)
        n = x.shape[axis] if x.rank else 1
        message = f"size is {{1}}, but axis {axis} of the input {x} has {{0}} elements"
        check_at_least(n, self.size, message, why="one window fits")
        if not x.rank:
            return Tensor((self.size,), x.dtype)
        places = (n - self.size) // self.step + 1
        return Tensor((*x.shape[:axis], places, *x.shape[axis + 1 :], self.size), x.dtype)

    def in_python(self, x: Any) -> str:
        return f"{x}.unfold({self.dimension}, {self.size}, {self.step})"

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        places = Unknown("its places are divided among two axes")
        return (except_along(x, self.dimension, reads=places),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        shape = self.output(x.tensor).shape
        steps = [*x.all_strides] or [1]
        axis = self.dimension % len(steps)
        own = steps[axis]
        steps[axis] = own * self.step
        return (trace.view(x, shape, (*(steps if x.rank else ()), own), back=in_zeros(x.look)),)
