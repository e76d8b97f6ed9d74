"""Draws for `shapecalc/layers/masks.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.arithmetic import relative
from tests.families.base import DTYPES, NUMBERS, SIZES, drawn, rarely, tensors_of

COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


@st.composite
def compared(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """A tensor alone, for a number beside it, or two; seldom three."""
    first = draw(tensors_of((2, 4, 3, 1), space=SIZES))
    place = draw(st.integers(0, first.rank - 1))
    others = draw(st.sampled_from((0, 0, 1, 1, 1, 2)))
    return (first, *[draw(relative(first, place)) for _ in range(others)])


@st.composite
def combined(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Two tensors, mostly masks, mostly broadcast to each other; seldom three."""
    xs = draw(compared())
    masks = not rarely(draw, 3)
    xs = xs if len(xs) > 1 else (*xs, *xs)
    return tuple([Tensor(x.shape, "bool") if masks else x for x in xs])


@st.composite
def other(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    given = len(inputs) == 1 or rarely(draw, 8)
    return {"other": draw(st.sampled_from(NUMBERS))} if given and not rarely(draw, 8) else {}


@st.composite
def masked(draw: st.DrawFn, counts: tuple[int, ...], place: int) -> tuple[Tensor, ...]:
    """So many tensors that are mostly broadcast to each other; number `place` mostly is a mask."""
    first = draw(tensors_of((2, 4, 3, 1), space=SIZES))
    axis = draw(st.integers(0, first.rank - 1))
    xs = [first, *[draw(relative(first, axis)) for _ in range(draw(st.sampled_from(counts)) - 1)]]
    if place < len(xs):
        xs[place] = Tensor(xs[place].shape, draw(st.sampled_from(DTYPES)) if rarely(draw, 8) else "bool")
    return tuple(xs)


@st.composite
def sides(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Numbers for as many sides as there is no tensor for."""
    number = st.sampled_from(NUMBERS)
    missing = 3 - len(inputs) + (rarely(draw, 8) - rarely(draw, 8))
    names = {1: draw(st.sampled_from((["input"], ["other"]))), 2: ["input", "other"]}.get(missing, [])
    return {name: draw(number) for name in names}


@st.composite
def fill(draw: st.DrawFn, _: tuple[Tensor, ...]) -> dict[str, Any]:
    """The number that is put in, which is seldom left out."""
    return {} if rarely(draw, 8) else {"value": draw(st.sampled_from(NUMBERS))}


INPUTS = {
    **dict.fromkeys(COMPARISONS, compared),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), combined),
    "where": lambda: masked((1, 2, 2, 3, 3, 3), 0),
    "masked_fill": lambda: masked((2, 2, 2, 2, 2, 1, 3), 1),
}

ARGUMENTS = {**dict.fromkeys(COMPARISONS, other), "where": sides, "masked_fill": fill}

MASK = Tensor((2, 3), "bool")

RARE = (
    drawn("where", MASK, input=1, other=2),
    drawn("where", MASK, input=1, other=0.5),
    drawn("where", MASK, Tensor((3,), "float16"), other=0.5),
    drawn("where", MASK, Tensor((3,), "int64"), input=0.5),
    drawn("where", Tensor((), "bool"), Tensor((3,)), Tensor((), "float64")),
    drawn("where", MASK, Tensor((3,), "float16"), Tensor((3,))),
    drawn("where", Tensor((2, 3), "uint8"), Tensor((3,)), other=0),
    *(drawn("masked_fill", Tensor((3,), "uint8"), MASK, value=value) for value in (255.5, -0.5, -1, 256)),
    drawn("masked_fill", Tensor(()), MASK, value=0),
    *(
        drawn("masked_fill", Tensor((3,), dtype), MASK, value=value)
        for dtype in ("complex64", "complex128")
        for value in (1, 0.5, 1e39, float("-inf"))
    ),
    drawn("where", MASK, Tensor((3,), "complex64"), other=0.5),
    drawn("where", MASK, Tensor((3,), "complex64"), input=1e39),
    drawn("where", MASK, Tensor((3,), "complex64"), Tensor((2, 1))),
    drawn("where", MASK, Tensor((3,), "complex64"), Tensor((2, 1), "float64")),
)

TAKES_ALL = ("logical_not",)
