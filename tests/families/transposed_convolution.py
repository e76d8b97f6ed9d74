"""Draws for `shapecalc/layers/transposed_convolution.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = (
    # One of two or three sizes that comes to nothing.
    drawn("ConvTranspose2d", Tensor((1, 1, 2, 4)), out_channels=1, kernel_size=1, padding=[1, 0]),
    drawn("ConvTranspose3d", Tensor((1, 1, 2, 4, 4)), out_channels=1, kernel_size=1, padding=[1, 0, 0]),
    drawn("ConvTranspose3d", Tensor((1, 1, 2, 4, 4)), out_channels=1, kernel_size=1, padding=[2, 0, 0]),
    # The larger one of stride and dilation bounds the padding of the output.
    drawn("ConvTranspose1d", Tensor((1, 1, 4)), out_channels=1, kernel_size=2, output_padding=2, dilation=3),
    drawn("ConvTranspose1d", Tensor((1, 1, 4)), out_channels=1, kernel_size=2, output_padding=3, dilation=3),
)
