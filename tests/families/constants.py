"""Draws for `shapecalc/layers/without_input.py`."""

from __future__ import annotations

import math
from typing import Any

from shapecalc.tensors import is_complex
from tests import chance as st
from tests.families.base import DTYPES, NUMBERS, SIZES, Stricter, drawn


@st.composite
def numbers_in_order(draw: st.DrawFn, _: object) -> dict[str, Any]:
    """Mostly some numbers; seldom none."""
    start = draw(st.integers(0, 5))
    given: dict[str, Any] = {"end": max(1, start + draw(st.integers(-1, 20))), "start": start}
    if draw(st.booleans()):
        given["step"] = draw(st.integers(0, 4))
    return given


REAL = [dtype for dtype in DTYPES if not is_complex(dtype)]


@st.composite
def filled(draw: st.DrawFn, _: object) -> dict[str, Any]:
    """What float16 does not hold is refused by torch in several elements, and infinite in one."""
    size = draw(st.lists(st.sampled_from([*4 * SIZES, -1]), max_size=3))
    return {"size": size, "dtype": "float64"} if math.prod(size) == 1 else {"size": size}


FITTED = {"arange": numbers_in_order, "full": filled}

STRICTER = (
    Stricter(
        "arange",
        "there is no number between them",
        "a size of 0 is refused everywhere",
        drawn("arange", end=3, start=3),
    ),
)

RARE = (
    *(drawn("full", size=[2], fill_value=value, dtype=dtype) for value in (300, 7e4) for dtype in REAL),
    *(drawn("full", size=[2], fill_value=value) for value in NUMBERS),
    *(
        drawn("full", size=[2], fill_value=value, dtype=dtype)
        for value in (1, 0.5, 1e39, float("inf"))
        for dtype in ("complex64", "complex128")
    ),
    *(drawn(name, size=[2], dtype="complex64") for name in ("zeros", "ones")),
    *(drawn("arange", end=3, dtype=dtype) for dtype in REAL),
)
