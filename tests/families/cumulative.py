"""Draws for `cumsum` in `shapecalc/layers/reduction.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = (
    drawn("cumsum", Tensor(()), dim=0),
    drawn("cumsum", Tensor((3, 1)), dim=1),
    drawn("cumsum", Tensor((3, 1)), dim=0),
    drawn("cumsum", Tensor((2, 3), "bool"), dim=-1),
    drawn("cumsum", Tensor((2, 3), "int8"), dim=-1),
    drawn("cumsum", Tensor((2, 3)), dim=-1, dtype="float64"),
    drawn("cumsum", Tensor((3, 1)), dim=1, dtype="float64"),
    drawn("cumsum", Tensor((2, 3), "int32"), dim=0, dtype="float32"),
)
