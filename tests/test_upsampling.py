"""The dtypes that can be resized, by torch's kernels: while it counts FLOPs, it runs decompositions."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.tensors import BYTES, Tensor

MODES = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
    "lanczos": (4,),
}


def computed(arguments: dict[str, Any], x: Tensor) -> Tensor | None:
    try:
        return LAYERS["interpolate"](**arguments).figures((x,)).outputs[0]
    except ArchitectureError:
        return None


def measured(arguments: dict[str, Any], x: Tensor) -> Tensor | None:
    try:
        y = torch.nn.functional.interpolate(torch.zeros(x.shape, dtype=getattr(torch, x.dtype)), **arguments)
    except (RuntimeError, ValueError):
        return None
    return Tensor(tuple(y.shape), str(y.dtype).removeprefix("torch."))


@pytest.mark.parametrize(("mode", "rank"), [(mode, rank) for mode, ranks in MODES.items() for rank in ranks])
def test_dtypes_that_can_be_resized(mode: str, rank: int) -> None:
    for dtype, antialias in itertools.product(BYTES, (False, True)):
        x = Tensor((1, 2, 4, 5, 6)[:rank], dtype)
        arguments = {"scale_factor": 2, "mode": mode, "antialias": antialias}
        assert computed(arguments, x) == measured(arguments, x), (dtype, antialias)
