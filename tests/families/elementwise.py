"""Draws for `shapecalc/layers/elementwise.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, drawn


@st.composite
def of_any_dtype(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """An input whose dtype may not hold the bounds."""
    shape = draw(st.lists(st.sampled_from(SIZES), max_size=4))
    return (Tensor(tuple(shape), draw(st.sampled_from(DTYPES))),)


INPUTS = {"clamp": of_any_dtype}

RARE = (
    drawn("clamp", Tensor((2,), "bool"), min=0),
    drawn("clamp", Tensor((2,), "int8"), min=0, max=0.5),
    drawn("clamp", Tensor((2,), "float16"), min=0.0, max=70000),
    drawn("clamp", Tensor(()), min=0, max=1),
)

TAKES_ALL = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "square"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
)
