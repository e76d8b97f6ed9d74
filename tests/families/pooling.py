"""Draws for `shapecalc/layers/pooling.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "(Max|Avg)Pool.d",
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
    # Average pooling of three axes needs room for its kernel without the padding, and with ceil_mode too.
    drawn("AvgPool3d", Tensor((1, 1, 3, 3, 3)), kernel_size=4, padding=1),
    drawn("AvgPool3d", Tensor((1, 1, 4, 4, 4)), kernel_size=4, padding=1),
    drawn("AvgPool3d", Tensor((1, 1, 3, 4, 4)), kernel_size=4, stride=1, ceil_mode=True),
    drawn("AvgPool1d", Tensor((1, 1, 3)), kernel_size=4, padding=1),
    drawn("MaxPool3d", Tensor((1, 1, 3, 3, 3)), kernel_size=4, padding=1),
)
