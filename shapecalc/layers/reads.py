"""What an output element of a layer reads of an input, axis by axis: what `Layer.reads` is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import gcd
from typing import Final, NamedTuple, TypeAlias

from shapecalc.symbolic import Dim, difference, least
from shapecalc.tensors import Shape, Tensor
from shapecalc.window import Window

POINT: Final = (range(1),)
"""The offsets of an axis whose elements read the one element that stands at their own place."""


LONGEST_PATTERN: Final = 2000
"""The most elements after which what they see repeats itself, for the time that it takes."""


class Read(NamedTuple):
    """What all elements of an axis of the output together read of an axis of the input; of numbers."""

    places: range
    """From the first place that any of them reads to the last."""
    size: int
    """How many places there are."""
    gapless: bool
    """Whether all between are read, as far as that is known."""
    outside: bool = False
    """Whether any reads padding."""
    beside: bool = False
    """Whether windows that hold padding also hold the place at that end, and all between."""

    @property
    def full(self) -> bool:
        return self.gapless and len(self.places) == self.size


class Reading(NamedTuple):
    """How the elements along an axis of the output read an axis of the input.

    Element i reads the places `offsets[i % len(offsets)]`, `shift` further on for each time that the pattern
    has gone round, i // len(offsets): a convolution has one range of offsets, whose shift is its stride; an
    upsampling has a range for each element that it makes of one. Places outside of the axis are padding.
    """

    axis: int | None
    """The axis of the output; None where all elements of the output read the same."""
    offsets: tuple[range, ...] = POINT
    shift: int = 1
    read: Read | None = None
    """What all elements read; None where sizes are formulas."""
    part: bool = False
    """Whether a part of the axis is taken, each place by one element, and the rest is left."""
    made: bool = False
    """Whether padding is made of the axis: mirrored or repeated."""

    def places(self, index: int) -> range:
        """What the element of this index reads."""
        offsets = self.offsets[index % len(self.offsets)]
        moved = self.shift * (index // len(self.offsets))
        return range(offsets.start + moved, offsets.stop + moved, offsets.step)


class Everything(NamedTuple):
    """Each element of the output reads the whole axis."""


# The other sights give the elements along an axis of the output no field along this one; `reason` says why.
# Whoever reads all of the axis `onto` of the output reads all of this one.


class Merged(NamedTuple):
    """The places lie along an axis of the output in no simple order."""

    onto: int
    reason: str


class Joined(NamedTuple):
    """The places become a range of those along an axis of the output, with those of other inputs beside."""

    onto: int

    @property
    def reason(self) -> str:
        return "the branches stand one after another"


class Regrouped(NamedTuple):
    """The axes `old` of the input, taken as one row of elements, are divided anew, into the axes `new`."""

    old: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def onto(self) -> int | None:
        return self.new[0] if len(self.new) == 1 else None

    @property
    def reason(self) -> str:
        many = len(self.new) > 1
        return "its places are divided among other axes" if many else "the places of several axes lie on one"


class Grouped(NamedTuple):
    """Both axes are `groups` equal parts, and an element reads what the same part of the input holds.

    Or, if not `whole`, some of that, and another element at the same place something else of it.
    """

    onto: int
    groups: Dim
    whole: bool = True

    @property
    def reason(self) -> str:
        return "each group sees channels of its own"


class Shuffled(NamedTuple):
    """The first of each of `groups` equal parts, then the second of each, and so on."""

    onto: int
    groups: Dim

    @property
    def reason(self) -> str:
        return "the groups take turns"


class Cut(NamedTuple):
    """The places from `start` on, which is a formula; of a number, `Reading` says the same."""

    axis: int
    start: Dim

    @property
    def onto(self) -> None:
        return None

    @property
    def reason(self) -> str:
        return f"where place {self.start} is differs from size to size"


class Unknown(NamedTuple):
    """What is read of the axis follows no rule of this kind."""

    reason: str

    @property
    def onto(self) -> None:
        return None


ALL: Final = Everything()
Sight: TypeAlias = Reading | Everything | Joined | Merged | Regrouped | Cut | Grouped | Shuffled | Unknown
"""What an output element reads of one axis of an input."""
Sights: TypeAlias = tuple[Sight, ...]
"""What an output element reads of one input, for each of its axes."""


@lru_cache(maxsize=64)
def same(rank: int) -> Sights:
    """Each element reads the one at its own place; one object for each rank."""
    return tuple(Reading(axis) for axis in range(rank))


def but(x: Tensor, *axes: int, sight: Sight = ALL) -> Sights:
    """Each element reads the one at its own place, and of these axes all, or what `sight` is."""
    changed = {axis % x.rank for axis in axes} if x.rank else set()
    return tuple(sight if axis in changed else Reading(axis) for axis in range(x.rank))


def channels_of(axis: int, groups: Dim) -> Sight:
    """What is seen of channels that are taken in so many groups."""
    return ALL if groups == 1 else Grouped(axis, groups)


def slid(x: Tensor, windows: Sequence[Window], channels: Sight | None = None) -> Sights:
    """What windows on the last axes see; of the axis before them the same place, or what `channels` is."""
    lead = x.rank - len(windows)
    first = same(lead) if channels is None else but(x, lead - 1, sight=channels)[:lead]
    return (*first, *(_through(window, lead + i) for i, window in enumerate(windows)))


def _through(window: Window, axis: int) -> Reading:
    offsets = range(-window.before, window.extent - window.before, window.dilation)
    return Reading(axis, (offsets,), window.stride)


def spread(axis: int, window: Window) -> Sight:
    """What an element of a transposed convolution reads: input i reaches output s·i + d·t − p by offset t."""
    s = window.stride
    return _too_long(s) or Reading(axis, tuple(_reached(window, phase) for phase in range(s)))


def _reached(window: Window, phase: int) -> range:
    """The elements of the input that reach the output element `phase`."""
    k, s, p, d = window.kernel, window.stride, window.before, window.dilation
    # s·i + d·t = phase + p has solutions where gcd(s, d) divides it: t in steps of s/gcd, i of d/gcd.
    common = gcd(s, d)
    quotient, rest = divmod(phase + p, common)
    every = s // common
    first = quotient * pow(d // common, -1, every) % every if every > 1 else 0
    if rest or first >= k:
        return range(0)
    last = first + (k - 1 - first) // every * every
    return range((phase + p - d * last) // s, (phase + p - d * first) // s + 1, d // common)


def _too_long(pattern: int) -> Unknown | None:
    if pattern > LONGEST_PATTERN:
        return Unknown(f"what is seen repeats itself after {pattern:,} elements only")
    return None


def each(axis: int, times: Dim) -> Sight:
    """Each element of the input stands so many times in a row."""
    if not isinstance(times, int):
        return Unknown(f"what is seen repeats itself after {times} elements, which is a formula")
    return _too_long(times) or Reading(axis, POINT * times)


def shared(axis: int, n: Dim, m: Dim) -> Sight:
    """What m windows side by side see of n elements: the i-th from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1."""
    if m == 1:
        return ALL
    if n == m:
        return Reading(axis)
    if not (isinstance(n, int) and isinstance(m, int)):
        return Unknown(f"where {m} windows on an axis of {n} begin differs from size to size")
    # The pattern repeats after m/gcd windows, which are n/gcd elements.
    common = gcd(n, m)
    if too_long := _too_long(m // common):
        return too_long
    offsets = (range(i * n // m, -(-(i + 1) * n // m)) for i in range(m // common))
    return Reading(axis, tuple(offsets), n // common)


def broadcast_to(y: Tensor, x: Tensor) -> Sights:
    """What is seen of an input broadcast to `y`: axes are matched from the last one, 1 is repeated."""
    lead = y.rank - x.rank
    if x.shape == y.shape[lead:]:
        return same(x.rank) if not lead else tuple(Reading(lead + i) for i in range(x.rank))
    pairs = enumerate(zip(x.shape, y.shape[lead:], strict=True), start=lead)
    return tuple(Reading(None, POINT, 0) if n == 1 != m else Reading(axis) for axis, (n, m) in pairs)


def placed(axes: Iterable[int | None]) -> Sights:
    """Each axis of the input as this axis of the output; None where it is gone, of its one element."""
    return tuple(Reading(None, POINT, 0) if axis is None else Reading(axis) for axis in axes)


def regrouped(old: Shape, new: Shape) -> Sights:
    """What is seen of a tensor whose elements, in their order, have another shape.

    Axes of the same size that only such axes come before, or only such axes after, are kept.
    """
    if old == new:
        return same(len(old))
    left = [axis for axis, n in enumerate(old) if n != 1]
    made = [axis for axis, n in enumerate(new) if n != 1]
    found: dict[int, Sight] = {}
    for end in (0, -1):
        while left and made and old[left[end]] == new[made[end]]:
            found[left.pop(end)] = Reading(made.pop(end))
    found |= dict.fromkeys(left, Regrouped(tuple(left), tuple(made)))
    return tuple(found.get(axis, Reading(None, POINT, 0)) for axis in range(len(old)))


def reduced(x: Tensor, gone: Iterable[int], keepdim: bool) -> Sights:
    """What is seen of an input that these axes are summed up of."""
    summed = set(gone)
    axes = iter(range(x.rank))
    kept = [next(axes) if keepdim or axis not in summed else None for axis in range(x.rank)]
    return tuple(ALL if axis in summed else Reading(place) for axis, place in enumerate(kept))


def measured(sights: Sights, x: Tensor, y: Tensor) -> Sights:
    """The same, with what all elements of `y` together read of `x`, where sizes are numbers."""
    return tuple(_measured(sight, n, y) for sight, n in zip(sights, x.shape, strict=True))


def _measured(sight: Sight, n: Dim, y: Tensor) -> Sight:
    if not isinstance(sight, Reading):
        return sight
    m: Dim = 1 if sight.axis is None else y.shape[sight.axis]
    sight = sight._replace(part=sight.part and _is_part(sight.offsets[0].start, n, m))
    if not (isinstance(n, int) and isinstance(m, int)):
        return sight
    if sight.offsets == POINT and sight.shift == 1 and n == m:
        return sight._replace(read=Read(range(n), n, gapless=True))
    first = _first(sight, n, m)
    # Read from the end, the last place is the first.
    last = _first(_mirrored(sight, n, m), n, m)
    if first is None or last is None:
        return Unknown("what is read at the ends of the axis takes too long to find")
    ends = [
        sight.places(i)
        for i in (*range(min(len(sight.offsets), m)), *range(max(m - len(sight.offsets), 0), m))
    ]
    outside = any(offsets and (offsets[0] < 0 or offsets[-1] >= n) for offsets in ends)
    read = Read(range(first, n - last), n, _is_gapless(sight, m), outside, _is_beside(ends, n))
    return sight._replace(read=read)


def _is_beside(ends: Sequence[range], n: int) -> bool:
    """Whether the windows at both ends hold the place at theirs and all on to it, where they reach beyond."""
    if len(ends) > 2 or not all(offsets and (offsets.step == 1 or len(offsets) == 1) for offsets in ends):
        return False
    return ends[0][-1] >= 0 and ends[-1][0] < n


def _is_gapless(reading: Reading, m: int) -> bool:
    """Whether m elements read all places between the first and the last that they read, as far as known."""
    first, *others = reading.offsets
    if not others and (first.step == 1 or len(first) == 1):
        return reading.shift <= len(first)
    if sum(map(len, reading.offsets)) * m > LONGEST_PATTERN:
        return False
    places = {place for i in range(m) for place in reading.places(i)}
    return bool(places) and len(places) == max(places) - min(places) + 1


def _is_part(start: int, n: Dim, m: Dim) -> bool:
    """Whether the m places from `start` on leave others of n, or may where these are formulas."""
    beyond = least(difference(start + m, n))
    return start > 0 or beyond is None or beyond < 0


def _first(reading: Reading, n: int, m: int) -> int | None:
    """The first of n places that any of m elements reads, n where all of these are padding.

    None where too many elements in turn tell nothing of it.
    """
    found, count = n, len(reading.offsets)
    reaching = max((offsets[-1] for offsets in reading.offsets if offsets), default=-1)
    turn = max(-(reaching // reading.shift), 0) if reading.shift else 0
    for i in range(turn * count, m):
        offsets = reading.places(i)
        found = min([found, *_inside(offsets, n)[:1]])
        if found == 0 or (offsets and offsets[0] >= found):
            break
        if i - turn * count > LONGEST_PATTERN:
            return None
    return found


def _mirrored(reading: Reading, n: int, m: int) -> Reading:
    """The same read from the end: element i is the i-th from the last, place j the j-th from the last."""
    turns = tuple(reading.places(m - 1 - i) for i in range(len(reading.offsets)))
    return Reading(reading.axis, tuple(_turned(offsets, n) for offsets in turns), reading.shift)


def _turned(offsets: range, n: int) -> range:
    return range(n - 1 - offsets[-1], n - offsets[0], offsets.step) if offsets else offsets


def _inside(offsets: range, n: int) -> range:
    """Those of the offsets that are places of an axis of n."""
    skipped = max(-(offsets.start // offsets.step), 0)
    return range(offsets.start + skipped * offsets.step, min(offsets.stop, n), offsets.step)
