"""Draws for `shapecalc/layers/fractional_pooling.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

from shapecalc.layers import LAYERS
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import Stricter, drawn, rarely

TYPES = ("FractionalMaxPool2d", "FractionalMaxPool3d")


@st.composite
def fractional(draw: st.DrawFn, inputs: tuple[Tensor, ...], axes: int) -> dict[str, Any]:
    """Sizes up to what the windows leave room for, seldom one above; or ratios; seldom neither or both."""
    kernels = draw(st.lists(st.integers(1 - rarely(draw, 16), 3), min_size=axes, max_size=axes))
    given: dict[str, Any] = {"kernel_size": kernels}
    which = draw(st.sampled_from([*4 * ["size", "size", "ratio"], "both", "neither"]))
    if which in ("size", "both"):
        space = [*map(number, inputs[0].shape if inputs else ()), *[4] * axes][-axes:]
        given["output_size"] = draw(sizes([n - k + 1 for n, k in zip(space, kernels, strict=True)]))
    if which in ("ratio", "both"):
        given["output_ratio"] = draw(ratios(axes))
    if draw(st.booleans()):
        given["return_indices"] = draw(st.booleans())
    return given


@st.composite
def sizes(draw: st.DrawFn, most: list[int]) -> Any:
    """One size or a list of them."""
    if draw(st.booleans()):
        return draw(st.integers(1, max(1, min(most))))
    low, beyond = (0, 1) if rarely(draw, 8) else (1, 0)
    return [draw(st.integers(low, max(1, m) + beyond)) for m in most]


@st.composite
def ratios(draw: st.DrawFn, axes: int) -> Any:
    """Numbers whose products with sizes are near whole numbers, and others; seldom a bound."""
    bounds = [0.0, 1.0, 0] if rarely(draw, 8) else []
    one = st.one_of(st.sampled_from([0.5, 0.29, 0.57, 0.7, 1 / 3, *bounds]), st.floats(0.05, 0.95))
    if draw(st.booleans()):
        return draw(one)
    return [draw(one) for _ in range(axes + rarely(draw, 16))]


ARGUMENTS = {name: partial(fractional, axes=LAYERS[name].axes) for name in TYPES}

STRICTER = (
    Stricter(
        "FractionalMaxPool.d",
        "(kernel|output)_size must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("FractionalMaxPool2d", Tensor((2, 3, 6, 6)), kernel_size=2, output_size=0),
    ),
    Stricter(
        "FractionalMaxPool.d",
        "output_ratio .* leaves nothing",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("FractionalMaxPool2d", Tensor((2, 3, 6, 6)), kernel_size=2, output_ratio=0.1),
    ),
    Stricter(
        "FractionalMaxPool3d",
        r"output_ratio must be .*, not \[([^,]+, ){3}",
        "a fourth ratio is ignored by torch in silence",
        drawn("FractionalMaxPool3d", Tensor((2, 3, 6, 6, 6)), kernel_size=2, output_ratio=4 * [0.5]),
    ),
)

RARE = (
    # Windows of three axes need one element more than those of two.
    drawn("FractionalMaxPool2d", Tensor((1, 1, 6, 6)), kernel_size=2, output_size=5),
    drawn("FractionalMaxPool3d", Tensor((1, 1, 6, 6, 6)), kernel_size=2, output_size=5),
    drawn("FractionalMaxPool3d", Tensor((1, 1, 6, 6, 6)), kernel_size=2, output_size=4),
    # A product of floating-point numbers is rounded down, 100·0.29 to 28.
    drawn("FractionalMaxPool2d", Tensor((1, 1, 100, 100)), kernel_size=1, output_ratio=[0.29, 0.57]),
)
