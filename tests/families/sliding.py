"""Draws for `unfold` in `shapecalc/layers/slicing.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import SIZES, Stricter, drawn, rarely, tensors_of
from tests.families.slicing import dims

STRICTER = (
    Stricter(
        "unfold",
        "size must be a whole number of at least 1, not 0",
        "a window of nothing leaves nothing to compute, and is a mistake in a file",
        drawn("unfold", Tensor((2, 3)), dimension=-1, size=0, step=1),
    ),
)


@st.composite
def anything(draw: st.DrawFn) -> tuple[Tensor, ...]:
    return (draw(tensors_of((1, 2, 3, 4))),)


@st.composite
def windows(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """A window that fits on an axis, or is just too long."""
    shape = inputs[0].shape
    dim = draw(dims(len(shape)))
    n = number(shape[dim % len(shape)])
    size = draw(st.integers(1 - rarely(draw, 12), n + rarely(draw, 6)))
    return {"dimension": dim, "size": size, "step": draw(st.sampled_from([1, 1, *SIZES]))}


INPUTS = {"unfold": anything}

ARGUMENTS = {"unfold": windows}

RARE = (
    drawn("unfold", Tensor(()), dimension=0, size=1, step=3),
    drawn("unfold", Tensor((5,)), dimension=-1, size=5, step=3),
    drawn("unfold", Tensor((5, 3)), dimension=0, size=6, step=1),
)
