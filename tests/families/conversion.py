"""Draws for `to` in `shapecalc/layers/elementwise.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor, is_complex
from tests.families.base import DTYPES, drawn

REAL = [dtype for dtype in DTYPES if not is_complex(dtype)]

RARE = (
    *(drawn("to", Tensor((2, 3), own), dtype=dtype) for own in REAL for dtype in REAL),
    drawn("to", Tensor((2,))),
    drawn("to", Tensor(()), dtype="int64"),
)
