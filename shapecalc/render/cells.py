"""Values as the text of a cell: shapes, counts with commas, shares, bytes in their units."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import floor, log10

from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, ratio
from shapecalc.symbolic.notation import GROUPED, shape_text, within_product
from shapecalc.symbolic.notation import text as formula

UNKNOWN = "unknown"
PEAK = "peak"
"""What stands before the most bytes alive at once; a bound of one says so, and in which direction."""


def of_these(bound: str) -> str:
    """A peak, or a bound of one, that is the greatest of several."""
    return f"{bound}{',' * (bound == PEAK)} the greatest of these"


def plain(value: object) -> str:
    return "" if value is None else str(value)


# The rows of a network that repeats its blocks have few different formulas.
_of_shape = lru_cache(maxsize=10_000)(shape_text)


@lru_cache(maxsize=10_000)
def _of_formula(value: Expr) -> str:
    return formula(value, GROUPED)


def shape(value: object) -> str:
    """A shape as it is printed everywhere; nothing of nothing."""
    return _of_shape(value) if isinstance(value, tuple) else plain(value)


def count(value: object) -> str:
    """A whole number with separators: 1,992,166; a formula with such numbers; what is unknown as that."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, Expr):
        return _of_formula(value)
    return formula(value, GROUPED) if isinstance(value, int) else plain(value)


def how_many(number: Dim | str, word: str) -> str:
    """So many of a thing: 1 step, 2 steps, N steps."""
    return f"{count(number)} {word}{'s'[: number != 1]}"


def signed(value: object) -> str:
    """A difference of counts, with its sign."""
    return f"+{count(value)}" if isinstance(value, int) and value > 0 else count(value)


def percent(value: object) -> str:
    """A share from 0 to 1 in percent; nothing of nothing, and no 0.0% of something."""
    if not isinstance(value, float) or not value:
        return ""
    return f"{100 * value:.1f}%" if value >= 0.0005 else "<0.1%"


def share(part: Dim | Unknown, whole: Dim | Unknown) -> float | None:
    """The part of the whole, None where it is unknown or differs from input to input."""
    if isinstance(part, Unknown) or isinstance(whole, Unknown):
        return None
    return 0.0 if part == 0 else ratio(part, whole)


def per_axis(value: object) -> str:
    """One axis: a size, 188-204 where it differs from element to element, ? where it is unknown."""
    if isinstance(value, range):
        return f"{value.start}-{value.stop}"
    return "?" if value is None else str(value)


def size(number: Dim | Unknown | None) -> str:
    """Bytes in the unit that suits them, 7.60 MiB; nothing of nothing."""
    if isinstance(number, Unknown):
        return UNKNOWN
    return "" if number is None else _scaled(number, "B", 1024, ("Ki", "Mi", "Gi", "Ti"), ",")


def size_left(number: int | None) -> str:
    """Bytes that are left, below 0 of what is missing."""
    return f"−{size(-number)}" if number is not None and number < 0 else size(number)


PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
"""By the power of 10."""


def duration(seconds: object) -> str:
    """Seconds in the unit that suits them, with three digits: 31.3 µs; nothing of nothing."""
    from fractions import Fraction  # which few tables need

    if not isinstance(seconds, Fraction):
        return ""
    if not seconds:
        return "0 s"
    power = max(min(3 * floor(log10(seconds) / 3), 0), min(PREFIXES))
    scaled = seconds / Fraction(10) ** power
    return f"{float(scaled):,.{min(max(0, 2 - floor(log10(scaled))), 3)}f} {PREFIXES[power]}s"


def hundredths(number: object) -> str:
    """A fraction with two decimals; nothing of nothing."""
    from fractions import Fraction  # which few tables need

    return f"{float(number):,.2f}" if isinstance(number, Fraction) else ""


def short(number: Dim, unit: str) -> str:
    """A count in thousands, millions or billions: 762.30 MMACs."""
    return _scaled(number, unit, 1000, "kMGTP", "")


def _scaled(number: Dim, unit: str, base: int, prefixes: Sequence[str], separator: str) -> str:
    """A number with its unit, behind the prefix of the highest power of the base that is not above it."""
    if not isinstance(number, int):
        return f"{within_product(number, GROUPED)} {unit}"
    power = sum(number >= base ** (1 + place) for place in range(len(prefixes)))
    if not power:
        return f"{number} {unit}"
    return f"{_hundredths(number, base**power, separator)} {prefixes[power - 1]}{unit}"


def _hundredths(number: int, unit: int, separator: str) -> str:
    """number/unit with two decimals, in whole numbers: one of floating point can't be as large as a count."""
    whole, rest = divmod(100 * number, unit)
    whole += 2 * rest > unit or (2 * rest == unit and whole % 2)
    return f"{whole // 100:{separator}}.{whole % 100:02}"


NUMBERS = (count, signed, percent, size, size_left, duration, hundredths)
"""What writes numbers, which stand to the right of a column."""
