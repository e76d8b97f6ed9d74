"""Layers and functions that rearrange elements and compute nothing."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, like, passed
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Elementwise, Rearranging, example
from shapecalc.layers.checks import check_axes, check_axis, check_new_axis
from shapecalc.layers.fields import Axes, Axis, Shifts
from shapecalc.layers.reads import Merged, Pattern, Reads, except_along, moved_axes
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, least
from shapecalc.tensors import Tensor


class Identity(Elementwise):
    """The input itself. Source: torch.nn.Identity."""

    takes_complex = True

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (x,)


class permute(Rearranging):
    """The axes in another order: axis i of the output is axis dims[i] of the input. Source: torch.permute."""

    takes_complex = True
    dims = Axes()
    example = example((2, 8, 4, 4), dims=(0, 2, 3, 1))

    def output(self, x: Tensor) -> Tensor:
        order = check_axes(self.dims, x, "dims")
        if len(order) != x.rank:
            raise ArchitectureError(
                f"dims has {len(order)} axes, the input {x} has {x.rank}",
                hint="every axis is listed once, those that stay too",
                argument="dims",
            )
        return Tensor(tuple(x.shape[axis] for axis in order), x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.permute(x, [axis % x.rank for axis in self.dims]),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        order = check_axes(self.dims, x, "dims")
        return (moved_axes(order.index(axis) for axis in range(x.rank)),)


class transpose(Rearranging):
    """Two axes change places. Source: torch.transpose."""

    takes_complex = True
    dim0 = Axis()
    dim1 = Axis()
    example = example((2, 8, 16), dim0=1, dim1=2)

    def output(self, x: Tensor) -> Tensor:
        return Tensor(tuple(x.shape[axis] for axis in self.order(x)), x.dtype)

    def order(self, x: Tensor) -> list[int]:
        """For each axis of the output the axis of the input; swapping two, it is its own inverse."""
        first = check_axis(self.dim0, x, "dim0", scalars=True)
        second = check_axis(self.dim1, x, "dim1", scalars=True)
        other = {first: second, second: first}
        return [other.get(axis, axis) for axis in range(x.rank)]

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (moved_axes(self.order(x)),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.transpose(x, self.dim0, self.dim1) if x.rank else trace.view(x, ()),)


class squeeze(Rearranging):
    """Axes of 1 go: those of `dim`, or all of them. An axis of another size stays. Source: torch.squeeze."""

    takes_complex = True
    dim = Axes(None)
    example = example((2, 8, 1, 1), dim=(2, 3))

    def output(self, x: Tensor) -> Tensor:
        return Tensor(tuple(x.shape[axis] for axis in self.kept(x)), x.dtype)

    def kept(self, x: Tensor) -> list[int]:
        """The axes that stay."""
        meant = range(x.rank) if self.dim is None else check_axes(self.dim, x, "dim")
        sizes = enumerate(x.shape)
        return [axis for axis, n in sizes if axis not in meant or not self.is_one(n, axis, x)]

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        kept = self.kept(x)
        return (moved_axes(kept.index(axis) if axis in kept else None for axis in range(x.rank)),)

    def is_one(self, size: Dim, axis: int, x: Tensor) -> bool:
        if isinstance(size, int):
            return size == 1
        low = least(size)
        if low is not None and low > 1:
            return False
        raise ArchitectureError(
            f"axis {axis} of {x} goes where {size} is 1, and stays elsewhere: no formula of this kind gives"
            " both",
            hint="list in dim the axes that are 1 for certain",
        )

    def keywords(self) -> dict[str, Any]:
        return {} if self.dim is None else {"dim": self.dim}

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        shape = self.output(x.tensor).shape
        if shape == x.shape:  # the gradient is handed on as it is
            return (trace.view(x, shape, x.strides, back=passed(x.look)),)
        return (trace.seen_as(x, shape),)


class unsqueeze(Rearranging):
    """A new axis of 1, at the place `dim` of the output. Source: torch.unsqueeze."""

    takes_complex = True
    dim = Axis()
    example = example((2, 8), dim=1)

    def output(self, x: Tensor) -> Tensor:
        axis = check_new_axis(self.dim, x)
        return Tensor((*x.shape[:axis], 1, *x.shape[axis:]), x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.seen_as(x, self.output(x.tensor).shape),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        new = check_new_axis(self.dim, x)
        return (moved_axes(axis for axis in range(x.rank + 1) if axis != new),)


class roll(Rearranging):
    """Elements moved along `dims` by `shifts`, those beyond the end back at the start.

    Without `dims` all elements are moved as if in one row. Source: torch.roll; in windows of attention
    Liu et al. 2021, arXiv:2103.14030.
    """

    keeps = Keeps.NOTHING
    takes_complex = True
    shifts = Shifts()
    dims = Axes(None)
    example = example((2, 56, 56, 96), shifts=(-3, -3), dims=(1, 2))

    def check(self) -> None:
        axes = 1 if self.dims is None else len(self.dims)
        if len(self.shifts) != axes:
            found = "no dims" if self.dims is None else f"{axes} dims"
            raise ArchitectureError(
                f"shifts has {len(self.shifts)} numbers for {found}: one for each is needed",
                argument="shifts",
            )

    def output(self, x: Tensor) -> Tensor:
        for axis in self.dims or ():
            check_axis(axis, x, "dims")  # an axis may be moved along more than once
        return x

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        reason = "its places go around the end of an axis"
        if not self.dims:
            return (except_along(x, *range(x.rank), reads=Unknown(reason)),)
        moved = {axis % x.rank for axis in self.dims}
        return (tuple(Merged(i, reason) if i in moved else Pattern(i) for i in range(x.rank)),)

    def keywords(self) -> dict[str, Any]:
        return {"shifts": self.shifts, "dims": self.dims or ()}


class flip(Rearranging):
    """The elements along `dims` in the opposite order. Source: torch.flip."""

    keeps = Keeps.NOTHING
    aligned = True
    dims = Axes()
    example = example((2, 8, 4, 4), dims=-1)

    def output(self, x: Tensor) -> Tensor:
        check_axes(self.dims, x, "dims")
        return x

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        moved = {axis % x.rank for axis in self.dims} if x.rank else set()
        reason = "its places lie in the opposite order"
        return (tuple(Merged(i, reason) if i in moved else Pattern(i) for i in range(x.rank)),)

    def back(self, x: Value) -> Back:
        return like()
