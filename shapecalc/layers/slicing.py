"""Functions that take a part of a tensor along one axis, or show it in windows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros
from shapecalc.allocation.strides import Strides
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Position, Size
from shapecalc.layers.reads import AxisReads, Cut, Pattern, Reads, except_along, moved_axes
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, maximum, minimum
from shapecalc.tensors import Tensor, check_at_least, with_size


def from_place(x: Tensor, dim: int, before: Iterable[Dim]) -> Reads:
    """The reading of a part of an axis that begins after parts of these sizes."""
    axis = dim % x.rank
    start: Dim = 0
    for size in before:
        start = start + size
    if not isinstance(start, int):
        return except_along(x, axis, reads=Cut(axis, start))
    return except_along(x, axis, reads=Pattern(axis, (range(start, start + 1),), cropped=True))


class narrow(Rearranging):
    """`length` elements along `dim`, from `start` on. Source: torch.narrow."""

    takes_complex = True
    dim = Axis()
    start = Position()
    length = Size()
    example = example((2, 24, 8), dim=1, start=4, length=8)

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        n = x.shape[axis]
        start = self.start
        if isinstance(start, int) and start < 0:
            message = f"start {start} lies before axis {axis} of {x}, which has {{0}} elements"
            check_at_least(n, -start, message, why="the part starts inside")
            start = n + start
        message = (
            f"start {start} and length {self.length} reach to {{1}}, axis {axis} of {x} has {{0}} elements"
        )
        room = n - start
        hint = f"from {start} on there are {room}" if isinstance(room, int) and room > 0 else None
        check_at_least(n, start + self.length, message, hint, why="the part ends inside")
        return with_size(x, axis, self.length)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        before = from_start(self.start, x.shape[self.dim]) * x.all_strides[self.dim]
        return (trace.view(x, self.output(x.tensor).shape, x.all_strides, in_zeros(x.look), before),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        backwards = isinstance(self.start, int) and self.start < 0
        return (from_place(x, self.dim, (self.start, x.shape[self.dim]) if backwards else (self.start,)),)


class Range(NamedTuple):
    """Places from `start` on, up to the one before `stop`, as they are written: they may lie off the axis."""

    start: Dim
    stop: Dim


class slice(Rearranging):  # noqa: A001  # torch's name; no rule here slices by Python's
    """Every `step`-th element along `dim`, from `start` on and before `end`, as Python's `x[start:end:step]`.

    ⌈(end − start)/step⌉ elements. Negative places count from the end of the axis; those off it are taken for
    its ends. Source: torch's own aten::slice.
    """

    namespace = "ops.aten."
    takes_complex = True
    dim = Axis(0)
    start = Position(None)
    end = Position(None)
    step = Size(1)
    example = example((2, 24, 8), dim=1, start=1, end=None, step=2)

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        n = x.shape[axis]
        start, stop = self.places(n)
        found = f"the slice from {start} to {stop} has nothing of axis {axis} of {x}"
        check_at_least(stop - start, 1, found, why="the slice holds an element")
        check_at_least(stop, 1, found, why="the slice holds an element")
        check_at_least(n - start, 1, found, why="the slice holds an element")
        length = minimum(stop, n) - maximum(start, 0)
        return with_size(x, axis, (length - 1) // self.step + 1)

    def in_python(self, x: Any) -> str:
        return subscript(x, self.dim, slice_text(self.start, self.end, self.step))

    def places(self, n: Dim) -> Range:
        """From where to where, counted from the start of an axis of `n` elements."""
        start = 0 if self.start is None else from_start(self.start, n)
        return Range(start, n if self.end is None else from_start(self.end, n))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        strides = stepped(x.all_strides, self.dim, self.step)
        before = maximum(self.places(x.shape[self.dim]).start, 0) * x.all_strides[self.dim]
        return (trace.view(x, self.output(x.tensor).shape, strides, in_zeros(x.look), before),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        n = x.shape[self.dim]
        start = maximum(self.places(n).start, 0)
        if self.step == 1:
            return (from_place(x, self.dim, (start,)),)
        if not (isinstance(start, int) and isinstance(self.step, int)):
            reason = f"where place {start} is, or each {self.step}-th after it, differs from size to size"
            return (except_along(x, self.dim, reads=Unknown(reason)),)
        cropped = start > 0 or self.end is not None
        pattern = Pattern(self.dim % x.rank, (range(start, start + 1),), self.step, cropped=cropped)
        return (except_along(x, self.dim, reads=pattern),)


def stepped(strides: Strides, dim: int, step: Dim) -> Strides:
    """The strides of every `step`-th element along an axis."""
    axis = dim % len(strides)
    return (*strides[:axis], strides[axis] * step, *strides[axis + 1 :])


def without(strides: Strides, dim: int) -> tuple[Strides, Dim]:
    """The strides of the other axes, and that of an axis which goes."""
    axis = dim % len(strides)
    return (*strides[:axis], *strides[axis + 1 :]), strides[axis]


def from_start(place: Dim, n: Dim) -> Dim:
    """A place counted from the start of an axis of `n` elements, as it may be from the end."""
    return n + place if isinstance(place, int) and place < 0 else place


def one_place(x: Tensor, axis: int, place: Dim) -> Reads:
    """The reading of a tensor of the elements at one place of an axis, which is removed."""
    taken: AxisReads = Unknown(f"which place {place} is differs from size to size")
    if isinstance(place, int):
        taken = Pattern(None, (range(place, place + 1),), 0)
    stay = moved_axes(None if i == axis else i - (i > axis) for i in range(x.rank))
    return tuple(taken if i == axis else own for i, own in enumerate(stay))


def slice_text(start: object, end: object, step: object) -> str:
    """Python's `start:end:step`, with what is usual left out."""
    ends = f"{'' if start is None else start}:{'' if end is None else end}"
    return ends if step == 1 else f"{ends}:{step}"


def subscript(x: str, dim: int, inside: str) -> str:
    """Python's `x[:, inside]`, along an axis."""
    whole = [":"] * dim if dim >= 0 else ["..."]
    after = [":"] * (-1 - dim) if dim < 0 else []
    return f"{x}[{', '.join([*whole, inside, *after])}]"


class select(Rearranging):
    """The elements with one `index` along `dim`; the axis goes. Source: torch.select."""

    takes_complex = True
    dim = Axis()
    index = Position()
    example = example((2, 24, 8), dim=1, index=0)

    def in_python(self, x: Any) -> str:
        return subscript(x, self.dim, str(self.index))

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        backwards = isinstance(self.index, int) and self.index < 0
        needed = -self.index if backwards else self.index + 1
        message = f"index {self.index} needs {{1}} elements, axis {axis} of {x} has {{0}}"
        check_at_least(x.shape[axis], needed, message, why="there is such an index")
        return Tensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        strides, step = without(x.all_strides, self.dim)
        before = from_start(self.index, x.shape[self.dim]) * step
        return (trace.view(x, self.output(x.tensor).shape, strides, in_zeros(x.look), before),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (one_place(x, self.dim % x.rank, from_start(self.index, x.shape[self.dim])),)


class unfold(Rearranging):
    """A window slides along `dimension`; what it shows at each place is along a new last axis.

    (N, C, L) → (N, C, ⌊(L − size)/step⌋ + 1, size) with dimension 2. Source: torch.Tensor.unfold.
    """

    namespace = "Tensor."
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
