"""Draws for `shapecalc/layers/distance.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = tuple(
    drawn("PairwiseDistance", Tensor(()), other, keepdim=True) for other in (Tensor(()), Tensor((3,)))
)
