"""Draws for `shapecalc/layers/repetition.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely, spoilt


@st.composite
def sparse(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """A tensor with many axes of 1."""
    shape = draw(st.lists(st.sampled_from([*SIZES, 1, 1, 1]), min_size=1, max_size=4))
    return (Tensor(tuple(shape), draw(st.sampled_from(DTYPES))),)


@st.composite
def expand(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Sizes for the axes of 1, before them new ones, −1 for some; seldom spoilt."""
    size = st.sampled_from(SIZES)
    sizes = [draw(st.sampled_from([draw(size) if n == 1 else n, n, -1])) for n in inputs[0].shape]
    sizes = [*draw(st.lists(size, max_size=2)), *sizes]
    if rarely(draw, 3):
        place = draw(st.integers(0, len(sizes) - 1))
        sizes[place] = draw(st.sampled_from([*SIZES, 0, -1, -2]))
    return {"sizes": sizes[rarely(draw, 6) :] or [1]}


@st.composite
def expandable(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """A tensor, and one that it expands to; seldom spoilt, seldom one too few or too many."""
    (x,) = draw(sparse())
    sizes = [draw(st.sampled_from(SIZES)) if n == 1 else n for n in x.shape]
    shape = (*draw(st.lists(st.sampled_from(SIZES), max_size=2)), *sizes)
    if rarely(draw, 3):
        shape = draw(spoilt(shape))
    found = (x, Tensor(shape, draw(st.sampled_from(DTYPES))), x)
    return found[: draw(st.sampled_from([2] * 14 + [1, 3]))]


@st.composite
def repeat(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """A number for each axis and for new ones; seldom one too few, or one that is 0 or less."""
    one = st.integers(1, 4)
    rank = inputs[0].rank
    count = rank + draw(st.integers(0, 2)) - 2 * rarely(draw, 4)
    repeats = [draw(one) for _ in range(max(count, 1))]
    if rarely(draw, 8):
        repeats[-1] = draw(st.sampled_from([0, -1]))
    return {"repeats": repeats}


INPUTS = {"expand": sparse, "expand_as": expandable}

ARGUMENTS = {"expand": expand, "repeat": repeat}

STRICTER = (
    Stricter(
        "expand",
        "sizes must be a list of sizes, any of them -1, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("expand", Tensor((2, 1)), sizes=[2, 0]),
    ),
    Stricter(
        "repeat",
        "repeats must be a list of sizes of at least 1, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("repeat", Tensor((2, 1)), repeats=[2, 0]),
    ),
)

RARE = (
    drawn("expand", Tensor(()), sizes=[3]),
    drawn("expand", Tensor(()), sizes=[-1]),
    drawn("expand", Tensor((1,)), sizes=[3, -1]),
    drawn("expand", Tensor((3,)), sizes=[1]),
    drawn("expand_as", Tensor(()), Tensor((2, 3))),
    drawn("repeat", Tensor(()), repeats=[3]),
)
