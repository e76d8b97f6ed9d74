"""Layers and functions that give all elements another shape, in the same order."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import check_view
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_axis
from shapecalc.layers.fields import Axis, Sizes
from shapecalc.layers.reads import Reads, reshaped
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, check_equal, check_multiple, product


class Reshaping(Rearranging, abstract=True):
    """All elements in their order, in another shape."""

    takes_complex = True

    def output(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (reshaped(x.shape, y.shape),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.seen_as(x, self.output(x.tensor).shape),)


class Flatten(Reshaping):
    """The axes from start_dim to end_dim become one. Source: torch.nn.Flatten."""

    start_dim = Axis(1)
    end_dim = Axis(-1)
    example = example((2, 16, 5, 5))

    def output(self, x: Tensor) -> Tensor:
        """A scalar becomes a vector of one element."""
        start = check_axis(self.start_dim, x, "start_dim", scalars=True)
        end = check_axis(self.end_dim, x, "end_dim", scalars=True)
        if start > end:
            raise ArchitectureError(
                f"start_dim {self.start_dim} comes after end_dim {self.end_dim} in the input {x}"
            )
        return Tensor((*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :]), x.dtype)

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        if not x.rank:
            return super().reads(x, y)
        start, end = self.start_dim % x.rank, self.end_dim % x.rank
        return (reshaped(x.shape, y.shape, before=start, after=x.rank - 1 - end),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The input itself where a single axis is made one."""
        shape = self.output(x.tensor).shape
        return (x if shape == x.shape else trace.reshape(x, shape),)


class flatten(Flatten):
    """The axes from start_dim to end_dim become one, all of them unless written. Source: torch.flatten."""

    start_dim = Axis(0)
    example = example((2, 16, 5, 5), start_dim=1)


def fill(sizes: Shape, elements: Dim, what: str) -> Shape:
    """`sizes` with its −1, if any, replaced so that they hold `elements`; `what` names them in errors."""
    known = product(tuple(size for size in sizes if size != -1))
    listed = "×".join(map(str, sizes))
    if -1 not in sizes:
        message = f"{what} of {{0}} elements can't become {listed}: that has {{1}}"
        check_equal(elements, known, message, why=f"they become {listed}")
        return sizes
    message = f"{what} of {{0}} elements can't become {listed}: {{1}} must divide it"
    check_multiple(elements, known, message, why=f"they become {listed}")
    return tuple(elements // known if size == -1 else size for size in sizes)


class Unflattening(Reshaping, abstract=True):
    """Axes in place of one, which has as many elements as they hold."""

    dim = Axis()
    argument: ClassVar[str]
    """The argument that has their sizes."""

    def output(self, x: Tensor) -> Tensor:
        axis = check_axis(self.dim, x, "dim")
        filled = fill(getattr(self, self.argument), x.shape[axis], f"axis {self.dim}")
        return Tensor((*x.shape[:axis], *filled, *x.shape[axis + 1 :]), x.dtype)

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        axis = self.dim % x.rank
        return (reshaped(x.shape, y.shape, before=axis, after=x.rank - 1 - axis),)


class Unflatten(Unflattening):
    """One axis becomes several, of which one size may be −1. Source: torch.nn.Unflatten."""

    argument = "unflattened_size"
    unflattened_size = Sizes(rest=1)
    example = example((2, 12, 5), dim=1, unflattened_size=(3, -1))


class unflatten(Unflattening):
    """One axis becomes several, of which one size may be −1. Source: torch.unflatten."""

    argument = "sizes"
    sizes = Sizes(rest=1)
    example = example((2, 12, 5), dim=1, sizes=(3, -1))


class reshape(Reshaping):
    """All elements in another shape, of which one size may be −1. Source: torch.reshape."""

    shape = Sizes(rest=1)
    example = example((2, 12, 5), shape=(2, -1))

    def output(self, x: Tensor) -> Tensor:
        return Tensor(fill(self.shape, x.elements, f"the input {x}"), x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.reshape(x, self.output(x.tensor).shape),)


class view(reshape):
    """All elements in another shape, of which one size may be −1, without a copy.

    torch refuses it where the strides need a copy, as after a permute; no shape tells, so `verify` does,
    and reshape is for all cases. Source: torch.Tensor.view.
    """

    namespace = "Tensor."
    positional = ("shape",)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        shape = self.output(x.tensor).shape
        check_view(x, shape, "take reshape, which copies where it must")
        return (trace.seen_as(x, shape),)
