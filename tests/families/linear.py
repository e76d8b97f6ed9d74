"""Draws for `shapecalc/layers/linear.py`."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Drawn, Stricter, drawn, rarely


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Two tensors that differ on their last axis, seldom elsewhere."""
    lead = draw(st.lists(st.sampled_from(SIZES), max_size=2))
    found = []
    for _ in range(2):
        own = [*lead, 2] if rarely(draw, 16) else [1, *lead[1:]] if rarely(draw, 8) else lead
        dtype = draw(st.sampled_from(DTYPES)) if rarely(draw, 16) else "float32"
        found.append(Tensor((*own, draw(st.sampled_from(SIZES))), dtype))
    return tuple(found[: 1 if rarely(draw, 24) else 2])


INPUTS = {"Bilinear": pairs}


def bilinear(drawn: Drawn) -> int:
    """All products of two elements, and one matrix for them."""
    first, second = (tuple(map(number, x.shape)) for x in drawn.inputs)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        x, y = torch.empty(first), torch.empty(second)
        pairs = (x[..., :, None] * y[..., None, :]).flatten(-2).reshape(-1, first[-1] * second[-1])
        pairs @ torch.empty(first[-1] * second[-1], drawn.arguments["out_features"])
    return int(counter.get_total_flops()) // 2


UNSEEN = {"Bilinear": bilinear}

STRICTER = (
    Stricter(
        "Linear|Bilinear",
        "must be a whole number of at least 1.*, not (.*\\b)?0",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("Linear", Tensor((2, 3)), out_features=0),
    ),
)
