"""Folding and shuffling (torch.nn, "Vision Layers", "Shuffle Layers"): elements that change places."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import suggested
from shapecalc.allocation.strides import Strides
from shapecalc.layers.base import Layer, Rearranging, example
from shapecalc.layers.checks import check_floating, check_groups, check_least_rank, check_rank
from shapecalc.layers.fields import PerAxis, Size
from shapecalc.layers.reads import Grouped, Reads, Shuffled, enlarged, except_along, windowed
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import Shape, Tensor, check_equal, check_multiple, product
from shapecalc.window import Window, windows_of


def check_blocks(x: Tensor) -> None:
    """Refuse what torch neither unfolds nor folds: integers."""
    if x.dtype != "bool":
        check_floating(x)


class Blocks(Layer, abstract=True):
    """Windows of an image, each of which is a column."""

    keeps = Keeps.NOTHING
    kernel_size = PerAxis()
    dilation = PerAxis(1)
    padding = PerAxis(0, minimum=0)
    stride = PerAxis(1)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The window on each axis of the image that unfolds."""
        return windows_of(self.kernel_size, self.stride, self.padding, self.dilation)

    def count(self, image: Shape, of: str = "input") -> Dim:
        """How many windows an image has, which is the layer's input or the argument of that name."""
        return product(tuple(window.size(n, of) for window, n in zip(self.windows, image, strict=True)))


class Unfold(Blocks, Rearranging, axes=2):
    """Each window of an image becomes a column.

    (N, C, H, W) → (N, K, L) with K = C·k·k and L = ⌊(H − k + p + s)/s⌋ · ⌊(W − k + p + s)/s⌋ windows.
    Source: torch.nn.Unfold.
    """

    example = example((2, 3, 8, 8), kernel_size=2, stride=2)

    @property
    def window(self) -> tuple[Window, ...]:
        return self.windows

    def letters(self, x: Tensor, made: bool) -> str | None:
        return "NKL"[-x.rank :] if made else None

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 3, 4)
        check_blocks(x)
        *batch, channels = x.shape[:-2]
        return Tensor((*batch, channels * product(self.kernel_size), self.count(x.shape[-2:])), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, -3, -2, -1, reads=Unknown("its places are divided among other axes")),)


class Fold(Blocks, axes=2):
    """The columns that an image unfolds into become an image again, overlaps added up.

    (N, K, L) → (N, C, *output_size) with C = K/(k·k); such an image must have L windows.
    Source: torch.nn.Fold.
    """

    output_size = PerAxis()
    last_fields = ("kernel_size", "dilation", "padding", "stride")
    example = example((2, 12, 16), output_size=8, kernel_size=2, stride=2)

    def letters(self, x: Tensor, made: bool) -> str | None:
        return None if made else "NKL"[-x.rank :]

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 2, 3)
        check_blocks(x)
        *batch, channels, columns = x.shape
        elements = product(self.kernel_size)
        check_multiple(
            channels,
            elements,
            "the input's {0} channels are not divisible by {1}, the elements of kernel_size",
            "a column holds a window of each channel",
            why="a column holds whole windows",
        )
        check_equal(
            columns,
            self.count(self.output_size, "output_size"),
            "the input has {0} columns, but an image of output_size has {1} windows",
            "Fold takes what Unfold makes with the same arguments",
            why="there is a column for each window",
        )
        return Tensor((*batch, channels // elements, *self.output_size), x.dtype)


class PixelShuffle(Rearranging, axes=2):
    """Channels become pixels: each r·r of them one of r times the height and width.

    (*, C·r·r, H, W) → (*, C, H·r, W·r) with r = upscale_factor.
    Source: Shi et al. 2016, arXiv:1609.05158; torch.nn.PixelShuffle.
    """

    keeps = Keeps.NOTHING
    upscale_factor = Size()
    example = example((2, 16, 8, 8), upscale_factor=2)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 3)
        *batch, channels, height, width = x.shape
        r = self.upscale_factor
        check_multiple(
            channels,
            r * r,
            "the input's {0} channels are not divisible by {1}, the square of upscale_factor",
            "each pixel of a new channel has a channel of its own before",
            why="channels become pixels",
        )
        return Tensor((*batch, channels // (r * r), height * r, width * r), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The pixel that r·r new ones come from, each of a channel of its own."""
        r = self.upscale_factor
        channels = Grouped(x.rank - 3, x.shape[-3] // (r * r), whole=False)
        space = (enlarged(axis, r) for axis in (x.rank - 2, x.rank - 1))
        return ((*except_along(x, -3, reads=channels)[:-2], *space),)


class PixelUnshuffle(Rearranging, axes=2):
    """Pixels become channels: each channel r·r of them of height and width divided by r.

    (*, C, H·r, W·r) → (*, C·r·r, H, W) with r = downscale_factor. Source: torch.nn.PixelUnshuffle.
    """

    keeps = Keeps.NOTHING
    downscale_factor = Size()
    example = example((2, 4, 8, 8), downscale_factor=2)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 3)
        *batch, channels, height, width = x.shape
        r = self.downscale_factor
        for size, name in ((height, "height"), (width, "width")):
            message = f"the input's {name} {{0}} is not divisible by downscale_factor {{1}}"
            check_multiple(size, r, message, why="pixels become channels")
        return Tensor((*batch, channels * r * r, height // r, width // r), x.dtype)

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        return suggested(made.shape, x)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The r·r pixels that channels are made of: all channels at a place together read all of them."""
        r = self.downscale_factor
        channels = Grouped(x.rank - 3, x.shape[-3], whole=False)
        if not isinstance(r, int):
            apart = Unknown(f"each place is made of {r}×{r} pixels, which is a formula")
            return ((*except_along(x, -3, reads=channels)[:-2], apart, apart),)
        return (windowed(x, (Window(r, r), Window(r, r)), channels=channels),)


class ChannelShuffle(Rearranging):
    """The channels in another order: the first of each group, the second of each, and so on.

    Source: Zhang et al. 2017, arXiv:1707.01083; torch.nn.ChannelShuffle.
    """

    lettered = ("NCL",)
    groups = Size()
    example = example((2, 4, 8, 8), groups=2)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 3)
        check_groups(x.shape[1], self.groups, "each group has an equal part of the channels")
        return x

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """Groups and the channels of one change places, in a copy unless one of the two is single.

        Autograd takes that for a tensor of its own, too.
        """
        if all(not_one(n, "channels shuffled are a copy") for n in (self.groups, x.shape[1] // self.groups)):
            return (trace.kernel(x.tensor, x),)
        return (trace.unsafe(trace.view(x, x.shape, x.strides)),)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, 1, reads=Shuffled(1, self.groups)),)
