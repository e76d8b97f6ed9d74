"""Sets of whole numbers that are given by remainders, such as all n with n mod 224 ≤ 31.

The remainders are kept as bands of consecutive numbers, here 0 … 31. Sets are intersected and united band by
band, so that no single number is looked at, however long the period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import count
from math import gcd
from typing import NamedTuple, TypeAlias

Band: TypeAlias = tuple[int, int]
"""The first and the last of consecutive numbers."""

MOST_BANDS = 2_000
LARGEST_PERIOD = 2**63 - 1


class Unwieldy(Exception):  # noqa: N818  # no fault: what has no short form is said in another way
    """A set would need more bands than `MOST_BANDS`, or a longer period than `LARGEST_PERIOD`."""


class Residues(NamedTuple):
    """The numbers n with n mod `period` in one of the bands.

    Make it by `residues`: then equal sets have equal periods and bands.
    """

    period: int
    bands: tuple[Band, ...]

    def __contains__(self, n: object) -> bool:
        assert isinstance(n, int)
        return any(low <= n % self.period <= high for low, high in self.bands)

    def first_from(self, n: int) -> int:
        """The first member that is not below n; the set is not empty."""
        base, rest = n - n % self.period, n % self.period
        for low, high in self.bands:
            if rest <= high:
                return base + max(low, rest)
        return base + self.period + self.bands[0][0]

    def last_up_to(self, n: int) -> int:
        """The last member that is not above n, which may be below 1; the set is not empty."""
        base, rest = n - n % self.period, n % self.period
        for low, high in reversed(self.bands):
            if rest >= low:
                return base + min(high, rest)
        return base - self.period + self.bands[-1][1]

    def bands_from(self, n: int) -> Iterator[Band]:
        """The bands of consecutive members from n on, without end; the first band may begin before n."""
        for base in count(n - n % self.period, self.period):
            yield from ((base + low, base + high) for low, high in self.bands if base + high >= n)

    def count_up_to(self, n: int) -> int:
        """How many of the numbers from 1 to n are members."""
        return self._from_zero(n) - self._from_zero(0)

    def _from_zero(self, n: int) -> int:
        whole, rest = divmod(n, self.period)
        parts = (max(0, min(high, rest) - low + 1) for low, high in self.bands)
        return whole * self.size + sum(parts)

    @property
    def size(self) -> int:
        """How many members there are in one period."""
        return sum(high - low + 1 for low, high in self.bands)

    def __and__(self, other: Residues) -> Residues:
        if other in (self, ALL):
            return self
        return other if self == ALL else _intersection(self, other)

    def __or__(self, other: Residues) -> Residues:
        if self == other or not other.bands:
            return self
        if not self.bands or other == ALL:
            return other
        return self if self == ALL else (self.complement() & other.complement()).complement()

    def complement(self) -> Residues:
        """All other numbers."""
        ends = [-1, *(end for band in self.bands for end in band), self.period]
        gaps = ((high + 1, low - 1) for high, low in zip(ends[::2], ends[1::2], strict=True))
        return residues(self.period, (gap for gap in gaps if gap[0] <= gap[1]))


def residues(period: int, bands: Iterable[Band]) -> Residues:
    """The numbers whose remainder by the period is in one of the bands, brought to their smallest period.

    Raises:
        Unwieldy: there are too many bands, or the period is too long.
    """
    if period > LARGEST_PERIOD:
        raise Unwieldy
    merged = merge(bands)
    starts = {low for low, _ in merged}
    stops = {high + 1 for _, high in merged}
    if merged and (0 in starts) and (period in stops):
        starts, stops = starts - {0}, stops - {period}  # one band, around the end
    if not starts:
        return Residues(1, merged and ((0, 0),))
    found = _smallest_period(period, starts, stops)
    return Residues(found, tuple(_cut(merged, found)))


def merge(bands: Iterable[Band]) -> tuple[Band, ...]:
    """The bands in order, overlapping and adjacent ones as one."""
    found: list[Band] = []
    for low, high in sorted(bands):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
            if len(found) > MOST_BANDS:
                raise Unwieldy
    return tuple(found)


def _smallest_period(period: int, starts: set[int], stops: set[int]) -> int:
    """The smallest period of bands: a shift by it maps their starts to starts, their stops to stops.

    A shift by period/q maps the starts in cycles of length q, so q divides their number.
    """
    stops = {n % period for n in stops}
    for q in range(2, len(starts) + 1):
        while len(starts) % q == 0 and period % q == 0:
            shift = period // q
            if not all((n + shift) % period in ends for ends in (starts, stops) for n in ends):
                break
            period, starts, stops = shift, {n % shift for n in starts}, {n % shift for n in stops}
    return period


def _cut(bands: tuple[Band, ...], period: int) -> Iterator[Band]:
    """The parts of bands that are below the period."""
    return ((low, min(high, period - 1)) for low, high in bands if low < period)


@lru_cache(maxsize=4096)
def _intersection(first: Residues, second: Residues) -> Residues:
    """The numbers in both sets, by the Chinese remainder theorem, for each pair of a band of either set.

    The j-th repetition of the first band is at j·p, the k-th of the second one at k·q. They overlap for a few
    differences d = k·q − j·p only; for each of these that gcd(p, q) divides, k is unique modulo p/gcd(p, q).
    """
    p, q = first.period, second.period
    common = gcd(p, q)
    inverse = pow(q // common, -1, p // common)
    found: list[Band] = []
    for low, high in first.bands:
        for start, stop in second.bands:
            nearest = -((stop - low) // common) * common  # the least d ≥ low − stop that gcd(p, q) divides
            for d in range(nearest, high - start + 1, common):
                base = d // common * inverse % (p // common) * q
                found.append((base + max(start, low - d), base + min(stop, high - d)))
                if len(found) > MOST_BANDS:
                    raise Unwieldy
    return residues(p // common * q, found)


ALL = Residues(1, ((0, 0),))
"""Every number."""
