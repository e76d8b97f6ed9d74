"""Numbers beside tensors of every dtype against torch: dtypes that come out, numbers that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

import shapecalc
from shapecalc.tensors import Tensor
from tests.dice import one_way
from tests.families.arithmetic import PLACES
from tests.families.base import DTYPES, NUMBERS, Drawn, drawn
from tests.test_layers import _judge, agree

__all__ = ["_judge"]  # a fixture, which pytest finds by its name


def cases(name: str) -> Iterator[Drawn]:
    """A tensor with axes or one without, of each dtype, each with each number."""
    for place, dtype, number in product(PLACES[name], DTYPES, NUMBERS):
        for shape in one_way((name, place, dtype, number), [(2, 3), ()]):
            yield drawn(name, Tensor(shape, dtype), **{place: number})


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


WRITTEN: dict[str, tuple[dict[str, float], int]] = {
    "mul: 0.5": ({"other": 0.5}, 1),
    "mul: 1/3": ({"other": 1 / 3}, 1),
    "mul: width*2": ({"other": 1.5}, 1),
    "div: sqrt(heads)": ({"other": 8}, 1),
    "pow: sizes.1": ({"exponent": 3}, 1),
    "sub: {input: 1}": ({"input": 1}, 1),
    "sub: [1, []]": ({"input": 1}, 1),
    "add: [heads, [], input]": ({"input": 64}, 2),
    "add: [[], input, '2*heads']": ({"other": 128}, 2),
    "mul: channels": ({"other": 4}, 1),
    "add: [hidden, []]": ({}, 2),
    "where: [[gt: 0], 0.5, []]": ({"input": 0.5}, 2),
    "where: [[gt: 0], 1, 0]": ({"input": 1, "other": 0}, 1),
}
"""A step → its numbers, and how many tensors it takes."""


@pytest.mark.parametrize("step", WRITTEN)
def test_numbers_are_written_alone_or_as_branches(step: str) -> None:
    """A parameter is a number, unless a tensor of the body has its name."""
    text = f"""
        input: 2x4
        parameters: {{width: 0.75, heads: 64, sizes: [2, 3], hidden: 5}}
        layers:
          - ReLU as hidden
          - {step}
    """
    row = shapecalc.analyse(shapecalc.parse(text)).rows[-1]
    found = {name: row.layer.__dict__[name] for name in row.layer.given}
    assert (found, len(row.inputs)) == WRITTEN[step]
    assert [*map(type, found.values())] == [*map(type, WRITTEN[step][0].values())]
