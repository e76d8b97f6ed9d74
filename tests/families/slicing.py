"""Draws for `shapecalc/layers/slicing.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.layers.parting import MOST_PARTS
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import SIZES, Stricter, drawn, rarely


def dims(rank: int) -> st.SearchStrategy[int]:
    return st.sampled_from([*3 * [*range(-rank, rank)], rank, -rank - 1])


@st.composite
def split(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """A size, or sizes whose sum is that of an axis; seldom spoilt."""
    shape = inputs[0].shape
    dim = draw(dims(len(shape)))
    given: dict[str, Any] = {"dim": dim} if dim or draw(st.booleans()) else {}
    if draw(st.booleans()):
        return {**given, "split_size_or_sections": draw(st.sampled_from([*SIZES, 0, -1]))}
    size = number(shape[dim % len(shape)])
    inside = st.integers(0 if rarely(draw, 6) else min(1, size - 1), size - 1)
    cuts = sorted({*draw(st.lists(inside, max_size=2))})
    sizes = [end - start for start, end in zip([0, *cuts], [*cuts, size], strict=True)]
    if rarely(draw, 6):
        sizes[-1] += draw(st.sampled_from([1, -1]))
    return {**given, "split_size_or_sections": sizes}


@st.composite
def narrow(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """A part of an axis, or just beyond."""
    shape = inputs[0].shape
    dim = draw(dims(len(shape)))
    size = number(shape[dim % len(shape)])
    start = draw(st.integers(-size - 1, size))
    left = size - start % size
    return {
        "dim": dim,
        "start": start,
        "length": draw(st.integers(1 - rarely(draw, 8), left + rarely(draw, 6))),
    }


@st.composite
def sliced(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """From a place on an axis, or off it, to another one, in steps."""
    shape = inputs[0].shape
    dim = draw(dims(len(shape)))
    size = number(shape[dim % len(shape)])
    place = st.one_of(st.none(), st.integers(-size - 2, size + 2))
    step = draw(st.sampled_from([1, 2, 2, 3, size, size + 1, 0]))
    given = {"dim": dim, "start": draw(place), "end": draw(place), "step": step}
    return {name: value for name, value in given.items() if value is not None}


@st.composite
def select(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """A place on an axis, or just beyond."""
    shape = inputs[0].shape
    dim = draw(dims(len(shape)))
    size = number(shape[dim % len(shape)])
    return {"dim": dim, "index": draw(st.integers(-size - 1, size))}


ARGUMENTS = {"split": split, "narrow": narrow, "slice": sliced, "select": select}

ROW = Tensor((4,))

STRICTER = (
    Stricter(
        "split",
        "split_size_or_sections must be .*, not \\[(.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("split", ROW, split_size_or_sections=[4, 0]),
    ),
    Stricter(
        "narrow",
        "length must be a whole number of at least 1, not 0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("narrow", ROW, dim=0, start=4, length=0),
    ),
    Stricter(
        "slice",
        "the slice from .* has nothing of axis",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("slice", ROW, start=-1, end=3),
    ),
    Stricter(
        "split|chunk|unbind",
        "would give [0-9]+ outputs",
        "so many outputs are a mistake in a file, and would fill the memory",
        drawn("split", Tensor((MOST_PARTS + 1,)), split_size_or_sections=1),
    ),
)

RARE = (
    *(drawn("chunk", Tensor((n, 2)), chunks=chunks) for n in range(1, 12) for chunks in (2, 4, 7)),
    *(
        drawn("unbind", Tensor((2, 3, 1), dtype), dim=dim)
        for dtype in ("float32", "bool")
        for dim in (0, 1, -1)
    ),
    drawn("unbind", Tensor(())),
    drawn("unbind", Tensor((1,))),
    drawn("chunk", Tensor(()), chunks=1),
    drawn("split", Tensor(()), split_size_or_sections=1),
    drawn("split", ROW, split_size_or_sections=[4]),
    drawn("split", ROW, split_size_or_sections=[5]),
    drawn("split", ROW, split_size_or_sections=5),
    drawn("narrow", Tensor(()), dim=0, start=0, length=1),
    drawn("narrow", ROW, dim=0, start=-4, length=4),
    drawn("narrow", ROW, dim=0, start=-5, length=1),
    drawn("narrow", ROW, dim=0, start=-1, length=2),
    drawn("narrow", ROW, dim=0, start=2**63 - 1, length=2**63 - 1),
    drawn("slice", Tensor(()), start=0),
    drawn("slice", ROW),
    drawn("slice", ROW, start=None, end=None, step=2),
    drawn("slice", ROW, start=-(2**63) + 1, end=2**63 - 1, step=2**62),
    drawn("slice", ROW, start=1, end=-1),
    drawn("slice", ROW, start=4),
    drawn("slice", ROW, end=-4),
    drawn("select", Tensor(()), dim=0, index=0),
    drawn("select", ROW, dim=0, index=-5),
    drawn("select", ROW, dim=0, index=2**63 - 1),
    drawn("select", ROW, dim=0, index=1 - 2**63),
)
