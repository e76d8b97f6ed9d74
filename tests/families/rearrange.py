"""Draws for `shapecalc/layers/rearrange.py`."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests.families.base import rarely


@st.composite
def factors(draw: st.DrawFn, total: int) -> list[int]:
    """Sizes whose product is `total`, one of them perhaps −1; seldom spoilt."""
    found: list[int] = []
    for _ in range(draw(st.integers(0, 2))):
        left = total // math.prod(found)
        found.append(draw(st.sampled_from([n for n in range(1, left + 1) if left % n == 0])))
    found.append(total // math.prod(found))
    found = draw(st.permutations(found))
    if rarely(draw, 3):
        found[draw(st.integers(0, len(found) - 1))] = -1
    if rarely(draw, 3):
        place = draw(st.integers(0, len(found) - 1))
        found[place] = draw(st.sampled_from([found[place] + 1, 2 * found[place], 0, -1, -2]))
    return found


@st.composite
def unflatten(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Sizes that multiply to the size of an axis, or of any axis where `dim` is none of the input's."""
    shape = inputs[0].shape
    rank = len(shape)
    dim = draw(st.sampled_from([*2 * [*range(-rank, rank)], rank, -rank - 1]))
    return {"dim": dim, "unflattened_size": draw(factors(shape[dim % len(shape)]))}


@st.composite
def reshape(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Sizes that multiply to the elements of the input."""
    return {"shape": draw(factors(number(inputs[0].elements)))}


ARGUMENTS = {"Unflatten": unflatten, "reshape": reshape}

TAKES_ALL = ("Identity",)
