"""Padding (torch.nn, "Padding Layers"): elements added at both ends of the last axes, or cut off there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides, dense, is_in_a_row
from shapecalc.allocation.wrapping import wrapped
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example, examples
from shapecalc.layers.checks import check_least_rank, check_rank
from shapecalc.layers.fields import Choice, PerSide, PerSideOfSome, Real
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.reads import Pattern, Reads, except_along, same_place
from shapecalc.layers.rules import Saved
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, maximum
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor

_SHOWN = ((2, 4, 16), (2, 4, 8, 8), (2, 4, 8, 8, 8))


def _cut(before: Dim, after: Dim) -> Dim:
    return maximum(-before, 0) + maximum(-after, 0)


_SHORTEST: Mapping[str, Callable[[Any, Any], Dim]] = {
    "constant": _cut,
    "reflect": lambda before, after: max(before, after) + 1,  # the border itself is not repeated
    "replicate": lambda *_: 1,
    "circular": lambda before, after: max(before, after, 0) + _cut(before, after),  # what is left goes around
}
"""Mode of torch.nn.functional.pad → the shortest axis that can be padded by these numbers at its ends."""


class Padded(Rearranging, abstract=True):
    """An axis of n becomes one of before + n + after; a number below 0 cuts off. Source: torch's pad."""

    argument: ClassVar[str] = "padding"
    """The argument that has the elements before and after each axis, of the last axis first."""
    mode: str

    @property
    def sides(self) -> tuple[Any, ...]:
        """What is added, in torch's order: numbers or, in mode constant, formulas."""
        return tuple(self.__dict__[self.argument])

    @property
    def by_formula(self) -> bool:
        return any(isinstance(side, Expr) for side in self.sides)

    @property
    def adds(self) -> bool:
        """Whether something is added; by a formula it may be at some sizes."""
        return self.by_formula or max(self.sides) > 0

    def output(self, x: Tensor) -> Tensor:
        pairs = [*zip(self.sides[::2], self.sides[1::2], strict=True)][::-1]
        check_least_rank(x, len(pairs))
        self.check_mode(x, len(pairs))
        lead = x.rank - len(pairs)
        sizes = [self.padded(n, *pair) for n, pair in zip(x.shape[lead:], pairs, strict=True)]
        if self.mode == "constant" and self.adds:
            check_fits(float(self.__dict__.get("value") or 0), x.dtype, "value")
        return Tensor((*x.shape[:lead], *sizes), x.dtype)

    def check_mode(self, x: Tensor, axes: int) -> None:
        """Constants pad any axes; the other modes those after the channels, and most of them no bool."""
        if self.mode == "constant":
            return
        check_rank(x, axes + 1, axes + 2, hint=f"mode {self.mode} pads all axes after the channels")
        if x.dtype == "bool" and self.mode != "circular":
            raise ArchitectureError(f"mode {self.mode} needs numbers, not bool")

    def padded(self, n: Dim, before: Dim, after: Dim) -> Dim:
        """An axis of `n` with its padding; refuses what the mode can't make of it."""
        written = f"{self.argument} by {before} and {after} in mode {self.mode}"
        shortest = _SHORTEST[self.mode](before, after)
        if not at_least(n, shortest, "padding is made of the input"):
            problem = f"{written} needs an axis of at least {shortest}, not {n}"
            raise ArchitectureError(problem, argument=self.argument)
        size = before + n + after
        if not at_least(size, 1, "something is left of the input"):
            raise ArchitectureError(f"{written} leaves nothing of an axis of {n}", argument=self.argument)
        return size

    def saved(self, x: Value) -> Saved:
        """Autograd keeps the input whose border was mirrored or repeated, for its sizes alone."""
        return (x,) if self.mode in ("reflect", "replicate") else ()

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        """Those of a copy where nothing is added, else of new images; mirrored or repeated ones lie in a row.

        As on `meta`: the CPU's kernels lay that channels last, too. Source: at::constant_pad_nd, at::clone.
        """
        if x.strides is None or self.mode != "constant" or self.by_formula:
            return None
        if self.adds:
            return suggested(made.shape, x)
        whole = made.shape == x.shape and is_in_a_row(x.shape, x.strides)
        return x.strides if whole else dense(made.shape, x.strides)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        if self.mode == "circular":
            return (wrapped(trace, x, self.output(x.tensor), self.sides),)
        return super().run(trace, x)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The same places, moved by what is before them; what a border is made of counts as lying outside.

        So an element of mirrored or repeated padding is one outside of the input, not its image inside.
        """
        before = self.sides[::2][::-1]
        lead = x.rank - len(before)
        if self.by_formula or (self.mode == "circular" and self.adds):
            by_formula = "a formula says how far the elements move"
            around = "mode circular shows elements of the input at the other end"
            own = Unknown(by_formula if self.by_formula else around)
            return (except_along(x, *range(lead, x.rank), reads=own),)
        ends = zip(before, self.sides[1::2][::-1], strict=True)
        moved = (
            Pattern(i, (range(-p, 1 - p),), cropped=min(p, q) < 0, copied=self.mode != "constant")
            for i, (p, q) in enumerate(ends, start=lead)
        )
        return ((*same_place(lead), *moved),)


class pad(Padded):
    """The last axes longer by what `pad` adds at both ends, or shorter where that is negative.

    Source: torch.nn.functional.pad.
    """

    namespace = "nn.functional."
    takes_complex = True
    argument = "pad"
    pad = PerSideOfSome()
    mode = Choice("constant", "reflect", "replicate", "circular")
    value = Real(None, infinite=True)
    example = example((2, 4, 8, 8), pad=(1, 1, 2, 2))

    def check(self) -> None:
        if self.mode != "constant" and self.value:
            raise ArchitectureError(f"value is for mode constant, not for {self.mode}", argument="value")
        if self.mode != "constant" and self.by_formula:
            raise ArchitectureError(f"pad is of numbers in mode {self.mode}", argument="pad")


class Pad(Padded, abstract=True):
    """What paddings of a fixed number of axes have in common."""

    padding = PerSide()
    examples = examples(*_SHOWN, padding=1)


class ZeroPad(Pad, family=True):
    """Zeros beyond both ends of {space}. Source: torch.nn.{type}."""

    mode = "constant"


class ConstantPad(Pad, family=True):
    """One value beyond both ends of {space}. Source: torch.nn.{type}."""

    mode = "constant"
    value = Real(infinite=True)
    examples = examples(*_SHOWN, padding=1, value=0.5)


class ReflectionPad(Pad, family=True):
    """The input mirrored beyond both ends of {space}. Source: torch.nn.{type}."""

    mode = "reflect"


class ReplicationPad(Pad, family=True):
    """The border repeated beyond both ends of {space}. Source: torch.nn.{type}."""

    mode = "replicate"


class CircularPad(Pad, family=True):
    """The input repeated beyond both ends of {space}. Source: torch.nn.{type}."""

    mode = "circular"
