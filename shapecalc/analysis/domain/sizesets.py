"""Sets of sizes, whole numbers from 1 on, as conditions with floors leave them: ranges with remainders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count, islice, takewhile

from shapecalc.analysis.domain.residues import ALL, MOST_BANDS, Residues, Unwieldy, residues
from shapecalc.analysis.domain.segments import PLAIN, WORDS, Progression, Segment

_MOST_COMPARED = 10_000


@dataclass(frozen=True, eq=False)
class SizeSet:
    """A set of whole numbers from 1 on: segments in order, the last of which may have no end."""

    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, segments: Iterable[Segment]) -> SizeSet:
        """The set of all members of segments, which must not overlap.

        Raises:
            Unwieldy: there are too many.
        """
        found = sorted(filter(None, map(_tightened, segments)), key=lambda segment: segment.first)
        if len(found) > MOST_BANDS:
            raise Unwieldy
        return cls(tuple(_runs(_with_the_tail(_touching(found)))))

    @classmethod
    def between(cls, first: int, last: int | None) -> SizeSet:
        """The sizes from a first to a last one; all from the first one on if that is None."""
        return cls.of([Segment(max(1, first), last)])

    def __contains__(self, n: object) -> bool:
        assert isinstance(n, int)
        return any(
            s.first <= n and (s.last is None or n <= s.last) and n in s.residues for s in self.segments
        )

    def __and__(self, other: SizeSet) -> SizeSet:
        if EVERY in (self, other):
            return other if self == EVERY else self
        return SizeSet.of(_common(self.segments, other.segments))

    def __or__(self, other: SizeSet) -> SizeSet:
        return SizeSet.of(_either(self.segments, other.segments))

    def __eq__(self, other: object) -> bool:
        """Whether the members are the same; of sets with very many, whether the segments are."""
        if not isinstance(other, SizeSet):
            return NotImplemented
        if self.segments == other.segments:
            return True
        if self._sign != other._sign or self._sign[1] > _MOST_COMPARED:
            return False
        return list(islice(self, self._sign[1])) == list(islice(other, self._sign[1]))

    def __hash__(self) -> int:
        return hash(self._sign)

    @cached_property
    def _sign(self) -> tuple[Segment | None, int]:
        """The segment without end, and the number of members before it: equal for equal sets."""
        tail = self.segments[-1] if self.segments and self.segments[-1].last is None else None
        return tail, sum(segment.size for segment in self.segments if segment is not tail)

    def __bool__(self) -> bool:
        return bool(self.segments)

    def __iter__(self) -> Iterator[int]:
        """All members in their order, without end where there are infinitely many."""
        for low, high in chain.from_iterable(segment.bands() for segment in self.segments):
            yield from range(low, high + 1)

    def complement(self) -> SizeSet:
        """All other sizes.

        Raises:
            Unwieldy: they have no short form.
        """
        gaps, low = [], 1
        for first, last, own in self.segments:
            gaps += [Segment(low, first - 1), Segment(first, last, own.complement())]
            if last is None:
                return SizeSet.of(gaps)
            low = last + 1
        return SizeSet.of([*gaps, Segment(low, None)])

    def last(self) -> tuple[int, ...]:
        """The last member, alone; nothing of a set that is empty or without end."""
        ends = [segment.last for segment in self.segments[-1:] if segment.last is not None]
        return tuple(ends)

    def progressions(self) -> Iterator[Progression]:
        """The set as progressions, segment by segment."""
        for segment in self.segments:
            yield from sorted(segment.progressions())

    @property
    def pieces(self) -> int:
        """An upper bound of the number of progressions."""
        return sum(segment.residues.size for segment in self.segments)

    def text(self, symbol: str) -> str:
        """The set in words: `H ≥ 63`, `H divisible by 4`, `28 ≤ H ≤ 31`; `never` if it is empty."""
        return WORDS.written(self.segments, symbol)

    def ascii(self, symbol: str) -> str:
        """The set for programs: `H >= 63`, `H % 4 == 0`, `28 <= H <= 31`."""
        return PLAIN.written(self.segments, symbol)

    @property
    def readable(self) -> bool:
        """Whether its text is short enough to be read."""
        parts = sum(len(segment.residues.bands) for segment in self.segments)
        return parts <= _MOST_READ


_MOST_READ = 12


def _tightened(segment: Segment) -> Segment | None:
    """The segment with members as its ends; None of one without members."""
    first, last, own = segment
    if not own.bands or (last is not None and last < first):
        return None
    first = own.first_from(first)
    if last is None:
        return Segment(first, None, own)
    last = own.last_up_to(last)
    return Segment(first, last, ALL if first == last else own) if first <= last else None


def _touching(segments: list[Segment]) -> list[Segment]:
    """The segments; adjacent ones are joined."""
    found: list[Segment] = []
    for segment in segments:
        before = found[-1] if found else None
        if (
            before
            and before.last is not None
            and before.residues == segment.residues
            and before.residues.first_from(before.last + 1) == segment.first
        ):
            found[-1] = before._replace(last=segment.last)
        else:
            found.append(segment)
    return found


def _with_the_tail(segments: list[Segment]) -> list[Segment]:
    """The segments, the endless one begun as early as possible, so that equal sets are written alike."""
    if not segments or segments[-1].last is not None:
        return segments
    *others, tail = segments
    own, start = tail.residues, tail.first
    while start > 1:
        beyond = others[-1].last if others else 0
        assert beyond is not None  # only the tail has no end
        if (missing := own.last_up_to(start - 1)) > beyond:
            start = max(1, missing + 1)
            break
        if not others:
            break
        segment = others.pop()
        start = segment.first
        if (apart := _last_difference(segment, own)) is not None:
            others += filter(None, [_tightened(segment._replace(last=apart))])
            start = apart + 1
            break
    first = own.first_from(1) if not others and start <= 1 else own.first_from(start)
    return [*others, Segment(first, None, own)]


def _last_difference(segment: Segment, other: Residues) -> int | None:
    """The last number in the range of a segment that is in its residues or in the others, but not in both."""
    own, last = segment.residues, segment.last
    assert last is not None
    if own == other:
        return None
    try:
        apart = (own & other.complement()) | (other & own.complement())
    except Unwieldy:
        return last  # it stays a segment of its own, which it may be as well
    found = apart.last_up_to(last) if apart.bands else 0
    return found if found >= segment.first else None


def _runs(segments: list[Segment]) -> Iterator[Segment]:
    """The segments, with three or more single numbers at equal distances as one."""
    while segments:
        head = segments[0]
        alone = [s.first for s in takewhile(lambda s: s.first == s.last, segments)]
        step = alone[1] - alone[0] if len(alone) > 1 else 1
        length = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(alone, count(head.first, step)))
        )
        if length > 2:
            yield Segment(alone[0], alone[length - 1], residues(step, [(alone[0] % step,) * 2]))
        else:
            length = 1
            yield head
        segments = segments[length:]


def _common(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> Iterator[Segment]:
    """The intersection, segment by segment."""
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        ends = [end for end in (a.last, b.last) if end is not None]
        last = min(ends, default=None)
        low = max(a.first, b.first)
        if last is None or low <= last:
            yield Segment(low, last, a.residues & b.residues)
        if last is None:
            return
        i, j = i + (a.last == last), j + (b.last == last)


def _either(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> Iterator[Segment]:
    """The union: between neighbouring ends of either set's segments, the union of their residues."""
    both = (*first, *second)
    cuts = sorted({s.first for s in both} | {s.last + 1 for s in both if s.last is not None})
    for index, low in enumerate(cuts):
        last = cuts[index + 1] - 1 if index + 1 < len(cuts) else None
        here = [s.residues for s in both if s.first <= low and (s.last is None or s.last >= low)]
        if here:
            yield Segment(low, last, here[0] | here[-1])


EVERY = SizeSet((Segment(1, None),))
"""All sizes."""
NEVER = SizeSet(())
