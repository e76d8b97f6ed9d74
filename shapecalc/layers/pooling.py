"""Pooling (torch.nn, "Pooling layers"): windows without weights."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, check_floating, check_rank
from shapecalc.layers.fields import Flag, PerAxis, Size
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, Window


def check_half_padding(padding: tuple[int, ...], kernel_size: tuple[int, ...]) -> None:
    """torch bounds the padding by half of the kernel as written, whatever its dilation."""
    for p, k in zip(padding, kernel_size, strict=True):
        if 2 * p > k:
            raise ArchitectureError(
                f"padding {p} is more than half of kernel_size {k}",
                hint="a window must touch the input, not padding alone",
                argument="padding",
            )


def windows(
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...] | None,
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> tuple[Window, ...]:
    """The window of each axis; the stride is the kernel's size unless written."""
    axes = zip(kernel_size, stride or kernel_size, padding, dilation, strict=True)
    return tuple(Window(k, s, p, p, d, ceil_mode) for k, s, p, d in axes)


def slide(x: Tensor, window: tuple[Window, ...]) -> Tensor:
    """The output of windows that slide over the last axes of `x`."""
    axes = len(window)
    check_rank(x, axes + 1, axes + 2)
    check_floating(x)
    sizes = (w.size(n) for w, n in zip(window, x.shape[-axes:], strict=True))
    return Tensor((*x.shape[:-axes], *sizes), x.dtype)


def with_indices(y: Tensor, return_indices: bool) -> Tensor | tuple[Tensor, Tensor]:
    """The output of a max pooling, and where asked for the indices of the maxima."""
    return (y, Tensor(y.shape, "int64")) if return_indices else y


class MaxPool2d(Layer):
    """The maximum of each window.

    (N, C, H, W) → (N, C, H', W') with H' = ⌊(H − k + p + s)/s⌋; the stride is the kernel's size unless
    written. With `ceil_mode` the quotient is rounded up, and a last window that would start beyond the
    input and its padding before is dropped. Source: torch.nn.MaxPool2d.
    """

    axes = 2
    kernel_size = PerAxis()
    stride = PerAxis(None)
    padding = PerAxis(0, minimum=0)
    dilation = PerAxis(1)
    return_indices = Flag(False)
    ceil_mode = Flag(False)

    def check(self) -> None:
        check_half_padding(self.padding, self.kernel_size)

    @property
    def window(self) -> tuple[Window, ...]:
        return windows(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def output(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return with_indices(slide(x, self.window), self.return_indices)


class AvgPool2d(Layer):
    """The mean of each window; sizes as those of MaxPool2d, without dilation.

    Source: torch.nn.AvgPool2d.
    """

    axes = 2
    kernel_size = PerAxis()
    stride = PerAxis(None)
    padding = PerAxis(0, minimum=0)
    ceil_mode = Flag(False)
    count_include_pad = Flag(True)
    divisor_override = Size(None)

    def check(self) -> None:
        check_half_padding(self.padding, self.kernel_size)

    @property
    def window(self) -> tuple[Window, ...]:
        return windows(self.kernel_size, self.stride, self.padding, (1,) * self.axes, self.ceil_mode)

    def output(self, x: Tensor) -> Tensor:
        return slide(x, self.window)


class AdaptivePool(Layer, abstract=True):
    """As many windows as the output has elements, between ⌊i·n/m⌋ and ⌈(i + 1)·n/m⌉ for the i-th of m."""

    output_size = PerAxis(optional_items=True)

    def adapt(self, x: Tensor) -> Tensor:
        """The output; an axis whose size is null keeps it."""
        check_rank(x, self.axes + 1, self.axes + 2)
        check_floating(x)
        sizes = (n if m is None else m for m, n in zip(self.output_size, x.shape[-self.axes :], strict=True))
        return Tensor((*x.shape[: -self.axes], *sizes), x.dtype)

    def remark(self, x: Tensor) -> str | None:
        """The extents of the windows, which may differ from each other."""
        spans = {_spans(n, m) for m, n in zip(self.output_size, x.shape[-self.axes :], strict=True) if m}
        return f"each window reads {' or '.join(sorted(spans))} elements of an axis" if spans else None


def _spans(n: Dim, m: int) -> str:
    """The elements that each of m windows on an axis of n reads."""
    if m == 1:
        return f"all {n}"
    if not isinstance(n, int):
        return f"⌈{n}/{m}⌉ or one more"
    sizes = sorted({-(-(i + 1) * n // m) - i * n // m for i in range(m)})
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


class AdaptiveAvgPool2d(AdaptivePool):
    """The mean of as many windows as the output has elements: (N, C, H, W) → (N, C, *output_size).

    Source: torch.nn.AdaptiveAvgPool2d.
    """

    axes = 2

    def output(self, x: Tensor) -> Tensor:
        return self.adapt(x)


class AdaptiveMaxPool2d(AdaptivePool):
    """The maximum of as many windows as the output has elements: (N, C, H, W) → (N, C, *output_size).

    Source: torch.nn.AdaptiveMaxPool2d.
    """

    axes = 2
    return_indices = Flag(False)

    def output(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return with_indices(self.adapt(x), self.return_indices)
