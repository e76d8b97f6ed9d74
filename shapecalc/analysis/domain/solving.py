"""Which sizes meet a condition: an equation or inequality of formulas, solved for their symbols.

A size of a network is slope · n plus an error that repeats with a period, from its floors. So a look at
finitely many numbers decides a condition on one symbol for all of them. A condition on a product of
sizes of several symbols comes apart into conditions on one symbol each: see `products`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from math import ceil, floor, lcm

from shapecalc.analysis.domain.boxes import Box
from shapecalc.analysis.domain.products import of_several
from shapecalc.analysis.domain.residues import Residues, Unwieldy, residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.analysis.domain.sizesets import EVERY, NEVER, SizeSet
from shapecalc.analysis.domain.stretches import (
    Effort,
    Stretch,
    at_least_zero,
    in_every_period,
    quasi_linear,
    stretch,
    stretches,
    with_remainder,
    zero,
)
from shapecalc.symbolic import Dim, at, difference, number, rises, symbols_in
from shapecalc.symbolic.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from shapecalc.symbolic.expr import Factor, alone, factors_of, inside, lone_factor

_MOST_STRETCHES = 5_000
_LARGEST = 2**62
"""A number that no size reaches."""


def solve(condition: Condition, effort: Effort | None = None) -> list[Box] | None:
    """The sizes that a condition permits, as a union of boxes; None where it has no such form."""
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
    return of_several(condition, lambda one: _of_one_symbol(one, effort))


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
    """The numbers for which a size of one symbol is equal to another, or at least as large."""
    apart = difference(left, right)
    if isinstance(apart, int):
        return EVERY if apart == 0 or (apart > 0 and relation == AT_LEAST) else NEVER
    found = at_least_zero if relation == AT_LEAST else zero
    line = quasi_linear(apart)
    if line is None:
        return _where_it_grows(apart, found, effort)
    if line.slope == 0:
        segments = _one_period(apart, line.period, found, effort)
        return SizeSet.of([Segment(1, None, in_every_period(segments, line.period))])
    ends = sorted((-line.low / line.slope, -line.high / line.slope))
    first, last = max(1, ceil(ends[0])), floor(ends[1])  # elsewhere the sign is that of the slope's end
    undecided = [found(n, own) for n, own in stretches(apart, first, last, effort)]
    above = relation == AT_LEAST and line.slope > 0
    below = relation == AT_LEAST and line.slope < 0
    beyond = [Segment(max(first, last + 1), None)] if above else [Segment(1, first - 1)] if below else []
    return SizeSet.of([*undecided, *beyond])


def _one_period(
    size: Dim, period: int, found: Callable[[int, Stretch], Segment], effort: Effort
) -> Iterator[Segment]:
    return (found(n, own) for n, own in stretches(size, period, 2 * period - 1, effort))


def _where_it_grows(size: Dim, found: Callable[[int, Stretch], Segment], effort: Effort) -> SizeSet | None:
    """The numbers for which a growing polynomial is 0, or ≥ 0; None where the size is not known to grow."""
    if not rises(size, positive=True):
        return None
    start = _positive_from(size)
    small = [found(n, own) for n, own in stretches(size, 1, start - 1, effort)]
    low = _first(size, 0, start)
    last = _first(size, 1, start) - 1 if found is zero else None
    return SizeSet.of([*small, *([Segment(low, last)] if low < _LARGEST else [])])


def _first(size: Dim, bound: int, start: int) -> int:
    """The first number from `start` on for which a size, which grows from there on, reaches a bound."""
    (name,) = symbols_in(size)
    numbers = range(_LARGEST)
    return bisect_left(numbers, bound, start, _LARGEST, key=lambda n: number(at(size, {name: n})))


def _positive_from(size: Dim) -> int:
    """The number from which on no factor of a size is negative, so that products of growing factors grow."""
    return max((_factor_positive_from(factor) for factor in factors_of(size)), default=1)


def _factor_positive_from(factor: Factor) -> int:
    start = max(map(_positive_from, inside(factor)), default=1)
    return _first(alone(factor), 0, start)


def where_remainder(size: Dim, wanted: Residues, effort: Effort) -> SizeSet | None:
    """The numbers for which the remainder of a size with one symbol is one of those wanted; None: not known.

    Raises:
        Unwieldy: the set has no short form.
    """
    whole = stretch(size, 1)
    if whole.more is None:
        return SizeSet.of([with_remainder(1, whole, wanted)])
    period = _period_modulo(size, wanted.period)
    if period is None:
        return None
    segments = _one_period(size, period, lambda n, own: with_remainder(n, own, wanted), effort)
    return SizeSet.of([Segment(1, None, in_every_period(segments, period))])


def _period_modulo(size: Dim, of: int) -> int | None:
    """The period with which a size's remainder by a number repeats; None where it is not known."""
    line = quasi_linear(size)
    if line is not None:
        return line.period_modulo(of)
    if lone_factor(size) is not None:
        return None
    periods = [_period_modulo(alone(factor), of) for factor in factors_of(size)]
    known = [period for period in periods if period is not None]
    return lcm(*known) if len(known) == len(periods) else None
