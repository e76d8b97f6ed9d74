"""Adaptive pooling (torch.nn, "Pooling layers"): the size out is given, the windows follow from it."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Value
from shapecalc.allocation.gradients import Back, of_mean
from shapecalc.allocation.strides import Strides
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import PerAxis
from shapecalc.layers.pooling import IMAGES, OfMaxima, OfMeans, strides_of_pooled
from shapecalc.layers.reads import Reads, adaptive, same_place
from shapecalc.layers.rules import Saved
from shapecalc.operations import Operations, averaged
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, product

_MOST_WINDOWS = 100_000
_EXAMPLES = tuple(
    example(shape, output_size=size) for shape, size in zip(IMAGES, (8, 7, [1, 7, 7]), strict=True)
)


def keeps_to_average(x: Value, sizes: Shape) -> Saved:
    """What autograd keeps of an average pooling: the input, or nothing where one window is the whole axis."""
    return () if all(size == 1 for size in sizes) else (x,)


class AdaptivePool(Layer, abstract=True):
    """As many windows as the output has elements, between ⌊i·n/m⌋ and ⌈(i + 1)·n/m⌉ for the i-th of m."""

    output_size = PerAxis(optional_items=True)
    examples = _EXAMPLES

    def pooled(self, x: Tensor) -> Tensor:
        """The output; an axis whose size is null keeps it."""
        check_rank(x, self.axes + 1, self.axes + 2)
        check_floating(x)
        sizes = (n if m is None else m for m, n in zip(self.output_size, x.shape[-self.axes :], strict=True))
        return Tensor((*x.shape[: -self.axes], *sizes), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Window i of m reads the elements from ⌊i·n/m⌋ on; a single window reads the whole axis."""
        lead = x.rank - self.axes
        pairs = enumerate(zip(x.shape[lead:], self.output_size, strict=True), start=lead)
        return ((*same_place(lead), *(adaptive(axis, n, n if m is None else m) for axis, (n, m) in pairs)),)

    def read(self, x: Tensor) -> Dim:
        """How many elements the windows read, each counted for itself."""
        axes = zip(self.output_size, x.shape[-self.axes :], strict=True)
        return product((*x.shape[: -self.axes], *(_read(n, n if m is None else m) for m, n in axes)))

    def remark(self, x: Tensor) -> str | None:
        """The extents of the windows, which may differ from each other."""
        spans = {_spans(n, m) for m, n in zip(self.output_size, x.shape[-self.axes :], strict=True) if m}
        return f"each window reads {' or '.join(sorted(spans))} elements of an axis" if spans else None


def _read(n: Dim, m: Dim) -> Dim:
    """The elements that m windows on an axis of n read together."""
    if m in (1, n):
        return n
    assert isinstance(m, int)  # only an axis that stays as it is has a formula for its windows
    if m > _MOST_WINDOWS:
        raise ArchitectureError(f"{m} windows of different sizes are not added up")
    return sum([-(-(i + 1) * n // m) - i * n // m for i in range(m)])


def _spans(n: Dim, m: int) -> str:
    """The elements that each of m windows on an axis of n reads.

    Window i reaches from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉. The first has ⌈n/m⌉ elements, the fewest; one that has a
    whole number within it, not at an end, has one more: the first whole number does, unless it is an end.
    """
    if m == 1:
        return f"all {n}"
    if not isinstance(n, int):
        return f"⌈{n}/{m}⌉ or one more"
    fewest, rest = -(-n // m), n % m
    return str(fewest) if rest == 0 or m % rest == 0 else f"{fewest} to {fewest + 1}"


def strides_of_averaged(made: Tensor, x: Value, axes: int) -> Strides | None:
    """Strides of the output; volumes are contiguous. Source: at::adaptive_avg_pool3d."""
    return strides_of_pooled(made, x, axes) if axes < 3 else None


class AdaptiveAvgPool(AdaptivePool, OfMeans, family=True):
    """The mean of as many windows as the output has elements: (N, C, {axes}) → (N, C, {star}output_size).

    Source: torch.nn.{type}.
    """

    def output(self, x: Tensor) -> Tensor:
        return self.pooled(x)

    def saved(self, x: Value) -> Saved:
        """The input; nothing where one window is the whole axis: the gradient of a mean needs sizes alone."""
        return keeps_to_average(x, self.pooled(x.tensor).shape[-self.axes :])

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_averaged(made, x, self.axes)

    def back(self, x: Value) -> Back | None:
        """torch computes a single window as a mean of all elements."""
        single = all(size == 1 for size in self.pooled(x.tensor).shape[-self.axes :])
        return of_mean(x.look, range(x.rank - self.axes, x.rank)) if single else None

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return averaged(self.read(x), y.elements)


class AdaptiveMaxPool(AdaptivePool, OfMaxima, family=True):
    """The maximum of as many windows as the output has elements: (N, C, {axes}) → (N, C, {star}output_size).

    Source: torch.nn.{type}.
    """

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=self.read(x) - y.elements)
