"""Draws for `shapecalc/layers/convolution.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

IMAGE = Tensor((2, 3, 4, 4))

STRICTER = (
    Stricter(
        "Conv.d",
        "padding must be a whole number of at least 0.*, not (.*-)",
        "a negative padding crops in some padding modes, and is refused by torch in `zeros`",
        drawn("Conv2d", IMAGE, out_channels=3, kernel_size=1, padding=-1, padding_mode="circular"),
    ),
)

RARE = (
    # An even kernel pads one more at the end, which `reflect` and `circular` bound.
    drawn("Conv2d", Tensor((1, 1, 3, 3)), out_channels=1, kernel_size=4, padding="same"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=8, padding="same", padding_mode="reflect"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=8, padding="same", padding_mode="circular"),
    drawn("Conv2d", IMAGE, out_channels=1, kernel_size=10, padding="same", padding_mode="circular"),
)
