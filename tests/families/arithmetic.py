"""Draws for `shapecalc/layers/arithmetic.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = (
    drawn("sub", Tensor((2, 3), "bool"), Tensor((2, 3), "int64")),
    drawn("div", Tensor((2, 3), "bool"), Tensor((3,), "bool")),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "float16"), rounding_mode="floor"),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "int8"), rounding_mode="trunc"),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "int8"), rounding_mode=None),
    drawn("div", Tensor((2, 3)), Tensor(())),
)
