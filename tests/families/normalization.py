"""Draws for `shapecalc/layers/normalization.py`."""

from __future__ import annotations

from functools import partial

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import Stricter, drawn, tensors_of

IMAGE = Tensor((2, 3, 4, 4))


def inputs(*ranks: int) -> st.SearchStrategy[tuple[Tensor, ...]]:
    return st.tuples(tensors_of(ranks, space=(1, 2, 3, 4)))


INPUTS = {
    "BatchNorm3d": partial(inputs, 5),
    "InstanceNorm3d": partial(inputs, 5, 4),
    "GroupNorm": partial(inputs, 2, 3, 4),
}

STRICTER = (
    Stricter(
        "BatchNorm..|SyncBatchNorm|InstanceNorm..|GroupNorm|LayerNorm",
        "an input of float32 is needed, to match the weights, not b?float16",
        "weights are float32; torch's kernels of mixed precision are for autocast",
        drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "bfloat16")),
    ),
    Stricter(
        "BatchNorm..|SyncBatchNorm|InstanceNorm..|GroupNorm",
        "num_(features|channels) is written as",
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
    drawn("SyncBatchNorm", Tensor((1, 3)), track_running_stats=False),
    drawn("InstanceNorm2d", Tensor((3, 1, 1))),
    drawn("InstanceNorm2d", Tensor((3, 1, 1)), track_running_stats=True),
    drawn("InstanceNorm2d", Tensor((2, 3, 1, 2))),
    drawn("InstanceNorm2d", IMAGE, eps=0.0),
    # A group's statistics are of one item, but torch counts its values in the whole batch.
    drawn("GroupNorm", Tensor((1, 3)), num_groups=3),
    drawn("GroupNorm", Tensor((2, 3)), num_groups=3),
    drawn("GroupNorm", Tensor((1, 3, 1, 2)), num_groups=3),
    # Without weights there is no dtype to match.
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False, track_running_stats=False),
    drawn("BatchNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=False),
    drawn("InstanceNorm2d", Tensor((2, 3, 4, 4), "float64"), track_running_stats=True),
    drawn("InstanceNorm2d", Tensor((2, 3, 4, 4), "float16"), track_running_stats=True),
    drawn("InstanceNorm2d", Tensor((2, 3, 4, 4), "float64"), affine=True),
    *(
        drawn("GroupNorm", Tensor((2, 3, 4, 4), dtype), num_groups=1, affine=False)
        for dtype in ("float16", "float64")
    ),
)
