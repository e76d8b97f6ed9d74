"""What an output element of a layer reads of an input, axis by axis: the values that `Layer.reads` returns.

`Reads` has one entry for each axis of an input. Most often that is a `Pattern`: offsets that repeat along an
axis of the output. The other entries say in which other way an axis is read, or, as `Unknown`, why the way
can't be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import gcd
from typing import Final, NamedTuple, TypeAlias

from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor
from shapecalc.window import Window

POINT: Final = (range(1),)
"""The offsets of a pattern by which each element reads the one at its own place."""


LONGEST_PATTERN: Final = 2000
"""The most elements of a pattern before it repeats; longer ones take too much time."""


class Coverage(NamedTuple):
    """What all elements along an axis of the output together read of an axis of the input."""

    places: range
    """From the first place that is read to the last."""
    size: int
    """How many places the axis has."""
    gapless: bool
    """Whether every place between the first and the last is known to be read."""
    outside: bool = False
    """Whether an element reads padding."""
    beside: bool = False
    """Whether each window that reaches into padding reads the nearest place of the axis too, without gaps."""

    @property
    def full(self) -> bool:
        return self.gapless and len(self.places) == self.size


class Pattern(NamedTuple):
    """Offsets, which repeat along an axis of the output.

    Element i reads the places `offsets[i % len(offsets)]`, `shift` further on for each time that the pattern
    has been used up, i // len(offsets): a convolution has one range of offsets, whose shift is its stride; an
    upsampling has a range for each element that it makes of one. Places outside of the axis are padding.
    """

    axis: int | None
    """The axis of the output; None where all elements of the output read the same."""
    offsets: tuple[range, ...] = POINT
    shift: int = 1
    coverage: Coverage | None = None
    """What all elements together read; None where sizes are formulas."""
    cropped: bool = False
    """Whether the axis is cropped: each place is read by one element at most, some by none."""
    copied: bool = False
    """Whether the padding holds copies of elements of the axis: mirrored or repeated."""

    def places(self, index: int) -> range:
        """What the element of this index reads."""
        offsets = self.offsets[index % len(self.offsets)]
        moved = self.shift * (index // len(self.offsets))
        return range(offsets.start + moved, offsets.stop + moved, offsets.step)


class Everything(NamedTuple):
    """Each element of the output reads the whole axis."""


# From here on the places along an axis of the output are no places of this axis; `reason` says why.
# An element of a later layer that reads all of the axis `onto` of the output reads all of this one.


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


class Reshaped(NamedTuple):
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
    """Both axes have `groups` equal parts, and an element reads all of the part of its own number.

    If not `whole`, it reads some of that part, and its neighbours read others.
    """

    onto: int
    groups: Dim
    whole: bool = True

    @property
    def reason(self) -> str:
        return "each group sees channels of its own"


class Shuffled(NamedTuple):
    """The output has the first place of each of `groups` equal parts, then the second of each, and so on."""

    onto: int
    groups: Dim

    @property
    def reason(self) -> str:
        return "the groups take turns"


class Cut(NamedTuple):
    """The places from `start` on, where that is a formula; a number is the offset of a `Pattern`."""

    axis: int
    start: Dim

    @property
    def reason(self) -> str:
        return f"where place {self.start} is differs from size to size"


ALL: Final = Everything()
AxisReads: TypeAlias = Pattern | Everything | Joined | Merged | Reshaped | Cut | Grouped | Shuffled | Unknown
"""What an output element reads of one axis of an input."""
Reads: TypeAlias = tuple[AxisReads, ...]
"""What an output element reads of one input, for each of its axes."""


@lru_cache(maxsize=64)
def same_place(rank: int) -> Reads:
    """Each element reads the one at its own place, along every axis."""
    return tuple(Pattern(axis) for axis in range(rank))


def except_along(x: Tensor, *axes: int, reads: AxisReads = ALL) -> Reads:
    """Each element reads all of these axes, or what `reads` says, and its own place along the others."""
    changed = {axis % x.rank for axis in axes} if x.rank else set()
    return tuple(reads if axis in changed else Pattern(axis) for axis in range(x.rank))


def grouped_channels(axis: int, groups: Dim) -> AxisReads:
    """What an element of a layer with that many groups reads of the channels."""
    return ALL if groups == 1 else Grouped(axis, groups)


def windowed(x: Tensor, windows: Sequence[Window], channels: AxisReads | None = None) -> Reads:
    """What windows on the last axes read; of the axis before them `channels`, or the same place."""
    lead = x.rank - len(windows)
    first = same_place(lead) if channels is None else except_along(x, lead - 1, reads=channels)[:lead]
    return (*first, *(_through(window, lead + i) for i, window in enumerate(windows)))


def _through(window: Window, axis: int) -> Pattern:
    offsets = range(-window.before, window.extent - window.before, window.dilation)
    return Pattern(axis, (offsets,), window.stride)


def transposed_window(axis: int, window: Window) -> AxisReads:
    """What an element of a transposed convolution reads: input i goes to output s·i + d·t − p by offset t."""
    s = window.stride
    return too_long(s) or Pattern(axis, tuple(_reached(window, phase) for phase in range(s)))


def _reached(window: Window, phase: int) -> range:
    """The elements of the input that go to the output element `phase`."""
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


def too_long(pattern: int) -> Unknown | None:
    """The reason against a pattern of that many elements, if there is one."""
    if pattern > LONGEST_PATTERN:
        return Unknown(f"what is seen repeats itself after {pattern:,} elements only")
    return None


def enlarged(axis: int, times: Dim) -> AxisReads:
    """Each element of the input is repeated that many times in a row."""
    if not isinstance(times, int):
        return Unknown(f"what is seen repeats itself after {times} elements, which is a formula")
    return too_long(times) or Pattern(axis, POINT * times)


def adaptive(axis: int, n: Dim, m: Dim) -> AxisReads:
    """What adaptive pooling reads: window i of m reads n elements from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉ − 1."""
    if m == 1:
        return ALL
    if n == m:
        return Pattern(axis)
    if not (isinstance(n, int) and isinstance(m, int)):
        return Unknown(f"where {m} windows on an axis of {n} begin differs from size to size")
    # The pattern repeats after m/gcd windows, which are n/gcd elements.
    common = gcd(n, m)
    if long := too_long(m // common):
        return long
    offsets = (range(i * n // m, -(-(i + 1) * n // m)) for i in range(m // common))
    return Pattern(axis, tuple(offsets), n // common)


def broadcast_to(y: Tensor, x: Tensor) -> Reads:
    """What is read of an input broadcast to `y`: axes are matched from the last one, 1 is repeated."""
    lead = y.rank - x.rank
    if x.shape == y.shape[lead:]:
        return same_place(x.rank) if not lead else tuple(Pattern(lead + i) for i in range(x.rank))
    pairs = enumerate(zip(x.shape, y.shape[lead:], strict=True), start=lead)
    return tuple(Pattern(None, POINT, 0) if n == 1 != m else Pattern(axis) for axis, (n, m) in pairs)


def moved_axes(axes: Iterable[int | None]) -> Reads:
    """Axis i of the input becomes axis `axes[i]` of the output; None: it has size 1 and is removed."""
    return tuple(Pattern(None, POINT, 0) if axis is None else Pattern(axis) for axis in axes)


def reshaped(old: Shape, new: Shape, before: int = 0, after: int = 0) -> Reads:
    """What is read of a tensor whose elements, in their order, get another shape.

    So many axes `before` and `after` stay, at whatever size. Of both shapes between them without their 1s,
    the equal sizes at the front and at the back are the same axes.
    """
    if old == new:
        return same_place(len(old))
    found: dict[int, AxisReads] = {axis: Pattern(axis) for axis in range(before)}
    found |= {len(old) - i: Pattern(len(new) - i) for i in range(1, after + 1)}
    left = [axis for axis in range(before, len(old) - after) if old[axis] != 1]
    made = [axis for axis in range(before, len(new) - after) if new[axis] != 1]
    for end in (0, -1):
        while left and made and old[left[end]] == new[made[end]]:
            found[left.pop(end)] = Pattern(made.pop(end))
    found |= dict.fromkeys(left, Reshaped(tuple(left), tuple(made)))
    return tuple(found.get(axis, Pattern(None, POINT, 0)) for axis in range(len(old)))


def reduced(x: Tensor, gone: Iterable[int], keepdim: bool) -> Reads:
    """What is read of an input that is summed along the axes `gone`."""
    summed = set(gone)
    axes = iter(range(x.rank))
    kept = [next(axes) if keepdim or axis not in summed else None for axis in range(x.rank)]
    return tuple(ALL if axis in summed else Pattern(place) for axis, place in enumerate(kept))
