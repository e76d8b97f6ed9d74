"""Ranges of numbers with certain remainders, such as 32 ≤ n ≤ 224 with n mod 8 = 0, and their notation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shapecalc.analysis.domain.residues import ALL, Band, Residues


class Progression(NamedTuple):
    """The numbers first, first + step, … up to and including last; without end where that is None."""

    first: int
    last: int | None
    step: int


class Segment(NamedTuple):
    """The members of `residues` from `first` to `last`; without end where that is None.

    In a `SizeSet`, `first` and `last` are members.
    """

    first: int
    last: int | None
    residues: Residues = ALL

    def bands(self) -> Iterator[Band]:
        """Its consecutive members, without end where it has none."""
        for low, high in self.residues.bands_from(self.first):
            if self.last is not None and low > self.last:
                return
            yield max(low, self.first), high if self.last is None else min(high, self.last)

    @property
    def size(self) -> int:
        """How many members a segment with an end has."""
        assert self.last is not None
        return self.residues.count_up_to(self.last) - self.residues.count_up_to(self.first - 1)

    def progressions(self) -> Iterator[Progression]:
        if self.residues == ALL:
            yield Progression(self.first, self.last, 1)
            return
        step = self.residues.period
        for n in (n for low, high in self.residues.bands for n in range(low, high + 1)):
            first = self.first + (n - self.first) % step
            last = None if self.last is None else self.last - (self.last - n) % step
            if last is None or first <= last:
                yield Progression(first, last, step if first != last else 1)


class Notation(NamedTuple):
    """The templates that sets are written with: {0} is a symbol or its remainder, {1} and {2} are numbers."""

    equal: str
    between: str
    least: str
    most: str
    remains: str
    mod: str
    both: str
    never: str
    several: str
    """Around the alternatives, where there is more than one band of remainders."""
    among: str
    or_: str

    def written(self, segments: Iterable[Segment], symbol: str) -> str:
        return " or ".join([self.both.join(self._parts(one, symbol)) for one in segments]) or self.never

    def _parts(self, segment: Segment, symbol: str) -> Iterator[str]:
        first, last, own = segment
        if first == last:
            yield self.equal.format(symbol, first)
            return
        if last is not None:
            yield self.between.format(symbol, first, last)
        elif own == ALL or first != own.first_from(1):
            yield self.least.format(symbol, first)
        if own != ALL:
            yield self._remainders(symbol, own)

    def _remainders(self, symbol: str, own: Residues) -> str:
        remainder = self.mod.format(symbol, own.period)
        singles = [str(n) for low, high in own.bands for n in range(low, min(high, low + 1) + 1)]
        if own.size == 1:
            return self._remains(symbol, own.period, own.bands[0][0])
        if len(singles) == own.size:
            return self.among.format(remainder, ", ".join(singles))
        bands = [self._band(remainder, own.period, *band) for band in own.bands]
        return bands[0] if len(bands) == 1 else self.several.format(self.or_.join(bands))

    def _remains(self, symbol: str, period: int, rest: int) -> str:
        divided = f"{symbol} − {rest}" if rest and self is WORDS else symbol
        return self.remains.format(divided, period, rest)

    def _band(self, remainder: str, period: int, low: int, high: int) -> str:
        if low == high:
            return self.equal.format(remainder, low)
        if low == 0:
            return self.most.format(remainder, high)
        if high == period - 1:
            return self.least.format(remainder, low)
        return self.between.format(remainder, low, high)


WORDS = Notation(
    equal="{0} = {1}",
    between="{1} ≤ {0} ≤ {2}",
    least="{0} ≥ {1}",
    most="{0} ≤ {1}",
    remains="{0} divisible by {1}",
    mod="{0} mod {1}",
    both=", ",
    never="never",
    several="({0})",
    among="{0} in {{{1}}}",
    or_=" or ",
)
PLAIN = WORDS._replace(
    equal="{0} == {1}",
    between="{1} <= {0} <= {2}",
    least="{0} >= {1}",
    most="{0} <= {1}",
    remains="{0} % {1} == {2}",
    mod="{0} % {1}",
    both=" and ",
    never="False",
    among="{0} in ({1})",
)
