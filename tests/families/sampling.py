"""Draws for `shapecalc/layers/sampling.py`."""

from __future__ import annotations

from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import SIZES, drawn, rarely, spoilt
from tests.families.products import of_dtypes


@st.composite
def sampled(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """An image or a volume, and a grid of places in it; seldom spoilt."""
    axes = draw(st.sampled_from([2, 2, 3]))
    batch, channels, *sizes = (draw(st.sampled_from(SIZES)) for _ in range(2 + 2 * axes))
    shapes: list[Shape] = [(batch, channels, *sizes[:axes]), (batch, *sizes[axes:], axes)]
    if rarely(draw, 3):
        place = draw(st.integers(0, 1))
        shapes[place] = draw(spoilt(shapes[place]))
    return draw(of_dtypes(shapes))


INPUTS = {"grid_sample": sampled}

RARE = (
    *(
        drawn("grid_sample", Tensor((2, 3, 4, 4, 4)), Tensor((2, 2, 2, 2, 3)), mode=mode)
        for mode in ("bilinear", "nearest", "bicubic")
    ),
    *(
        drawn("grid_sample", Tensor((2, 3, 4, 4), dtype), Tensor((2, 2, 2, 2), dtype), mode=mode)
        for dtype in ("float16", "bfloat16", "float64")
        for mode in ("bilinear", "nearest", "bicubic")
    ),
)
