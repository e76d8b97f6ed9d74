"""Transposed convolutions (torch.nn, "Convolution Layers"): inputs spread kernels over the output."""

from __future__ import annotations

from typing import Any

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.convolution import Convolving
from shapecalc.layers.fields import Choice, PerAxis
from shapecalc.layers.reads import Reads, except_along, grouped_channels, transposed_window
from shapecalc.layers.weights import Weights, weight_and_bias
from shapecalc.symbolic import Dim, maximum
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor, product
from shapecalc.window import check_counted, windows_of


class TransposedConvolution(Convolving, abstract=True):
    """What transposed convolutions of any number of spatial axes have in common.

    The gradient of a convolution of the same arguments, so the kernels bear its input's channels second.
    """

    padding = PerAxis(0, minimum=0)
    output_padding = PerAxis(0, minimum=0)
    padding_mode = Choice("zeros")
    last_fields = ("groups", "bias", "dilation", "padding_mode")

    def check(self) -> None:
        super().check()
        for more, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if more >= max(s, d):
                raise ArchitectureError(
                    f"output_padding {more} must be less than stride {s} or dilation {d}",
                    hint="a convolution makes one size of several: output_padding says which of them it was",
                    argument="output_padding",
                )

    def output(self, x: Tensor) -> Tensor:
        self.check_image(x)
        *batch, _channels = x.shape[: -self.axes]
        return Tensor((*batch, self.out_channels, *self.spread(x.shape[-self.axes :])), x.dtype)

    def spread(self, space: tuple[Dim, ...]) -> list[Dim]:
        """The sizes out: from the kernel of the first input element to that of the last, less the padding."""
        windows = zip(self.kernel_size, self.stride, self.dilation, strict=True)
        sizes = []
        for n, (k, s, d), p, more in zip(space, windows, self.padding, self.output_padding, strict=True):
            size = (n - 1) * s + d * (k - 1) + 1 + more - 2 * p
            if not at_least(size, 1, "the padding leaves something"):
                raise ArchitectureError(
                    f"padding {p} takes away all of the {size + 2 * p} elements that an input of {n} makes",
                    hint="padding is cut off at both ends here: less of it, or a larger input",
                    argument="padding",
                )
            sizes.append(size)
        return sizes

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The channels of its group, and the input elements whose kernels reach it."""
        lead = x.rank - self.axes
        windows = windows_of(self.kernel_size, self.stride, self.padding, self.dilation)
        space = (transposed_window(axis, window) for axis, window in enumerate(windows, start=lead))
        channels = grouped_channels(lead - 1, self.groups)
        return ((*except_along(x, lead - 1, reads=channels)[:lead], *space),)

    def weights(self, x: Tensor) -> Weights:
        shape = (x.shape[-self.axes - 1], self.out_channels // self.groups, *self.kernel_size)
        return weight_and_bias(shape, self.out_channels, self.bias)

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        """Once per input element: a kernel's worth of products for each output channel of its group."""
        return x.elements * (self.out_channels // self.groups) * product(self.kernel_size)

    def macs_without_padding(self, x: Tensor, y: Tensor) -> Dim:
        """The products that land on the output, not where the padding cuts off."""
        landed = [self.landed(axis, n) for axis, n in enumerate(x.shape[-self.axes :])]
        return product((*x.shape[: -self.axes], self.out_channels // self.groups, *landed))

    def landed(self, axis: int, n: Dim) -> Dim:
        """The pairs of an input and a kernel element, along an axis of `n`, that land on the output.

        Offset j of the kernel puts element i on i·s + j·d − padding, which lies on the output from
        i = ⌈(padding − j·d)/s⌉ up to n − 1 + ⌊(d(k − 1 − j) + output_padding − padding)/s⌋.
        """
        k, s, d = self.kernel_size[axis], self.stride[axis], self.dilation[axis]
        check_counted(k)
        total: Dim = 0
        for offset in range(0, d * k, d):
            before = max(0, -((offset - self.padding[axis]) // s))
            beyond = min(0, (d * (k - 1) - offset + self.output_padding[axis] - self.padding[axis]) // s)
            total = total + maximum(0, n + beyond - before)
        return total


class ConvTranspose1d(TransposedConvolution, axes=1):
    """Each element of a sequence spreads a learned kernel over a longer one.

    (N, C, L) → (N, out_channels, L') with L' as H' in ConvTranspose2d. Source: torch.nn.ConvTranspose1d.
    """

    operation = "conv_transpose1d"
    example = example((1, 16, 50), out_channels=8, kernel_size=4, stride=2, padding=1)


class ConvTranspose2d(TransposedConvolution, axes=2):
    """Each element of an image spreads a learned kernel over a larger one.

    (N, C, H, W) → (N, out_channels, H', W') with H' = (H − 1)·s + k − p + output_padding, where
    p = 2·padding and k = dilation·(kernel_size − 1) + 1. Source: torch.nn.ConvTranspose2d;
    Dumoulin & Visin 2016, arXiv:1603.07285, chapter 4.
    """

    operation = "conv_transpose2d"
    example = example((1, 64, 16, 16), out_channels=32, kernel_size=2, stride=2)


class ConvTranspose3d(TransposedConvolution, axes=3):
    """Each element of a volume spreads a learned kernel over a larger one.

    (N, C, D, H, W) → (N, out_channels, D', H', W') with D' as H' in ConvTranspose2d.
    Source: torch.nn.ConvTranspose3d.
    """

    operation = "conv_transpose3d"
    example = example((1, 16, 4, 8, 8), out_channels=8, kernel_size=2, stride=2)
