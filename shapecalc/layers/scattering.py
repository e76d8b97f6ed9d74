"""Functions that put a tensor in the place of a part of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.strides import Strides
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.fields import Axis, Position, Size
from shapecalc.layers.reads import Reads, except_along, moved_axes
from shapecalc.layers.rules.memory import Keeps
from shapecalc.layers.slicing import select, stepped, without
from shapecalc.layers.slicing import slice as every
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import equal, not_one
from shapecalc.tensors import Tensor

_ELSEWHERE = Unknown("an element in the part that is replaced reads another tensor than one beside it")


class Scattering(Rearranging, abstract=True):
    """The first branch, in which a part is the second one."""

    branching = True
    aligned = True
    takes_complex = True
    keeps = Keeps.NOTHING
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
        """A copy that lies as the first branch does; of a part of a storage, one of all of that.

        Source: at::clone_preserve_strides.
        """
        whole = copied_with(x)
        laid = x.all_strides if whole is not None else self.strides_of(x.tensor, x)
        y = trace.kernel(x.tensor, x, src, back=self.back(x, src), laid=laid, whole=whole)
        y.offset = 0 if whole is None else x.offset
        return (y,)

    def back(self, x: Value, src: Value) -> Back:
        """A copy of the gradient with zeros in it, and the part of it. Source: derivatives.yaml."""
        own, other = x.look, src.look

        def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
            left = None
            if own.tracked:
                _zeros = trace.new(other.tensor)
                left = copied(trace, grad)
                del _zeros
            taken = trace.part(grad, other.shape, self.strides_of_part(grad.all_strides))
            return [left, taken if other.tracked else None]

        return back


def copied_with(x: Value) -> Dim | None:
    """The elements of the storage that is copied with a part of it; of one with repeated axes, none are."""
    repeated = [size for size, step in zip(x.shape, x.all_strides, strict=True) if step == 0]
    return None if any(not_one(size, "an axis of 1 is repeated") for size in repeated) else x.whole


def copied(trace: Trace, grad: Value) -> Value:
    """A copy of a gradient, of all of its storage where it is a part of that."""
    whole = copied_with(grad)
    if whole is None:
        return trace.elementwise(grad)
    return trace.part(trace.new(Tensor((whole,), grad.dtype)), grad.shape, grad.all_strides)


class slice_scatter(Scattering):
    """The first branch with the second in place of its elements along `dim` from `start` on, before `end`.

    Of every `step`-th of them, as in Python's `x[start:end:step] = src`. Source: torch.slice_scatter.
    """

    dim = Axis(0)
    start = Position(None)
    end = Position(None)
    step = Size(1)
    example = example((2, 24, 8), (2, 8, 8), dim=1, start=4, end=12)

    def part(self, x: Tensor) -> Tensor:
        return every(dim=self.dim, start=self.start, end=self.end, step=self.step).output(x)

    def strides_of_part(self, strides: Strides) -> Strides:
        return stepped(strides, self.dim, self.step)

    def reads(self, x: Tensor, src: Tensor, **_: Any) -> tuple[Reads, ...]:
        return except_along(x, self.dim, reads=_ELSEWHERE), except_along(src, self.dim, reads=_ELSEWHERE)


class select_scatter(Scattering):
    """The first branch with the second in place of its elements with one `index` along `dim`.

    As in Python's `x[:, index] = src`. Source: torch.select_scatter.
    """

    dim = Axis()
    index = Position()
    example = example((2, 24, 8), (2, 8), dim=1, index=0)

    def part(self, x: Tensor) -> Tensor:
        return select(dim=self.dim, index=self.index).output(x)

    def strides_of_part(self, strides: Strides) -> Strides:
        return without(strides, self.dim)[0]

    def reads(self, x: Tensor, src: Tensor, **_: Any) -> tuple[Reads, ...]:
        axis = self.dim % x.rank
        own = moved_axes(i for i in range(x.rank) if i != axis)
        return except_along(x, axis, reads=_ELSEWHERE), own
