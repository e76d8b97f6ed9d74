"""Draws for `shapecalc/layers/pooling.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "AdaptiveAvgPool2d|AdaptiveMaxPool2d",
        "must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("AdaptiveAvgPool2d", Tensor((2, 3, 4, 4)), output_size=0),
    ),
    Stricter(
        "AdaptiveAvgPool2d",
        "an input of 3 or 4 axes is needed, not [56]",
        "for an output of 1×1 torch takes a mean over the last two axes and never looks at the rank",
        drawn("AdaptiveAvgPool2d", Tensor((2, 3, 4, 4, 4)), output_size=1),
    ),
    Stricter(
        "MaxPool2d|AvgPool2d",
        "a floating-point input is needed, not u?int",
        "pooling of integers exists on the CPU alone",
        drawn("MaxPool2d", Tensor((2, 3, 4, 4), "int64"), kernel_size=2),
    ),
)

RARE = (
    # With ceil_mode, a last window that would start in the padding after the end is dropped.
    drawn("MaxPool2d", Tensor((1, 1, 3, 3)), kernel_size=2, padding=1, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 5, 5)), kernel_size=1, stride=3, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=9, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=10, stride=3, ceil_mode=True),
    drawn("MaxPool2d", Tensor((1, 1, 8, 8)), kernel_size=11, stride=3, ceil_mode=True),
    drawn("AvgPool2d", Tensor((1, 1, 3, 3)), kernel_size=2, padding=1, ceil_mode=True),
    # Half of the kernel bounds the padding, whatever the dilation.
    drawn("MaxPool2d", Tensor((1, 1, 9, 9)), kernel_size=3, padding=2, dilation=2),
)
