"""Sets of sizes and the conditions that leave them: against Python's sets, and a look at every number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from math import lcm

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecalc.analysis.domain.residues import Residues, Unwieldy, residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.analysis.domain.sizesets import EVERY, SizeSet
from shapecalc.analysis.domain.solving import solve
from shapecalc.symbolic import maximum, minimum, symbol
from shapecalc.symbolic.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from tests.dice import count

UP_TO = range(1, 201)


# Remainders.


@st.composite
def bands(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    period = draw(st.integers(1, 24))
    ends = st.tuples(st.integers(0, period - 1), st.integers(0, period - 1)).map(sorted)
    return period, [(low, high) for low, high in draw(st.lists(ends, max_size=4))]


def looked_at(period: int, bands: list[tuple[int, int]]) -> set[int]:
    return {n for n in range(24 * 24) if any(low <= n % period <= high for low, high in bands)}


@given(bands(), bands(), st.integers(1, 300))
def test_remainders_are_those_of_their_numbers(
    one: tuple[int, list[tuple[int, int]]], two: tuple[int, list[tuple[int, int]]], n: int
) -> None:
    (first, numbers), (second, others) = ((residues(*drawn), looked_at(*drawn)) for drawn in (one, two))
    whole = set(range(24 * 24))
    for found, expected in [
        (first, numbers),
        (first & second, numbers & others),
        (first | second, numbers | others),
        (first.complement(), whole - numbers),
    ]:
        assert {n for n in whole if n in found} == expected
        assert found.period == smallest_period(found)
    assert first & second == second & first
    assert first.count_up_to(n) == len([m for m in numbers if 0 < m <= n])
    if first.bands:
        assert first.first_from(n) == next(m for m in itertools.count(n) if m in first)
        assert first.last_up_to(n) == next(m for m in itertools.count(n, -1) if m in first)


def smallest_period(found: Residues) -> int:
    period = found.period
    return next(
        p
        for p in range(1, period + 1)
        if period % p == 0 and all((n in found) == (n + p in found) for n in range(period))
    )


def test_remainders_of_many_digits() -> None:
    """By the Chinese remainder theorem, 1 mod 199999 and 3 mod 199998 are one number mod their product."""
    found = residues(199_999, [(1, 1)]) & residues(199_998, [(3, 3)])
    (band,) = found.bands
    assert found.period == 199_999 * 199_998 == lcm(199_999, 199_998)
    assert (band[0] == band[1], band[0] % 199_999, band[0] % 199_998) == (True, 1, 3)


def test_more_bands_than_anyone_reads() -> None:
    with pytest.raises(Unwieldy):
        residues(199_999, [(0, 99_999)]) & residues(199_998, [(0, 99_999)])


# Sets.


def drawn_set(numbers: set[int], start: int, period: int, remainders: set[int]) -> SizeSet:
    """Numbers below `start`, and from there on those with these remainders."""
    segments = [Segment(n, n) for n in numbers if n < start]
    return SizeSet.of([*segments, Segment(start, None, residues(period, [(n, n) for n in remainders]))])


@st.composite
def size_sets(draw: st.DrawFn) -> tuple[SizeSet, set[int]]:
    """A set, and what it has up to 200."""
    start, period = draw(st.integers(1, 25)), draw(st.sampled_from([1, 1, 2, 3, 4, 6, 8, 12]))
    numbers = draw(st.sets(st.integers(1, start)))
    remainders = draw(st.sets(st.integers(0, period - 1)))
    expected = {n for n in UP_TO if (n in numbers if n < start else n % period in remainders)}
    return drawn_set(numbers, start, period, remainders), expected


@given(size_sets(), size_sets())
def test_a_set_is_what_it_holds(one: tuple[SizeSet, set[int]], two: tuple[SizeSet, set[int]]) -> None:
    """Sets that agree up to 200 agree everywhere, and are equal."""
    (first, numbers), (second, others) = one, two
    assert {n for n in UP_TO if n in first} == numbers
    assert list(itertools.takewhile(lambda n: n <= 200, first)) == sorted(numbers)
    assert bool(first) == bool(numbers)
    assert (first == second) == (numbers == others)
    assert first != second or hash(first) == hash(second)
    common, either = first & second, first | second
    assert {n for n in UP_TO if n in common} == numbers & others
    assert {n for n in UP_TO if n in either} == numbers | others
    assert (common, either) == (second & first, second | first)
    rest = first.complement()
    assert {n for n in UP_TO if n in rest} == {*UP_TO} - numbers
    assert rest.complement() == first
    assert first & EVERY == first & first == first | first == first
    assert first | EVERY == EVERY


@given(size_sets())
def test_ways_to_write_a_set(drawn: tuple[SizeSet, set[int]]) -> None:
    found, numbers = drawn
    assert eval(f"{{H for H in UP_TO if {found.ascii('H')}}}") == numbers
    ranges = [range(p.first, (p.last or 200) + 1, p.step) for p in found.progressions()]
    assert sorted(itertools.chain(*ranges)) == sorted(numbers)  # no number twice
    assert len(ranges) <= found.pieces
    assert (found.text("H") == "never") == (not numbers)


@pytest.mark.parametrize(
    ("holds", "start", "period", "text", "plain"),
    [
        (lambda n: n >= 63, 63, 1, "H ≥ 63", "H >= 63"),
        (lambda n: n % 4 == 0, 1, 4, "H divisible by 4", "H % 4 == 0"),
        (lambda n: n > 10 and n % 4 == 3, 10, 8, "H ≥ 11, H − 3 divisible by 4", "H >= 11 and H % 4 == 3"),
        (lambda n: 28 <= n <= 31, 40, 1, "28 ≤ H ≤ 31", "28 <= H <= 31"),
        (lambda n: n == 28, 40, 1, "H = 28", "H == 28"),
        (lambda n: n in (2, 9) or n > 20, 21, 1, "H = 2 or H = 9 or H ≥ 21", "H == 2 or H == 9 or H >= 21"),
        (lambda n: n in (2, 4, 6), 9, 1, "2 ≤ H ≤ 6, H divisible by 2", "2 <= H <= 6 and H % 2 == 0"),
        (lambda n: n % 8 in (1, 2), 1, 8, "H mod 8 in {1, 2}", "H % 8 in (1, 2)"),
        (lambda n: n % 8 in (1, 5, 6, 7), 1, 8, "(H mod 8 = 1 or H mod 8 ≥ 5)", "(H % 8 == 1 or H % 8 >= 5)"),
        (lambda n: n % 224 <= 31, 1, 224, "H mod 224 ≤ 31", "H % 224 <= 31"),
        (lambda n: n > 40 and n % 8 > 4, 40, 8, "H ≥ 45, H mod 8 ≥ 5", "H >= 45 and H % 8 >= 5"),
        (lambda n: 3 <= n % 9 <= 5, 1, 9, "3 ≤ H mod 9 ≤ 5", "3 <= H % 9 <= 5"),
        (lambda _: True, 7, 12, "H ≥ 1", "H >= 1"),
        (lambda _: False, 7, 12, "never", "False"),
    ],
)
def test_texts_of_sets(holds: Callable[[int], bool], start: int, period: int, text: str, plain: str) -> None:
    remainders = {n % period for n in range(start, start + period) if holds(n)}
    found = drawn_set(set(filter(holds, range(1, start))), start, period, remainders)
    assert (found.text("H"), found.ascii("H")) == (text, plain)


# Conditions on one symbol and on several, solved.

H, W = symbol("H"), symbol("W")

CONDITIONS = [
    Condition((H - 3) // 2, AT_LEAST, 1, ""),
    Condition(5 - H, AT_LEAST, 1, ""),
    Condition(-(-H // 4) * 3, EQUAL, 9, ""),
    Condition(H // 2 * 2, EQUAL, H, ""),
    Condition(H // 2, EQUAL, H // 3, ""),
    Condition(H // 2, EQUAL, 5, "", or_one=True),
    Condition((H + 1) // 3, EQUAL, (H + 2) // 4, "", or_one=True),
    Condition(3 * H // 5 + 1, MULTIPLE, 4, ""),
    Condition(H * (H // 3), MULTIPLE, 12, ""),
    Condition(H * H + H // 2, MULTIPLE, 6, ""),
    Condition(H * H * 2, EQUAL, 98, ""),
    Condition(H * (H // 2), AT_LEAST, 40, ""),
    Condition(H, EQUAL, 301, ""),
    Condition(6 * H * W, MULTIPLE, 20, ""),
    Condition((H // 2) * (W // 3), EQUAL, 12, ""),
    Condition(4 * H * (W // 3), EQUAL, 18, ""),
    Condition(H * (W + 2), AT_LEAST, 30, ""),
    Condition(H * H * W, EQUAL, 72, ""),
    Condition(maximum(H // 2, H - 9), EQUAL, 17, ""),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_solved_conditions(condition: Condition) -> None:
    boxes = solve(condition)
    assert boxes is not None
    numbers = range(1, 400) if condition.symbols == {"H"} else range(1, 50)
    for values in itertools.product(numbers, repeat=len(condition.symbols)):
        sizes = dict(zip(("H", "W"), values, strict=False))
        assert inside(boxes, sizes) == condition.permits(sizes), sizes


@pytest.mark.parametrize(
    "condition",
    [
        Condition(H // 2, EQUAL, W, ""),
        Condition(H * W - H, AT_LEAST, 3, ""),
        Condition(H, MULTIPLE, W, ""),
        Condition(H * H - 7 * H, EQUAL, 8, ""),
        Condition(H // 199_999, EQUAL, H // 199_998, ""),
    ],
    ids=str,
)
def test_conditions_that_stay_as_they_are(condition: Condition) -> None:
    assert solve(condition) is None


def inside(boxes: Iterable[Mapping[str, SizeSet]], sizes: Mapping[str, int]) -> bool:
    return any(all(n in box.get(name, EVERY) for name, n in sizes.items()) for box in boxes)


LARGE = [
    (Condition(H, AT_LEAST, 10**8, ""), "H ≥ 100000000"),
    (Condition((H - 3) // 2, EQUAL, 10**9, ""), "2000000003 ≤ H ≤ 2000000004"),
    (Condition(H // 7919 // 7927, AT_LEAST, 3, ""), "H ≥ 188321739"),
    (Condition(H, MULTIPLE, 199_999, ""), "H divisible by 199999"),
    (Condition(H * H, AT_LEAST, 10**18, ""), "H ≥ 1000000000"),
    (Condition(H // 10**6 * 10**6, EQUAL, H, ""), "H divisible by 1000000"),
    (Condition(10**9 - H, AT_LEAST, 10**8, ""), "1 ≤ H ≤ 900000000"),
]
"""By hand."""


@pytest.mark.parametrize(("condition", "text"), LARGE, ids=[str(condition) for condition, _ in LARGE])
def test_conditions_of_large_numbers(condition: Condition, text: str) -> None:
    assert [box["H"].text("H") for box in solve(condition) or ()] == [text]


numbers = st.integers(-9, 9)
lines = st.builds(lambda slope, constant: H * slope + constant, st.integers(1, 4), numbers)
formulas = st.recursive(
    lines,
    lambda inner: st.one_of(
        st.builds(lambda size, plus, by: (size + plus) // by, inner, numbers, st.integers(1, 7)),
        st.builds(lambda a, b, times: a + b * times, inner, inner, st.sampled_from([1, 2, -1])),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(maximum, inner, inner),
        st.builds(minimum, inner, inner),
    ),
    max_leaves=4,
)
conditions = st.one_of(
    st.builds(Condition, formulas, st.just(MULTIPLE), st.integers(1, 12), st.just(""), st.just(False)),
    st.builds(
        Condition,
        formulas,
        st.sampled_from([EQUAL, AT_LEAST]),
        st.one_of(st.integers(-3, 30), formulas),
        st.just(""),
        st.booleans(),
    ),
)


@settings(max_examples=count(40, 1000))
@given(conditions)
def test_random_conditions(condition: Condition) -> None:
    """What has a form is what a look at each number finds, far out too."""
    boxes = solve(condition) if condition.symbols else None
    for n in itertools.chain(range(1, 130), (10_007, 83_160)) if boxes is not None else ():
        assert inside(boxes or (), {"H": n}) == condition.permits({"H": n}), n
