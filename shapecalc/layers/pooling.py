"""Pooling (torch.nn, "Pooling layers"): windows without weights."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides, channels_last, seem_channels_last
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, examples
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Flag, PerAxis, Size
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Operations, averaged
from shapecalc.tensors import BYTES, Tensor, check_at_least, product
from shapecalc.window import Window

IMAGES = ((1, 16, 100), (1, 16, 32, 32), (1, 16, 8, 32, 32))
"""What poolings of one, two and three axes are shown with."""


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


class WindowPool(Layer, abstract=True):
    """Windows slide over the last axes: (N, C, *) → (N, C, *). The stride is by default the kernel's size."""

    kernel_size: Any = PerAxis()
    stride = PerAxis(None)
    padding: Any = None
    dilation: Any = None
    ceil_mode = Flag(False)

    def check(self) -> None:
        """Refuse padding beyond half of the kernel as written, whatever its dilation, as torch does."""
        for p, k in zip(self.padding or (), self.kernel_size, strict=False):
            if 2 * p > k:
                raise ArchitectureError(
                    f"padding {p} is more than half of kernel_size {k}",
                    hint="a window must touch the input, not padding alone",
                    argument="padding",
                )

    @property
    def window(self) -> tuple[Window, ...]:
        n = self.axes
        k = self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size,) * n
        columns = (k, self.stride or k, self.padding or (0,) * n, self.dilation or (1,) * n)
        return tuple(Window(k, s, p, p, d, self.ceil_mode) for k, s, p, d in zip(*columns, strict=True))

    def pooled(self, x: Tensor) -> Tensor:
        """One element for each window."""
        check_rank(x, self.axes + 1, self.axes + 2)
        check_floating(x)
        sizes = (w.size(n) for w, n in zip(self.window, x.shape[-self.axes :], strict=True))
        return Tensor((*x.shape[: -self.axes], *sizes), x.dtype)

    def averaged(self, x: Tensor) -> Tensor:
        """The same where windows are averaged: over three axes torch does less on the CPU.

        It averages no short floats there, and needs room for the kernel itself.
        """
        y = self.pooled(x)
        if self.axes < 3:
            return y
        if BYTES[y.dtype] < 4:
            raise ArchitectureError(f"torch averages over three axes in float32 or float64, not in {y.dtype}")
        for n, k in zip(x.shape[-3:], self.kernel_size, strict=True):
            message = (
                "kernel_size {1} does not fit on an input of {0}: padding and ceil_mode do not help here"
            )
            check_at_least(n, k, message, "a smaller kernel", why="the kernel fits without padding")
        return y


class OfMaxima(Layer, abstract=True):
    """A pooling that takes maxima, and gives out the indices of these where it is asked to."""

    kernel_size: Any
    return_indices = Flag(False)
    last_fields: ClassVar[tuple[str, ...]] = ("return_indices",)

    def pooled(self, x: Tensor) -> Tensor:
        """The maxima."""
        raise NotImplementedError

    def output(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        y = self.pooled(x)
        return (y, Tensor(y.shape, "int64")) if self.return_indices else y

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(compare=y.elements * (product(self.kernel_size) - 1))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The indices are made whether they are asked for or not, and kept."""
        made = self.pooled(x.tensor)
        indices = trace.new(Tensor(made.shape, "int64"))
        y = trace.kernel(made, x, keeps=(x, indices), laid=strides_of_pooled(made, x, self.axes))
        y = trace.looked_at(y) if self.axes == 1 else y  # torch has it as one of two axes, of which one is 1
        return (y, indices) if self.return_indices else (y,)


class OfMeans(Layer, abstract=True):
    """A pooling that takes means."""

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return strides_of_pooled(made, x, self.axes)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Over one axis torch pools images whose other axis is 1, and gives a view."""
        (y,) = super().run(trace, x)
        return (trace.looked_at(y) if self.axes == 1 else y,)


class MaxPool(WindowPool, OfMaxima, abstract=True):
    """What max poolings of any number of spatial axes have in common."""

    padding = PerAxis(0, minimum=0)
    dilation = PerAxis(1)
    last_fields = ("return_indices", "ceil_mode")
    examples = examples(*IMAGES, kernel_size=2)


class MaxPool1d(MaxPool, axes=1):
    """The maximum of each window: (N, C, L) → (N, C, L') as in MaxPool2d. Source: torch.nn.MaxPool1d."""


class MaxPool2d(MaxPool, axes=2):
    """The maximum of each window.

    (N, C, H, W) → (N, C, H', W') with H' = ⌊(H − k + p + s)/s⌋; the stride is the kernel's size unless
    written. With `ceil_mode` the quotient is rounded up, and a last window that would start beyond the
    input and its padding before is dropped. Source: torch.nn.MaxPool2d.
    """


class MaxPool3d(MaxPool, axes=3):
    """The maximum of each window: (N, C, D, H, W) → (N, C, D', H', W') as in MaxPool2d.

    Source: torch.nn.MaxPool3d.
    """


class AvgPool(WindowPool, OfMeans, abstract=True):
    """What average poolings of any number of spatial axes have in common."""

    keeps = Keeps.INPUTS
    padding = PerAxis(0, minimum=0)
    count_include_pad = Flag(True)
    last_fields = ("ceil_mode", "count_include_pad", "divisor_override")
    examples = examples(*IMAGES, kernel_size=2)

    def output(self, x: Tensor) -> Tensor:
        return self.averaged(x)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return averaged(y.elements * product(self.kernel_size), y.elements)


class AvgPool1d(AvgPool, axes=1):
    """The mean of each window: (N, C, L) → (N, C, L'), sizes as those of MaxPool1d, without dilation.

    Source: torch.nn.AvgPool1d.
    """


class AvgPool2d(AvgPool, axes=2):
    """The mean of each window; sizes as those of MaxPool2d, without dilation.

    Source: torch.nn.AvgPool2d.
    """

    divisor_override = Size(None)


class AvgPool3d(AvgPool, axes=3):
    """The mean of each window; sizes as those of MaxPool3d, without dilation.

    The input must be as large as the kernel without its padding. Source: torch.nn.AvgPool3d.
    """

    divisor_override = Size(None)
