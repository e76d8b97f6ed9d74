"""Joins: several branches become one tensor, by torch's functions of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Trace
from shapecalc.allocation.gradients import chosen, narrowed, of_difference, passed
from shapecalc.allocation.strides import (
    Strides,
    channels_last,
    elementwise_strides,
    seem_channels_last,
    strides_as,
)
from shapecalc.allocation.values import Value, looks
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis, check_new_axis
from shapecalc.layers.fields import Axis
from shapecalc.layers.reads import Joined, Reads, except_along, moved_axes
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import equal
from shapecalc.tensors import Shape, Tensor, broadcast, promote, result_dtype


def combine(first: Tensor, second: Tensor) -> Tensor:
    """Shape and dtype of an elementwise operation on two tensors."""
    return Tensor(broadcast(first.shape, second.shape), result_dtype(first, second))


def check_same(first: Tensor, x: Tensor, number: int, hint: str | None = None, besides: int = -1) -> None:
    """Refuse branch `number` where it has not the shape of the first one, but for the axis `besides`."""
    if x.rank != first.rank:
        raise ArchitectureError(
            f"branch {number} has {x.rank} axes ({x}), branch 0 has {first.rank} ({first})"
        )
    for i, (a, b) in enumerate(zip(first.shape, x.shape, strict=True)):
        if i != besides and not equal(a, b, "the branches agree"):
            message = f"branches 0 and {number} differ on axis {i}: {a} and {b} ({first} and {x})"
            raise ArchitectureError(message, hint=hint)


def operation(trace: Trace, first: Value, second: Value, *, negates: bool = False) -> Value:
    """A sum on the trace or, if the second operand is taken away, a difference."""
    made = combine(first.tensor, second.tensor)
    sides = first.look, second.look
    back = (of_difference if negates else passed)(*sides)
    strides = elementwise_strides(made.shape, *[(x.shape, x.strides) for x in sides])
    return trace.kernel(made, first, second, back=back, strides=strides)


def laid_in_line(shape: Shape, xs: Sequence[Value]) -> Strides | None:
    """The strides of tensors one after another: images lie channels last where all of them do.

    Source: at::cat_compute_output_memory_format.
    """
    return channels_last(shape) if all(seem_channels_last(x.shape, x.strides) for x in xs) else None


class concat(Rearranging):
    """The branches one after another along `dim`, the channels unless written. Source: torch.concat."""

    own_defaults = frozenset({"dim"})
    takes_complex = True
    dim = Axis(1)
    example = example((2, 8, 4, 4), (2, 16, 4, 4))

    def output(self, *xs: Tensor) -> Tensor:
        first, *others = xs
        axis = check_axis(self.dim, first, "dim")
        total: Dim = first.shape[axis]
        dtype = first.dtype
        for number, x in enumerate(others, start=1):
            hint = f"along dim {axis} they may differ, on every other axis they must agree"
            check_same(first, x, number, hint, besides=axis)
            total = total + x.shape[axis]
            dtype = promote(dtype, x.dtype)
        return Tensor((*first.shape[:axis], total, *first.shape[axis + 1 :]), dtype)

    def reads(self, *xs: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The branch that the element is of; along `dim` each has places of its own in a longer axis."""
        axis = check_axis(self.dim, xs[0], "dim")
        return tuple(except_along(x, axis, reads=Joined(axis)) for x in xs)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return (xs,)

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        made = self.output(*[x.tensor for x in xs])
        return (trace.kernel(made, *xs, back=narrowed(*looks(xs)), laid=laid_in_line(made.shape, xs)),)


class stack(Rearranging):
    """The branches, all of one shape, side by side along a new axis `dim`. Source: torch.stack."""

    takes_complex = True
    dim = Axis(0)
    example = example((2, 8, 4), (2, 8, 4))

    def output(self, *xs: Tensor) -> Tensor:
        first, *others = xs
        axis = check_new_axis(self.dim, first)
        dtype = first.dtype
        for number, x in enumerate(others, start=1):
            check_same(first, x, number)
            dtype = promote(dtype, x.dtype)
        return Tensor((*first.shape[:axis], len(xs), *first.shape[axis:]), dtype)

    def reads(self, *xs: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        new = self.dim % y.rank
        return tuple(moved_axes(axis for axis in range(y.rank) if axis != new) for _ in xs)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return (xs,)

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        made = self.output(*[x.tensor for x in xs])
        axis = check_new_axis(self.dim, xs[0].tensor)
        strides = None
        if axis < xs[0].rank:  # one after another along this axis, seen as two
            shape = (*made.shape[:axis], made.shape[axis] * made.shape[axis + 1], *made.shape[axis + 2 :])
            steps = laid_in_line(shape, xs)
            strides = steps and strides_as(shape, steps, made.shape)
        return (trace.kernel(made, *xs, back=chosen(axis, *looks(xs)), strides=strides),)
