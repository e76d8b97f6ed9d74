"""Draws for `shapecalc/layers/joins.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely, spoilt


@st.composite
def alike(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Two to four tensors of one shape, seldom one of another; seldom only one, or of other dtypes."""
    shape: Shape = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)))
    count = 1 if rarely(draw, 16) else draw(st.integers(2, 4))
    shapes = [shape] * count
    if rarely(draw, 4):
        shapes[-1] = draw(spoilt(shape))
    one = st.sampled_from(DTYPES) if rarely(draw, 3) else st.just("float32")
    return tuple(Tensor(shape, draw(one)) for shape in shapes)


@st.composite
def new_axis(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """The place of a new axis, and just beyond."""
    rank = inputs[0].rank
    places = st.sampled_from([*2 * [*range(-rank - 1, rank + 1)], rank + 1, -rank - 2])
    return {"dim": draw(places)} if draw(st.booleans()) else {}


INPUTS = {"stack": alike}

ARGUMENTS = {"stack": new_axis}

STRICTER = (
    Stricter(
        "add|mul|concat|stack",
        "inputs are needed, not 1",
        "one branch joins nothing",
        drawn("add", Tensor((2, 3))),
    ),
)

RARE = (
    drawn("stack", Tensor(()), Tensor((), "int64"), dim=-1),
    drawn("stack", Tensor(()), Tensor(()), dim=1),
    drawn("concat", Tensor(()), Tensor(()), dim=0),
    drawn("add", Tensor(()), Tensor((2, 3))),
)
