"""Expressions against Python's exact arithmetic, on random trees and in tables."""

from __future__ import annotations

import builtins
import decimal
import math
import operator
import random
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.language.expressions import parse_expression
from shapecalc.symbolic import Expr, at, symbol
from shapecalc.symbolic.rational import Rational, quotient
from shapecalc.tensors import LARGEST
from tests.dice import SEED, count

SCOPE: dict[str, int | float] = {
    "k": 3,
    "growth_rate": 32,
    "_n2": 0,
    "minimum": 1_000_003,
    "max1": 2**40,
    "width": 0.35,
    "round": 1.4,
    "order": 2.5,
}
LETTERS = ("K", "M")


OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EITHER, BOTH, NOT, COMPARISON, SUM, TERM, FACTOR = range(7)  # what binds tighter is larger
BINDING = {"or": EITHER, "and": BOTH, **dict.fromkeys(COMPARISONS, COMPARISON), "+": SUM, "-": SUM}


class Decimal(NamedTuple):
    text: str


class Binary(NamedTuple):
    sign: str
    left: Tree
    right: Tree


class Negative(NamedTuple):
    of: Tree


class Not(NamedTuple):
    of: Tree


class Call(NamedTuple):
    function: str
    operands: list[Tree]


Tree: TypeAlias = "int | str | Decimal | Binary | Negative | Not | Call"

numbers: st.SearchStrategy[Tree] = st.one_of(
    st.integers(0, 20),
    st.integers(0, LARGEST),
    st.sampled_from(["0.5", "0.75", "1.0", "2.50", "0.1", "0.125", "13.3"]).map(Decimal),
)
leaves: st.SearchStrategy[Tree] = st.one_of(numbers, st.sampled_from(sorted(SCOPE)))
small: st.SearchStrategy[Tree] = st.one_of(
    st.integers(0, 20), st.sampled_from(["0.5", "0.75"]).map(Decimal), st.sampled_from([*LETTERS, "K"])
)


def larger(smaller: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    calls = st.builds(Call, st.sampled_from(["min", "max"]), st.lists(smaller, min_size=1, max_size=3))
    one = st.builds(Call, st.sampled_from(["floor", "ceil", "round", "sqrt"]), st.tuples(smaller).map(list))
    channels = st.builds(Call, st.just("divisible"), st.tuples(smaller, st.integers(1, 16)).map(list))
    return st.one_of(
        st.builds(Binary, st.sampled_from(sorted(OPERATORS)), smaller, smaller),
        st.builds(Negative, smaller),
        calls,
        one,
        channels,
    )


def conditions(values: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def joined(smaller: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        return st.one_of(
            st.builds(Binary, st.sampled_from(["and", "or"]), smaller, smaller), st.builds(Not, smaller)
        )

    return st.recursive(
        st.builds(Binary, st.sampled_from(sorted(COMPARISONS)), values, values), joined, max_leaves=5
    )


trees = st.recursive(leaves, larger, max_leaves=10)
anything = st.one_of(trees, conditions(st.recursive(leaves, larger, max_leaves=4)))


def value(tree: Tree, scope: Any = SCOPE) -> Any:
    """Python's value of a tree, in fractions, or whether it holds.

    Raises:
        OverflowError: a part of a fraction could not be held in 64 bits.
        ArithmeticError: it has no value.
    """
    match tree:
        case int():
            result: Any = Fraction(tree)
        case str():
            result = Fraction(str(scope[tree]))
        case Decimal(text):
            result = Fraction(text)
        case Negative(of):
            result = -value(of, scope)
        case Not(of):
            return not value(of, scope)
        case Binary("and", left, right):
            return value(left, scope) and value(right, scope)
        case Binary("or", left, right):
            return value(left, scope) or value(right, scope)
        case Binary(sign, left, right):
            result = {**OPERATORS, **COMPARISONS}[sign](value(left, scope), value(right, scope))
        case Call(function, operands):
            result = FUNCTIONS[function](*[value(operand, scope) for operand in operands])
    if isinstance(result, bool):
        return result
    result = Fraction(result)
    if abs(result.numerator) > LARGEST or result.denominator > LARGEST:
        raise OverflowError
    return result


def root(square: Fraction) -> Fraction:
    if square < 0:
        raise ArithmeticError("no square")
    found = Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
    if found**2 != square:
        raise ArithmeticError("no square")
    return found


def make_divisible(v: Fraction, divisor: Fraction, min_value: Fraction | None = None) -> Fraction:
    """torchvision.models._utils._make_divisible, line for line, on fractions in place of floats.

    Where torchvision truncates, which it does to channels alone, a value below 0 is rounded down here.
    """
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, math.floor(v + divisor / 2) // divisor * divisor)
    if new_v < Fraction(9, 10) * v:
        new_v += divisor
    return new_v


FUNCTIONS: dict[str, Any] = {
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "sqrt": root,
    "divisible": make_divisible,
}


class Printer:
    """A tree as text, with spaces and parentheses as `draw` wishes, and those that it needs."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def space(self) -> str:
        return self.draw(st.sampled_from(["", "", " ", "  ", "\t"]))

    def text(self, tree: Tree, least: int = EITHER) -> str:
        """The tree where something that binds as tightly as `least` may stand."""
        binding, bare = self.bare(tree)
        wrapped = binding < least or self.draw(st.integers(0, 4)) == 0
        return f"({self.space()}{bare}{self.space()})" if wrapped else bare

    def bare(self, tree: Tree) -> tuple[int, str]:
        match tree:
            case Decimal(text):
                return FACTOR, text
            case Negative(of):
                return FACTOR, f"-{self.space()}{self.text(of, FACTOR)}"
            case Not(of):
                return NOT, f"not {self.space()}{self.text(of, NOT)}"
            case Binary(sign, left, right):
                binding = BINDING.get(sign, TERM)
                # Comparisons are not written in a row.
                texts = self.text(left, binding + (binding == COMPARISON)), self.text(right, binding + 1)
                between = " " if sign.isalpha() else ""
                return binding, f"{between}{self.space()}{sign}{self.space()}{between}".join(texts)
            case Call(function, operands):
                listed = f"{self.space()},{self.space()}".join(map(self.text, operands))
                return FACTOR, f"{function}{self.space()}({listed})"
        return FACTOR, str(tree)


@st.composite
def printed_trees(draw: st.DrawFn, of: st.SearchStrategy[Tree] = anything) -> tuple[Tree, str]:
    tree = draw(of)
    return tree, Printer(draw).text(tree)


def as_fraction(found: Any) -> Any:
    """A value of the language as one of Python, which is whole where it is an `int`."""
    if isinstance(found, bool):
        return found
    if isinstance(found, Rational):
        assert isinstance(found.over, int)
        assert (math.gcd(found.over, found.by), found.by > 1) == (1, True)
        return Fraction(found.over, found.by)
    return Fraction(str(found))  # of a bare name, a float is handed on


def is_long(text: str) -> bool:
    return len(text) > 500


@given(printed_trees().filter(lambda printed: not is_long(printed[1])))
@example((Binary("-", Binary("-", 10, 4), 3), "10-4-3"))
@example((Binary("*", Binary("//", 7, 2), 2), "7//2*2"))
@example((Binary("//", Negative(7), 2), "-7//2"))
@example((Binary("/", 1, Binary("-", "k", 3)), "1/(k - 3)"))
@example((Call("sqrt", [Decimal("0.25")]), "sqrt(0.25)"))
@example((Not(Binary("==", "k", 3)), "not k == 3"))
@example(
    (
        Binary("or", Binary("<", 1, 2), Binary("and", Binary("<", 2, 1), Binary("<", 2, 1))),
        "1<2 or 2<1 and 2<1",
    )
)
def test_value_is_pythons(printed: tuple[Tree, str]) -> None:
    tree, text = printed
    try:
        expected = value(tree)
    except ArithmeticError as error:
        refusals = {ZeroDivisionError: "divides", OverflowError: "too large|too fine"}
        with pytest.raises(ArchitectureError, match=refusals.get(type(error), "no square")):
            parse_expression(text)(SCOPE)
    else:
        found = parse_expression(text)(SCOPE)
        assert as_fraction(found) == expected
        assert isinstance(found, (bool, Rational)) or found in SCOPE.values() or type(found) is int


sizes = st.integers(1, 60)


@given(
    printed_trees(
        st.one_of(*[f(st.recursive(small, larger, max_leaves=6)) for f in (lambda x: x, conditions)])
    ),
    sizes,
    sizes,
)
@example((Call("divisible", [Binary("*", Decimal("0.75"), "K"), 8]), "divisible(0.75*K, 8)"), 10, 1)
@example((Binary("<=", Binary("/", "K", 2), "K"), "K/2 <= K"), 1, 1)
def test_with_letters_it_is_what_it_is_with_numbers(printed: tuple[Tree, str], k: int, m: int) -> None:
    tree, text = printed
    try:
        general = parse_expression(text)({letter: symbol(letter) for letter in LETTERS})
    except ArchitectureError:
        return  # it depends on them, or what has no value for some of them
    given = {"K": k, "M": m}
    expected = value(tree, given)
    if isinstance(general, bool):
        assert general is expected
    else:
        over, by = (general.over, general.by) if isinstance(general, Rational) else (general, 1)
        assert Fraction(number_at(over, given), by) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.1)
@example(1e-12)
@example(2.5e3)
@example(-0.0)
def test_a_float_is_the_decimal_that_it_is_written_as(x: float) -> None:
    written = Fraction(repr(x))
    if max(abs(written.numerator), written.denominator) > LARGEST:
        with pytest.raises(ArchitectureError, match=r"too large|too fine"):
            parse_expression("x + 0")({"x": x})
    else:
        assert as_fraction(parse_expression("x + 0")({"x": x})) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + 0", "'x + 0': {0} is no number to calculate with"),
        ("x == 1", "'x == 1': {0} is no number to calculate with"),
        ("floor(x)", "'floor(x)': {0} is no number to calculate with"),
    ],
)
@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_what_is_no_decimal_is_no_number(text: str, message: str, x: float) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_expression(text)({"x": x})
    assert caught.value.message == message.format({math.inf: ".inf", -math.inf: "-.inf"}.get(x, x))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("divisible(20, 0)", "channels are made divisible by a whole number of at least 1, not by 0"),
        ("divisible(20, 0.5)", "channels are made divisible by a whole number of at least 1, not by 0.5"),
        ("divisible(20, K)", "channels are made divisible by a whole number of at least 1, not by K"),
        ("divisible(20, 8, 0.5)", "the least number of channels is a whole number, not 0.5"),
        ("rounded_log(0, 2)", "there is no logarithm of 0 to the base 2"),
        ("rounded_log(8, 1)", "there is no logarithm of 8 to the base 1"),
        ("rounded_log(K, 2)", "a logarithm is of numbers, not of K"),
        ("rounded_log(2, 1.001)", "the logarithm of 2 to the base 1.001 is above 63"),
        ("sqrt(2)", "2 is no square, so that its root is no fraction"),
        ("sqrt(1/2)", "0.5 is no square, so that its root is no fraction"),
        ("sqrt(-4)", "-4 is no square, so that its root is no fraction"),
        ("sqrt(K)", "K is no square, so that its root is no fraction"),
        ("sqrt((K - 5)*(K - 5))", "(K − 5)² is no square, so that its root is no fraction"),
        ("round(K/2)", "which way K/2 is rounded depends on K"),
        ("1/K", "1 can't be divided exactly by K, which is no number"),
        ("1/(K - 1)", "it may divide by zero: K − 1 is not always at least 1"),
        ("K % (K - 1)", "it may divide by zero: K − 1 is not always at least 1"),
        ("1/3/9223372036854775807", "it is too fine a fraction: its parts stay below 2**63"),
    ],
)
def test_what_has_no_exact_value(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_expression(text)({"K": symbol("K")})
    assert caught.value.message == f"{text!r}: {message}"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("rounded_log(90, 10)", 2),
        ("rounded_log(1, 2.54)", 0),
        ("rounded_log(1/90, 10)", -2),
        ("rounded_log(2, 4)", 0),
        ("rounded_log(8, 4)", 2),
        ("rounded_log(1/8, 4)", -2),
        ("rounded_log(2**62, 2)", 62),
    ],
)
def test_logarithms_of_two_the_even_one(text: str, result: int) -> None:
    assert parse_expression(text)({}) == result


def test_logarithms_are_those_of_many_digits() -> None:
    dice = random.Random(SEED)
    expression = parse_expression("rounded_log(x, b)")
    with decimal.localcontext(prec=60):
        for _ in range(count(300, 100_000)):
            x, b = dice.randint(1, 10**6) / 1000, dice.randint(1200, 9000) / 1000
            exact = decimal.Decimal(str(x)).ln() / decimal.Decimal(str(b)).ln()
            assert expression({"x": x, "b": b}) == exact.to_integral_value(decimal.ROUND_HALF_EVEN), (x, b)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("3*K/4*4", "3⋅K"),
        ("4*K/2 + 1", "2⋅K + 1"),
        ("6*K*M/(2*K)", "3⋅M"),
        ("floor(3*K/4)", "⌊3⋅K/4⌋"),
        ("ceil(K/2) + floor(K/2)", "⌈K/2⌉ + ⌊K/2⌋"),
        ("round(K/3)", "⌊(K + 1)/3⌋"),
        ("sqrt(K*K/4)", "K/2"),
        ("sqrt(9*K*K)", "3⋅K"),
        ("divisible(8*K, 8)", "8⋅K"),
        ("divisible(10*(K + 1), 4)", "8⋅K + 4⋅⌊K/2⌋ + 12"),
        ("divisible(K, 2)", "2⋅⌈K/2⌉ + 2⋅min(1, max(0, 9⋅K − 20⋅⌈K/2⌉))"),
        ("K % 4 - K", "−4⋅⌊K/4⌋"),
        ("max(K/2, K)", "K"),
        ("min(3/4, K)", "0.75"),
    ],
)
def test_with_letters(text: str, result: str) -> None:
    assert str(parse_expression(text)({letter: symbol(letter) for letter in LETTERS})) == result


def number_at(size: int | Expr, sizes: dict[str, int]) -> int:
    found = at(size, sizes)
    assert type(found) is int
    return found


def names(tree: Tree) -> set[str]:
    match tree:
        case str():
            return {tree}
        case Negative(of) | Not(of):
            return names(of)
        case Binary(_, left, right):
            return names(left) | names(right)
        case Call(_, operands):
            return set[str]().union(*map(names, operands))
    return set()


@given(printed_trees())
def test_names_are_those_of_the_tree(printed: tuple[Tree, str]) -> None:
    tree, text = printed
    assert is_long(text) or parse_expression(text).names == names(tree)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("2*3+4", 10),
        ("10-4-3", 3),
        ("10-(4-3)", 9),
        ("10-4+3", 9),
        ("100//7//2", 7),
        ("100//(7//2)", 33),
        ("7//2*2", 6),
        ("7*2//2", 7),
        ("2*7//4", 3),
        ("-7//2", -4),
        ("-(7//2)", -3),
        ("7//-2", -4),
        ("-7//-2", 3),
        ("0-7//2", -3),
        ("2--3", 5),
        ("2*-3", -6),
        ("--3", 3),
        ("-k*k", -9),
        ("min(3, 1+1, 5)", 2),
        ("max(min(9, 4), 2*1)", 4),
        ("min(7)", 7),
        ("2*max(1, k)//4", 1),
        (" 4 * k ", 12),
        ("minimum-max1//max1", 1_000_002),
        ("0", 0),
        (str(LARGEST), LARGEST),
    ],
)
def test_precedence_and_association(text: str, result: int) -> None:
    assert parse_expression(text)(SCOPE) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a number or a name is missing in ''"),
        ("   ", "a number or a name is missing in '   '"),
        ("1 +", "a number or a name is missing in '1 +'"),
        ("+1", "a number or a name is missing before '+' in '+1'"),
        ("2***3", "a number or a name is missing before '*' in '2***3'"),
        ("1 /", "a number or a name is missing in '1 /'"),
        ("7 %% 2", "a number or a name is missing before '%' in '7 %% 2'"),
        ("1.", "unexpected '.' in '1.'"),
        (".5", "unexpected '.' in '.5'"),
        ("1.5.2", "unexpected '.' in '1.5.2'"),
        ("00.5", "00.5: a number has no leading zeros in '00.5'"),
        ("a[0]", "unexpected '[' in 'a[0]'"),
        ("a.", "unexpected '.' in 'a.'"),
        ("a.-1", "unexpected '.' in 'a.-1'"),
        ("a.01", "01: a number has no leading zeros in 'a.01'"),
        ("f(1)", "unexpected '(' in 'f(1)'"),
        ("2(3)", "unexpected '(' in '2(3)'"),
        ("__import__('os')", "unexpected '(' in \"__import__('os')\""),
        ("a if b else c", "unexpected 'if' in 'a if b else c'"),
        ("a < b < c", "comparisons in a row in 'a < b < c'"),
        ("a == b != c", "comparisons in a row in 'a == b != c'"),
        ("a <", "a number or a name is missing in 'a <'"),
        ("a and", "a number or a name is missing in 'a and'"),
        ("a or and b", "a number or a name is missing before 'and' in 'a or and b'"),
        ("a not b", "unexpected 'not' in 'a not b'"),
        ("1 + not a", "a number or a name is missing before 'not' in '1 + not a'"),
        ("a && b", "unexpected '&' in 'a && b'"),
        ("!a", "unexpected '!' in '!a'"),
        ("a == 'b", 'unexpected "\'" in "a == \'b"'),
        ('a == "b"', "unexpected '\"' in 'a == \"b\"'"),
        ("sqrt(1, 2)", "sqrt of 2 values in 'sqrt(1, 2)'"),
        ("divisible(8)", "divisible of 1 value in 'divisible(8)'"),
        ("a = 1", "unexpected '=' in 'a = 1'"),
        ("lambda: 0", "unexpected ':' in 'lambda: 0'"),
        ("a; b", "unexpected ';' in 'a; b'"),
        ("1, 2", "unexpected ',' in '1, 2'"),
        ("2 3", "unexpected '3' in '2 3'"),
        ("4k", "unexpected 'k' in '4k'"),
        ("1_000", "unexpected '_000' in '1_000'"),
        ("0x10", "unexpected 'x10' in '0x10'"),
        ("007", "007: a number has no leading zeros in '007'"),
        ("(1", "')' is missing in '(1'"),
        ("1)", "unexpected ')' in '1)'"),
        ("()", "a number or a name is missing before ')' in '()'"),
        ("min()", "a number or a name is missing before ')' in 'min()'"),
        ("min(1,)", "a number or a name is missing before ')' in 'min(1,)'"),
        ("max(1, 2", "')' is missing in 'max(1, 2'"),
        ("min 1", "unexpected '1' in 'min 1'"),
        ("²", "unexpected '²' in '²'"),
        ("1" * 501, "an expression of 501 characters; 500 are allowed"),
        ("99999999999999999999", "a number that is too large in '99999999999999999999'"),
        ("(" * 41 + "1" + ")" * 41, None),
        ("-" * 41 + "1", None),
    ],
)
def test_refusals(text: str, message: str | None) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_expression(text)
    if message:
        assert caught.value.message == message
    else:
        assert "levels of nesting" in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 // (k - 3)", "'1 // (k - 3)': it divides 1 by zero"),
        ("max1 * max1", "'max1 * max1': it is too large: sizes stay below 2**63"),
        ("word + 1", "'word + 1': same is no number"),
        ("-flag", "'-flag': true is no number"),
        ("max(nothing, 1)", "'max(nothing, 1)': null is no number"),
        ("k.0", "'k.0': k is no list, but 3"),
        ("widths.3", "'widths.3': widths has 3 values"),
        ("one.1 + 1", "'one.1 + 1': one has 1 value"),
        ("widths + 1", "'widths + 1': [8, 16, 32] is no number"),
        ("pairs.0 + 1", "'pairs.0 + 1': [1, 2] is no number"),
    ],
)
def test_refusals_in_a_scope(text: str, message: str) -> None:
    lists = {"widths": (8, 16, 32), "one": (4,), "pairs": ((1, 2),)}
    scope = {**SCOPE, "word": "same", "half": 0.5, "flag": True, "nothing": None, **lists}
    with pytest.raises(ArchitectureError) as caught:
        parse_expression(text)(scope)
    assert caught.value.message == message


@pytest.mark.parametrize("stands_for", ["same", True, 0.5, None, (3, 5)])
def test_a_bare_name_hands_on_what_it_stands_for(stands_for: object) -> None:
    assert parse_expression(" padding ")({"padding": stands_for}) is stands_for


@pytest.mark.parametrize("index", range(4))
def test_an_item_of_a_list_is_pythons(index: int) -> None:
    widths = (8, 16, "same", (3, 5))
    assert parse_expression(f"widths.{index}")({"widths": widths}) is widths[index]
    expression = parse_expression(f"2 * widths.{index % 2} // k")
    assert expression.names == {"widths", "k"}
    assert expression({"widths": widths, "k": 3}) == 2 * (8, 16)[index % 2] // 3


@pytest.mark.parametrize(
    "text", ["__import__('os').getcwd()", "out_channels.real", "print(1)", "[1 for x in y]", "1 and 2"]
)
def test_text_in_a_file_is_no_program(text: str) -> None:
    with pytest.raises(ArchitectureError):
        shapecalc.parse(f'input: 1x4\nlayers: [{{Linear: "{text}"}}]\n')


def test_nothing_is_given_to_eval(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("text was taken for a program")

    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(builtins, name, refuse)
    assert parse_expression.__wrapped__("2 * (k + max(1, k)) // -5")({"k": 3}) == -3


@given(st.fractions(-9, 9, max_denominator=5), st.integers(-6, 6))
def test_a_power_is_pythons(base: Fraction, exponent: int) -> None:
    """Of fractions too, with the binding of Python: -2**2 is -4, 2**3**2 is 2**9."""
    scope = {"b": quotient(base.numerator, base.denominator), "n": exponent}
    for text in ("b**n", "-b**n", "2*b**n + 1", "b**-n", "b**n**2", "(b**n)**2", "b**abs_n", "b*2**abs_n"):
        given = {**scope, "abs_n": abs(exponent)}
        expected = {"b": base, "n": exponent, "abs_n": abs(exponent)}
        try:
            value = Fraction(eval(text, {}, expected))  # a text of these seven
        except ZeroDivisionError:
            with pytest.raises(ArchitectureError, match="no power below 0"):
                parse_expression(text)(given)
            continue
        if max(abs(value.numerator), value.denominator) > LARGEST:
            with pytest.raises(ArchitectureError, match=r"too large|too fine"):
                parse_expression(text)(given)
        else:
            assert as_fraction(parse_expression(text)(given)) == value


@given(st.integers(1, 30), st.integers(0, 5))
def test_a_power_of_letters_is_that_of_numbers(k: int, exponent: int) -> None:
    found = parse_expression("(2*K - 1)**n")({"K": symbol("K"), "n": exponent})
    assert number_at(found, {"K": k}) == (2 * k - 1) ** exponent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2**63", "it is too large: sizes stay below 2**63"),
        ("2**0.5", "an exponent is a whole number, not 0.5"),
        ("2**K", "an exponent is a whole number, not K"),
        ("1**1000", "an exponent is at most 63, not 1000"),
        ("K**9", "an exponent is at most 8, not 9"),
        ("0**-1", "0 has no power below 0"),
        ("K**-1", "1 can't be divided exactly by K, which is no number"),
    ],
)
def test_what_is_no_power(text: str, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_expression(text)({"K": symbol("K")})
    assert caught.value.message == f"'{text}': {message}"
