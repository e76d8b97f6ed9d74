"""Draws for `shapecalc/layers/power_pooling.py`."""

from __future__ import annotations

import math

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "LPPool.d",
        "norm_type must be a number, not .inf",
        "a maximum of absolute values has a name of its own, and a file no number that is infinite",
        drawn("LPPool2d", Tensor((2, 3, 4, 4)), norm_type=math.inf, kernel_size=2),
    ),
)

RARE = (
    # With three axes, there must be room for the kernel itself.
    drawn("LPPool3d", Tensor((1, 1, 3, 4, 4)), norm_type=2, kernel_size=4, stride=1, ceil_mode=True),
    drawn("LPPool2d", Tensor((1, 1, 3, 4)), norm_type=2, kernel_size=4, stride=1, ceil_mode=True),
    # There is no root of the order 0, but of any other.
    drawn("LPPool2d", Tensor((1, 1, 4, 4)), norm_type=0, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4)), norm_type=-0.5, kernel_size=2),
    # The exponents are numbers of the input's dtype where that is short.
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "float16"), norm_type=65504, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "float16"), norm_type=65505, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "float16"), norm_type=1e-5, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "bfloat16"), norm_type=3e38, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "bfloat16"), norm_type=-3.4e38, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4), "bfloat16"), norm_type=5e-324, kernel_size=2),
    drawn("LPPool2d", Tensor((1, 1, 4, 4)), norm_type=1e-300, kernel_size=2),
    # torch multiplies by the kernel's size, which can't be a list.
    drawn("LPPool1d", Tensor((1, 1, 4)), norm_type=2, kernel_size=[2]),
)
