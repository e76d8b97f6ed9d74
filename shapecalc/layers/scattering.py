"""Functions that put a tensor in the place of a part of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.strides import Strides
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.fields import Axis, Position, Size
from shapecalc.layers.reads import Reads, except_along, moved_axes
from shapecalc.layers.slicing import select
from shapecalc.layers.slicing import slice as every
from shapecalc.operations import Unknown
from shapecalc.symbolic.conditions import equal
from shapecalc.tensors import Tensor

_ELSEWHERE = Unknown("an element in the part that is replaced reads another tensor than one beside it")


class Scattering(Rearranging, abstract=True):
    """The first branch, in which a part is the second one."""

    branching = True
    aligned = True
    takes_complex = True
    undecided = "depends on where in its storage a part of a tensor begins"
    dim: Any

    def part(self, x: Tensor) -> Tensor:
        """What is replaced of the first branch."""
        raise NotImplementedError

    def strides_of_part(self, strides: Strides) -> Strides:
        """How what is replaced lies in a tensor of these strides."""
        raise NotImplementedError

    def output(self, x: Tensor, src: Tensor) -> Tensor:
        part = self.part(x)
        pairs = zip(part.shape, src.shape, strict=False)
        why = "the part is replaced by as much"
        if part.rank != src.rank or not all(equal(n, m, why) for n, m in pairs):
            message = f"the second branch must be {part}, as the part that it replaces, not {src}"
            raise ArchitectureError(message)
        return x

    def run(self, trace: Trace, x: Value, src: Value) -> tuple[Value, ...]:
        """A copy; of a part of a storage one of all before it, too, gaps and all.

        Source: torch._prims_common.clone_preserve_strides.
        """
        if not x.partial:
            return super().run(trace, x, src)
        (y,) = self.at_least(trace, self.output(x.tensor, src.tensor))
        y.strides, y.partial = x.strides, True
        return (y,)

    def saved(self, x: Value, src: Value) -> Sequence[Value]:
        return ()

    def back(self, x: Value, src: Value) -> Back:
        """A copy of the gradient with zeros in it, and the part of it. Source: derivatives.yaml."""
        own, other = x.look, src.look

        def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
            left = None
            if own.tracked and grad.partial:
                raise UnknownError(f"{self.type}: what the gradient takes {self.undecided}")
            if own.tracked:
                _zeros = trace.new(other.tensor)
                left = trace.elementwise(grad)
                del _zeros
            taken = trace.part(grad, other.shape, self.strides_of_part(grad.all_strides))
            return [left, taken if other.tracked else None]

        return back


class slice_scatter(Scattering):
    """The first branch with the second in place of its elements along `dim` from `start` on, before `end`.

    Of every `step`-th of them, as in Python's `x[start:end:step] = src`. Source: torch.slice_scatter.
    """

    function = "slice_scatter"
    dim = Axis(0)
    start = Position(None)
    end = Position(None)
    step = Size(1)
    example = example((2, 24, 8), (2, 8, 8), dim=1, start=4, end=12)

    def part(self, x: Tensor) -> Tensor:
        return every(dim=self.dim, start=self.start, end=self.end, step=self.step).output(x)

    def strides_of_part(self, strides: Strides) -> Strides:
        axis = self.dim % len(strides)
        return (*strides[:axis], strides[axis] * self.step, *strides[axis + 1 :])

    def reads(self, x: Tensor, src: Tensor, **_: Any) -> tuple[Reads, ...]:
        return except_along(x, self.dim, reads=_ELSEWHERE), except_along(src, self.dim, reads=_ELSEWHERE)


class select_scatter(Scattering):
    """The first branch with the second in place of its elements with one `index` along `dim`.

    As in Python's `x[:, index] = src`. Source: torch.select_scatter.
    """

    function = "select_scatter"
    dim = Axis()
    index = Position()
    example = example((2, 24, 8), (2, 8), dim=1, index=0)

    def part(self, x: Tensor) -> Tensor:
        return select(dim=self.dim, index=self.index).output(x)

    def strides_of_part(self, strides: Strides) -> Strides:
        axis = self.dim % len(strides)
        return (*strides[:axis], *strides[axis + 1 :])

    def reads(self, x: Tensor, src: Tensor, **_: Any) -> tuple[Reads, ...]:
        axis = self.dim % x.rank
        own = moved_axes(i for i in range(x.rank) if i != axis)
        return except_along(x, axis, reads=_ELSEWHERE), own
