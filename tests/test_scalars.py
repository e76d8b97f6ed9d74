"""Numbers beside tensors of every dtype against torch: dtypes that come out, numbers that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from shapecalc.tensors import Tensor
from tests.families.arithmetic import PLACES
from tests.families.base import DTYPES, NUMBERS, Drawn, drawn
from tests.test_layers import _judge, agree

__all__ = ["_judge"]  # a fixture, which pytest finds by its name


def cases(name: str) -> Iterator[Drawn]:
    """A tensor with axes and one without, of each dtype, each with each number."""
    for place, dtype, number in product(PLACES[name], DTYPES, NUMBERS):
        yield drawn(name, Tensor((2, 3), dtype), **{place: number})
        yield drawn(name, Tensor((), dtype), **{place: number})


@pytest.mark.parametrize("name", PLACES)
def test_numbers_promote_as_torch(name: str) -> None:
    found = [agree(case) for case in cases(name)]
    assert sum(found) > len(found) / 2


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_rounded_quotients(mode: str) -> None:
    """Of whole numbers where the divisor is a number that is not 0 in their dtype."""
    found = [
        agree(case._replace(arguments={**case.arguments, "rounding_mode": mode})) for case in cases("div")
    ]
    assert True in found
    assert False in found


def test_numbers_that_a_mask_chooses() -> None:
    mask = Tensor((2,), "bool")
    for dtype, number in product(DTYPES, NUMBERS):
        agree(drawn("where", mask, Tensor((2,), dtype), other=number))
        agree(drawn("where", mask, input=number, other=1))
        agree(drawn("masked_fill", Tensor((2,), dtype), mask, value=number))
        agree(drawn("addcmul", *[Tensor((2,), dtype)] * 3, value=number))


def test_bounds_promote_as_torch() -> None:
    for dtype, number in product(DTYPES, NUMBERS):
        agree(drawn("clamp", Tensor((2,), dtype), min=number))
        agree(drawn("clamp", Tensor((), dtype), min=0, max=number))
