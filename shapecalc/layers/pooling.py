"""Pooling (torch.nn, "Pooling layers"): windows without weights."""

from __future__ import annotations

from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides, channels_last, seem_channels_last
from shapecalc.allocation.trace import Trace, Value
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Flag, PerAxis, Size
from shapecalc.layers.rules import Saved
from shapecalc.operations import Operations, averaged
from shapecalc.tensors import BYTES, Shape, Tensor, check_at_least, product
from shapecalc.window import Window


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
    padding: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    ceil_mode: bool = False,
) -> tuple[Window, ...]:
    """The window of each axis; the stride is the kernel's size unless written."""
    axes = len(kernel_size)
    columns = (kernel_size, stride or kernel_size, padding or (0,) * axes, dilation or (1,) * axes)
    return tuple(Window(k, s, p, p, d, ceil_mode) for k, s, p, d in zip(*columns, strict=True))


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


def strides_of_pooled(made: Tensor, x: Value, axes: int) -> Strides | None:
    """Channels last where torch takes the input to lie so, with a new axis of 1 where it has only one."""
    if axes > 1 or x.strides is None:
        return suggested(made.shape, x)
    *lead, length = x.shape
    *steps, step = x.strides
    if not seem_channels_last((*lead, 1, length), (*steps, length * step, step)):
        return None
    *outer, _, inner = channels_last((*made.shape[:-1], 1, made.shape[-1]))
    return (*outer, inner)


def run_with_indices(
    trace: Trace, x: Value, made: Tensor, return_indices: bool, axes: int
) -> tuple[Value, ...]:
    """A max pooling on the trace: the indices are made whether they are asked for or not, and kept."""
    indices = trace.new(Tensor(made.shape, "int64"))
    y = trace.kernel(made, x, keeps=(x, indices), laid=strides_of_pooled(made, x, axes))
    y = trace.looked_at(y) if axes == 1 else y  # torch has it as one of two axes, of which one is 1
    return (y, indices) if return_indices else (y,)


class MaxPool(Layer, abstract=True):
    """What max poolings of any number of spatial axes have in common."""

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

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return run_with_indices(trace, x, slide(x.tensor, self.window), self.return_indices, self.axes)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=y.elements * (product(self.kernel_size) - 1))


class MaxPool1d(MaxPool, axes=1):
    """The maximum of each window: (N, C, L) → (N, C, L') as in MaxPool2d. Source: torch.nn.MaxPool1d."""

    example = example((1, 16, 100), kernel_size=2)


class MaxPool2d(MaxPool, axes=2):
    """The maximum of each window.

    (N, C, H, W) → (N, C, H', W') with H' = ⌊(H − k + p + s)/s⌋; the stride is the kernel's size unless
    written. With `ceil_mode` the quotient is rounded up, and a last window that would start beyond the
    input and its padding before is dropped. Source: torch.nn.MaxPool2d.
    """

    example = example((1, 16, 32, 32), kernel_size=2)


class MaxPool3d(MaxPool, axes=3):
    """The maximum of each window: (N, C, D, H, W) → (N, C, D', H', W') as in MaxPool2d.

    Source: torch.nn.MaxPool3d.
    """

    example = example((1, 16, 8, 32, 32), kernel_size=2)


class AvgPool(Layer, abstract=True):
    """What average poolings of any number of spatial axes have in common."""

    kernel_size = PerAxis()
    stride = PerAxis(None)
    padding = PerAxis(0, minimum=0)
    ceil_mode = Flag(False)
    count_include_pad = Flag(True)

    def check(self) -> None:
        check_half_padding(self.padding, self.kernel_size)

    @property
    def window(self) -> tuple[Window, ...]:
        return windows(self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def output(self, x: Tensor) -> Tensor:
        return slide(x, self.window)

    def saved(self, x: Value) -> Saved:
        return (x,)

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_pooled(made, x, self.axes)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return averaged(y.elements * product(self.kernel_size), y.elements)


class AvgPool1d(AvgPool, axes=1):
    """The mean of each window: (N, C, L) → (N, C, L'), sizes as those of MaxPool1d, without dilation.

    Source: torch.nn.AvgPool1d.
    """

    example = example((1, 16, 100), kernel_size=2)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """torch has it as one of two axes, of which one is 1."""
        return (trace.looked_at(super().run(trace, x)[0]),)


class AvgPool2d(AvgPool, axes=2):
    """The mean of each window; sizes as those of MaxPool2d, without dilation.

    Source: torch.nn.AvgPool2d.
    """

    divisor_override = Size(None)
    example = example((1, 16, 32, 32), kernel_size=2)


class AvgPool3d(AvgPool, axes=3):
    """The mean of each window; sizes as those of MaxPool3d, without dilation.

    The input must be as large as the kernel without its padding. Source: torch.nn.AvgPool3d.
    """

    divisor_override = Size(None)
    example = example((1, 16, 8, 32, 32), kernel_size=2)

    def output(self, x: Tensor) -> Tensor:
        y = slide(x, self.window)
        check_averaged_volume(y, x.shape[-3:], self.kernel_size)
        return y


def check_averaged_volume(y: Tensor, space: Shape, kernel_size: tuple[int, ...]) -> None:
    """torch averages over three axes in no short floats on the CPU, and needs room for the kernel itself."""
    if BYTES[y.dtype] < 4:
        raise ArchitectureError(f"torch averages over three axes in float32 or float64, not in {y.dtype}")
    for n, k in zip(space, kernel_size, strict=True):
        message = "kernel_size {1} does not fit on an input of {0}: padding and ceil_mode do not help here"
        check_at_least(n, k, message, "a smaller kernel", why="the kernel fits without padding")
