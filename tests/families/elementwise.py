"""Draws for `shapecalc/layers/elementwise.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import drawn

RARE = tuple(drawn(name, Tensor(()), dim=dim) for name in ("softmax", "log_softmax") for dim in (0, -1, 1))

TAKES_ALL = ("sigmoid", "tanh")
