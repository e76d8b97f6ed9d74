"""Draws for `shapecalc/layers/indexing.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely, spoilt


@st.composite
def source(draw: st.DrawFn) -> Tensor:
    """What is looked into."""
    shape = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)))
    return Tensor(shape, draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32")


@st.composite
def numbers(draw: st.DrawFn, ranks: tuple[int, ...]) -> Tensor:
    """Numbers of places, as a tensor of one of these ranks, seldom of another dtype."""
    rank = draw(st.sampled_from(ranks))
    shape = tuple(draw(st.sampled_from(SIZES)) for _ in range(rank))
    return Tensor(shape, draw(st.sampled_from(DTYPES if rarely(draw, 6) else ["int64", "int64", "int32"])))


@st.composite
def classes(draw: st.DrawFn) -> tuple[Tensor, ...]:
    return (draw(numbers((1, 2, 3, 0))),)


@st.composite
def with_vector(draw: st.DrawFn) -> tuple[Tensor, ...]:
    return draw(source()), draw(numbers((1, 1, 1, 1, 0, 2)))


@st.composite
def with_numbers(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Numbers for one axis, or for several in shapes that mostly broadcast to one."""
    x, first = draw(source()), draw(numbers((1, 2, 0, 3)))
    more: list[Tensor] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 2])) if x.rank > 1 else rarely(draw, 8)):
        shape = tuple(draw(st.sampled_from([n, n, n, 1])) for n in first.shape)
        shape = shape[draw(st.integers(0, len(shape))) :] if rarely(draw, 4) else shape
        if shape and rarely(draw, 8):
            shape = draw(spoilt(shape))
        more.append(draw(numbers((1,)))._replace(shape=shape))
    short = max(0, len(more) + 1 - x.rank) if not rarely(draw, 8) else 0
    return x._replace(shape=(*x.shape, *[4] * short)), first, *more


@st.composite
def with_part(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Numbers of as many rows and columns, of fewer, or seldom of more; seldom of another rank."""
    x = draw(source())
    shape: Shape = tuple(draw(st.integers(1, number(n) + rarely(draw, 8))) for n in x.shape)
    if rarely(draw, 8):
        shape = draw(spoilt(shape))
    return x, draw(numbers((1,)))._replace(shape=shape)


@st.composite
def with_repeated(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Axes that are equal or 1 on either side, but for one of them; seldom another one too."""
    x = draw(source())
    own, other = list(x.shape), list(x.shape)
    for axis, n in enumerate(x.shape):
        own[axis], other[axis] = draw(st.sampled_from([(n, n), (n, n), (1, n), (n, 1)]))
    free = draw(st.integers(0, len(own) - 1))
    other[free] = draw(st.sampled_from(SIZES))
    index = draw(numbers((1,)))
    dtype = index.dtype if rarely(draw, 6) else "int64"
    return x._replace(shape=tuple(own)), Tensor(tuple(other)[rarely(draw, 12) :], dtype)


@st.composite
def along(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """An axis, mostly one along which the sizes differ, if any does."""
    x, *others = inputs
    pairs = enumerate(zip(x.shape, others[0].shape if others else (), strict=False))
    odd = [axis for axis, (n, m) in pairs if n != m]
    every = [*range(-x.rank, x.rank + rarely(draw, 12))]
    return {"dim": draw(st.sampled_from(odd if odd and not rarely(draw, 4) else every))}


INPUTS = {
    "one_hot": classes,
    "index_select": with_vector,
    "index": with_numbers,
    "gather": with_part,
    "take_along_dim": with_repeated,
}


@st.composite
def before_others(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """An axis after which there is one for each of the other tensors; seldom another one."""
    x, *indices = inputs
    last = x.rank if rarely(draw, 8) else max(0, x.rank - max(len(indices), 1))
    axis = draw(st.integers(0, last))
    return {"dim": axis - x.rank if x.rank and draw(st.booleans()) else axis}


ARGUMENTS = {"take_along_dim": along, "index": before_others}

FITTED = {"gather": along}

SCALAR, ROW = Tensor(()), Tensor((4,))
ONE, SEVERAL = Tensor((), "int64"), Tensor((3,), "int64")

STRICTER = (
    Stricter(
        "index",
        "is a mask of (bool|uint8)",
        "how many elements a mask takes is for its values to say",
        drawn("index", ROW, Tensor((4,), "bool")),
    ),
)

RARE = (
    *(
        drawn(name, x, numbers, dim=0)
        for name in ("index_select", "index", "gather", "take_along_dim")
        for x in (SCALAR, ROW, Tensor((4, 2)))
        for numbers in (ONE, Tensor((1,), "int64"), SEVERAL, Tensor((3, 2), "int64"), Tensor((3, 2), "int32"))
    ),
    drawn("gather", Tensor((4, 2)), Tensor((3, 3), "int64"), dim=0),
    drawn("gather", Tensor((4, 2)), Tensor((5, 2), "int64"), dim=0),
    drawn("index", Tensor((4, 2, 3)), Tensor((2, 2), "int64"), dim=-2),
    drawn("index", Tensor((4, 2, 3)), Tensor((5, 1), "int64"), Tensor((6,), "int32"), dim=1),
    drawn("index", Tensor((4, 2, 3)), SEVERAL, SEVERAL, dim=-1),
    drawn("index", Tensor((4, 2, 3)), SEVERAL, Tensor((2,), "int64")),
    drawn("index", Tensor((4, 2, 3)), ONE, SEVERAL, ONE),
)
