"""Draws for `shapecalc/layers/normalization_within.py`."""

from __future__ import annotations

from functools import partial

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import drawn, tensors_of


def inputs(*ranks: int) -> st.SearchStrategy[tuple[Tensor, ...]]:
    return st.tuples(tensors_of(ranks, space=(1, 2, 3, 4)))


INPUTS = {"LocalResponseNorm": partial(inputs, 4, 3, 5), "CrossMapLRN2d": partial(inputs, 4)}

RARE = (
    *(
        drawn("LayerNorm", Tensor((2, 3, 4), dtype), elementwise_affine=False)
        for dtype in ("float16", "float64")
    ),
    drawn("RMSNorm", Tensor((2, 3, 4), "float64")),
    *(drawn("LayerNorm", Tensor((4,)), normalized_shape=sizes) for sizes in ([2, 4], [4, 2])),
    drawn("LayerNorm", Tensor((2, 3, 4)), normalized_shape=[2, 3, 4]),
    *(
        drawn("LocalResponseNorm", Tensor((2, 3, 4), dtype), size=2)
        for dtype in ("int64", "int32", "float16")
    ),
    *(
        drawn("LocalResponseNorm", Tensor((2, 3, 4, 4), dtype), size=2)
        for dtype in ("int64", "int32", "float16", "float64")
    ),
)
