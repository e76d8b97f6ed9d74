"""Convolutions (torch.nn, "Convolution Layers")."""

from __future__ import annotations

from typing import Any, Self

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.kernels import convolution_back
from shapecalc.allocation.wrapping import wrapped
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_groups, check_rank
from shapecalc.layers.fields import Channels, Choice, Flag, Padding, PerAxis, Size
from shapecalc.layers.reads import AxisReads, Pattern, Reads, grouped_channels, windowed
from shapecalc.layers.rules import Keeps
from shapecalc.layers.weights import Weights, owned, weight_and_bias
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor, product
from shapecalc.window import Window


class InGroups(Layer, abstract=True):
    """Learned windows over groups of channels, each of which makes an equal part of the output channels."""

    in_channels = Channels()
    out_channels = Size()
    kernel_size = PerAxis()
    stride = PerAxis(1)
    dilation = PerAxis(1)
    groups = Size(1)
    bias = Flag(True)

    def check(self) -> None:
        hint = "each group makes an equal part of the output channels"
        check_groups(self.out_channels, self.groups, hint, found="out_channels {0} is")


class Convolving(InGroups, abstract=True):
    """What convolutions and their transposes have in common: (N, C, *) or (C, *), in groups of channels."""

    keeps = Keeps.INPUTS

    def check_image(self, x: Tensor) -> None:
        """Refuse other numbers of axes, other dtypes than float32, and channels that no groups divide."""
        space = {1: "L", 2: "H×W", 3: "D×H×W"}[self.axes]
        hint = f"{self.type} takes N×C×{space}, or the same without the batch axis"
        check_rank(x, self.axes + 1, self.axes + 2, hint=hint)
        check_floating(x, "float32")
        hint = "each group sees an equal part of the input channels"
        check_groups(x.shape[-self.axes - 1], self.groups, hint)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(add=y.elements if self.bias else 0)

    def back(self, x: Value, *weights: Value) -> Back:
        return convolution_back(x, *weights)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Without a batch axis one is put before it, and taken away after it."""
        y = self.convolved(trace, x)
        return (y if x.rank == self.axes + 2 else trace.looked_at(y),)

    def convolved(self, trace: Trace, x: Value) -> Value:
        """The output of an input that may lack the batch axis."""
        return super().run(trace, x)[0]


class Convolution(Convolving, abstract=True):
    """What convolutions of any number of spatial axes have in common."""

    padding = Padding(0)
    padding_mode = Choice("zeros", "reflect", "replicate", "circular")
    last_fields = ("dilation", "groups", "bias", "padding_mode")

    def check(self) -> None:
        super().check()
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ArchitectureError(
                "padding: same needs a stride of 1",
                hint="write the padding as numbers, (kernel_size - 1) // 2 for an odd kernel",
                argument="padding",
            )

    def last(self) -> Self:
        """What a window holds is kept: nothing is padded."""
        return self.replaced({"padding": (0,) * self.axes})

    @property
    def window(self) -> tuple[Window, ...]:
        """The window of each spatial axis."""
        axes = zip(self.kernel_size, self.stride, self.ends(), self.dilation, strict=True)
        return tuple(Window(k, s, *ends, d) for k, s, ends, d in axes)

    def ends(self) -> list[tuple[int, int]]:
        """Padding before and after each axis; an odd total of `same` has its extra element after."""
        if not isinstance(self.padding, str):
            return [(p, p) for p in self.padding]
        if self.padding == "valid":
            return [(0, 0)] * self.axes
        totals = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]

    def output(self, x: Tensor) -> Tensor:
        self.check_image(x)
        *batch, _channels = x.shape[: -self.axes]
        space = x.shape[-self.axes :]
        self.check_padding_mode(space)
        sizes = (window.size(n) for window, n in zip(self.window, space, strict=True))
        return Tensor((*batch, self.out_channels, *sizes), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The channels and the windows; padding that copies the input counts as lying outside of it.

        A window at the border that holds what is mirrored there reads nothing else besides. Where the
        padding is wider than that, or comes from the other border, its elements are not in line.
        """
        reads = windowed(x, self.window, channels=grouped_channels(x.rank - self.axes - 1, self.groups))
        pairs = zip(reads[-self.axes :], self.window, strict=True)
        return ((*reads[: -self.axes], *(self.in_line(own, window) for own, window in pairs)),)

    def in_line(self, own: AxisReads, window: Window) -> AxisReads:
        pad = max(window.before, window.after)
        mirrored = 2 * pad < window.extent and window.dilation == 1
        if (
            not pad
            or self.padding_mode in ("zeros", "replicate")
            or (self.padding_mode == "reflect" and mirrored)
        ):
            made = bool(pad) and self.padding_mode != "zeros"
            return own._replace(copied=made) if isinstance(own, Pattern) else own
        return Unknown(f"padding_mode: {self.padding_mode} shows elements of the input at another place")

    def check_padding_mode(self, space: tuple[Dim, ...]) -> None:
        """`reflect` mirrors without repeating the border, `circular` wraps around once."""
        if self.padding_mode not in ("reflect", "circular"):
            return
        for n, (before, after) in zip(space, self.ends(), strict=True):
            pad = max(before, after)
            if not at_least(n, pad + (self.padding_mode == "reflect"), "the padding is made of the input"):
                raise ArchitectureError(
                    f"padding_mode: {self.padding_mode} can't pad an axis of {n} by {pad}",
                    argument="padding_mode",
                )

    def weights(self, x: Tensor) -> Weights:
        channels = x.shape[-self.axes - 1]
        shape = (self.out_channels, channels // self.groups, *self.kernel_size)
        return weight_and_bias(shape, self.out_channels, self.bias)

    def padded_before(self) -> list[int]:
        """What a kernel before the convolution adds to each axis; of zeros, those of one end alone."""
        if self.padding_mode == "zeros":
            return [after - before for before, after in self.ends()]
        return [before + after for before, after in self.ends()]

    def convolved(self, trace: Trace, x: Value) -> Value:
        """Padding of another kind than zeros, or that differs before and after, is a kernel of its own."""
        if self.padding_mode == "zeros" and all(before == after for before, after in self.ends()):
            return super().convolved(trace, x)
        space = zip(x.shape[-self.axes :], self.padded_before(), strict=True)
        padded = Tensor((*x.shape[: -self.axes], *(n + more for n, more in space)), x.dtype)
        keeps = (x,) if self.padding_mode in ("reflect", "replicate") else ()
        if self.padding_mode == "circular":
            wide = wrapped(trace, x, padded, [p for pair in self.ends()[::-1] for p in pair])
        else:
            wide = trace.kernel(padded, x, keeps=keeps)
        made = self.output(trace.declared(x))
        cast, *weights = trace.cast(self.operation, wide, *owned(trace, self.weights(x.tensor)))
        kept = (cast, *trace.copies(weights[:1]))
        back = self.back(cast, *weights)
        return trace.kernel(Tensor(made.shape, cast.dtype), cast, *weights, keeps=kept, back=back)

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        """Once per output element: a kernel's worth of products in each input channel of its group."""
        channels = x.shape[-self.axes - 1]
        return y.elements * (channels // self.groups) * product(self.kernel_size)

    def macs_without_padding(self, x: Tensor, y: Tensor) -> Dim:
        """The products of what a window reads inside of the input; other padding than zeros is all read."""
        if self.padding_mode != "zeros":
            return self.macs(x, y)
        *batch, channels = x.shape[: -self.axes]
        axes = zip(self.window, x.shape[-self.axes :], strict=True)
        read = [window.elements_read(n) for window, n in axes]
        return product((*batch, self.out_channels, channels // self.groups, *read))


class Conv1d(Convolution, axes=1):
    """A learned kernel slides along a sequence.

    (N, C, L) → (N, out_channels, L') with L' = ⌊(L − k + p + s)/s⌋, as in Conv2d. Source: torch.nn.Conv1d.
    """

    operation = "conv1d"
    example = example((1, 16, 100), out_channels=32, kernel_size=3, padding=1)


class Conv2d(Convolution, axes=2):
    """A learned kernel slides over height and width.

    (N, C, H, W) → (N, out_channels, H', W') with H' = ⌊(H − k + p + s)/s⌋, where p = 2·padding and
    k = dilation·(kernel_size − 1) + 1. Source: torch.nn.Conv2d; Dumoulin & Visin 2016, arXiv:1603.07285.
    """

    operation = "conv2d"
    example = example((1, 3, 32, 32), out_channels=16, kernel_size=3, padding=1)


class Conv3d(Convolution, axes=3):
    """A learned kernel slides over depth (or time), height and width.

    (N, C, D, H, W) → (N, out_channels, D', H', W') with D' = ⌊(D − k + p + s)/s⌋, as in Conv2d.
    Source: torch.nn.Conv3d.
    """

    operation = "conv3d"
    example = example((1, 3, 8, 32, 32), out_channels=16, kernel_size=3, padding=1)
