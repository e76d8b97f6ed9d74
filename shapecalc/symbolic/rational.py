"""`Rational`: an exact quotient that is no whole number, of numbers or of formulas; never a float.

Arithmetic on it gives a size again wherever the result is whole for all values of the symbols: 3/4 of 32 is
24, of 4⋅K is 3⋅K, and of K is the rational 3⋅K/4.
"""

from __future__ import annotations

from math import gcd, isqrt
from typing import TypeAlias

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic.expr import Dim, Expr, alone, factored
from shapecalc.symbolic.facts import maximum, minimum, reaches, symbols_in
from shapecalc.symbolic.notation import PLAIN, within_product
from shapecalc.symbolic.ordering import never_below

MADE_WHOLE = "floor(…), ceil(…) and round(…) make it whole"
"""What to do about a rational where a whole number is needed."""
_LONGEST_DECIMAL = 12
_GREATEST_LOG = 63


class Rational:
    """`over` / `by` in lowest terms, `by` at least 2; immutable and hashable, equal where both parts are."""

    __slots__ = ("by", "origin", "over")

    def __init__(self, over: Dim, by: int, origin: str = "") -> None:
        """For `quotient` alone, which knows whether the result is whole."""
        self.over = over
        self.by = by
        self.origin = origin
        """Where it comes from, in the words of the user's file, for errors; it has no part in equality."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rational) and (self.over, self.by) == (other.over, other.by)

    def __hash__(self) -> int:
        return hash((self.over, self.by))

    def __repr__(self) -> str:
        return f"Rational({self.over!r}, {self.by})"

    def __str__(self) -> str:
        if isinstance(self.over, int):
            return _decimal(self.over, self.by) or f"{self.over}/{self.by}"
        return f"{within_product(self.over, PLAIN)}/{self.by}"

    @property
    def explained(self) -> str:
        """Itself and what it came of, for errors: `24.75: width*33 with width 0.75`."""
        return f"{self}: {self.origin}"

    def __float__(self) -> float:
        """The nearest float of a number; TypeError of a formula."""
        if isinstance(self.over, int):
            return self.over / self.by
        raise TypeError(f"{self} is a formula, not a number")

    def __add__(self, other: Number) -> Number:
        over, by = parts(other)
        return quotient(self.over * by + over * self.by, self.by * by)

    __radd__ = __add__

    def __neg__(self) -> Rational:
        return Rational(-self.over, self.by)

    def __sub__(self, other: Number) -> Number:
        return self + -other

    def __rsub__(self, other: Number) -> Number:
        return -self + other

    def __mul__(self, other: Number) -> Number:
        over, by = parts(other)
        return quotient(self.over * over, self.by * by)

    __rmul__ = __mul__


Number: TypeAlias = "Dim | Rational"
"""What arithmetic gives: a size or, where the result is none, a rational."""


def quotient(over: Dim, by: int) -> Number:
    """over/by: a size where that is whole for all values of the symbols.

    Raises:
        ZeroDivisionError: `by` is 0.
    """
    if by == 0:
        raise ZeroDivisionError
    common = gcd(by, *([over] if isinstance(over, int) else over.terms.values()))
    common = -common if by < 0 else common
    over, by = over // common, by // common  # exact: each coefficient has the common divisor
    return over if by == 1 else Rational(over, by)


def exactly(value: float) -> Number:
    """The decimal that a float is written as: 0.1 is 1/10, not the nearest binary fraction."""
    digits, _, exponent = repr(value).partition("e")
    whole, _, decimals = digits.partition(".")
    power = int(exponent or 0) - len(decimals)
    return quotient(int(whole + decimals) * 10 ** max(power, 0), 10 ** max(-power, 0))


def parts(value: Number) -> tuple[Dim, int]:
    """Numerator and divisor; of a size, itself and 1."""
    return (value.over, value.by) if isinstance(value, Rational) else (value, 1)


def divided(first: Number, second: Number) -> Number:
    """first / second.

    Raises:
        ZeroDivisionError: `second` is 0.
        ArchitectureError: `second` has symbols, and the quotient is no formula with a number as divisor.
    """
    (a, by), (b, over) = parts(first), parts(second)
    a = a * over
    if isinstance(b, int):
        return quotient(a, by * b)
    refuse_zero(b)
    whole = a // b
    if whole * b != a:
        raise ArchitectureError(
            f"{first} can't be divided exactly by {second}, which is no number",
            hint="// divides and rounds down; / by a formula needs a quotient without one below it",
        )
    return quotient(whole, by)


def floored(first: Number, second: Number = 1) -> Dim:
    """⌊first / second⌋.

    Raises:
        ZeroDivisionError: `second` is 0.
        ArchitectureError: `second` may be 0.
    """
    (a, by), (b, over) = parts(first), parts(second)
    if isinstance(b, Expr):
        refuse_zero(b)
    return a * over // (b * by)


def refuse_zero(divisor: Dim) -> None:
    """Refuse a formula that may be below 1 as a divisor.

    Raises:
        ArchitectureError: it may.
    """
    if not reaches(divisor, 1):
        raise ArchitectureError(f"it may divide by zero: {divisor} is not always at least 1")


def modulo(first: Number, second: Number) -> Number:
    """first − second⋅⌊first / second⌋, which has the sign of `second`."""
    return first - second * floored(first, second)


def ceiled(value: Number) -> Dim:
    """⌈value⌉."""
    return -floored(-value)


def rounded(value: Number) -> Dim:
    """The nearest whole number, of two as near the even one, as Python's `round`.

    Raises:
        ArchitectureError: it depends on symbols which of two is the even one.
    """
    over, by = parts(value)
    nearest = (2 * over + by) // (2 * by)  # of two, the upper one
    if isinstance(nearest, int):
        return nearest - (nearest % 2 if 2 * nearest * by == 2 * over + by else 0)
    if by % 2 == 0:
        raise ArchitectureError(
            f"which way {value} is rounded depends on {', '.join(sorted(symbols_in(over)))}",
            hint="floor(…) and ceil(…) round a formula; or give numbers",
        )
    return nearest


def divisible(value: Number, by: Number, lowest: Number | None = None) -> Dim:
    """The multiple of `by` that is nearest, the upper one of two; at least `lowest`, and `by` without it.

    It is never below 9/10 of `value`: there the next multiple is taken. This is how MobileNet rounds channels
    (`_make_divisible` of TensorFlow's research/slim/nets/mobilenet and of torchvision.models).
    """
    if not isinstance(by, int) or by < 1:
        raise ArchitectureError(f"channels are made divisible by a whole number of at least 1, not by {by}")
    lowest = by if lowest is None else lowest
    if isinstance(lowest, Rational):
        raise ArchitectureError(f"the least number of channels is a whole number, not {lowest}")
    found = maximum(lowest, floored(value + quotient(by, 2), by) * by)
    over, divisor = parts(value)
    if reaches(over, 5 * by * divisor):  # at most by/2 is left off, which is no more than a tenth
        return found
    missing = 9 * over - 10 * divisor * found  # above 0 where found < 9/10 of value
    return found + by * minimum(1, maximum(0, missing))


def square_root(value: Number) -> Number:
    """The root of a square.

    Raises:
        ArchitectureError: it is the square of no whole number, quotient or formula.
    """
    over, by = parts(value)
    roots = _root(over), _root(by)
    if roots[0] is None or not isinstance(roots[1], int):
        raise ArchitectureError(f"{value} is no square, so that its root is no fraction")
    return quotient(roots[0], roots[1])


def _root(size: Dim) -> Dim | None:
    """The root of a size that is a square, of factors of which none is below 0; else None."""
    if isinstance(size, int):
        return isqrt(size) if size >= 0 and isqrt(size) ** 2 == size else None
    number, product = factored(size)
    root = _root(number)
    if root is None or any(power % 2 or not reaches(alone(factor), 0) for factor, power in product):
        return None
    result: Dim = root
    for factor, power in product:
        for _ in range(power // 2):
            result = result * alone(factor)
    return result


def rounded_log(value: Number, base: Number) -> int:
    """log(value)/log(base) as the nearest whole number, of two the even one; in whole arithmetic.

    It is the s for which base**(s − 1/2) ≤ value ≤ base**(s + 1/2), which squares compare exactly.

    Raises:
        ArchitectureError: a value is a formula, or has no logarithm, or it is too large.
    """
    from fractions import Fraction  # which few networks need

    if letters := letters_of(value, base):
        raise ArchitectureError(f"a logarithm is of numbers, not of {', '.join(letters)}")
    number, of = (Fraction(over, by) for over, by in (parts(value), parts(base)))  # type: ignore[arg-type]
    if number <= 0 or of <= 1:
        raise ArchitectureError(f"there is no logarithm of {value} to the base {base}")
    if number < 1:
        return -rounded_log(divided(1, value), base)
    square, half, found = number * number, of, 0
    while square > half or (square == half and found % 2):
        half, found = half * of * of, found + 1
        if found > _GREATEST_LOG:
            raise ArchitectureError(f"the logarithm of {value} to the base {base} is above {_GREATEST_LOG}")
    return found


def greater(first: Number, second: Number) -> Number:
    """The greater of two."""
    (a, over), (b, by) = parts(first), parts(second)
    return quotient(maximum(a * by, b * over), over * by)


def lesser(first: Number, second: Number) -> Number:
    """The lesser of two."""
    (a, over), (b, by) = parts(first), parts(second)
    return quotient(minimum(a * by, b * over), over * by)


def is_below(first: Number, second: Number) -> bool | None:
    """Whether first < second; None where it depends on symbols, or that is not known."""
    (a, over), (b, by) = parts(first), parts(second)
    a, b = a * by, b * over
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    if never_below(b, a + 1):
        return True
    return False if never_below(a, b) else None


def is_equal(first: Number, second: Number) -> bool | None:
    """Whether first = second; None where it depends on symbols, or that is not known."""
    below, above = is_below(first, second), is_below(second, first)
    if below or above:
        return False
    return True if below is False and above is False else None


def letters_of(*values: Number) -> list[str]:
    """The names of the symbols in values, sorted."""
    return sorted(symbols_in(*[parts(value)[0] for value in values]))


def _decimal(over: int, by: int) -> str | None:
    """over/by as a short decimal, None where there is none."""
    for digits in range(1, _LONGEST_DECIMAL + 1):
        if 10**digits % by == 0:
            whole, rest = divmod(abs(over) * 10**digits // by, 10**digits)
            return f"{'-' if over < 0 else ''}{whole}.{rest:0{digits}}"
    return None
