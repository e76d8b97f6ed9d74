"""Functions that repeat a tensor along its axes, and along new ones before them."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, of_repetition
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.fields import Sizes
from shapecalc.layers.reads import Merged, Reads, broadcast_to
from shapecalc.layers.rules import Keeps
from shapecalc.symbolic import Dim, Expr
from shapecalc.symbolic.conditions import equal
from shapecalc.tensors import Shape, Tensor


def expanded(x: Tensor, sizes: Shape) -> Tensor:
    """The tensor with its axes of 1 repeated to these sizes, matched from the last one; −1 keeps an axis.

    Raises:
        ArchitectureError: an axis that is not 1 would change, or −1 stands for an axis that is new.
    """
    new = len(sizes) - x.rank
    if new < 0:
        raise _unfit(x, sizes, f"it has {x.rank} axes, and {len(sizes)} sizes are given")
    if -1 in sizes[:new]:
        raise _unfit(x, sizes, "a new axis has no size that -1 could keep")
    kept = (
        n if size == -1 else _repeated(x, sizes, n, size)
        for n, size in zip(x.shape, sizes[new:], strict=True)
    )
    return Tensor((*sizes[:new], *kept), x.dtype)


def _repeated(x: Tensor, sizes: Shape, n: Dim, size: Dim) -> Dim:
    # Where n is a formula it may be 1 as well, and gives the same size; nothing but 1 becomes 1.
    may_be_one = isinstance(n, Expr) and size != 1
    if n != 1 and not equal(n, size, "the axis is 1, or has that size already", or_one=may_be_one):
        raise _unfit(x, sizes, f"an axis of {n} can't become {size}, only one of 1 can")
    return size


def _unfit(x: Tensor, sizes: Shape, reason: str) -> ArchitectureError:
    hint = "sizes are matched from the last axis; repeat copies axes of any size"
    listed = "×".join(map(str, sizes))
    return ArchitectureError(f"the input {x} can't be expanded to {listed}: {reason}", hint=hint)


class expand(Rearranging):
    """Axes of 1 repeated to the given sizes, and new axes before them; −1 keeps an axis.

    Source: torch.Tensor.expand.
    """

    namespace = "Tensor."
    takes_complex = True
    positional = ("sizes",)
    sizes = Sizes(rest=float("inf"))
    example = example((2, 1, 8), sizes=(-1, 4, -1))

    def output(self, x: Tensor) -> Tensor:
        return expanded(x, self.sizes)

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (broadcast_to(y, x),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (trace.expand(x, self.output(x.tensor).shape),)


class expand_as(Rearranging):
    """The first branch with axes of 1 repeated to the sizes of the second. Source: torch.Tensor.expand_as."""

    namespace = "Tensor."
    without_gradient = (1,)
    takes_complex = True
    branching = True
    example = example((1, 1, 8), (2, 4, 8))

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        return expanded(x, other.shape)

    def run(self, trace: Trace, x: Value, other: Value) -> tuple[Value, ...]:
        return (trace.expand(x, self.output(x.tensor, other.tensor).shape),)

    def reads(self, x: Tensor, other: Tensor, y: Tensor, **_: Any) -> tuple[Reads | None, ...]:
        return broadcast_to(y, x), None


class repeat(Rearranging):
    """Copies of the tensor, as many along each axis as `repeats` says; the first ones may be new axes.

    Source: torch.Tensor.repeat.
    """

    keeps = Keeps.NOTHING
    namespace = "Tensor."
    takes_complex = True
    positional = ("repeats",)
    repeats = Sizes()
    example = example((1, 1, 8), repeats=(2, 4, 1))

    def output(self, x: Tensor) -> Tensor:
        new = len(self.repeats) - x.rank
        if new < 0:
            raise ArchitectureError(
                f"repeats has {len(self.repeats)} numbers, the input {x} has {x.rank} axes",
                hint="1 leaves an axis as it is",
                argument="repeats",
            )
        shape = (*[1] * new, *x.shape)
        return Tensor(tuple(n * times for n, times in zip(shape, self.repeats, strict=True)), x.dtype)

    def reads(self, x: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        lead = y.rank - x.rank
        copied = (Merged(lead + axis, "copies of an axis stand one after another") for axis in range(x.rank))
        pairs = zip(broadcast_to(y, x), copied, self.repeats[lead:], x.shape, strict=True)
        return (tuple(own if k == 1 or n == 1 else copies for own, copies, k, n in pairs),)

    def back(self, x: Value) -> Back:
        return of_repetition(x.look, self.repeats)
