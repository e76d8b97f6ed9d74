"""The greatest of formulas against the greatest of their values, and sums against the values added up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.allocation.peak import Level, Peak, Space
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count
from shapecalc.analysis.memory.memory import memory
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, at, maximum, number, summed, symbol
from shapecalc.symbolic.sums import compactly
from tests.dice import count as draws

H, W = symbol("H"), symbol("W")

SIZES = [{"H": h, "W": w} for h, w in itertools.product([5, 6, 7, 9, 40, 1001], [1, 2, 8, 300])]
"""Of H at least 5, which is what the peaks are told."""

LINEAR: list[Dim] = [1, H, W, H * W, H // 2, (H - 7) // 4, (H + 1) // 2 * W, maximum(H, W), H * H]
PRODUCTS: list[Dim] = [(H - i) * (W + 3 - i) for i in range(5)]


@st.composite
def formulas(draw: st.DrawFn) -> Dim:
    """A sum of a few products, as the bytes that are alive are one."""
    chosen = draw(st.lists(st.sampled_from([*LINEAR, *PRODUCTS]), min_size=1, max_size=4))
    return sum([draw(st.integers(-2, 6)) * size for size in chosen])


def value(size: Dim, sizes: dict[str, int]) -> int:
    return number(at(size, sizes))


def peak_of(sizes: list[Dim], assumed: dict[str, Dim]) -> Peak:
    """A peak that has met all sizes, each at its place in the list."""
    peak = Peak(assumed)
    for place, size in enumerate(sizes):
        peak.meet(size, place)
    return peak


@settings(max_examples=draws(60, 1000))
@given(st.lists(formulas(), min_size=1, max_size=12))
def test_the_greatest_of_formulas_is_that_of_their_values(sizes: list[Dim]) -> None:
    peak = peak_of(sizes, {"H": H + 4})
    for numbers in SIZES:
        expected = max(0, *[value(size, numbers) for size in sizes])
        found = {place: value(size, numbers) for size, place in peak.met()}
        assert max(0, *found.values()) == expected if found else expected == 0
        assert all(found[place] == value(sizes[place], numbers) for place in found)


def test_of_equal_layers_in_a_row_the_ends_are_left() -> None:
    """What is kept for the way back falls, gradients of weights rise: none between is ever the greatest."""
    peak = peak_of([(1000 - layer) * 64 * H * W + 4096 * layer for layer in range(1000)], {})
    assert [place for _, place in peak.met()] == [0, 999]


def test_many_formulas_of_which_any_may_be_the_greatest_are_refused() -> None:
    """Lines that touch a parabola: for each there is a size at which it is above all others."""
    tangents = [2 * i * H - i * i for i in range(1000)]
    with pytest.raises(ArchitectureError, match="the greatest of more than 200 formulas"):
        peak_of(tangents, {})


@settings(max_examples=draws(60, 1000))
@given(st.lists(st.tuples(formulas(), st.sampled_from([1, -1])), max_size=12))
def test_a_level_is_what_was_added_to_it(changes: list[tuple[Dim, int]]) -> None:
    """Its size as a sum, and that of its point, which counts each product from its least value on."""
    level = Level(Space({"H": H + 4}))
    for size, sign in changes:
        level.add(size, sign)
    for numbers in SIZES:
        expected = sum(sign * value(size, numbers) for size, sign in changes)
        now = level.now()
        assert now is not None
        assert value(now, numbers) == expected
        assert value(level.space.size(level.here()), numbers) == expected


@settings(max_examples=draws(60, 1000))
@given(st.lists(formulas(), max_size=12))
def test_a_sum(sizes: list[Dim]) -> None:
    """The same formula as one added to the next."""
    result: Dim = 0
    for size in sizes:
        result = result + size
    assert summed(sizes) == result


def test_a_sum_of_very_many_products_is_one_polynomial() -> None:
    """Σ (H − 2i)·(W − 2i) is n·H·W − n·(n − 1)·(H + W) + 4·Σ i², and Σ i² is (n − 1)·n·(2n − 1)/6."""
    n = 2000
    total = summed([(H - 2 * i) * (W - 2 * i) for i in range(n)])
    assert total == n * H * W - n * (n - 1) * H - n * (n - 1) * W + 4 * ((n - 1) * n * (2 * n - 1) // 6)


def test_a_sum_stays_as_it_is_where_that_is_shorter() -> None:
    """Products of different symbols: multiplied out there would be four times as many terms."""
    sizes = [(symbol(f"a{i}") + 1) * (symbol(f"b{i}") + 1) for i in range(150)]
    found = summed(sizes)
    assert isinstance(found, Expr)
    assert len(found.terms) == len(sizes)
    assert compactly(found.terms) == found


SHRINKING = "input: 1x1xHxW\nlayers: [{Conv2d: {out_channels: 1, kernel_size: 3}, times: 300}]\n"


def test_the_totals_of_shrinking_sizes_are_those_of_numbers() -> None:
    """Three hundred convolutions without padding: MACs, memory, and the counts of tools."""
    general = shapecalc.analyse(shapecalc.parse(SHRINKING))
    numbers = shapecalc.analyse(shapecalc.parse(SHRINKING), "1x1x700x700")
    sizes = {"H": 700, "W": 700}
    assert len(general.decisive_conditions) == 2
    assert at(general.totals.macs, sizes) == numbers.totals.macs
    found, expected = memory(general), memory(numbers)
    assert at(found.saved, sizes) == expected.saved
    assert at(found.passes.bytes, sizes) == expected.passes.bytes
    for convention in CONVENTIONS.values():
        of_formulas, of_numbers = (count(convention, analysis).total for analysis in (general, numbers))
        assert isinstance(of_formulas, Unknown) or at(of_formulas, sizes) == of_numbers
