"""Draws for `shapecalc/layers/softmax.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = (
    *(
        drawn(name, Tensor(()), **arguments)
        for name in ("Softmax", "Softmin", "LogSoftmax")
        for arguments in ({}, {"dim": 0}, {"dim": -1}, {"dim": 1}, {"dim": -2})
    ),
    *(drawn(name, Tensor(()), dim=dim) for name in ("softmax", "log_softmax") for dim in (0, -1, 1)),
)
