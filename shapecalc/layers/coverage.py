"""What all elements of an output together read of an axis of the input: the `Coverage` of a pattern."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.layers.reads import LONGEST_PATTERN, POINT, AxisReads, Coverage, Pattern, Reads
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, difference, least
from shapecalc.tensors import Tensor


def with_coverage(reads: Reads, x: Tensor, y: Tensor) -> Reads:
    """The same with the coverage of each pattern: what all elements of `y` together read of `x`."""
    return tuple(_with_coverage(own, n, y) for own, n in zip(reads, x.shape, strict=True))


def _with_coverage(reads: AxisReads, n: Dim, y: Tensor) -> AxisReads:
    if not isinstance(reads, Pattern):
        return reads
    m: Dim = 1 if reads.axis is None else y.shape[reads.axis]
    reads = reads._replace(cropped=reads.cropped and _is_part(reads.offsets[0].start, n, m))
    if not (isinstance(n, int) and isinstance(m, int)):
        return reads
    if reads.offsets == POINT and reads.shift == 1 and n == m:
        return reads._replace(coverage=Coverage(range(n), n, gapless=True))
    first = _first(reads, n, m)
    # Coverage from the end, the last place is the first.
    last = _first(_mirrored(reads, n, m), n, m)
    if first is None or last is None:
        return Unknown("what is read at the ends of the axis takes too long to find")
    ends = [
        reads.places(i)
        for i in (*range(min(len(reads.offsets), m)), *range(max(m - len(reads.offsets), 0), m))
    ]
    outside = any(offsets and (offsets[0] < 0 or offsets[-1] >= n) for offsets in ends)
    coverage = Coverage(range(first, n - last), n, _is_gapless(reads, m), outside, _is_beside(ends, n))
    return reads._replace(coverage=coverage)


def _is_beside(ends: Sequence[range], n: int) -> bool:
    """Whether both windows at the ends read the place at their end of the axis, without gaps up to it."""
    if len(ends) > 2 or not all(offsets and (offsets.step == 1 or len(offsets) == 1) for offsets in ends):
        return False
    return ends[0][-1] >= 0 and ends[-1][0] < n


def _is_gapless(pattern: Pattern, m: int) -> bool:
    """Whether m elements are known to read every place between the first and the last that they read."""
    first, *others = pattern.offsets
    if not others and (first.step == 1 or len(first) == 1):
        return pattern.shift <= len(first)
    if sum(map(len, pattern.offsets)) * m > LONGEST_PATTERN:
        return False
    places = {place for i in range(m) for place in pattern.places(i)}
    return bool(places) and len(places) == max(places) - min(places) + 1


def _is_part(start: int, n: Dim, m: Dim) -> bool:
    """Whether the m places from `start` on are less than all n; True of formulas where that can't be told."""
    beyond = least(difference(start + m, n))
    return start > 0 or beyond is None or beyond < 0


def _first(pattern: Pattern, n: int, m: int) -> int | None:
    """The first of n places that any of m elements reads, n where all of them read padding alone.

    None where that would take a look at too many elements.
    """
    found, count = n, len(pattern.offsets)
    reaching = max((offsets[-1] for offsets in pattern.offsets if offsets), default=-1)
    turn = max(-(reaching // pattern.shift), 0) if pattern.shift else 0
    for i in range(turn * count, m):
        offsets = pattern.places(i)
        found = min([found, *_inside(offsets, n)[:1]])
        if found == 0 or (offsets and offsets[0] >= found):
            break
        if i - turn * count > LONGEST_PATTERN:
            return None
    return found


def _mirrored(pattern: Pattern, n: int, m: int) -> Pattern:
    """The pattern with elements and places counted from the end of their axes."""
    turns = tuple(pattern.places(m - 1 - i) for i in range(len(pattern.offsets)))
    return Pattern(pattern.axis, tuple(_turned(offsets, n) for offsets in turns), pattern.shift)


def _turned(offsets: range, n: int) -> range:
    return range(n - 1 - offsets[-1], n - offsets[0], offsets.step) if offsets else offsets


def _inside(offsets: range, n: int) -> range:
    """The places that lie on an axis of size n."""
    skipped = max(-(offsets.start // offsets.step), 0)
    return range(offsets.start + skipped * offsets.step, min(offsets.stop, n), offsets.step)
