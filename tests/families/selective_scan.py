"""Draws for `shapecalc/layers/selective_scan.py`."""

from __future__ import annotations

from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import SIZES, drawn, rarely, spoilt
from tests.families.products import of_dtypes


@st.composite
def scanned(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Five inputs that fit each other, or up to eight; seldom one that is spoilt, or of another dtype."""
    n, channels, state, steps = (draw(st.sampled_from(SIZES)) for _ in range(4))
    whole, columns = (n, channels, steps), (n, state, steps)
    shapes: list[Shape] = [whole, whole, (channels, state), columns, columns, (channels,), whole, (channels,)]
    shapes = shapes[: draw(st.integers(5, 8))]
    if rarely(draw, 3):
        place = draw(st.integers(0, len(shapes) - 1))
        shapes[place] = draw(spoilt(shapes[place]))
    return draw(of_dtypes(shapes))


INPUTS = {"selective_scan": scanned}
RARE = (
    drawn("selective_scan", *[Tensor((2, 3, 1))] * 2, Tensor((3, 1)), *[Tensor((2, 1, 1))] * 2),
    drawn("selective_scan", *[Tensor((1, 1, 1))] * 2, Tensor((1, 1)), *[Tensor((1, 1, 1))] * 2),
)
