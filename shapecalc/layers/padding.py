"""Padding (torch.nn, "Padding Layers"): elements added at both ends of the last axes, or cut off there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides, dense, is_in_a_row
from shapecalc.allocation.trace import Trace, Value
from shapecalc.allocation.wrapping import wrapped
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_least_rank, check_rank
from shapecalc.layers.fields import Choice, PerSide, PerSideOfSome, Real
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.reads import Reading, Sights, Unknown, but, same
from shapecalc.layers.rules import Saved
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor


def _cut(before: int, after: int) -> int:
    return max(-before, 0) + max(-after, 0)


_SHORTEST: Mapping[str, Callable[[int, int], int]] = {
    "constant": _cut,
    "reflect": lambda before, after: max(before, after) + 1,  # the border itself is not repeated
    "replicate": lambda *_: 1,
    "circular": lambda before, after: max(before, after, 0) + _cut(before, after),  # what is left goes around
}
"""Mode of torch.nn.functional.pad → the shortest axis that can be padded by these numbers at its ends."""


def padded(x: Tensor, padding: tuple[int, ...], mode: str, argument: str) -> Tensor:
    """`x` with its last axes padded by the pairs of `padding`, the last axis by the first pair.

    (…, n, …) → (…, before + n + after, …). Source: torch.nn.functional.pad.
    """
    pairs = [*zip(padding[::2], padding[1::2], strict=True)][::-1]
    check_least_rank(x, len(pairs))
    check_mode(x, len(pairs), mode)
    lead = x.rank - len(pairs)
    sizes = [_padded(n, *pair, mode, argument) for n, pair in zip(x.shape[lead:], pairs, strict=True)]
    return Tensor((*x.shape[:lead], *sizes), x.dtype)


def _padded(n: Dim, before: int, after: int, mode: str, argument: str) -> Dim:
    """An axis of `n` with its padding; refuses what the mode can't make of it."""
    written = f"{argument} by {before} and {after} in mode {mode}"
    shortest = _SHORTEST[mode](before, after)
    if not at_least(n, shortest, "padding is made of the input"):
        problem = f"{written} needs an axis of at least {shortest}, not {n}"
        raise ArchitectureError(problem, argument=argument)
    size = before + n + after
    if not at_least(size, 1, "something is left of the input"):
        raise ArchitectureError(f"{written} leaves nothing of an axis of {n}", argument=argument)
    return size


def seen_padded(x: Tensor, padding: tuple[int, ...], mode: str) -> Sights:
    """The same places, moved by what is before them; what a border is made of counts as lying outside.

    So an element of mirrored or repeated padding is one outside of the input, not its image inside.
    """
    before = padding[::2][::-1]
    lead = x.rank - len(before)
    if mode == "circular" and max(padding) > 0:
        sight = Unknown("mode circular shows elements of the input at the other end")
        return but(x, *range(lead, x.rank), sight=sight)
    ends = zip(before, padding[1::2][::-1], strict=True)
    moved = (
        Reading(i, (range(-p, 1 - p),), part=min(p, q) < 0, made=mode != "constant")
        for i, (p, q) in enumerate(ends, start=lead)
    )
    return (*same(lead), *moved)


def check_mode(x: Tensor, axes: int, mode: str) -> None:
    """Constants pad any axes of any tensor; what is made of the input pads channels, and copies no bool."""
    if mode == "constant":
        return
    check_rank(x, axes + 1, axes + 2, hint=f"mode {mode} pads all axes after the channels")
    if x.dtype == "bool" and mode != "circular":
        raise ArchitectureError(f"mode {mode} needs numbers, not bool")


def keeps_to_pad(x: Value, mode: str) -> Saved:
    """Autograd keeps the input whose border was mirrored or repeated, for its sizes alone."""
    return (x,) if mode in ("reflect", "replicate") else ()


def strides_of_padded(made: Tensor, x: Value, padding: tuple[int, ...], mode: str) -> Strides | None:
    """Those of a copy where nothing is added, else of new images; what is mirrored or repeated lies in a row.

    As on `meta`: the CPU's kernels lay that channels last, too. Source: at::constant_pad_nd, at::clone.
    """
    if x.strides is None or mode != "constant":
        return None
    if max(padding) > 0:
        return suggested(made.shape, x)
    whole = made.shape == x.shape and is_in_a_row(x.shape, x.strides)
    return x.strides if whole else dense(made.shape, x.strides)


class Pad(Rearranging, abstract=True):
    """What paddings of a fixed number of axes have in common.

    An axis of n becomes one of before + n + after; a negative number cuts off.
    """

    mode: ClassVar[str]
    padding = PerSide()

    def output(self, x: Tensor) -> Tensor:
        return padded(x, self.padding, self.mode, "padding")

    def saved(self, x: Value) -> Saved:
        return keeps_to_pad(x, self.mode)

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_padded(made, x, self.padding, self.mode)

    def reads(self, x: Tensor, **_: Any) -> tuple[Sights, ...]:
        return (seen_padded(x, self.padding, self.mode),)


class ConstantPad(Pad, abstract=True):
    """What paddings with a given value have in common."""

    mode = "constant"
    value = Real()

    def output(self, x: Tensor) -> Tensor:
        y = super().output(x)
        if max(self.padding) > 0:
            check_fits(float(self.value), x.dtype, "value")
        return y


class pad(Rearranging):
    """The last axes longer by what `pad` adds at both ends, or shorter where that is negative.

    Source: torch.nn.functional.pad.
    """

    function = "nn.functional.pad"
    pad = PerSideOfSome()
    mode = Choice("constant", "reflect", "replicate", "circular")
    value = Real(None)
    example = example((2, 4, 8, 8), pad=(1, 1, 2, 2))

    def check(self) -> None:
        if self.mode != "constant" and self.value:
            raise ArchitectureError(f"value is for mode constant, not for {self.mode}", argument="value")

    def output(self, x: Tensor) -> Tensor:
        y = padded(x, self.pad, self.mode, "pad")
        if self.mode == "constant" and max(self.pad) > 0:
            check_fits(float(self.value or 0), x.dtype, "value")
        return y

    def saved(self, x: Value) -> Saved:
        return keeps_to_pad(x, self.mode)

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_padded(made, x, self.pad, self.mode)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        if self.mode == "circular":
            return (wrapped(trace, x, self.output(x.tensor), self.pad),)
        return super().run(trace, x)

    def reads(self, x: Tensor, **_: Any) -> tuple[Sights, ...]:
        return (seen_padded(x, self.pad, self.mode),)


class ZeroPad(Pad, abstract=True):
    """What paddings that add zeros have in common."""

    mode = "constant"


class ZeroPad1d(ZeroPad):
    """Zeros beyond both ends of the last axis. Source: torch.nn.ZeroPad1d."""

    axes = 1
    example = example((2, 4, 16), padding=1)


class ZeroPad2d(ZeroPad):
    """Zeros beyond both ends of height and width. Source: torch.nn.ZeroPad2d."""

    axes = 2
    example = example((2, 4, 8, 8), padding=1)


class ZeroPad3d(ZeroPad):
    """Zeros beyond both ends of depth, height and width. Source: torch.nn.ZeroPad3d."""

    axes = 3
    example = example((2, 4, 8, 8, 8), padding=1)


class ConstantPad1d(ConstantPad):
    """One value beyond both ends of the last axis. Source: torch.nn.ConstantPad1d."""

    axes = 1
    example = example((2, 4, 16), padding=1, value=0.5)


class ConstantPad2d(ConstantPad):
    """One value beyond both ends of height and width. Source: torch.nn.ConstantPad2d."""

    axes = 2
    example = example((2, 4, 8, 8), padding=1, value=0.5)


class ConstantPad3d(ConstantPad):
    """One value beyond both ends of depth, height and width. Source: torch.nn.ConstantPad3d."""

    axes = 3
    example = example((2, 4, 8, 8, 8), padding=1, value=0.5)


class ReflectionPad(Pad, abstract=True):
    """What paddings that mirror the input at its border have in common."""

    mode = "reflect"


class ReflectionPad1d(ReflectionPad):
    """The input mirrored beyond both ends of the last axis. Source: torch.nn.ReflectionPad1d."""

    axes = 1
    example = example((2, 4, 16), padding=1)


class ReflectionPad2d(ReflectionPad):
    """The input mirrored beyond both ends of height and width. Source: torch.nn.ReflectionPad2d."""

    axes = 2
    example = example((2, 4, 8, 8), padding=1)


class ReflectionPad3d(ReflectionPad):
    """The input mirrored beyond both ends of depth, height and width. Source: torch.nn.ReflectionPad3d."""

    axes = 3
    example = example((2, 4, 8, 8, 8), padding=1)


class ReplicationPad(Pad, abstract=True):
    """What paddings that repeat the border have in common."""

    mode = "replicate"


class ReplicationPad1d(ReplicationPad):
    """The border repeated beyond both ends of the last axis. Source: torch.nn.ReplicationPad1d."""

    axes = 1
    example = example((2, 4, 16), padding=1)


class ReplicationPad2d(ReplicationPad):
    """The border repeated beyond both ends of height and width. Source: torch.nn.ReplicationPad2d."""

    axes = 2
    example = example((2, 4, 8, 8), padding=1)


class ReplicationPad3d(ReplicationPad):
    """The border repeated beyond both ends of depth, height and width. Source: torch.nn.ReplicationPad3d."""

    axes = 3
    example = example((2, 4, 8, 8, 8), padding=1)


class CircularPad(Pad, abstract=True):
    """What paddings that wrap the input around have in common."""

    mode = "circular"

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (wrapped(trace, x, self.output(x.tensor), self.padding),)


class CircularPad1d(CircularPad):
    """The input repeated beyond both ends of the last axis. Source: torch.nn.CircularPad1d."""

    axes = 1
    example = example((2, 4, 16), padding=1)


class CircularPad2d(CircularPad):
    """The input repeated beyond both ends of height and width. Source: torch.nn.CircularPad2d."""

    axes = 2
    example = example((2, 4, 8, 8), padding=1)


class CircularPad3d(CircularPad):
    """The input repeated beyond both ends of depth, height and width. Source: torch.nn.CircularPad3d."""

    axes = 3
    example = example((2, 4, 8, 8, 8), padding=1)
