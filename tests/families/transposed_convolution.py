"""Draws for `shapecalc/layers/transposed_convolution.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "ConvTranspose[23]d",
        "padding .* takes away all of the",
        "torch takes a size of 0 beside others: it leaves nothing to compute, and is a mistake in a file",
        drawn("ConvTranspose2d", Tensor((4, 4, 1, 2)), out_channels=4, kernel_size=2, padding=1),
    ),
)

RARE = (
    # The larger one of stride and dilation bounds the padding of the output.
    drawn("ConvTranspose1d", Tensor((1, 1, 4)), out_channels=1, kernel_size=2, output_padding=2, dilation=3),
    drawn("ConvTranspose1d", Tensor((1, 1, 4)), out_channels=1, kernel_size=2, output_padding=3, dilation=3),
)
