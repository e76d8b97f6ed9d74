"""Drawn cases: all that may be drawn is, and what fails is the least that does."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests import chance as st

REACH: dict[str, tuple[st.SearchStrategy[Any], list[Any]]] = {
    "sampled": (st.sampled_from("abc"), ["a", "b", "c"]),
    "just": (st.just(7), [7]),
    "none or not": (st.one_of(st.none(), st.booleans()), [False, None, True]),
    "integers": (st.integers(-1, 2), [-1, 0, 1, 2]),
    "tuples": (st.tuples(st.booleans(), st.just(1)), [(False, 1), (True, 1)]),
    "lists": (st.lists(st.just(0), max_size=2), [[], [0], [0, 0]]),
    "long lists": (st.lists(st.just(0), max_size=2, min_size=2), [[0, 0]]),
    "permutations": (
        st.permutations([1, 2, 3]),
        [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]],
    ),
}


@pytest.mark.parametrize("name", REACH)
def test_all_values_are_drawn_and_no_others(name: str) -> None:
    strategy, values = REACH[name]
    draws = (st.DrawFn((), random.Random(number))(strategy) for number in range(400))
    assert sorted({repr(value) for value in draws}) == sorted(map(repr, values))


def test_floats_are_within_bounds_which_they_reach() -> None:
    assert [st.DrawFn([number])(st.floats(-2.0, 3.0)) for number in (0, 2**52, 2**53)] == [-2.0, 0.5, 3.0]


@st.composite
def shapes(draw: st.DrawFn) -> list[int]:
    return [draw(st.integers(1, 90)) for _ in range(draw(st.integers(0, 6)))]


def failing(check: Callable[[list[int]], None], kind: type[BaseException]) -> str:
    with pytest.raises(kind) as caught:
        st.check_each(shapes(), 200, check)
    return "".join(caught.value.__notes__)


def test_what_fails_is_made_as_small_as_it_may_be() -> None:
    def check(shape: list[int]) -> None:
        assert max(shape, default=0) < 50

    assert failing(check, AssertionError) == "drawn as [50]"


def test_a_smaller_case_fails_in_the_same_way() -> None:
    def check(shape: list[int]) -> None:
        if not shape:
            raise ValueError("no axes")
        if len(shape) > 1:
            pytest.fail("two axes")

    assert failing(check, pytest.fail.Exception) in ("drawn as [1, 1]", "")


def test_what_does_not_fit_is_drawn_anew() -> None:
    found: list[int] = []

    def check(number: int) -> None:
        st.assume(number % 2)
        found.append(number)

    st.check_each(st.integers(0, 10**9), 50, check)
    assert len(found) == len({*found}) == 50
    st.check_each(st.integers(0, 9), 50, lambda _: st.assume(False))  # gives up
