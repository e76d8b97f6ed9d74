"""Draws for `shapecalc/layers/rearrange.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, drawn, rarely

Arguments: TypeAlias = Callable[[tuple[Tensor, ...]], st.SearchStrategy[dict[str, Any]]]


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


def unflatten(name: str) -> Arguments:
    @st.composite
    def given(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        """Sizes that multiply to the size of an axis, or of any axis where `dim` is none of the input's."""
        shape = inputs[0].shape
        rank = len(shape)
        dim = draw(st.sampled_from([*2 * [*range(-rank, rank)], rank, -rank - 1]))
        return {"dim": dim, name: draw(factors(number(shape[dim % len(shape)])))}

    return given


@st.composite
def reshape(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Sizes that multiply to the elements of the input."""
    return {"shape": draw(factors(number(inputs[0].elements)))}


@st.composite
def permute(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """All axes in some order; seldom spoilt."""
    rank = inputs[0].rank
    dims = draw(st.permutations([draw(st.sampled_from([axis, axis - rank])) for axis in range(rank)]))
    if rarely(draw, 3):
        dims = [*dims[1:], draw(st.integers(-rank - 1, rank))]
    return {"dims": dims[rarely(draw, 8) :] or [0]}


@st.composite
def squeezable(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """A tensor with many axes of 1."""
    shape = draw(st.lists(st.sampled_from([*SIZES, 1, 1, 1]), min_size=1, max_size=5))
    return (Tensor(tuple(shape), draw(st.sampled_from(DTYPES))),)


@st.composite
def unsqueeze(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """The place of a new axis, and just beyond."""
    rank = inputs[0].rank
    return {"dim": draw(st.sampled_from([*2 * [*range(-rank - 1, rank + 1)], rank + 1, -rank - 2]))}


@st.composite
def roll(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """As many shifts as axes, or one alone; seldom spoilt."""
    rank = inputs[0].rank
    dims = draw(st.lists(st.integers(-rank, rank - 1), max_size=3))
    if rarely(draw, 6):
        dims = [*dims, draw(st.sampled_from([rank, -rank - 1]))]
    count = (len(dims) or 1) + rarely(draw, 6)
    shifts = [draw(st.integers(-9, 9)) for _ in range(count)]
    given = {"dims": dims} if dims else {}
    return {"shifts": shifts if count > 1 else draw(st.sampled_from([shifts, shifts[0]])), **given}


ARGUMENTS = {
    "Unflatten": unflatten("unflattened_size"),
    "unflatten": unflatten("sizes"),
    "reshape": reshape,
    "view": reshape,
    "permute": permute,
    "unsqueeze": unsqueeze,
    "roll": roll,
}

INPUTS = {"squeeze": squeezable}

RARE = (
    drawn("flatten", Tensor(())),
    drawn("flatten", Tensor(()), start_dim=-1, end_dim=0),
    drawn("flatten", Tensor(()), start_dim=1),
    drawn("unflatten", Tensor(()), dim=0, sizes=[1]),
    drawn("view", Tensor(()), shape=[1, -1]),
    *(drawn(name, Tensor((2, 4)), shape=[-1, -1]) for name in ("reshape", "view")),
    drawn("Unflatten", Tensor((2, 4)), dim=1, unflattened_size=[-1, -1]),
    drawn("unflatten", Tensor((2, 4)), dim=1, sizes=[-1, -1]),
    drawn("transpose", Tensor(()), dim0=0, dim1=-1),
    drawn("transpose", Tensor(()), dim0=0, dim1=1),
    drawn("transpose", Tensor((2, 3)), dim0=1, dim1=1),
    drawn("permute", Tensor(()), dims=[0]),
    drawn("squeeze", Tensor(())),
    drawn("squeeze", Tensor(()), dim=0),
    drawn("squeeze", Tensor(()), dim=1),
    drawn("squeeze", Tensor((1, 1)), dim=[0, -2]),
    drawn("unsqueeze", Tensor(()), dim=-1),
    *(drawn("unsqueeze", Tensor((1,) * 63), dim=dim) for dim in (63, -64)),
    drawn("unsqueeze", Tensor(()), dim=1),
    drawn("roll", Tensor(()), shifts=1),
    drawn("roll", Tensor(()), shifts=1, dims=0),
    drawn("roll", Tensor((2, 3)), shifts=[1, 2], dims=[0, -2]),
    drawn("roll", Tensor((2, 3)), shifts=1, dims=[0, 1]),
    drawn("roll", Tensor((2, 3)), shifts=[1, 2], dims=0),
    drawn("roll", Tensor((2, 3)), shifts=2**63 - 1, dims=0),
    drawn("roll", Tensor((2, 3)), shifts=-(2**62)),
    drawn("roll", Tensor((2, 3)), shifts=-(2**62) - 1),
)

TAKES_ALL = ("Identity",)
