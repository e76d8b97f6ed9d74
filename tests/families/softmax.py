"""Draws for `shapecalc/layers/softmax.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = tuple(
    drawn(name, Tensor(()), **arguments)
    for name in ("Softmax", "Softmin", "LogSoftmax")
    for arguments in ({}, {"dim": 0}, {"dim": -1}, {"dim": 1}, {"dim": -2})
)
