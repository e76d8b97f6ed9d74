"""Sets of sizes that repeat: what a condition with floors in it leaves of the whole numbers from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from math import lcm
from typing import NamedTuple


class Progression(NamedTuple):
    """first, first + step, … up to and including last; without end where that is None."""

    first: int
    last: int | None
    step: int


@dataclass(frozen=True, slots=True)
class SizeSet:
    """Whole numbers from 1: `members` below `start`, and from there on those with these residues."""

    members: frozenset[int]
    start: int
    period: int
    residues: frozenset[int]

    @classmethod
    def where(cls, holds: Callable[[int], bool], start: int = 1, period: int = 1) -> SizeSet:
        """The numbers for which `holds`, which has to have that period from `start` on."""
        members = frozenset(n for n in range(1, start) if holds(n))
        residues = frozenset(n % period for n in range(start, start + period) if holds(n))
        return cls(members, start, period, residues)._shortest()

    def _shortest(self) -> SizeSet:
        """The same set with its smallest period and start, so that equal sets are equal objects."""
        period = next(
            p
            for p in range(1, self.period + 1)
            if self.period % p == 0
            and all((n in self.residues) == (n % p in self.residues) for n in range(self.period))
        )
        residues = frozenset(n % period for n in self.residues)
        start = self.start
        while start > 1 and ((start - 1) in self.members) == ((start - 1) % period in residues):
            start -= 1
        return SizeSet(frozenset(n for n in self.members if n < start), start, period, residues)

    def __contains__(self, n: int) -> bool:
        return n in self.members if n < self.start else n % self.period in self.residues

    def __and__(self, other: SizeSet) -> SizeSet:
        start, period = max(self.start, other.start), lcm(self.period, other.period)
        return SizeSet.where(lambda n: n in self and n in other, start, period)

    def extent_with(self, other: SizeSet) -> tuple[int, int]:
        """The start and the period of the intersection with another set, which a look at them takes."""
        return max(self.start, other.start), lcm(self.period, other.period)

    def __bool__(self) -> bool:
        return bool(self.members or self.residues)

    def __iter__(self) -> Iterator[int]:
        """All members in their order, without end where there are infinitely many."""
        yield from sorted(self.members)
        if self.residues:
            yield from (n for n in count(self.start) if n % self.period in self.residues)

    def progressions(self) -> list[Progression]:
        """The set as few progressions: those that end first."""
        found = list(_runs(sorted(self.members)))
        for residue in self.residues:
            first = self.start + (residue - self.start) % self.period
            found.append(Progression(first, None, self.period))
        return sorted(found)

    def text(self, symbol: str) -> str:
        """The set in words: `H ≥ 63`, `H divisible by 4`, `28 ≤ H ≤ 31`; `never` if it is empty."""
        return self._written(_WORDS, symbol)

    def ascii(self, symbol: str) -> str:
        """The set for programs: `H >= 63`, `H % 4 == 0`, `28 <= H <= 31`."""
        return self._written(_PLAIN, symbol)

    def _written(self, words: _Words, symbol: str) -> str:
        parts = []
        for first, last, step in _runs(sorted(self.members)):
            between = words.between.format(first, symbol, last)
            residue = words.both + words.residue(symbol, step, (first % step,)) if step > 1 else ""
            parts.append(words.equal.format(symbol, first) if first == last else between + residue)
        if self.residues:
            bound = words.least.format(symbol, next(n for n in self if n >= self.start))
            residue = words.residue(symbol, self.period, tuple(sorted(self.residues)))
            known = [bound] * (self.start > 1 or self.period == 1) + [residue] * (self.period > 1)
            parts.append(words.both.join(known))
        return " or ".join(parts) or words.never


def _residue_in_words(symbol: str, step: int, residues: tuple[int, ...]) -> str:
    if len(residues) > 1:
        listed = [*map(str, residues[:16]), *(["…"] if len(residues) > 16 else [])]
        return f"{symbol} mod {step} in {', '.join(listed)}"
    return f"{symbol} − {residues[0]} divisible by {step}" if residues[0] else f"{symbol} divisible by {step}"


def _residue_plain(symbol: str, step: int, residues: tuple[int, ...]) -> str:
    if len(residues) > 1:
        return f"{symbol} % {step} in ({', '.join(map(str, residues))})"
    return f"{symbol} % {step} == {residues[0]}"


class _Words(NamedTuple):
    """How sets are written."""

    equal: str
    between: str
    least: str
    residue: Callable[[str, int, tuple[int, ...]], str]
    both: str
    never: str


_WORDS = _Words("{} = {}", "{} ≤ {} ≤ {}", "{} ≥ {}", _residue_in_words, ", ", "never")
_PLAIN = _Words("{} == {}", "{} <= {} <= {}", "{} >= {}", _residue_plain, " and ", "False")

EVERY = SizeSet(frozenset(), 1, 1, frozenset({0}))
"""All sizes."""


def _runs(numbers: list[int]) -> Iterator[Progression]:
    """Sorted numbers as progressions, each as long as it can be."""
    while numbers:
        first, step = numbers[0], numbers[1] - numbers[0] if len(numbers) > 1 else 1
        length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(numbers, count(first, step))))
        if length < 3 and step > 1:
            length = 1
        yield Progression(first, numbers[length - 1], step if length > 1 else 1)
        numbers = numbers[length:]
