"""Modules that torch.nn does not have, written in torch after their sources, by the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def module_class(name: str) -> Any:
    """The class of a layer type that is a module: one of these or, by its name, of torch.nn."""
    return MODULES.get(name) or getattr(torch.nn, name)


class DeformConv2d(torch.nn.Module):
    """torchvision.ops.DeformConv2d, by torch's own kernels, which run on every device.

    Each element of a window is read where an offset moves it: zeros lie outside, and between elements the
    four around are averaged. Source: torchvision's deform_conv2d and its kernel on the CPU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        own = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.weight, self.bias, self.groups = own.weight, own.bias, groups
        self.axes = list(zip(own.kernel_size, own.stride, own.padding, own.dilation, strict=True))

    def forward(self, x: Any, offset: Any, mask: Any = None) -> Any:
        """The products of the elements that are read, by the weights, in groups.

        Raises:
            ValueError: an input has another shape than the others ask for.
            TypeError: the inputs are of several dtypes.
        """
        taps = self.weight.shape[2] * self.weight.shape[3]
        n, channels, *space = x.shape
        pairs = zip(space, self.axes, strict=True)
        sizes = [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, (k, s, p, d) in pairs]
        parts = offset.shape[1] // (2 * taps)
        check("offset", offset, x, (n, 2 * taps * parts, *sizes))
        if not parts or channels % parts or channels != self.weight.shape[1] * self.groups:
            raise ValueError(f"{parts} groups of offsets do not divide {channels} channels")
        grid = self.places(offset.reshape(n * parts, taps, 2, *sizes), space)
        image = x.reshape(n * parts, channels // parts, *space)
        read = torch.nn.functional.grid_sample(image, grid, align_corners=False)
        if mask is not None:
            check("mask", mask, x, (n, taps * parts, *sizes))
            read = read * mask.reshape(n * parts, 1, taps * sizes[0], sizes[1])
        return self.summed(read.reshape(n * self.groups, -1, sizes[0] * sizes[1]), [n, -1, *sizes])

    def places(self, offset: Any, space: list[int]) -> Any:
        """For each element of each window where it is read, x before y, from −1 to 1 along the image."""
        found = []
        for axis, (size, (k, s, p, d)) in enumerate(zip(space, self.axes, strict=True)):
            moved = offset[:, :, axis]
            starts = torch.arange(moved.shape[2 + axis], device=moved.device) * s - p
            steps = torch.arange(k, device=moved.device) * d
            steps = steps.repeat_interleave(self.axes[1][0]) if axis == 0 else steps.repeat(self.axes[0][0])
            starts = starts[:, None] if axis == 0 else starts
            place = moved + steps[:, None, None] + starts
            found.append(((2 * place + 1) / size - 1).flatten(1, 2))
        return torch.stack(found[::-1], dim=-1)

    def summed(self, read: Any, shape: list[int]) -> Any:
        """The products with the weights of each group, and the bias."""
        weight = self.weight.reshape(self.groups, -1, read.shape[1])
        y = torch.bmm(weight.repeat(shape[0], 1, 1), read).reshape(shape)
        return y if self.bias is None else y + self.bias[:, None, None]


def check(name: str, x: Any, image: Any, shape: tuple[int, ...]) -> None:
    if x.dtype != image.dtype:
        raise TypeError(f"{name} is of {x.dtype}, the image of {image.dtype}")
    if x.shape != shape or min(shape) < 1:
        raise ValueError(f"{name} is {list(x.shape)}, not {list(shape)}")


MODULES: Mapping[str, Any] = {"DeformConv2d": DeformConv2d}
