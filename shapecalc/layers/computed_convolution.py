"""Convolutions whose kernels come from branches: made of other tensors, of several weights for example."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import convolution_back
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.convolution import Conv1d, Conv2d, Conv3d, Convolution
from shapecalc.layers.fields import Padding, PerAxis, Size
from shapecalc.layers.reads import ALL, Pattern, Reads, grouped_channels, same_place
from shapecalc.layers.rules.costs import Wanted
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_equal


class ComputedConvolution(Layer, abstract=True):
    """What those of any number of spatial axes have in common: figures as those of the layers."""

    layer: ClassVar[type[Convolution]]
    """The type that owns its kernel."""
    namespace = "nn.functional."
    branching = True
    stride = PerAxis(1)
    padding = Padding(0)
    dilation = PerAxis(1)
    groups = Size(1)

    def convolution(self, weight: Tensor) -> Convolution:
        """The layer that has such a kernel for its weight."""
        given = {name: self.__dict__[name] for name in ("stride", "padding", "dilation")}
        made = self.layer(out_channels=1, kernel_size=1, **given)
        out, _, *kernel = weight.shape
        return made.replaced({"out_channels": out, "kernel_size": tuple(kernel), "groups": self.groups})

    def output(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        check_floating(x)
        check_rank(weight, self.axes + 2, hint="a kernel has axes of out_channels, channels and its sizes")
        layer = self.convolution(weight)
        layer.check()
        y = layer.output(Tensor(x.shape))
        own = x.shape[-self.axes - 1] // self.groups
        message = f"the kernel {weight} is for {{0}} channels, a group of the input {x} has {{1}}"
        check_equal(weight.shape[1], own, message, why="a kernel has the channels of a group")
        if bias is not None:
            check_rank(bias, 1)
            message = "the bias has {0} elements, for {1} channels of the output"
            check_equal(bias.shape[0], weight.shape[0], message, why="there is a bias for each channel")
        for other in (weight, bias):
            if other is not None and other.dtype != x.dtype:
                raise ArchitectureError(f"branches of one dtype are needed, not {x.dtype} and {other.dtype}")
        return Tensor(y.shape, x.dtype)

    def macs(self, x: Tensor, weight: Tensor, *bias: Tensor, y: Tensor) -> Dim:
        """Those of the layer."""
        return self.convolution(weight).macs(x, y)

    def macs_without_padding(self, x: Tensor, weight: Tensor, *bias: Tensor, y: Tensor) -> Dim:
        if not all(isinstance(size, int) for size in weight.shape[2:]):
            raise UnknownError(
                f"the products inside of the input, with a kernel of {weight}, are not counted"
            )
        return self.convolution(weight).macs_without_padding(x, y)

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """As many again for the gradient of the image and for that of the kernel; the bias takes none."""
        return self.figures(inputs).macs * sum(wanted.inputs[:2])

    def ops(self, x: Tensor, weight: Tensor, *bias: Tensor, y: Tensor) -> Operations:
        return Operations(add=y.elements * len(bias))

    def reads(self, x: Tensor, weight: Tensor, *bias: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The windows of the image; of the kernel and the bias, what is for the element's own channel."""
        channel = Pattern(y.rank - self.axes - 1)
        kernel: Reads = (channel, *[ALL] * (weight.rank - 1))
        others: list[Reads] = [(channel,) for _ in bias]
        return (self.image_read(x, weight), kernel, *others)

    def image_read(self, x: Tensor, weight: Tensor) -> Reads:
        if all(isinstance(size, int) for size in weight.shape[2:]):
            return self.convolution(weight).reads(x)[0]
        space = [Unknown(f"the sizes of the kernel, {weight}, are formulas")] * self.axes
        return (
            *same_place(x.rank)[: -self.axes - 1],
            grouped_channels(x.rank - self.axes - 1, self.groups),
            *space,
        )

    def run(self, trace: Trace, x: Value, weight: Value, *bias: Value) -> tuple[Value, ...]:
        """As of the layer: zeros at one end alone are put there before; a missing batch axis is put there.

        Raises:
            UnknownError: the kernel's sizes are formulas, odd or even, and `same` pads by what they are.
        """
        shape = self.output(*(trace.declared(each) for each in (x, weight, *bias))).shape
        more = self.convolution(weight.tensor).padded_before()
        if not all(isinstance(n, int) for n in more):
            message = f"the sizes of the kernel, {weight.tensor}, are formulas"
            raise UnknownError(f"whether zeros are put before one end alone is not known: {message}")
        if any(more):
            space = zip(x.shape[-self.axes :], more, strict=True)
            x = trace.kernel(Tensor((*x.shape[: -self.axes], *(n + m for n, m in space)), x.dtype), x)
        cast = trace.cast(f"conv{self.axes}d", x, weight, *bias)
        back = convolution_back(*cast)
        y = trace.kernel(Tensor(shape, cast[0].dtype), *cast, keeps=cast[:2], back=back)
        return (y if x.rank == self.axes + 2 else trace.looked_at(y),)


class conv1d(ComputedConvolution, axes=1):
    """A kernel that is a tensor slides along a sequence.

    (N, C, L), (C', C/groups, k) and, maybe, a bias (C') → (N, C', L'), sizes as those of Conv1d.
    Source: torch.nn.functional.conv1d.
    """

    layer = Conv1d
    example = example((1, 16, 100), (32, 16, 3), padding=1)


class conv2d(ComputedConvolution, axes=2):
    """A kernel that is a tensor slides over height and width.

    (N, C, H, W), (C', C/groups, k, k) and, maybe, a bias (C') → (N, C', H', W'), sizes as those of Conv2d.
    Source: torch.nn.functional.conv2d.
    """

    layer = Conv2d
    example = example((1, 3, 32, 32), (16, 3, 3, 3), padding=1)


class conv3d(ComputedConvolution, axes=3):
    """A kernel that is a tensor slides over depth (or time), height and width.

    (N, C, D, H, W), (C', C/groups, k, k, k) and, maybe, a bias (C') → (N, C', D', H', W'), sizes as those
    of Conv3d. Source: torch.nn.functional.conv3d.
    """

    layer = Conv3d
    example = example((1, 3, 8, 32, 32), (16, 3, 3, 3, 3), padding=1)
