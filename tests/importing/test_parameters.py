"""What the parameters of a block are, and what is written as made of them."""

from __future__ import annotations

from typing import Any

import pytest

from shapecalc.importing.parameters import Parameters
from shapecalc.importing.program import Text


def written(*rows: Any) -> list[Any]:
    """What stands in a block for numbers that have these values in its uses."""
    parameters = Parameters()
    texts = [parameters.text(row, [name]) for name, row in zip("abcdef", rows, strict=False)]
    parameters.relate()
    names = parameters.names(lambda _: [])
    return [parameters.filled(text, names) for text in texts]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([(8, 8, 8)], [8]),
        ([(8, 16, 32), (8, 16, 32)], ["a", "a"]),
        ([(8, 16, 32), (32, 64, 128)], ["a", "4*a"]),
        ([(32, 64, 128), (8, 16, 32)], ["4*a", "a"]),
        ([(32, 64, 128), (8, 16, 32), (16, 32, 64)], ["4*a", "a", "2*a"]),
        ([(8, 16, 8), (16, 32, 16)], ["a", "b"]),
        ([(8, 16, 32), (48, 96, 192)], ["a", "b"]),
        ([([1, 8], [1, 16], [1, 32]), (16, 32, 64)], [[1, "a"], "2*a"]),
        ([(True, False, True), (1, 0, 1)], ["a", "b"]),
    ],
)
def test_numbers_that_change_together_are_one_parameter(rows: Any, found: Any) -> None:
    """A multiple is one where three values show it; of several, the smallest is the parameter."""
    assert written(*rows) == found


SIZES = (Text("H", (20, 33, 46)), Text("H//2", (10, 16, 23)))


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (((-20 % 7, -33 % 7, -46 % 7), (-10 % 7, -16 % 7, -23 % 7)), "-{} % 7"),
        (((3, 5, 7), (2, 3, 4)), "({} + 6)//7"),
        (((20, 33, 46), (5, 8, 11)), None),
    ],
)
def test_a_size_may_follow_from_another_at_all_sizes_of_the_input(made: Any, found: str | None) -> None:
    row = tuple([Text(f"x{number}", values) for number, values in enumerate(made)])
    own, other = written(row, SIZES)
    assert own == ("a" if found is None else found.format(other))


def test_a_size_that_follows_from_two_is_their_product() -> None:
    widths = (Text("W", (10, 11, 12)), Text("W//2", (5, 5, 6)))
    areas = (Text("x", (200, 363, 552)), Text("y", (50, 80, 138)))
    product, height, width = written(areas, SIZES, widths)
    assert (product, height, width) == ("b*c", "b", "c")
