"""Draws for `shapecalc/layers/transposed_convolution.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import Stricter, drawn, rarely

TYPES = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")


@st.composite
def transposed(draw: st.DrawFn, inputs: tuple[Tensor, ...], name: str) -> dict[str, Any]:
    """As any type's, but the output is mostly padded by less than the stride or the dilation."""
    from tests.strategies import arguments  # which imports this module

    given = draw(arguments(LAYERS[name], inputs))
    if "output_padding" in given and not rarely(draw, 4):
        strides, dilations = (
            value if isinstance(value, list) else [value] * LAYERS[name].axes
            for value in (given.get("stride", 1), given.get("dilation", 1))
        )
        most = [max(0, s - 1, d - 1) for s, d in zip(strides, dilations, strict=False)]
        given["output_padding"] = [draw(st.integers(0, m)) for m in most]
    return given


ARGUMENTS = {name: partial(transposed, name=name) for name in TYPES}

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
