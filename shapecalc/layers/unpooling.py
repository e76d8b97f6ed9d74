"""Unpooling (torch.nn, "Pooling layers"): maxima go back to where they were found."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace
from shapecalc.allocation.gradients import Back, of_row
from shapecalc.allocation.values import Value, looks
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import PerAxis, Sizes
from shapecalc.layers.rules import Saved
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import at_least, equal
from shapecalc.tensors import Shape, Tensor


class MaxUnpool(Rearranging, abstract=True):
    """What unpoolings of any number of spatial axes have in common.

    The inputs are what a max pooling with `return_indices` makes. As several sizes are pooled to one,
    `output_size` may say which it was: sizes of the spatial axes, or of all axes as in torch.
    """

    called_with = frozenset({"output_size"})
    kernel_size = PerAxis()
    stride = PerAxis(None)
    padding = PerAxis(0, minimum=0)
    output_size = Sizes(None)

    def check(self) -> None:
        given = self.output_size
        if given is not None and len(given) not in (self.axes, self.axes + 2):
            raise ArchitectureError(
                f"output_size has {len(given)} sizes; {self.axes} or {self.axes + 2} are needed",
                hint="those of the spatial axes, or of all axes",
                argument="output_size",
            )

    def output(self, x: Tensor, indices: Tensor) -> Tensor:
        check_rank(x, self.axes + 1, self.axes + 2)
        self.check_indices(x, indices)
        space = x.shape[-self.axes :]
        y = Tensor((*x.shape[: -self.axes], *self.sizes(space)), x.dtype)
        check_floating(x)  # last, as torch never looks at the maxima where there is nothing to fill
        return y

    def check_indices(self, x: Tensor, indices: Tensor) -> None:
        """Each maximum has an index."""
        if indices.dtype != "int64":
            raise ArchitectureError(
                f"the second input must be indices of int64, not {indices.dtype}",
                hint="a max pooling with return_indices: true makes them",
            )
        pairs = zip(x.shape, indices.shape, strict=False)
        if x.rank != indices.rank or not all(equal(n, m, "each maximum has an index") for n, m in pairs):
            raise ArchitectureError(f"the maxima {x} and their indices {indices} must be of one shape")

    def sizes(self, space: Shape) -> Shape:
        """The sizes out: (n − 1)·s + k − p, or those of output_size, less than a stride away from it."""
        windows = zip(self.kernel_size, self.stride or self.kernel_size, self.padding, strict=True)
        written = self.output_size[-self.axes :] if self.output_size else (None,) * self.axes
        pairs = zip(space, windows, written, strict=True)
        return tuple(
            _usual(n, *window) if size is None else _chosen(n, window, size) for n, window, size in pairs
        )

    def feed(self, x: Any, indices: Any) -> tuple[Any, ...]:
        return x, indices, self.output_size

    def back(self, *inputs: Value) -> Back:
        return of_row(*looks(inputs))

    def saved(self, x: Value, indices: Value) -> Saved:
        return (indices,)


def _usual(n: Dim, k: int, s: int, p: int) -> Dim:
    size = (n - 1) * s + k - 2 * p
    if not at_least(size, 1, "the padding leaves something"):
        raise ArchitectureError(
            f"padding {p} takes away all of the {size + 2 * p} elements that {n} maxima come from",
            argument="padding",
        )
    return size


def _chosen(n: Dim, window: tuple[int, int, int], size: Dim) -> Dim:
    """`size`, if a pooling of this window makes n of it: rounded down of some sizes, rounded up of others."""
    k, s, p = window
    usual = (n - 1) * s + k - 2 * p
    low, high = usual - s + 1, usual + s - 1
    why = "output_size is a size that is pooled to this"
    if not (at_least(size, low, why) and at_least(high, size, why)):
        raise ArchitectureError(
            f"output_size {size} is not from {low} to {high}, the sizes that are pooled to {n}",
            argument="output_size",
        )
    return size


class MaxUnpool1d(MaxUnpool, axes=1):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, L), indices → (N, C, L').

    L' as H' in MaxUnpool2d. Source: torch.nn.MaxUnpool1d.
    """

    example = example((1, 16, 50), Tensor((1, 16, 50), "int64"), kernel_size=2)

    def run(self, trace: Trace, x: Value, indices: Value) -> tuple[Value, ...]:
        """As images of one column, whose axis is removed again. Source: torch.nn.functional.max_unpool1d."""
        made = self.output(x.tensor, indices.tensor)
        x, indices = (trace.seen_as(y, (*y.shape, 1)) for y in (x, indices))
        column = Tensor((*made.shape, 1), made.dtype)
        y = trace.kernel(column, x, indices, keeps=(indices,), back=of_row(*looks((x, indices))))
        return (trace.view(y, made.shape),)


class MaxUnpool2d(MaxUnpool, axes=2):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, H, W), indices → (N, C, H', W').

    H' = (H − 1)·s + k − p with p = 2·padding, or output_size, which may be less than a stride away from
    it; the stride is the kernel's size unless written. Source: torch.nn.MaxUnpool2d.
    """

    example = example((1, 16, 16, 16), Tensor((1, 16, 16, 16), "int64"), kernel_size=2)


class MaxUnpool3d(MaxUnpool, axes=3):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, D, H, W), indices → (N, C, D', H', W').

    D' as H' in MaxUnpool2d. Source: torch.nn.MaxUnpool3d.
    """

    example = example((1, 16, 4, 8, 8), Tensor((1, 16, 4, 8, 8), "int64"), kernel_size=2)
