"""Draws for `shapecalc/layers/sorting.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

SCALAR, ROW = Tensor(()), Tensor((4,))

RARE = (
    *(drawn(name, x, dim=dim) for name in ("sort", "argsort") for x in (SCALAR, ROW) for dim in (0, -1, 1)),
    *(drawn(name, SCALAR, dim=dim) for name in ("argmax", "argmin") for dim in (0, -1, 1)),
    *(drawn("argmax", Tensor((4, 2)), keepdim=keepdim) for keepdim in (True, False)),
    drawn("flip", SCALAR, dims=0),
    drawn("flip", SCALAR, dims=[0, -1]),
    drawn("flip", Tensor((4, 2)), dims=[0, -2]),
)
