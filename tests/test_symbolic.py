"""Formulas and conditions against Python's whole numbers, against sympy, and against the laws of a form."""

from __future__ import annotations

import ast
import itertools
import math
import operator
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import pytest
import sympy
from hypothesis import example, given
from hypothesis import strategies as st

from shapecalc import ArchitectureError
from shapecalc.symbolic import (
    Dim,
    Expr,
    at,
    difference,
    greatest,
    least,
    maximum,
    minimum,
    number,
    ratio,
    symbol,
    symbols_in,
)
from shapecalc.symbolic.conditions import (
    AT_LEAST,
    EQUAL,
    MULTIPLE,
    Condition,
    at_least,
    collecting,
    equal,
    multiple,
    not_one,
)
from shapecalc.symbolic.notation import GROUPED, LATEX, PLAIN, substituted, text, within_product
from shapecalc.window import Window

N, C, H, W = map(symbol, "NCHW")
SYMBOLS = {"C": C, "H": H, "W": W}

Environment: TypeAlias = dict[str, int]


def formula(size: Dim) -> Expr:
    assert isinstance(size, Expr)
    return size


# The table: what is built, and how it is written.


def stack(n: Dim, *windows: Window) -> Dim:
    """The size after several sliding windows."""
    with collecting():
        return reduce(lambda size, window: window.size(size), windows, n)


HALVES = [Window(3, 2, 1, 1), Window(1, 2), Window(7, 2, 3, 3)]
NIN = [Window(11, 4), Window(3, 2), Window(5, 1, 2, 2), Window(3, 2), Window(3, 1, 1, 1), Window(3, 2)]

TABLE = [
    # 1. Like terms are collected.
    (W + 3 + H + 2 * W, "H + 3⋅W + 3", "H + 3*W + 3"),
    (H + W - H, "W", "W"),
    (2 - H, "−H + 2", "-H + 2"),
    (H * W - 2 * W * H, "−H⋅W", "-H*W"),
    (W + H * H + N * H * W, "N⋅H⋅W + H² + W", "N*H*W + H**2 + W"),
    # 2. A number × a sum distributes, a sum × a sum stays a product.
    (3 * (H + W - 1), "3⋅H + 3⋅W − 3", "3*H + 3*W - 3"),
    ((H + 1) * (W - 1), "(H + 1)⋅(W − 1)", "(H + 1)*(W - 1)"),
    ((H + 1) * (H + 1) * (H + 1), "(H + 1)³", "(H + 1)**3"),
    ((2 * H + 2) * W * (3 * H + 3), "6⋅W⋅(H + 1)²", "6*W*(H + 1)**2"),
    ((H - W) * (W - H), "−(H − W)²", "-(H - W)**2"),
    ((H + 1) * W * C // C // W * 2, "2⋅H + 2", "2*H + 2"),
    # 3. (k·a + b)//k = a + b//k
    ((4 * H + W) // 4, "H + ⌊W/4⌋", "H + floor(W/4)"),
    (7 * H // 4, "H + ⌊3⋅H/4⌋", "H + floor(3*H/4)"),
    ((4 * H * W - 9 * H) // 4, "H⋅W − 2⋅H − ⌈H/4⌉", "H*W - 2*H - ceil(H/4)"),
    # 4. (g·a + c)//(g·k) = (a + c//g)//k
    (6 * H // 4, "H + ⌊H/2⌋", "H + floor(H/2)"),
    ((2 * H + 5) // 6, "⌈H/3⌉", "ceil(H/3)"),
    ((6 * H + 5) // 2, "3⋅H + 2", "3*H + 2"),
    # 5. (x//a + c)//k = (x + a·c)//(a·k)
    (H // 2 // 3, "⌊H/6⌋", "floor(H/6)"),
    ((H // 2 + 1) // 3, "⌊(H + 2)/6⌋", "floor((H + 2)/6)"),
    ((H // 2 + W) // 3, "⌊(H + 2⋅W)/6⌋", "floor((H + 2*W)/6)"),
    (-(H // 2) // 3, "−⌊(H + 4)/6⌋", "-floor((H + 4)/6)"),
    ((H // 2 + W // 2) // 2, "⌊(⌊H/2⌋ + ⌊W/2⌋)/2⌋", "floor((floor(H/2) + floor(W/2))/2)"),
    # 6. A constant inside a floor is in [0, k); a floor with one beside it is written as one floor.
    ((H + 9) // 4, "⌊(H + 9)/4⌋", "floor((H + 9)/4)"),
    ((H - 7) // 4, "⌊(H − 7)/4⌋", "floor((H - 7)/4)"),
    ((H + 9) // 4 + W, "W + ⌊(H + 1)/4⌋ + 2", "W + floor((H + 1)/4) + 2"),
    ((H - 7) // 4 * W, "W⋅⌊(H − 7)/4⌋", "W*floor((H - 7)/4)"),
    ((H + 9) // 4 * 3, "3⋅⌊(H + 1)/4⌋ + 6", "3*floor((H + 1)/4) + 6"),
    # Ceilings and negative numerators.
    (-(-H // 2), "⌈H/2⌉", "ceil(H/2)"),
    (-H // 2, "−⌈H/2⌉", "-ceil(H/2)"),
    ((1 - H) // 2, "−⌊H/2⌋", "-floor(H/2)"),
    ((3 - H) // 2, "−⌊H/2⌋ + 1", "-floor(H/2) + 1"),
    (-(-(H + W) // 8), "⌈(H + W)/8⌉", "ceil((H + W)/8)"),
    (H // -2, "−⌈H/2⌉", "-ceil(H/2)"),
    (-(-H // 2) + 1, "⌊(H + 3)/2⌋", "floor((H + 3)/2)"),
    # Products under a floor, and floors in a product.
    (3 * H * W // 2, "H⋅W + ⌊H⋅W/2⌋", "H*W + floor(H*W/2)"),
    ((H + 1) * (W + 1) // 2, "⌊(H + 1)⋅(W + 1)/2⌋", "floor((H + 1)*(W + 1)/2)"),
    (N * (W // 2) * (H // 2), "N⋅⌊H/2⌋⋅⌊W/2⌋", "N*floor(H/2)*floor(W/2)"),
    ((H // 2) * (H // 2) * 3, "3⋅⌊H/2⌋²", "3*floor(H/2)**2"),
    # Symbols as divisors, and exact division of polynomials.
    (H // W, "⌊H/W⌋", "floor(H/W)"),
    (7 // (2 * W), "⌊7/(2⋅W)⌋", "floor(7/(2*W))"),
    (H // (W + 1), "⌊H/(W + 1)⌋", "floor(H/(W + 1))"),
    ((H + W + 1) // W, "⌊(H + 1)/W⌋ + 1", "floor((H + 1)/W) + 1"),
    ((H * W + H) // W, "H + ⌊H/W⌋", "H + floor(H/W)"),
    (6 * H * H * W // (2 * H), "3⋅H⋅W", "3*H*W"),
    ((H + 1) * (W + 1) // (H + 1), "W + 1", "W + 1"),
    ((4 * H + 4) * W // (2 * H + 2), "2⋅W", "2*W"),
    # The least and the greatest; one that is known is taken.
    (maximum(H, 3), "max(3, H)", "max(3, H)"),
    (minimum(W, maximum(H, C) + 1), "min(W, max(C, H) + 1)", "min(W, max(C, H) + 1)"),
    (maximum(maximum(W, H), C), "max(C, H, W)", "max(C, H, W)"),
    (2 * minimum(H, W) // 4, "⌊min(H, W)/2⌋", "floor(min(H, W)/2)"),
    (maximum(H, 1) + minimum(W + 2, W) + minimum(H // 2, H // 2), "H + W + ⌊H/2⌋", "H + W + floor(H/2)"),
    # Stacks of windows: one floor each.
    (stack(H, *5 * [Window(3, 2, 1, 1)]), "⌈H/32⌉", "ceil(H/32)"),
    (stack(H, *5 * [Window(2, 2)]), "⌊H/32⌋", "floor(H/32)"),
    (stack(H, *NIN), "⌊(H − 35)/32⌋", "floor((H - 35)/32)"),
    (stack(H, Window(3, 1), Window(3, 1, dilation=2)), "H − 6", "H - 6"),
    (stack(H, Window(3, 2, ceil_mode=True)), "⌊H/2⌋", "floor(H/2)"),
]


@pytest.mark.parametrize(("size", "for_people", "for_programs"), TABLE, ids=[row[1] for row in TABLE])
def test_canonical_form(size: Dim, for_people: str, for_programs: str) -> None:
    assert (str(size), formula(size).ascii()) == (for_people, for_programs)


def test_the_ways_to_halve_are_one_object() -> None:
    halves = [stack(H, window) for window in HALVES]
    assert halves == 3 * [-(-H // 2)]
    assert len(set(halves)) == 1
    assert stack(H, Window(2, 2)) not in halves


@pytest.mark.parametrize(
    ("size", "latex"),
    [
        (stack(H, *5 * [Window(3, 2, 1, 1)]), r"\left\lceil \frac{H}{32} \right\rceil"),
        (stack(H, *NIN), r"\left\lfloor \frac{H - 35}{32} \right\rfloor"),
        (2 * H * (W + 1), r"2 \cdot H \cdot (W + 1)"),
        (H // (W + 1), r"\left\lfloor \frac{H}{W + 1} \right\rfloor"),
        (H * H - symbol("in_size"), r"H^{2} - \mathrm{in\_size}"),
        (symbol("n'") * symbol("hw'"), r"\mathrm{hw}' \cdot n'"),
    ],
)
def test_latex(size: Dim, latex: str) -> None:
    assert text(size, LATEX) == latex


def test_pieces_of_texts() -> None:
    assert within_product(H + 1, PLAIN) == "(H + 1)"
    assert within_product(2 * H, PLAIN) == "2*H"
    assert text(1000 * H - 12345, GROUPED) == "1,000⋅H − 12,345"
    assert substituted((H - 3) // 2 + 1, {"H": 224}, PLAIN) == "floor((224 - 1)/2)"


# Random formulas, evaluated in parallel by Python.


class Binary(NamedTuple):
    sign: str
    left: Tree
    right: Tree


Tree: TypeAlias = "int | str | Binary"
Operations: TypeAlias = Mapping[str, Callable[[Any, Any], Any]]

ARITHMETIC: Operations = {"+": operator.add, "-": operator.sub, "*": operator.mul}
FORMULAS: Operations = {**ARITHMETIC, "//": operator.floordiv, "max": maximum, "min": minimum}
NUMBERS: Operations = {**ARITHMETIC, "//": operator.floordiv, "max": max, "min": min}
OF_SYMPY: Operations = {**ARITHMETIC, "//": lambda a, b: sympy.floor(sympy.sympify(a) / b)}

names = st.sampled_from(sorted(SYMBOLS))
divisors: st.SearchStrategy[Tree] = st.one_of(
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([*SYMBOLS, Binary("*", 2, "W"), Binary("+", "H", 1), Binary("*", "H", "W")]),
)
"""Trees that are at least 1, whatever the sizes are."""


def drawn_trees(*signs: str) -> st.SearchStrategy[Tree]:
    """Trees of numbers, symbols and these operations."""
    leaves: st.SearchStrategy[Tree] = st.one_of(names, names, st.integers(-9, 9))

    def larger(smaller: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        signed = {sign: st.builds(Binary, st.just(sign), smaller, smaller) for sign in signs}
        if "//" in signed:
            signed["//"] = st.builds(Binary, st.just("//"), smaller, st.one_of(divisors, st.integers(-6, -1)))
        return st.one_of(*signed.values())

    return st.recursive(leaves, larger, max_leaves=10)


trees = drawn_trees(*FORMULAS)


def drawn_environments(seed: int) -> list[Environment]:
    """Sizes of the symbols: all 1, and others, most of them small."""
    draw = random.Random(seed)
    limits = [*4 * [2, 5, 12, 40], 10**3, 10**6, 10**20]
    drawn = [{name: draw.randint(1, limit) for name in SYMBOLS} for limit in limits]
    return [dict.fromkeys(SYMBOLS, 1), *drawn]


environments = st.builds(drawn_environments, st.integers(0, 2**32))


def value(tree: Tree, names: Mapping[str, Any], operations: Operations) -> Any:
    """A tree in any arithmetic."""
    match tree:
        case Binary(sign, left, right):
            return operations[sign](value(left, names, operations), value(right, names, operations))
        case str():
            return names[tree]
    return tree


def built(tree: Tree) -> Dim:
    size: Dim = value(tree, SYMBOLS, FORMULAS)
    return size


def plain(tree: Tree, sizes: Environment) -> int:
    result: int = value(tree, sizes, NUMBERS)
    return result


def names_of(tree: Tree) -> set[str]:
    if isinstance(tree, Binary):
        return names_of(tree.left) | names_of(tree.right)
    return {tree} if isinstance(tree, str) else set()


@given(trees, environments)
@example(Binary("//", Binary("+", Binary("*", 3, "H"), 1), Binary("*", 2, "H")), drawn_environments(0))
def test_value(tree: Tree, sizes: list[Environment]) -> None:
    assert [at(built(tree), env) for env in sizes] == [plain(tree, env) for env in sizes]


@given(trees)
def test_a_formula_has_a_symbol(tree: Tree) -> None:
    size = built(tree)
    assert bool(symbols_in(size)) == (type(size) is Expr)
    assert symbols_in(size) <= names_of(tree)


@given(trees, environments, st.sets(names))
def test_values_of_some_symbols(tree: Tree, sizes: list[Environment], kept: set[str]) -> None:
    for env in sizes:
        part = at(built(tree), {name: env[name] for name in env.keys() - kept})
        assert symbols_in(part) <= kept
        assert at(part, env) == plain(tree, env)


@given(trees, divisors, environments)
def test_formulas_in_place_of_symbols(tree: Tree, instead: Tree, sizes: list[Environment]) -> None:
    substituted = at(built(tree), {"H": built(instead)})
    for env in sizes:
        assert at(substituted, env) == plain(tree, {**env, "H": plain(instead, env)})


def mirrored(tree: Tree, flips: random.Random) -> Tree:
    """The tree with the operands of some of its sums and products exchanged."""
    if not isinstance(tree, Binary):
        return tree
    operands = [mirrored(tree.left, flips), mirrored(tree.right, flips)]
    if tree.sign in {"+", "*"}:
        flips.shuffle(operands)
    return Binary(tree.sign, *operands)


H_AND_1, W_AND_1 = Binary("+", "H", 1), Binary("+", "W", 1)


@given(st.lists(trees, min_size=1, max_size=4), st.sampled_from("+*"), st.integers(0, 2**32))
def test_order_does_not_matter(operands: list[Tree], sign: str, seed: int) -> None:
    shuffle = random.Random(seed)
    others = [mirrored(tree, shuffle) for tree in operands]
    shuffle.shuffle(others)
    check_same(
        built(reduce(lambda a, b: Binary(sign, a, b), operands)),
        built(reduce(lambda a, b: Binary(sign, b, a), others)),
    )


@pytest.mark.parametrize(
    ("size", "again"),
    [
        (H * H * W + H * W * W, W * H * W + H * W * H),
        ((H // 2 + W // 4) * (H // 3), (H // 3) * (W // 4 + H // 2)),
        ((H // 2 + W // 4) * (W // 3) // 5, (W // 3) * (W // 4 + H // 2) // 5),
        ((H * H * W + H * W * W) * (H + 1), (1 + H) * (H * W * W + H * H * W)),
        ((maximum(H, W) - maximum(C, W)) // 2, (-maximum(W, C) + maximum(W, H)) // 2),
        (maximum(maximum(C, H), W), maximum(maximum(W, H), maximum(H, C))),
    ],
)
def test_order_does_not_matter_among_look_alikes(size: Dim, again: Dim) -> None:
    check_same(size, again)


def check_same(size: Dim, again: Dim) -> None:
    """The two are equal, and nobody reads how they were made."""
    assert size == again
    assert hash(size) == hash(again)
    assert (str(size), text(size, PLAIN)) == (str(again), text(again, PLAIN))


# What is the same in every run, though sets of texts have another order in each.
FIXED = """
from shapecalc.symbolic import maximum, minimum, symbol
C, H, W = map(symbol, "CHW")
print((maximum(C, W) - maximum(H, W)) // 2, maximum(W, minimum(H, C)), H*C + W*C + H*W, H*H*W + W*W*H)
print((H // 2 + W // 3) * (C // 3 + W // 2), (H * W + C * W - H * C) // 5, (C - H * W) * (H - W))
"""


def test_text_is_the_same_in_every_run() -> None:
    command = [sys.executable, "-c", FIXED]
    runs = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": str(seed)}, check=True, capture_output=True
        ).stdout
        for seed in range(6)
    ]
    assert len(set(runs)) == 1


# Stacks of sliding windows: one floor each, so that equality of form decides equality.


class Slide(NamedTuple):
    """A window as torch's documentation describes it, with the size that it states."""

    kernel: int
    stride: int
    padding: int
    dilation: int

    def size(self, n: Any) -> Any:
        return (n + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1


slides = st.builds(Slide, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
stacks = st.lists(slides, max_size=4)
LENGTHS = [*range(1, 3**4 + 1), *range(10**9, 10**9 + 3**4)]
"""Two stacks that agree here agree everywhere: their floors repeat after 3⁴ at the latest."""


def slid(n: Any, windows: list[Slide]) -> Any:
    return reduce(lambda size, window: window.size(size), windows, n)


@given(stacks, stacks)
@example([Slide(3, 2, 1, 1)], [Slide(1, 2, 0, 1)])
@example([Slide(2, 2, 0, 1), Slide(2, 3, 0, 1)], [Slide(3, 3, 0, 1), Slide(2, 2, 0, 1)])
@example([Slide(3, 2, 1, 1), Slide(2, 2, 0, 1)], [Slide(2, 2, 0, 1), Slide(3, 2, 1, 1)])
def test_stacks_are_equal_where_their_sizes_are(first: list[Slide], second: list[Slide]) -> None:
    same = all(slid(n, first) == slid(n, second) for n in LENGTHS)
    assert (slid(H, first) == slid(H, second)) == same


@given(stacks)
def test_a_stack_is_one_floor(windows: list[Slide]) -> None:
    assert str(slid(H, windows)).count("/") == (math.prod(window.stride for window in windows) > 1)


@given(
    st.builds(
        Window,
        st.integers(1, 7),
        st.integers(1, 5),
        *2 * [st.integers(0, 3)],
        st.integers(1, 3),
        st.booleans(),
    )
)
def test_a_window_on_a_formula(window: Window) -> None:
    """The sizes are those of numbers, and the condition says where there are any."""
    with collecting() as conditions:
        size = window.size(H)
    for n in range(1, 41):
        fits = all(condition.holds({"H": n}) for condition in conditions)
        assert (at(size, {"H": n}) if fits else None) == size_or_none(window, n)


def size_or_none(window: Window, n: int) -> Dim | None:
    try:
        return window.size(n)
    except ArchitectureError:
        return None


# What is known of formulas.


@given(trees, environments)
def test_bounds(tree: Tree, sizes: list[Environment]) -> None:
    low, high = least(built(tree)), greatest(built(tree))
    for env in sizes:
        assert low is None or low <= plain(tree, env)
        assert high is None or plain(tree, env) <= high


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [
        (7, 7, 7),
        (H + 2, 3, None),
        (5 - H, None, 4),
        (2 * H * W + W - 1, 2, None),
        (H - W, None, None),
        ((H + 3) * (W + 1), 8, None),
        ((H + 1) * (H + 1), 4, None),
        ((H - 5) * (W + 1), None, None),
        ((H - 7) // 4, -2, None),
        ((3 - H) // 4, None, 0),
        (H // W, 0, None),
        (maximum(H - W, 2), 2, None),
        (minimum(H + 1, W + 3), 2, None),
    ],
)
def test_bounds_that_are_known(size: Dim, low: int | None, high: int | None) -> None:
    assert (least(size), greatest(size)) == (low, high)


@given(trees, trees, environments)
def test_difference(first: Tree, second: Tree, sizes: list[Environment]) -> None:
    apart = difference(built(first), built(second))
    for env in sizes:
        assert at(apart, env) == plain(first, env) - plain(second, env)


@given(trees, trees, st.integers(1, 9), st.integers(1, 9), environments)
@example(3, Binary("*", 2, "H"), 1, 1, drawn_environments(0))
def test_ratio(tree: Tree, other: Tree, p: int, q: int, sizes: list[Environment]) -> None:
    part, whole = built(tree), built(other)
    if isinstance(part, Expr):
        assert ratio(p * part, q * part) == p / q
    constant = ratio(part, whole)
    for env in sizes if constant is not None else []:
        p, q = plain(tree, env), plain(other, env)
        assert (p / q == constant) if q else p == 0


@pytest.mark.parametrize(
    ("part", "whole", "constant"),
    [
        (6, 8, 0.75),
        (0, H, 0),
        (H, 0, None),
        (H, W, None),
        (H, H + 1, None),
        (2 * H, H, 2),
        (H, 2, None),
    ],
)
def test_ratios(part: Dim, whole: Dim, constant: float | None) -> None:
    assert ratio(part, whole) == constant


# sympy as the judge; not of min and max, since it takes Max(⌊−2/(H·W)⌋, −2) for −2.

OF_NAMES = {name: sympy.Symbol(name, integer=True, positive=True) for name in SYMBOLS}
FUNCTIONS = {"floor": sympy.floor, "ceil": sympy.ceiling}


def in_sympy(tree: Tree) -> Any:
    return sympy.sympify(value(tree, OF_NAMES, OF_SYMPY))


def points(expression: Any, sizes: list[Environment]) -> list[Any]:
    """sympy's values."""
    numbers = [{OF_NAMES[name]: sympy.Integer(n) for name, n in env.items()} for env in sizes]
    return [expression.xreplace(env) for env in numbers]


@given(drawn_trees(*OF_SYMPY), environments)
def test_sympy_agrees(tree: Tree, sizes: list[Environment]) -> None:
    assert [at(built(tree), env) for env in sizes] == points(in_sympy(tree), sizes)


@given(drawn_trees(*OF_SYMPY), environments)
def test_sympy_reads_the_form_for_programs(tree: Tree, sizes: list[Environment]) -> None:
    read = sympy.sympify(text(built(tree), PLAIN), locals=OF_NAMES | FUNCTIONS)
    assert [plain(tree, env) for env in sizes] == points(read, sizes)


@given(drawn_trees("+", "-", "*"))
@example(Binary("*", Binary("+", Binary("*", H_AND_1, W_AND_1), 1), W_AND_1))
def test_the_difference_of_equal_polynomials_is_0(tree: Tree) -> None:
    terms = sympy.Poly(in_sympy(tree), *OF_NAMES.values()).terms()
    multiplied_out: Dim = 0
    for powers, coefficient in terms:
        sizes = [size for size, power in zip(SYMBOLS.values(), powers, strict=True) for _ in range(power)]
        multiplied_out = multiplied_out + math.prod(sizes, start=int(coefficient))
    assert difference(built(tree), multiplied_out) == 0


# Other programs read the form for programs: a reader of Python's own syntax, with exact fractions.

IN_PYTHON: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}
CALLS: Mapping[str, Callable[..., Any]] = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}


def read(source: str, sizes: Environment) -> Any:
    return evaluated(ast.parse(source, mode="eval").body, sizes)


def evaluated(node: ast.expr, sizes: Environment) -> Any:
    match node:
        case ast.Constant(int(n)):
            return Fraction(n)
        case ast.Name(name):
            return Fraction(sizes[name])
        case ast.UnaryOp(ast.USub(), operand):
            return -evaluated(operand, sizes)
        case ast.BinOp(left, sign, right) | ast.Compare(left, [sign], [right]):
            return IN_PYTHON[type(sign)](evaluated(left, sizes), evaluated(right, sizes))
        case ast.Call(ast.Name(function), operands):
            return Fraction(CALLS[function](*[evaluated(operand, sizes) for operand in operands]))
    raise AssertionError(ast.dump(node))


@given(trees, environments)
def test_python_reads_the_form_for_programs(tree: Tree, sizes: list[Environment]) -> None:
    written = text(built(tree), PLAIN)
    assert [read(written, env) for env in sizes] == [plain(tree, env) for env in sizes]


@given(trees, environments)
def test_a_formula_with_numbers_put_in(tree: Tree, sizes: list[Environment]) -> None:
    for env in sizes:
        assert read(substituted(built(tree), env, PLAIN), {}) == plain(tree, env)


@given(trees)
def test_latex_is_balanced(tree: Tree) -> None:
    latex = text(built(tree), LATEX)
    assert latex.count(r"\left") == latex.count(r"\right") == latex.count(r"\frac")
    depths = list(itertools.accumulate({"{": 1, "}": -1}.get(character, 0) for character in latex))
    assert min(depths) >= 0
    assert depths[-1] == 0


# Conditions.

Check: TypeAlias = Callable[[Dim, Dim, str], bool]

CHECKS: Mapping[str, tuple[Check, Callable[[int, int], bool]]] = {
    AT_LEAST: (at_least, operator.ge),
    EQUAL: (equal, operator.eq),
    MULTIPLE: (multiple, lambda size, of: size % of == 0),
}


@st.composite
def demands(draw: st.DrawFn) -> tuple[str, Tree, Tree]:
    """What is demanded of random sizes; the second is often a number, or the first changed a little."""
    relation = draw(st.sampled_from(sorted(CHECKS)))
    size = draw(trees)
    if relation == MULTIPLE:
        return relation, size, draw(divisors)
    near = st.builds(Binary, st.sampled_from(["+", "*", "//"]), st.just(size), st.integers(1, 3))
    return relation, size, draw(st.one_of(st.integers(-20, 20), near, trees))


@given(demands(), environments)
@example((MULTIPLE, Binary("*", "H", "C"), Binary("*", 2, "W")), drawn_environments(0))
@example((MULTIPLE, "C", Binary("+", "H", 1)), drawn_environments(0))
def test_what_is_decided_and_recorded(demand: tuple[str, Tree, Tree], sizes: list[Environment]) -> None:
    relation, first, second = demand
    check, holds = CHECKS[relation]
    with collecting() as recorded:
        possible = check(built(first), built(second), "why")
    truths = [holds(plain(first, env), plain(second, env)) for env in sizes]
    if not possible:
        assert not any(truths)
    elif not recorded:
        assert all(truths)
    else:
        (condition,) = recorded
        assert condition.why == "why"
        assert condition.symbols <= names_of(first) | names_of(second)
        assert [condition.holds(env) for env in sizes] == truths
        assert [read(condition.ascii(), env) for env in sizes] == truths
    assert possible or not recorded


@pytest.mark.parametrize(
    ("check", "first", "second", "for_people", "for_programs"),
    [
        (at_least, H, 63, "H ≥ 63", "H >= 63"),
        (at_least, stack(H, *NIN), 1, "H ≥ 67", "H >= 67"),
        (at_least, -(-H // 2), 4, "H ≥ 7", "H >= 7"),
        (at_least, 3 * (H // 4) - 5, 2, "H ≥ 12", "H >= 12"),
        (at_least, H, W, "H − W ≥ 0", "H - W >= 0"),
        (at_least, 4, H, "H ≤ 4", "H <= 4"),
        (at_least, 5, H // 2, "⌊H/2⌋ ≤ 5", "floor(H/2) <= 5"),
        (at_least, 9, H + 2 * W, "H + 2⋅W ≤ 9", "H + 2*W <= 9"),
        (at_least, (H // 2) * (H // 2), 4, "⌊H/2⌋² ≥ 4", "floor(H/2)**2 >= 4"),
        (equal, 2 * (H // 4), H // 2, "2⋅⌊H/4⌋ = ⌊H/2⌋", "2*floor(H/4) == floor(H/2)"),
        (equal, 1, H, "H = 1", "H == 1"),
        (equal, H, 1, "H = 1", "H == 1"),
        (multiple, H * W, 784, "H⋅W divisible by 784", "H*W % 784 == 0"),
        (multiple, 6 * H + 8 * W + 4, 4, "H divisible by 2", "H % 2 == 0"),
        (multiple, 4 * H, 6, "2⋅H divisible by 3", "2*H % 3 == 0"),
        (multiple, H + W, 3, "H + W divisible by 3", "(H + W) % 3 == 0"),
        (multiple, C * H, 2 * W, "C⋅H divisible by 2⋅W", "C*H % (2*W) == 0"),
        (multiple, 12, W + 1, "12 divisible by W + 1", "12 % (W + 1) == 0"),
    ],
)
def test_recorded(check: Check, first: Dim, second: Dim, for_people: str, for_programs: str) -> None:
    with collecting() as recorded:
        assert check(first, second, "")
        assert check(first, second, "")
    assert [(str(one), one.ascii()) for one in recorded] == [(for_people, for_programs)]


@pytest.mark.parametrize(
    ("check", "first", "second", "verdict"),
    [
        (at_least, H, 1, True),
        (at_least, H + W // 2, H, True),
        (at_least, (H + 1) * (H + 1), 2 * H + 2, True),
        (at_least, 3 - H, 3, False),
        (at_least, 3, 4, False),
        (equal, (H + 1) * (W + 1), H * W + H + W + 1, True),
        (equal, stack(H, HALVES[0]), stack(H, HALVES[2]), True),
        (equal, H, H + 1, False),
        (equal, H, 0, False),
        (multiple, 4 * H + 8, 4, True),
        (multiple, (H + 1) * W, H + 1, True),
        (multiple, 12, 4, True),
        (multiple, 4 * H + 2, 4, False),
        (multiple, 12, 5, False),
    ],
)
def test_decided(check: Check, first: Dim, second: Dim, verdict: bool) -> None:
    with collecting() as recorded:
        assert check(first, second, "") is verdict
    assert recorded == []


def test_branches_may_be_repeated_along_an_axis_of_1() -> None:
    with collecting() as recorded:
        assert equal(H, W, "", or_one=True)
    (condition,) = recorded
    pairs = [(h, w) for h in range(1, 5) for w in range(1, 5)]
    assert [condition.permits({"H": h, "W": w}) for h, w in pairs] == [
        h == w or 1 in (h, w) for h, w in pairs
    ]
    assert [condition.holds({"H": h, "W": w}) for h, w in pairs] == [h == w for h, w in pairs]


def test_a_size_that_is_taken_not_to_be_1() -> None:
    with collecting() as recorded:
        assert [not_one(size, "") for size in (0, 1, 2, H + 1, H)] == [True, False, True, True, True]
    (condition,) = recorded
    assert str(condition) == "H ≥ 2"
    assert [(condition.holds({"H": n}), condition.permits({"H": n})) for n in (1, 2)] == [
        (False, True),
        (True, True),
    ]


few = st.sampled_from([H, W, H + 1, H * W])
bounds = st.one_of(st.integers(1, 6), few)
conditions = st.one_of(
    st.builds(Condition, few, st.just(MULTIPLE), bounds, st.just(""), st.just(False)),
    st.builds(Condition, few, st.sampled_from([AT_LEAST, EQUAL]), bounds, st.just(""), st.booleans()),
)


@given(st.lists(conditions, min_size=4, max_size=4))
def test_what_is_implied_holds(found: list[Condition]) -> None:
    sizes = [{"H": h, "W": w} for h in range(1, 9) for w in range(1, 9)]
    for one, other in itertools.product(found, repeat=2):
        if one.implies(other):
            assert all(other.permits(env) for env in sizes if one.permits(env))


def test_what_is_implied() -> None:
    bound = Condition(H, AT_LEAST, 67, "one window fits")
    assert bound.implies(bound._replace(right=35, why="", path="Conv2d[0]"))
    assert not bound._replace(right=35).implies(bound)
    assert not bound.implies(bound._replace(left=W))
    same = Condition(H, EQUAL, W, "the branches agree")
    assert same.implies(same._replace(or_one=True))
    assert not same._replace(or_one=True).implies(same)


# What formulas refuse.


@pytest.mark.parametrize(
    "operation",
    [
        bool,
        lambda size: size < 3,
        lambda size: size >= W,
        lambda size: max(size, 3),
        lambda size: sorted([size, W]),
        range,
        int,
        lambda size: [0, 1][size],
        lambda size: size % 2,
        lambda size: size / 2,
        lambda size: size**2,
        lambda size: size + 1.5,
        lambda size: 1.5 - size,
        lambda size: "H" * size,
        lambda size: size // 2.0,
        lambda size: 2.0 // size,
        number,
    ],
)
def test_what_is_no_formula_and_no_number(operation: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        operation(H)


def test_what_a_refusal_says() -> None:
    with pytest.raises(TypeError, match=r"the formula H \+ 1 has no truth value"):
        assert H + 1
    with pytest.raises(TypeError, match=r"H \+ 1 is a formula, not a number"):
        number(H + 1)
    assert number(7) == 7


@pytest.mark.parametrize("zero", [0, H - H, 0 * H])
def test_division_by_zero(zero: Dim) -> None:
    with pytest.raises(ZeroDivisionError):
        H // zero


@pytest.mark.parametrize(
    ("size", "result"),
    [
        (H - H, 0),
        (0 * H, 0),
        (H // 2 * 0, 0),
        (2 * H // H, 2),
        ((H + 1) - H, 1),
        ((3 * H + 3) // (H + 1), 3),
        (H // 2 - (H + 2) // 2, -1),
        (0 // H, 0),
        (at((H - 7) // 4, {"H": 5}), -1),
    ],
)
def test_what_cancels_is_a_number(size: Dim, result: int) -> None:
    assert type(size) is int
    assert size == result


def test_equality_is_of_formulas_alone() -> None:
    assert symbol("H") == H
    assert hash(symbol("H") + 1) == hash(H + 1)
    assert H != W
    assert H not in (1, "H", None)
    assert len({H // 2 + 1, (H + 2) // 2, (2 * H + 4) // 4}) == 1
