"""A formula of one symbol as stretches, on each of which it is linear.

⌊n/1000⌋ has one stretch for each thousand numbers, since it changes at the steps of its floors only. A
condition is solved for each stretch as a whole, so the work grows with the steps, not with the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

from shapecalc.analysis.domain.residues import ALL, MOST_BANDS, Band, Residues, Unwieldy, merge, residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.symbolic import Dim, Expr
from shapecalc.symbolic.expr import Extreme, Factor, Floor, Product, Symbol


class QuasiLinear(NamedTuple):
    """A function slope · n + e(n) of whole n; e(n) repeats with `period` and lies in `low` … `high`."""

    slope: Fraction
    low: Fraction
    high: Fraction
    period: int

    def period_modulo(self, of: int) -> int:
        """The period with which its remainder by a number repeats."""
        return self.period * of // gcd(of, int(self.slope * self.period))


def quasi_linear(size: Dim) -> QuasiLinear | None:
    """A size of one symbol as such a function; None where it is not, as n · n."""
    if isinstance(size, int):
        return QuasiLinear(Fraction(0), Fraction(size), Fraction(size), 1)
    slope, low, high, period = Fraction(0), Fraction(0), Fraction(0), 1
    for product, coefficient in size.terms.items():
        part = (
            QuasiLinear(Fraction(0), Fraction(1), Fraction(1), 1) if not product else _product_line(product)
        )
        if part is None:
            return None
        ends = sorted((coefficient * part.low, coefficient * part.high))
        slope, low, high = slope + coefficient * part.slope, low + ends[0], high + ends[1]
        period = lcm(period, part.period)
    return QuasiLinear(slope, low, high, period)


def _product_line(product: Product) -> QuasiLinear | None:
    (factor, power), *others = product
    return None if others or power != 1 else _factor_line(factor)


def _factor_line(factor: Factor) -> QuasiLinear | None:
    match factor:
        case Symbol():
            return QuasiLinear(Fraction(1), Fraction(0), Fraction(0), 1)
        case Floor(over, int(by)):
            inner = quasi_linear(over)
            if inner is None:
                return None
            # f(n + P) = f(n) + slope · P: the quotient repeats once the divisor divides what is added.
            period = inner.period_modulo(by)
            return QuasiLinear(inner.slope / by, (inner.low - by + 1) / by, inner.high / by, period)
        case Extreme(function, of):
            return _extreme_line([quasi_linear(size) for size in of], max if function == "max" else min)
        case Expr():
            return quasi_linear(factor)
    return None


def _extreme_line(
    parts: list[QuasiLinear | None], choose: Callable[[Iterable[Fraction]], Fraction]
) -> QuasiLinear | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len({part.slope for part in known}) > 1:
        return None
    low, high = choose(part.low for part in known), choose(part.high for part in known)
    return QuasiLinear(known[0].slope, low, high, lcm(*(part.period for part in known)))


class Stretch(NamedTuple):
    """A size that is value + slope · t at n + t, for t = 0 … `more`; for all t where that is None."""

    value: int
    slope: int
    more: int | None


def _ended(stretches: Iterable[Stretch]) -> int | None:
    return min((s.more for s in stretches if s.more is not None), default=None)


def stretch(size: Dim, n: int) -> Stretch:
    """A stretch of a size with one symbol that begins at n; it may end before the size ceases to be linear.

    Raises:
        Unwieldy: something is divided by a formula.
    """
    if isinstance(size, int):
        return Stretch(size, 0, None)
    parts = [(coefficient, _product_stretch(product, n)) for product, coefficient in size.terms.items()]
    return Stretch(
        sum(coefficient * part.value for coefficient, part in parts),
        sum(coefficient * part.slope for coefficient, part in parts),
        _ended(part for _, part in parts),
    )


def _product_stretch(product: Product, n: int) -> Stretch:
    value, slope = 1, 0
    factors = [(_factor_stretch(factor, n), power) for factor, power in product]
    more = _ended(part for part, _ in factors)
    for part, power in factors:
        for _ in range(power):
            if slope and part.slope:
                more = 0  # a product of two that change is not linear
            value, slope = value * part.value, slope * part.value + value * part.slope
    return Stretch(value, slope, more)


def _factor_stretch(factor: Factor, n: int) -> Stretch:
    match factor:
        case Symbol():
            return Stretch(n, 1, None)
        case Floor(over, int(by)):
            return _quotient(stretch(over, n), by)
        case Floor():
            raise Unwieldy
        case Extreme(function, of):
            return _extreme([stretch(size, n) for size in of], 1 if function == "max" else -1)
    return stretch(factor, n)


def _quotient(inner: Stretch, by: int) -> Stretch:
    whole, rest = divmod(inner.value, by)
    if inner.slope % by == 0:
        return Stretch(whole, inner.slope // by, inner.more)
    same = (by - 1 - rest) // inner.slope if inner.slope > 0 else rest // -inner.slope
    return Stretch(whole, 0, same if inner.more is None else min(same, inner.more))


def _extreme(stretches: list[Stretch], sign: int) -> Stretch:
    """The greatest of several (sign 1) or the least (sign −1), up to where another one takes its place."""
    first = max(stretches, key=lambda s: (sign * s.value, sign * s.slope))
    faster = [s for s in stretches if sign * s.slope > sign * first.slope]
    overtaken = [(sign * (first.value - s.value)) // (sign * (s.slope - first.slope)) for s in faster]
    return first._replace(more=_ended([*stretches, *(Stretch(0, 0, t) for t in overtaken)]))


class Effort:
    """A budget: how many more stretches may be looked at."""

    def __init__(self, left: int) -> None:
        self.left = left


def stretches(size: Dim, first: int, last: int | None, effort: Effort) -> Iterator[tuple[int, Stretch]]:
    """The stretches of a size from a first number to a last one, each with the number that it begins at.

    Raises:
        Unwieldy: the budget is used up.
    """
    n = first
    while last is None or n <= last:
        if effort.left <= 0:
            raise Unwieldy
        effort.left -= 1
        found = stretch(size, n)
        if last is not None and (found.more is None or n + found.more > last):
            found = found._replace(more=last - n)
        yield n, found
        if found.more is None:
            return
        n += found.more + 1


def at_least_zero(n: int, piece: Stretch) -> Segment:
    """The numbers on a stretch from n on where it is ≥ 0; a segment that ends before it begins is empty."""
    value, slope, more = piece
    last = None if more is None else n + more
    if slope == 0:
        return Segment(n, last if value >= 0 else n - 1)
    if slope > 0:
        return Segment(n + max(0, -(value // slope)), last)
    end = n + value // -slope
    return Segment(n, end if last is None else min(end, last))


def zero(n: int, piece: Stretch) -> Segment:
    """The numbers on a stretch from n on where it is 0."""
    value, slope, more = piece
    if slope == 0:
        return at_least_zero(n, piece._replace(value=-abs(value)))
    t, rest = divmod(-value, slope)
    inside = not rest and t >= 0 and (more is None or t <= more)
    return Segment(n + t, n + t if inside else n + t - 1)


def with_remainder(n: int, piece: Stretch, wanted: Residues) -> Segment:
    """The numbers on a stretch from n on where its remainder is one of those wanted."""
    value, slope, more = piece
    last = None if more is None else n + more
    # value + slope · (m − n) at m
    return Segment(n, last, _remainders(value - slope * n, slope, wanted))


def _remainders(constant: int, slope: int, wanted: Residues) -> Residues:
    """The numbers m for which constant + slope · m has a wanted remainder."""
    of = wanted.period
    slope %= of
    if slope == 0:
        return ALL if constant in wanted else Residues(1, ())
    if slope == 1:
        return shifted(wanted, -constant)
    if wanted.size > MOST_BANDS:
        raise Unwieldy
    common = gcd(slope, of)
    period = of // common
    inverse = pow(slope // common, -1, period)
    apart = (n - constant for low, high in wanted.bands for n in range(low, high + 1))
    found = {d // common * inverse % period for d in apart if d % common == 0}
    return residues(period, ((m, m) for m in found))


def shifted(found: Residues, by: int) -> Residues:
    """The set with a number added to each member."""
    period = found.period
    bands = [((low + by) % period, (low + by) % period + high - low) for low, high in found.bands]
    return residues(period, _wrapped(bands, period))


def _wrapped(bands: Iterable[Band], period: int) -> Iterator[Band]:
    """The bands, one that reaches beyond the period as two."""
    for low, high in bands:
        yield low, min(high, period - 1)
        if high >= period:
            yield 0, high - period


def in_every_period(segments: Iterable[Segment], period: int) -> Residues:
    """The members of segments repeated in every period; they lie in one that starts at a multiple of it."""
    found: list[Band] = []
    for segment in segments:
        first, last, own = segment
        assert last is not None
        if not own.bands or last < first:
            continue
        if last - first + 1 == period and period % own.period == 0:
            return own
        for low, high in segment.bands() if own != ALL else [(first, last)]:
            found.append((low % period, high % period))
            if len(found) > 2 * MOST_BANDS:
                raise Unwieldy
    return residues(period, merge(found))
