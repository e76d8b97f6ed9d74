"""Draws for `shapecalc/layers/normalization.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests.families.base import Stricter, drawn

IMAGE = Tensor((2, 3, 4, 4))

STRICTER = (
    Stricter(
        "BatchNorm..",
        "an input of float32 is needed, to match the weights, not b?float16",
        "weights are float32; torch's kernels of mixed precision are for autocast",
        drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "bfloat16")),
    ),
    Stricter(
        "BatchNorm..",
        "num_features is written as",
        "a written size is checked, also where torch has no weights to find it wrong by",
        drawn("BatchNorm2d", IMAGE, num_features=5, affine=False, track_running_stats=False),
    ),
)

RARE = (
    # Without running statistics, evaluation computes those of its input too.
    drawn("BatchNorm2d", Tensor((1, 3, 1, 1)), track_running_stats=False),
    drawn("BatchNorm2d", Tensor((1, 3, 1, 2)), track_running_stats=False),
    drawn("BatchNorm2d", Tensor((1, 3, 1, 1))),
    drawn("BatchNorm1d", Tensor((1, 3)), track_running_stats=False),
    drawn("BatchNorm2d", IMAGE, eps=0.0, track_running_stats=False),
    drawn("BatchNorm2d", IMAGE, eps=0.0),
    # Without weights there is no dtype to match.
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False, track_running_stats=False),
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False),
)
