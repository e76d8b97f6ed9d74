"""Draws for `shapecalc/layers/joins.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "add|mul|concat",
        "inputs are needed, not 1",
        "one branch joins nothing",
        drawn("add", Tensor((2, 3))),
    ),
)
