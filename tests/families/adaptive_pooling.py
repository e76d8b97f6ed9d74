"""Draws for `shapecalc/layers/adaptive_pooling.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

STRICTER = (
    Stricter(
        "Adaptive(Avg|Max)Pool.d",
        "must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("AdaptiveAvgPool2d", Tensor((2, 3, 4, 4)), output_size=0),
    ),
    Stricter(
        "AdaptiveAvgPool[23]d",
        "an input of 3 or 4 axes is needed, not [56]|an input of 4 or 5 axes is needed, not 6",
        "for an output of 1×1 torch takes a mean over the last axes and never looks at the rank",
        drawn("AdaptiveAvgPool2d", Tensor((2, 3, 4, 4, 4)), output_size=1),
    ),
)
