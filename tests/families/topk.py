"""Draws for `topk` in `shapecalc/layers/sorting.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import drawn


@st.composite
def few(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """An axis and mostly no more elements than it has."""
    if not inputs:
        return {}
    shape: Any = inputs[0].shape
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    return {"k": draw(st.integers(1, shape[dim] + draw(st.sampled_from([0, 0, 0, 1])))), "dim": dim}


FITTED = {"topk": few}
RARE = (
    drawn("topk", Tensor(()), k=1),
    drawn("topk", Tensor(()), k=2),
    drawn("topk", Tensor((2, 3), "float16"), k=2),
    drawn("topk", Tensor((2, 3), "bool"), k=2),
)
