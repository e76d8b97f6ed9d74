"""Deformable convolution (torchvision): windows whose elements are read where offsets move them."""

from __future__ import annotations

from typing import Any

from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_groups, check_rank
from shapecalc.layers.convolution import InGroups
from shapecalc.layers.fields import PerAxis
from shapecalc.layers.reads import ALL, AxisReads, Pattern, Reads, grouped_channels
from shapecalc.layers.rules.costs import Wanted
from shapecalc.layers.weights import Weights, weight_and_bias
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_equal, check_multiple, product
from shapecalc.window import Window, windows_of


class DeformConv2d(InGroups, axes=2):
    """A convolution whose windows are bent: each of their k·k elements is read where an offset moves it.

    (N, C, H, W), offsets (N, 2·k·k, H', W') and, maybe, a mask (N, k·k, H', W') that weighs each element
    → (N, C', H', W'), sizes as those of Conv2d. Offsets are y before x; there may be several groups of them,
    each for an equal part of the channels. Source: torchvision.ops.DeformConv2d; Dai et al. 2017,
    arXiv:1703.06211; with a mask Zhu et al. 2019, arXiv:1811.11168.
    """

    undecided = "depends on torchvision's kernel"
    padding = PerAxis(0, minimum=0)
    last_fields = ("dilation", "groups", "bias")
    example = example((1, 16, 32, 32), (1, 18, 32, 32), out_channels=32, kernel_size=3, padding=1)

    @property
    def window(self) -> tuple[Window, ...]:
        return windows_of(self.kernel_size, self.stride, self.padding, self.dilation)

    def output(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        check_rank(x, 4)
        check_floating(x, "float32")
        check_groups(x.shape[1], self.groups, "each group sees an equal part of the input channels")
        sizes = (window.size(n) for window, n in zip(self.window, x.shape[2:], strict=True))
        y = Tensor((x.shape[0], self.out_channels, *sizes), x.dtype)
        parts = self.check_offsets(x, offset, y)
        if mask is not None:
            self.check_places("mask", mask, y)
            message = f"the mask {mask} has {{0}} channels, one for each element of the windows are {{1}}"
            check_equal(mask.shape[1], product(self.kernel_size) * parts, message, why="each has a weight")
        return y

    def check_offsets(self, x: Tensor, offset: Tensor, y: Tensor) -> Dim:
        """How many groups of offsets there are."""
        self.check_places("offset", offset, y)
        each = 2 * product(self.kernel_size)
        message = (
            f"the offset {offset} has {{0}} channels: y and x for each element of the windows take {{1}}"
        )
        check_multiple(offset.shape[1], each, message, why="each element has an offset")
        parts = offset.shape[1] // each
        hint = "each group of offsets is for an equal part of the channels"
        check_groups(x.shape[1], parts, hint, name="the groups of offsets,")
        return parts

    def check_places(self, name: str, moved: Tensor, y: Tensor) -> None:
        """Refuse offsets or a mask that are not there for each element of the output."""
        check_rank(moved, 4)
        if moved.dtype != y.dtype:
            raise ArchitectureError(f"the {name} must be of {y.dtype}, as the input is, not {moved.dtype}")
        for axis in (0, 2, 3):
            message = f"the {name} {moved} and the output {y} differ on axis {axis}: {{0}} and {{1}}"
            check_equal(moved.shape[axis], y.shape[axis], message, why="there is one for each window")

    def weights(self, x: Tensor, *_: Tensor) -> Weights:
        return weight_and_bias(
            (self.out_channels, x.shape[1] // self.groups, *self.kernel_size), self.out_channels, self.bias
        )

    def macs(self, x: Tensor, *_: Tensor, y: Tensor) -> Dim:
        """Those of a Conv2d: what is read between elements is not among them."""
        return y.elements * (x.shape[1] // self.groups) * product(self.kernel_size)

    def macs_without_padding(self, *inputs: Tensor, y: Tensor) -> Dim:
        raise UnknownError("which products meet zeros of the padding is for the values of the offsets to say")

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """Of the weights, and of what is read, from which those of all inputs are made without products."""
        return self.figures(inputs).macs * (any(wanted.inputs) + ("weight" in wanted.weights))

    def reads(self, x: Tensor, *moved: Tensor, **_: Any) -> tuple[Reads, ...]:
        by_values = Unknown("which places are read is for the values of the offsets to say")
        unknown = Unknown("which offsets a group of channels sees is not followed")
        channels: AxisReads = ALL if self.groups == 1 else unknown
        own: Reads = (Pattern(0), channels, Pattern(2), Pattern(3))
        return (Pattern(0), grouped_channels(1, self.groups), by_values, by_values), *[own] * len(moved)
