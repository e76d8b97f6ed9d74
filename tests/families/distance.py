"""Draws for `shapecalc/layers/distance.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

SCALAR = Tensor(())

RARE = (
    *(drawn("PairwiseDistance", SCALAR, other, keepdim=True) for other in (SCALAR, Tensor((3,)))),
    *(drawn("CosineSimilarity", SCALAR, SCALAR, dim=dim) for dim in (0, -1, 1, -2)),
    drawn("CosineSimilarity", Tensor((4, 4)), Tensor((4, 4), "float64")),
)
