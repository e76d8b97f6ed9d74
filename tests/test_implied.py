"""Conditions that follow from others: what is left says the same at every size."""

from __future__ import annotations

import itertools
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shapecalc.symbolic import Dim, at, never_below, number, symbol
from shapecalc.symbolic.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from shapecalc.symbolic.implied import decisive
from tests.command import Command

N, H, W = symbol("N"), symbol("H"), symbol("W")


def windowed(size: Dim, shift: int, stride: int) -> Dim:
    return (size + shift) // stride


halved = st.builds(windowed, st.sampled_from([H, W]), st.integers(-9, 9), st.sampled_from([1, 2, 3, 4, 8]))
sizes = st.one_of(
    halved,
    st.sampled_from([N, H, W, H * W]),
    st.builds(lambda a, b: a * b, halved, halved),
    st.builds(lambda a, b, c: a * b * c, st.sampled_from([N, H, 2 * N]), halved, halved),
    st.builds(lambda a, b: a - b, halved, halved),
).filter(lambda size: not isinstance(size, int))
conditions = st.one_of(
    st.builds(Condition, sizes, st.just(AT_LEAST), st.integers(1, 6), st.just(""), st.booleans()),
    st.builds(Condition, sizes, st.just(EQUAL), sizes, st.just(""), st.booleans()),
    st.builds(Condition, sizes, st.just(MULTIPLE), st.integers(1, 6), st.just("")),
)
SMALL = [
    dict(zip("NHW", values, strict=True))
    for values in itertools.product((1, 2, 3), range(1, 11), range(1, 11))
]


@given(st.lists(conditions, min_size=2, max_size=6))
def test_what_is_left_says_the_same(found: list[Condition]) -> None:
    left = decisive(found)
    assert set(left) <= set(found)
    dropped = set(found) - set(left)
    for env in SMALL if dropped else []:
        if any(not c.of_figures and not c.permits(env) for c in dropped):
            assert any(not c.of_figures and not c.permits(env) for c in left)
        if not all(c.holds(env) for c in dropped):
            assert not all(c.holds(env) for c in left)


def test_two_factors_below_0_make_a_product_above_it() -> None:
    assert not never_below(H * H, (H - 2) * (H - 3))  # 1 and 2 at H = 1
    assert never_below(H * H, H * (H - 1))


@given(sizes, sizes)
def test_a_size_that_is_never_below_another(first: Dim, second: Dim) -> None:
    if never_below(first, second):
        assert all(number(at(first, env)) >= number(at(second, env)) for env in SMALL)


def halvings(by: int) -> Condition:
    return Condition(N * ((H + by - 1) // by) * ((W + by - 1) // by), AT_LEAST, 2, "", or_one=True)


def test_of_sizes_that_shrink_the_last_one_decides() -> None:
    assert decisive([halvings(2), halvings(4), halvings(32)]) == (halvings(32),)
    assert decisive([halvings(32), halvings(4), halvings(2)]) == (halvings(32),)
    several = Condition(N, AT_LEAST, 2, "", or_one=True)
    assert decisive([halvings(2), several]) == (several,)
    shape = Condition(H, AT_LEAST, 5, "")
    figure = Condition(H, AT_LEAST, 10, "", or_one=True)
    assert decisive([shape, figure]) == (shape, figure)  # an input of 5 is taken, one of 4 is not
    assert decisive([Condition(H, EQUAL, W, ""), Condition(W, EQUAL, H, "")]) == (Condition(W, EQUAL, H, ""),)


HOLDS = {
    "imagenet/resnet18": ["N⋅⌈H/32⌉⋅⌈W/32⌉ ≥ 2"],
    "imagenet/mobilenet_v3_large": ["⌈H/32⌉⋅⌈W/32⌉ ≥ 2"],
    "imagenet/shufflenet_v2_x1_0": ["N ≥ 2"],  # of one pixel, too: gradients lie there as its strides say
    "imagenet/inception_v3": ["H ≥ 75", "W ≥ 75", "N⋅⌊(H − 43)/32⌋⋅⌊(W − 43)/32⌋ ≥ 2"],
    "unet": ["H divisible by 16", "W divisible by 16"],
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_formulas_of_memory_hold_for(name: str, run: Command) -> None:
    done = run("memory", "--train", name, "--input", "NxCxHxW")
    assert re.search(r"^Holds for +(.*)$", done.out, re.MULTILINE)[1].split(", ") == HOLDS[name]  # type: ignore[index]
