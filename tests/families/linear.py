"""Draws for `shapecalc/layers/linear.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "Linear",
        "must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("Linear", Tensor((2, 3)), out_features=0),
    ),
)
