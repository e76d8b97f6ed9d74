"""Draws for `shapecalc/layers/products.py`."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Drawn, drawn, rarely, spoilt


@st.composite
def of_dtypes(draw: st.DrawFn, shapes: list[Shape]) -> tuple[Tensor, ...]:
    """Tensors of one dtype, seldom of two; seldom one too few, or one too many."""
    dtype = draw(st.sampled_from(DTYPES)) if rarely(draw, 3) else "float32"
    dtypes = [dtype] * len(shapes)
    if rarely(draw, 10):
        dtypes[-1] = draw(st.sampled_from(DTYPES))
    tensors = [Tensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
    if rarely(draw, 16):
        tensors = tensors[:-1] if draw(st.booleans()) else [*tensors, tensors[0]]
    return tuple(tensors)


@st.composite
def factors(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Matrices that fit each other, before them axes that mostly broadcast, or a vector; seldom spoilt."""
    size = st.sampled_from(SIZES)
    rows, inner, columns = draw(size), draw(size), draw(size)
    batch = draw(st.lists(size, max_size=3))
    left, right = (
        [draw(st.sampled_from([n, n, n, 1])) for n in batch[draw(st.integers(0, len(batch))) :]]
        for _ in range(2)
    )
    shapes: list[Shape] = [(*left, rows, inner), (*right, inner, columns)]
    if rarely(draw, 6):
        shapes[0] = (inner,)
    if rarely(draw, 6):
        shapes[1] = (inner,)
    if rarely(draw, 4):
        place = draw(st.integers(0, 1))
        shapes[place] = draw(spoilt(shapes[place]))
    return draw(of_dtypes(shapes))


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """As many matrices as others that they fit; seldom spoilt."""
    batch, rows, inner, columns = (draw(st.sampled_from(SIZES)) for _ in range(4))
    shapes: list[Shape] = [(batch, rows, inner), (batch, inner, columns)]
    if rarely(draw, 3):
        place = draw(st.integers(0, 1))
        shapes[place] = draw(spoilt(shapes[place]))
    return draw(of_dtypes(shapes))


def matrix_products(drawn: Drawn) -> int:
    """The same product with vectors as matrices, which the counter reads all."""
    left, right = (x.shape for x in drawn.inputs)
    left = left if len(left) > 1 else (1, *left)
    right = right if len(right) > 1 else (*right, 1)
    with FlopCounterMode(display=False) as counter:
        torch.matmul(torch.empty(left, device="meta"), torch.empty(right, device="meta"))
    return int(counter.get_total_flops()) // 2


INPUTS = {"matmul": factors, "bmm": batches}

UNSEEN = {"matmul": matrix_products}

RARE = (
    drawn("matmul", Tensor((3,)), Tensor((3,))),
    drawn("matmul", Tensor((3,)), Tensor((4,))),
    drawn("matmul", Tensor((3,)), Tensor((3, 4))),
    drawn("matmul", Tensor((2, 3)), Tensor((3,))),
    drawn("matmul", Tensor((3,)), Tensor((5, 3, 2))),
    drawn("matmul", Tensor((5, 6, 2, 3)), Tensor((3,))),
    drawn("matmul", Tensor(()), Tensor((3,))),
    drawn("matmul", Tensor((3,)), Tensor(())),
    drawn("matmul", Tensor((2, 5, 2, 3)), Tensor((3, 3, 2))),
    drawn("bmm", Tensor((2, 3, 3, 3)), Tensor((2, 3, 3, 3))),
    drawn("bmm", Tensor((1, 2, 3)), Tensor((4, 3, 2))),
)
