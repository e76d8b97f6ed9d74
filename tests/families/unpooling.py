"""Draws for `shapecalc/layers/unpooling.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

from shapecalc.layers import LAYERS
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely

TYPES = ("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")


@st.composite
def maxima(draw: st.DrawFn, axes: int) -> tuple[Tensor, ...]:
    """Maxima and their indices; seldom of another rank, dtype or number, or unlike each other."""
    rank = axes + draw(st.sampled_from([2, 2, 2, 1, 1, 2, 2, 1, 0, 3]))
    shape = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=rank, max_size=rank)))
    dtypes = st.sampled_from(DTYPES)
    x = Tensor(shape, draw(dtypes) if rarely(draw, 6) else "float32")
    indices = Tensor(shape, draw(dtypes) if rarely(draw, 12) else "int64")
    if rarely(draw, 12):
        place = draw(st.integers(0, rank - 1))
        indices = indices._replace(shape=(*shape[:place], shape[place] + 1, *shape[place + 1 :]))
    if rarely(draw, 24):
        indices = indices._replace(shape=shape[1:])
    return (x,) if rarely(draw, 24) else (x, indices)


def per_axis(axes: int, low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=axes, max_size=axes)


@st.composite
def unpool(draw: st.DrawFn, inputs: tuple[Tensor, ...], axes: int) -> dict[str, Any]:
    """Windows that mostly leave something, and sizes that are mostly among those pooled to the input's."""
    kernels, paddings = draw(per_axis(axes, 1, 4)), [0] * axes
    given: dict[str, Any] = {"kernel_size": kernels[0] if len(set(kernels)) == 1 else kernels}
    strides = kernels
    if draw(st.booleans()):
        strides = given["stride"] = draw(per_axis(axes, 1, 4))
    if draw(st.booleans()):
        paddings = given["padding"] = draw(per_axis(axes, -1 if rarely(draw, 16) else 0, 2))
    if draw(st.booleans()):
        space = [*map(number, inputs[0].shape), *[4] * axes][-axes:]
        windows = zip(space, kernels, strides, paddings, strict=True)
        given["output_size"] = draw(pooled([((n - 1) * s + k - 2 * p, s) for n, k, s, p in windows]))
    return given


@st.composite
def pooled(draw: st.DrawFn, usual: list[tuple[int, int]]) -> list[int]:
    """Sizes less than a stride from the usual ones, seldom a whole stride; seldom one size too many."""
    spoilt = rarely(draw, 4)
    sizes = [size + draw(st.integers(1 - stride - spoilt, stride - 1 + spoilt)) for size, stride in usual]
    lead = draw(st.sampled_from([[], [], [], [], [2, 3], [4]]))
    return [*lead, *sizes]


INPUTS = {name: partial(maxima, LAYERS[name].axes) for name in TYPES}

ARGUMENTS = {name: partial(unpool, axes=LAYERS[name].axes) for name in TYPES}

STRICTER = (
    Stricter(
        "MaxUnpool.d",
        "padding must be a whole number of at least 0.*, not (.*-)",
        "a negative padding is none of a pooling, which torch's unpooling does not look at",
        drawn("MaxUnpool1d", Tensor((2, 3, 4)), Tensor((2, 3, 4), "int64"), kernel_size=2, padding=-1),
    ),
    Stricter(
        "MaxUnpool.d",
        "takes away all of|output_size must be a list of sizes of at least 1",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("MaxUnpool1d", Tensor((2, 3, 4)), Tensor((2, 3, 4), "int64"), kernel_size=2, padding=4),
    ),
)

RARE = tuple(
    drawn(
        "MaxUnpool1d",
        Tensor((2, 3, 4)),
        Tensor((2, 3, 4), "int64"),
        kernel_size=3,
        stride=2,
        output_size=[size],
    )
    for size in (7, 8, 9, 10, 11)  # 8 to 10 are pooled to 4 by rounding up or down
)
