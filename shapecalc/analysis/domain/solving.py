"""Conditions on formulas, solved for their symbols.

A size of a network is linear but for its floors: slope · n plus an error that repeats with a period. So a
condition on one symbol is decided for all numbers by a look at finitely many stretches of them; a product
of such sizes of several symbols comes apart into its divisors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product as every_choice
from math import ceil, floor, gcd, isqrt, lcm
from typing import TypeAlias

from shapecalc.analysis.domain.course import (
    Effort,
    Stretch,
    at_least_zero,
    in_every_period,
    quasi_linear,
    quasi_linear_factor,
    stretch,
    stretches,
    with_remainder,
    zero,
)
from shapecalc.analysis.domain.residues import Residues, Unwieldy, residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.analysis.domain.sizesets import EVERY, NEVER, SizeSet
from shapecalc.symbolic import Dim, Expr, at, difference, number, symbols_in
from shapecalc.symbolic.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from shapecalc.symbolic.expr import Extreme, Factor, Floor, Symbol, alone

Box: TypeAlias = Mapping[str, SizeSet]
"""Symbol → the sizes that it may have, whatever the others are; one that is missing may have any."""

_MOST_STRETCHES = 5_000
_MOST_BOXES = 2_000
_LARGEST_FACTORED = 10**12
_LARGEST = 2**62
"""No size is as large."""


def solve(condition: Condition, effort: Effort | None = None) -> list[Box] | None:
    """The inputs that permit a condition, as a union of boxes; None where it has no such form."""
    effort = effort or Effort(_MOST_STRETCHES)
    own = Effort(min(effort.left, _MOST_STRETCHES))
    effort.left -= own.left
    try:
        return _solve(condition, own)
    finally:
        effort.left += own.left


def _solve(condition: Condition, effort: Effort) -> list[Box] | None:
    symbols = sorted(condition.symbols)
    if not symbols:
        return [{}] if condition.permits({}) else []
    if len(symbols) == 1:
        found = _of_one_symbol(condition, effort)
        return None if found is None else [{symbols[0]: found}] if found else []
    return _of_several(condition, effort)


def both(first: Sequence[Box], second: Sequence[Box]) -> list[Box] | None:
    """The intersection of two unions of boxes; None where it would be a list too long to read."""
    if len(first) * len(second) > _MOST_BOXES:
        return None
    boxes: dict[frozenset[tuple[str, SizeSet]], Box] = {}
    for one, other in every_choice(first, second):
        try:
            box = within(one, other)
        except Unwieldy:
            return None
        if all(box.values()):
            boxes.setdefault(frozenset(box.items()), box)
    return list(boxes.values())


def within(one: Box, other: Box) -> Box:
    """What two boxes have in common.

    Raises:
        Unwieldy: it has no short form.
    """
    return {**one, **{name: one[name] & own if name in one else own for name, own in other.items()}}


def _of_one_symbol(condition: Condition, effort: Effort) -> SizeSet | None:
    left, relation, right = condition[:3]
    try:
        if relation == MULTIPLE:
            if not isinstance(right, int):
                return None
            return where_remainder(left, residues(right, [(0, 0)]), effort)
        found = _where(relation, left, right, effort)
        for side in (left, right) if condition.or_one else ():
            if found is not None:
                one = _where(EQUAL, side, 1, effort)
                found = None if one is None else found | one
    except Unwieldy:
        return None
    return found


def _where(relation: str, left: Dim, right: Dim, effort: Effort) -> SizeSet | None:
    """Where a size of one symbol is equal to another, or at least as large."""
    apart = difference(left, right)
    if isinstance(apart, int):
        return EVERY if apart == 0 or (apart > 0 and relation == AT_LEAST) else NEVER
    found = at_least_zero if relation == AT_LEAST else zero
    course = quasi_linear(apart)
    if course is None:
        return _where_it_grows(apart, found, effort)
    if course.slope == 0:
        segments = _one_period(apart, course.period, found, effort)
        return SizeSet.of([Segment(1, None, in_every_period(segments, course.period))])
    ends = sorted((-course.low / course.slope, -course.high / course.slope))
    first, last = max(1, ceil(ends[0])), floor(ends[1])  # elsewhere the sign is that of the slope's end
    undecided = [found(n, own) for n, own in stretches(apart, first, last, effort)]
    above = relation == AT_LEAST and course.slope > 0
    below = relation == AT_LEAST and course.slope < 0
    beyond = [Segment(max(first, last + 1), None)] if above else [Segment(1, first - 1)] if below else []
    return SizeSet.of([*undecided, *beyond])


def _one_period(
    size: Dim, period: int, found: Callable[[int, Stretch], Segment], effort: Effort
) -> Iterator[Segment]:
    return (found(n, own) for n, own in stretches(size, period, 2 * period - 1, effort))


def _where_it_grows(size: Dim, found: Callable[[int, Stretch], Segment], effort: Effort) -> SizeSet | None:
    """Where a polynomial that only grows is 0, or not negative; None where it may shrink."""
    if not _grows(size):
        return None
    start = _positive_from(size)
    small = [found(n, own) for n, own in stretches(size, 1, start - 1, effort)]
    low = _first(size, 0, start)
    last = _first(size, 1, start) - 1 if found is zero else None
    return SizeSet.of([*small, *([Segment(low, last)] if low < _LARGEST else [])])


def _first(size: Dim, bound: int, start: int) -> int:
    """The first number from `start` on for which a size that grows from there on is at least a bound."""
    (name,) = symbols_in(size)
    numbers = range(_LARGEST)
    return bisect_left(numbers, bound, start, _LARGEST, key=lambda n: number(at(size, {name: n})))


def _positive_from(size: Dim) -> int:
    """From where on no factor within a size is negative, so that products of growing factors grow."""
    if isinstance(size, int):
        return 1
    factors = [factor for product in size.terms for factor, _ in product]
    return max((_factor_positive_from(factor) for factor in factors), default=1)


def _factor_positive_from(factor: Factor) -> int:
    match factor:
        case Symbol():
            return 1
        case Floor(over, _):
            start = _positive_from(over)
        case Extreme(_, of):
            start = max(map(_positive_from, of))
        case Expr():
            start = _positive_from(factor)
    return _first(alone(factor), 0, start)


def where_remainder(size: Dim, wanted: Residues, effort: Effort) -> SizeSet | None:
    """Where the remainder of a size with one symbol is one of those wanted.

    Raises:
        Unwieldy: there is no short form of that.
    """
    course = stretch(size, 1)
    if course.more is None:
        return SizeSet.of([with_remainder(1, course, wanted)])
    period = _period_modulo(size, wanted.period)
    if period is None:
        return None
    segments = _one_period(size, period, lambda n, own: with_remainder(n, own, wanted), effort)
    return SizeSet.of([Segment(1, None, in_every_period(segments, period))])


def _period_modulo(size: Dim, of: int) -> int | None:
    """The period of a size's remainder."""
    course = quasi_linear(size)
    if course is not None:
        return course.period_modulo(of)
    assert isinstance(size, Expr)
    period = 1
    for factor in (factor for product in size.terms for factor, _ in product):
        course = quasi_linear_factor(factor)
        own = course.period_modulo(of) if course is not None else None
        if own is None:
            own = _period_modulo(factor, of) if isinstance(factor, Expr) else None
        if own is None:
            return None
        period = lcm(period, own)
    return period


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


def _of_several(condition: Condition, effort: Effort) -> list[Box] | None:
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
        found = _boxes(relation, coefficient, bound, sizes, effort)
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
        own = alone(factor)
        names = symbols_in(own)
        if len(names) != 1:
            return None
        (name,) = names
        for _ in range(power):
            parts[name] = parts.get(name, 1) * own
    return coefficient, dict(sorted(parts.items()))


def _boxes(
    relation: str, coefficient: int, right: int, parts: Mapping[str, Dim], effort: Effort
) -> list[Box] | None:
    """Where the product of a coefficient and sizes has that relation to a number."""
    if right < 1 and relation == EQUAL:
        return []  # sizes that a network has are at least 1
    shares = _shares(relation, coefficient, right, len(parts))
    if shares is None:
        return None
    boxes: list[Box] = []
    known: dict[tuple[Dim, str, int], SizeSet | None] = {}
    for share in shares:
        box: dict[str, SizeSet] = {}
        for (name, size), (own, bound) in zip(parts.items(), share, strict=True):
            key = size, own, bound
            if key not in known:
                known[key] = _of_one_symbol(Condition(size, own, bound, ""), effort)
            found = known[key]
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
