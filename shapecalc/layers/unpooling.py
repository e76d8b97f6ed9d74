"""Unpooling (torch.nn, "Pooling layers"): maxima go back to where they were found."""

from __future__ import annotations

from typing import Any

from shapecalc.conditions import at_least, equal
from shapecalc.errors import ArchitectureError, written
from shapecalc.layers.base import Layer, check_floating, check_rank, example
from shapecalc.layers.fields import PerAxis, Sizes
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, check_at_least

_POOLED = "output_size is a size that is pooled to this"


class MaxUnpool(Layer, abstract=True):
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
        strides = self.stride or self.kernel_size
        windows = zip(x.shape[-self.axes :], self.kernel_size, strides, self.padding, strict=True)
        usual = [(n - 1) * s + k - 2 * p for n, k, s, p in windows]
        y = Tensor((*x.shape[: -self.axes], *self.chosen(usual, strides)), x.dtype)
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

    def chosen(self, usual: list[Dim], strides: tuple[int, ...]) -> Shape:
        """The sizes out: the usual ones, or those written, each less than a stride away."""
        if not self.output_size:
            for size in usual:
                message = f"padding {written(self.padding)} leaves {{0}} elements of an axis, not {{1}}"
                check_at_least(size, 1, message, "less padding", why="the padding leaves something")
            return tuple(usual)
        sizes = self.output_size[-self.axes :]
        for size, middle, stride in zip(sizes, usual, strides, strict=True):
            low, high = middle - stride + 1, middle + stride - 1
            if not (at_least(size, low, _POOLED) and at_least(high, size, _POOLED)):
                raise ArchitectureError(
                    f"output_size {size} is not between {low} and {high}, the sizes that were pooled to this",
                    argument="output_size",
                )
        return sizes

    def feed(self, x: Any, indices: Any) -> tuple[Any, ...]:
        return x, indices, self.output_size


class MaxUnpool1d(MaxUnpool):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, L), indices → (N, C, L').

    L' as H' in MaxUnpool2d. Source: torch.nn.MaxUnpool1d.
    """

    axes = 1
    example = example((1, 16, 50), Tensor((1, 16, 50), "int64"), kernel_size=2)


class MaxUnpool2d(MaxUnpool):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, H, W), indices → (N, C, H', W').

    H' = (H − 1)·s + k − p with p = 2·padding, or output_size, which may be less than a stride away from
    it; the stride is the kernel's size unless written. Source: torch.nn.MaxUnpool2d.
    """

    axes = 2
    example = example((1, 16, 16, 16), Tensor((1, 16, 16, 16), "int64"), kernel_size=2)


class MaxUnpool3d(MaxUnpool):
    """Each maximum at the place of its index, zeros elsewhere: (N, C, D, H, W), indices → (N, C, D', H', W').

    D' as H' in MaxUnpool2d. Source: torch.nn.MaxUnpool3d.
    """

    axes = 3
    example = example((1, 16, 4, 8, 8), Tensor((1, 16, 4, 8, 8), "int64"), kernel_size=2)
