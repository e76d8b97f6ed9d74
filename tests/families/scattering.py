"""Draws for `shapecalc/layers/scattering.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely, spoilt


@st.composite
def whole_and_part(draw: st.DrawFn, lost: int) -> tuple[Tensor, ...]:
    """A tensor, and one that is smaller along an axis or lacks it; seldom spoilt."""
    shape = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)))
    axis = draw(st.integers(0, len(shape) - 1))
    length = () if lost else (draw(st.integers(1, shape[axis])),)
    part: tuple[Any, ...] = (*shape[:axis], *length, *shape[axis + 1 :])
    if part and rarely(draw, 8):
        part = draw(spoilt(part))
    dtypes = [draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32" for _ in range(2)]
    return Tensor(shape, dtypes[0]), Tensor(part, dtypes[0] if rarely(draw, 2) else dtypes[1])


def _axis(x: Tensor, src: Tensor) -> list[int]:
    """The axes along which the second is smaller, or that it may lack."""
    if x.rank == src.rank:
        odd = [n for n, (a, b) in enumerate(zip(x.shape, src.shape, strict=True)) if a != b]
        return odd or [*range(x.rank)]
    return [n for n in range(x.rank) if (*x.shape[:n], *x.shape[n + 1 :]) == src.shape] or [0]


@st.composite
def place(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Mostly a place where the part fits, in steps or not, counted from either end."""
    x, src = inputs
    dim = draw(st.sampled_from([*_axis(x, src), *([x.rank] if rarely(draw, 12) else [])]))
    n = number(x.shape[dim % x.rank])
    length = min(n, number(src.shape[dim % x.rank])) if src.rank == x.rank else 1
    step = draw(st.sampled_from([1, 1, *([2] if 2 * length - 1 <= n else [])]))
    start = draw(st.integers(0, n - (step * (length - 1) + 1)))
    end = start + step * (length - 1) + 1 + rarely(draw, 8)
    given = {"dim": dim - x.rank * draw(st.booleans()), "start": start - n * rarely(draw, 3), "end": end}
    return {**given, "step": step} if step > 1 or draw(st.booleans()) else given


@st.composite
def index(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    x, src = inputs
    dim = draw(st.sampled_from([*_axis(x, src), *([x.rank] if rarely(draw, 12) else [])]))
    n = number(x.shape[dim % x.rank])
    return {"dim": dim, "index": draw(st.integers(-n - rarely(draw, 8), n - 1 + rarely(draw, 8)))}


INPUTS = {"slice_scatter": lambda: whole_and_part(0), "select_scatter": lambda: whole_and_part(1)}

ARGUMENTS = {"slice_scatter": place, "select_scatter": index}

ROW = Tensor((4,))

STRICTER = (
    Stricter(
        "slice_scatter",
        "the slice from .* has nothing of axis",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("slice_scatter", ROW, Tensor((0,)), start=3, end=3),
    ),
)

RARE = (
    drawn("slice_scatter", ROW, Tensor((2,)), start=-2),
    drawn("slice_scatter", ROW, Tensor((2,)), step=2),
    drawn("slice_scatter", ROW, Tensor((4,), "int64")),
    drawn("slice_scatter", Tensor((4,), "int64"), ROW),
    drawn("slice_scatter", ROW, Tensor(())),
    drawn("slice_scatter", Tensor(()), Tensor(())),
    drawn("select_scatter", ROW, Tensor(()), dim=0, index=-4),
    drawn("select_scatter", ROW, Tensor((1,)), dim=0, index=0),
    drawn("select_scatter", Tensor((4, 2)), Tensor((4,)), dim=-1, index=1),
)
