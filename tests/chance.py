"""Strategies of random values, with the names that hypothesis gives them, drawn in a tenth of its time.

Hypothesis checks and labels each strategy that is made, and saves all random generators around each case:
strategies that are made for each layer and each input take longer so than most of what is checked. Here a
strategy is a function, and all that it chooses are whole numbers, by which a case that fails is made smaller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from random import Random
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeAlias, TypeVar

import pytest

from tests.dice import SEED

T = TypeVar("T")
P = ParamSpec("P")
FAILURES = (Exception, pytest.fail.Exception)
SHRINKING = 1000
"""How many smaller cases are tried of one that fails."""


class DrawFn:
    """Draws from strategies, by the numbers that are given and then by those of a generator, or by zeros."""

    def __init__(self, numbers: Sequence[int], generator: Random | None = None) -> None:
        self.given, self.generator = iter(numbers), generator
        self.numbers: list[int] = []

    def __call__(self, strategy: SearchStrategy[T]) -> T:
        return strategy(self)

    def below(self, bound: int) -> int:
        """A number from 0 on; the lower it is, the simpler is what is drawn by it."""
        number = next(self.given, None)
        if number is None:
            number = self.generator.randrange(bound) if self.generator else 0
        self.numbers.append(min(number, bound - 1))
        return self.numbers[-1]


SearchStrategy: TypeAlias = Callable[[DrawFn], T]


def composite(make: Callable[Concatenate[DrawFn, P], T]) -> Callable[P, SearchStrategy[T]]:
    """A function that draws becomes one of its other arguments that gives a strategy."""

    @wraps(make)
    def strategy(*values: P.args, **named: P.kwargs) -> SearchStrategy[T]:
        return lambda draw: make(draw, *values, **named)

    return strategy


def sampled_from(values: Sequence[T]) -> SearchStrategy[T]:
    return lambda draw: values[draw.below(len(values))]


def just(value: T) -> SearchStrategy[T]:
    return lambda _: value


def none() -> SearchStrategy[None]:
    return just(None)


def booleans() -> SearchStrategy[bool]:
    return sampled_from((False, True))


def integers(low: int, high: int) -> SearchStrategy[int]:
    return lambda draw: low + draw.below(high - low + 1)


def floats(low: float, high: float) -> SearchStrategy[float]:
    """Both bounds are among them."""
    return lambda draw: low + (high - low) * (draw.below(2**53 + 1) / 2**53)


def one_of(*strategies: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return lambda draw: draw(strategies[draw.below(len(strategies))])


def tuples(*strategies: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...]]:
    return lambda draw: tuple([draw(strategy) for strategy in strategies])


def lists(element: SearchStrategy[T], max_size: int, min_size: int = 0) -> SearchStrategy[list[T]]:
    return lambda draw: [draw(element) for _ in range(draw(integers(min_size, max_size)))]


@composite
def permutations(draw: DrawFn, values: Sequence[T]) -> list[T]:
    left = [*values]
    return [left.pop(draw.below(len(left))) for _ in values]


class UnfitError(Exception):
    """What was drawn is none of the cases that are asked for."""


def assume(fits: object) -> None:
    if not fits:
        raise UnfitError


def check_each(strategy: SearchStrategy[T], count: int, check: Callable[[T], None]) -> None:
    """Check so many fitting values, drawn by `SEED` and the test's name; one that fails is made smaller."""
    generator = Random(f"{SEED}/{os.environ['PYTEST_CURRENT_TEST']}")
    fitting = 0
    for _ in range(10 * count):
        draw = DrawFn((), generator)
        error = _error(draw, strategy, check)
        if error and not isinstance(error, UnfitError):
            _fail(draw.numbers, error, strategy, check)
        fitting += not error
        if fitting == count:
            return


def _error(draw: DrawFn, strategy: SearchStrategy[T], check: Callable[[T], None]) -> BaseException | None:
    try:
        check(draw(strategy))
    except FAILURES as error:
        return error
    return None


def _fail(
    numbers: list[int], error: BaseException, strategy: SearchStrategy[T], check: Callable[[T], None]
) -> NoReturn:
    def fails(draw: DrawFn) -> bool:
        return type(_error(draw, strategy, check)) is type(error)

    value = DrawFn(_least(numbers, fails))(strategy)
    with told(value):
        check(value)
    raise error


def _least(numbers: list[int], fails: Callable[[DrawFn], bool]) -> list[int]:
    """Numbers of which fewer are drawn, or lower ones, and still a check fails."""
    smaller = _smaller(numbers)
    for _ in range(SHRINKING):
        if (tried := next(smaller, None)) is None:
            break
        draw = DrawFn(tried)
        if fails(draw) and _size(draw.numbers) < _size(numbers):
            numbers, smaller = draw.numbers, _smaller(draw.numbers)
    return numbers


def _smaller(numbers: list[int]) -> Iterator[list[int]]:
    """One number gone, a lower one, or of a length that is one less what it is the length of."""
    for place, number in enumerate(numbers):
        before, after = numbers[:place], numbers[place + 1 :]
        yield before + after
        yield from ([*before, lower, *after] for lower in (0, number // 2, number - 1) if 0 <= lower < number)
        if number:
            yield from ([*before, number - 1, *after[:i], *after[i + 1 :]] for i in range(len(after)))


def _size(numbers: list[int]) -> tuple[int, list[int]]:
    return len(numbers), numbers


@contextmanager
def told(value: object) -> Iterator[None]:
    """A failure says of which case it is."""
    try:
        yield
    except FAILURES as error:
        error.add_note(f"drawn as {value!r}")
        raise
