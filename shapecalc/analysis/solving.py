"""Conditions on formulas, solved for their symbols.

A size of a network is linear but for its floors: slope · n plus an error that repeats with a period. So a
condition on one symbol is decided for all numbers by a look at finitely many of them; a product of such
sizes of several symbols comes apart into its divisors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product as every_choice
from math import ceil, gcd, isqrt, lcm
from typing import NamedTuple, TypeAlias

from shapecalc.analysis.sizesets import EVERY, SizeSet
from shapecalc.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from shapecalc.symbolic import Dim, Expr, at, difference, number, symbol, symbols_in
from shapecalc.symbolic.terms import Extreme, Factor, Floor, Symbol

Box: TypeAlias = Mapping[str, SizeSet]
"""Symbol → the sizes that it may have, whatever the others are; one that is missing may have any."""

_MOST_LOOKED_AT = 200_000
_MOST_BOXES = 2_000
_LARGEST_FACTORED = 10**12


def solve(condition: Condition) -> list[Box] | None:
    """The inputs that permit a condition, as a union of boxes; None where it has no such form."""
    symbols = sorted(condition.symbols)
    if not symbols:
        return [{}] if condition.permits({}) else []
    if len(symbols) == 1:
        found = _of_one_symbol(condition, symbols[0])
        return None if found is None else [{symbols[0]: found}] if found else []
    return _of_several(condition)


def both(first: Sequence[Box], second: Sequence[Box]) -> list[Box] | None:
    """The intersection of two unions of boxes; None where it would be a list too long to read."""
    if len(first) * len(second) > _MOST_BOXES:
        return None
    boxes: list[Box] = []
    for one, other in every_choice(first, second):
        if any(
            max(one[name].extent_with(other[name])) > _MOST_LOOKED_AT for name in one.keys() & other.keys()
        ):
            return None
        box = {name: one.get(name, EVERY) & other.get(name, EVERY) for name in {**one, **other}}
        if all(box.values()) and box not in boxes:
            boxes.append(box)
    return boxes


class _Linear(NamedTuple):
    """slope · n + e(n), where e has that period and stays within `low` and `high`."""

    slope: Fraction
    low: Fraction
    high: Fraction
    period: int


def _linear(size: Dim) -> _Linear | None:
    """The course of a size with one symbol, None where it is not linear but for floors."""
    if isinstance(size, int):
        return _Linear(Fraction(0), Fraction(size), Fraction(size), 1)
    slope, low, high, period = Fraction(0), Fraction(0), Fraction(0), 1
    for product, coefficient in size.terms.items():
        part = _Linear(Fraction(0), Fraction(1), Fraction(1), 1) if not product else _linear_product(product)
        if part is None:
            return None
        ends = sorted((coefficient * part.low, coefficient * part.high))
        slope, low, high = slope + coefficient * part.slope, low + ends[0], high + ends[1]
        period = lcm(period, part.period)
    return _Linear(slope, low, high, period)


def _linear_product(product: frozenset[tuple[Factor, int]]) -> _Linear | None:
    (factor, power), *others = product
    if others or power != 1:
        return None
    match factor:
        case Symbol():
            return _Linear(Fraction(1), Fraction(0), Fraction(0), 1)
        case Floor(over, int(by)):
            inner = _linear(over)
            if inner is None:
                return None
            # f(n + P) = f(n) + slope · P: the quotient repeats once the divisor divides what is added.
            period = inner.period * by // gcd(by, int(inner.slope * inner.period))
            return _Linear(inner.slope / by, (inner.low - by + 1) / by, inner.high / by, period)
        case Expr():
            return _linear(factor)
    return None


def _of_one_symbol(condition: Condition, name: str) -> SizeSet | None:
    left, relation, right = condition[:3]
    if left == symbol(name) and isinstance(right, int) and relation != MULTIPLE and not condition.or_one:
        bound = max(1, right)
        if relation == AT_LEAST:
            return SizeSet(frozenset(), bound, 1, frozenset({0}))
        return SizeSet(frozenset({right}) if right >= 1 else frozenset(), bound + 1, 1, frozenset())
    extent = _extent(condition)
    if extent is None or sum(extent) > _MOST_LOOKED_AT:
        return None
    return SizeSet.where(lambda n: condition.permits({name: n}), *extent)


def _extent(condition: Condition) -> tuple[int, int] | None:
    """From where on, and with which period, a condition on one symbol repeats."""
    left, relation, right = condition[:3]
    if relation == MULTIPLE:
        if not isinstance(right, int):
            return None
        period = _period_modulo(left, right)
        return None if period is None else (1, period)
    pairs = [(left, right), (left, 1), (right, 1)] if condition.or_one else [(left, right)]
    extents = [_settled(difference(a, b)) for a, b in pairs]
    known = [extent for extent in extents if extent is not None]
    if len(known) < len(extents):
        return None
    return max(start for start, _ in known), lcm(*(period for _, period in known))


def _period_modulo(size: Dim, of: int) -> int | None:
    """The period of a size's remainder."""
    course = _linear(size)
    if course is not None:
        return course.period * of // gcd(of, int(course.slope * course.period))
    assert isinstance(size, Expr)
    period = 1
    for factor in (factor for product in size.terms for factor, _ in product):
        own = _period_modulo(factor, of) if isinstance(factor, Expr) else None
        course = _linear(_alone(factor))
        if course is not None:
            own = course.period * of // gcd(of, int(course.slope * course.period))
        if own is None:
            return None
        period = lcm(period, own)
    return period


def _settled(size: Dim) -> tuple[int, int] | None:
    """From where on, and with which period, the sign of a size repeats."""
    course = _linear(size)
    if course is None:
        end = _end_of_growth(size)
        return None if end is None else (end, 1)
    if course.slope == 0:
        return 1, course.period
    furthest = -course.low if course.slope > 0 else course.high
    return max(1, ceil(furthest / abs(course.slope)) + 1), 1


def _end_of_growth(size: Dim) -> int | None:
    """Where a polynomial that only grows has left 0 behind; None where it may shrink."""
    assert isinstance(size, Expr)
    (name,) = symbols_in(size)
    if not _grows(size):
        return None
    n = 1
    while n <= _MOST_LOOKED_AT:
        values = [number(at(_alone(f), {name: n})) for product in size.terms for f, _ in product]
        if all(value >= 0 for value in values) and number(at(size, {name: n})) > 0:
            return n
        n *= 2
    return None


def _grows(size: Dim) -> bool:
    """Whether no part of a size shrinks while its symbol grows."""
    if isinstance(size, int):
        return True
    if any(coefficient < 0 for product, coefficient in size.terms.items() if product):
        return False
    return all(_factor_grows(factor) for product in size.terms for factor, _ in product)


def _factor_grows(factor: Factor) -> bool:
    match factor:
        case Symbol():
            return True
        case Floor(over, by):
            return isinstance(by, int) and _grows(over)
        case Extreme(_, of):
            return all(map(_grows, of))
        case Expr():
            return _grows(factor)


def _alone(factor: Factor) -> Dim:
    if isinstance(factor, Expr):
        return factor
    return symbol(factor.name) if isinstance(factor, Symbol) else Expr({frozenset({(factor, 1)}): 1})


def _of_several(condition: Condition) -> list[Box] | None:
    """A product of sizes, each of its own symbol, beside a number: the number's divisors are theirs."""
    left, relation, right = condition[:3]
    if not isinstance(left, Expr) or not isinstance(right, int):
        return None
    constant = left.constant if relation != MULTIPLE else 0
    rights = {right - constant, 1 - constant} if condition.or_one and right != 1 else {right - constant}
    parts = _parts(left - constant)
    if parts is None or (condition.or_one and right == 1):
        return None
    coefficient, sizes = parts
    boxes: list[Box] = []
    for bound in sorted(rights):
        found = _boxes(relation, coefficient, bound, sizes)
        if found is None:
            return None
        boxes += found
    return boxes


def _parts(size: Dim) -> tuple[int, dict[str, Dim]] | None:
    """A size as a coefficient and a size of each symbol alone, None where it is no such product."""
    if not isinstance(size, Expr) or len(size.terms) > 1:
        return None
    ((product, coefficient),) = size.terms.items()
    parts: dict[str, Dim] = {}
    for factor, power in product:
        own = _alone(factor)
        names = symbols_in(own)
        if len(names) != 1:
            return None
        (name,) = names
        for _ in range(power):
            parts[name] = parts.get(name, 1) * own
    return coefficient, dict(sorted(parts.items()))


def _boxes(relation: str, coefficient: int, right: int, parts: Mapping[str, Dim]) -> list[Box] | None:
    """Where the product of a coefficient and sizes has that relation to a number."""
    if right < 1 and relation == EQUAL:
        return []  # sizes that a network has are at least 1
    shares = _shares(relation, coefficient, right, len(parts))
    if shares is None:
        return None
    boxes: list[Box] = []
    for share in shares:
        box: dict[str, SizeSet] = {}
        for (name, size), (own, bound) in zip(parts.items(), share, strict=True):
            found = _of_one_symbol(Condition(size, own, bound, ""), name)
            if found is None:
                return None
            box[name] = found
        if all(box.values()):
            boxes.append(box)
    return boxes


_Share: TypeAlias = tuple[tuple[str, int], ...]
"""For each of several sizes, the relation that it has to have to which number."""


def _shares(relation: str, coefficient: int, right: int, sizes: int) -> list[_Share] | None:
    """The ways in which sizes, multiplied with each other and a coefficient, satisfy a relation."""
    if coefficient < 1 or right < 1 or right > _LARGEST_FACTORED:
        return None
    if relation == EQUAL:
        return [] if right % coefficient else _all(EQUAL, _factorings(right // coefficient, sizes))
    if relation == MULTIPLE:
        return _all(MULTIPLE, _factorings(right // gcd(right, coefficient), sizes))
    assert relation == AT_LEAST
    least = -(-right // coefficient)
    return list(_reaching(least, sizes)) if least ** (sizes - 1) <= _MOST_BOXES else None


def _all(relation: str, numbers: Iterator[tuple[int, ...]]) -> list[_Share] | None:
    shares = []
    for factors in numbers:
        shares.append(tuple((relation, factor) for factor in factors))
        if len(shares) > _MOST_BOXES:
            return None
    return shares


def _factorings(n: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write n as a product of that many factors, in order."""
    if parts == 1:
        yield (n,)
        return
    for divisor in _divisors(n):
        for others in _factorings(n // divisor, parts - 1):
            yield (divisor, *others)


def _divisors(n: int) -> list[int]:
    small = [d for d in range(1, isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


def _reaching(least: int, parts: int) -> Iterator[_Share]:
    """All ways in which a product of that many numbers is at least `least`."""
    if parts == 1 or least <= 1:
        yield ((AT_LEAST, least), *((AT_LEAST, 1),) * (parts - 1))
        return
    yield ((AT_LEAST, least), *((AT_LEAST, 1),) * (parts - 1))
    for first in range(1, least):
        for others in _reaching(-(-least // first), parts - 1):
            yield ((EQUAL, first), *others)


def where_remainder(holds: Callable[[int], bool], size: Dim, modulo: int, beyond: int) -> SizeSet | None:
    """The values of a size's one symbol with which the size `holds`, a matter of its remainder alone.

    It is looked at where the size is `beyond` a number: small sizes may be none that a layer takes.
    """
    (name,) = symbols_in(size)
    period = _period_modulo(size, modulo)
    if period is None or period > _MOST_LOOKED_AT:
        return None
    shift = period * (beyond + modulo)
    return SizeSet.where(lambda n: holds(number(at(size, {name: n + shift}))), 1, period)
