"""Draws for `shapecalc/layers/distance.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

SCALAR = Tensor(())

RARE = (
    *(drawn("normalize", Tensor((4, 4)), p=p) for p in (0, 0.5, 1, 1.5, 3, -1)),
    drawn("normalize", SCALAR, dim=0),
    drawn("normalize", Tensor((2, 4), "float16"), eps=7e4),
    *(drawn("PairwiseDistance", SCALAR, other, keepdim=True) for other in (SCALAR, Tensor((3,)))),
    *(drawn("CosineSimilarity", SCALAR, SCALAR, dim=dim) for dim in (0, -1, 1, -2)),
    drawn("CosineSimilarity", Tensor((4, 4)), Tensor((4, 4), "float64")),
)
