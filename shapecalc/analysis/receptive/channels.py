"""What the channels of a tensor see, where they differ: ranges of them, side by side.

A concat puts ranges side by side, a split cuts them, layers that work channel by channel keep them, others
unite them. What differs may lie along any axis, and along several at once: a channel shuffle is a reshape
into groups, a transpose and a reshape back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from math import prod
from typing import Final, NamedTuple, TypeAlias

from shapecalc.analysis.receptive.reach import Track, Unclear, stretched, union
from shapecalc.symbolic import Dim
from shapecalc.tensors import product

Tracks: TypeAlias = tuple[Track, ...]
"""What is seen along each axis of the network's input that is looked at."""

_MOST: Final = 2_000
"""The most members that are listed one by one, and the most ranges, for the time that it takes."""

_MOST_KINDS: Final = 80
"""The most fields that differ, for the time that it takes: a dense block has one for each of its layers."""

_SOME: Final = Unclear("it takes some of the channels, which differ in what they see")


class Run(NamedTuple):
    """A range of members that see the same."""

    size: Dim
    tracks: Tracks | None
    """None where nothing of the input is seen."""
    mixed: bool = False
    """Whether all of them see that together, and which of them reads what of it is not known."""


class Lanes(NamedTuple):
    """What the elements at one place of a tensor see, in one row: along the last of `axes` first."""

    runs: tuple[Run, ...]
    axes: tuple[int, ...] = ()
    """The axes along which they differ."""
    sizes: tuple[Dim, ...] = ()

    @property
    def mixed(self) -> bool:
        return any(run.mixed for run in self.runs)


def alike(tracks: Tracks | None) -> Lanes:
    """All elements at a place see the same."""
    return Lanes((Run(1, tracks),))


@lru_cache(maxsize=10_000)
def united(parts: tuple[Tracks | None, ...]) -> Tracks | None:
    """What is seen by elements that see all of these."""
    seen = [tracks for tracks in parts if tracks is not None]
    return tuple(map(union, zip(*seen, strict=True))) if seen else None


def together(runs: Iterable[Run]) -> Tracks | None:
    """What all of them see."""
    return united(tuple(dict.fromkeys(run.tracks for run in runs)))


def mixed(lanes: Lanes) -> Lanes:
    """The same, of which no more is known than what all see together."""
    return lanes._replace(runs=(Run(product(lanes.sizes), together(lanes.runs), mixed=True),))


def some(runs: Sequence[Run]) -> Tracks | None:
    """What is seen by some of them, of which it is not known which they are."""
    known = [run.tracks for run in runs if run.tracks is not None]
    if not known:
        return None
    if len(known) < len(runs) or any(run.mixed for run in runs):
        return (_SOME,) * len(known[0])
    return tuple(seen[0] if len(set(seen)) == 1 else _SOME for seen in zip(*known, strict=True))


def merged(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Neighbours that see the same as one range."""
    found: list[Run] = []
    for run in runs:
        if found and found[-1].tracks == run.tracks and not (found[-1].mixed or run.mixed):
            found[-1] = Run(found[-1].size + run.size, run.tracks)
        elif run.size != 0:
            found.append(run)
    return tuple(found)


def tidied(lanes: Lanes) -> Lanes:
    """The same with the fewest ranges and axes."""
    runs = merged(lanes.runs)
    kept = [i for i, size in enumerate(lanes.sizes) if size != 1]
    if not kept or (len(runs) == 1 and not runs[0].mixed):
        return alike(together(runs))
    found = Lanes(runs, tuple(lanes.axes[i] for i in kept), tuple(lanes.sizes[i] for i in kept))
    if len(runs) > _MOST or (len(runs) > _MOST_KINDS and len({run.tracks for run in runs}) > _MOST_KINDS):
        return mixed(found)
    return reduce(_without, found.axes, found)


def _without(lanes: Lanes, axis: int) -> Lanes:
    """The same without an axis, if nothing differs along it."""
    if len(lanes.axes) == 1 or lanes.mixed:
        return lanes
    turned = last(lanes, axis)
    size = turned.sizes[-1]
    counts = numbers([size, *(run.size for run in turned.runs)])
    if turned.mixed or counts is None or any(count % counts[0] for count in counts[1:]):
        return lanes
    runs = (run._replace(size=run.size // size) for run in turned.runs)
    return Lanes(tuple(runs), turned.axes[:-1], turned.sizes[:-1])


def widened(lanes: Lanes, axis: int, size: Dim) -> Lanes:
    """The same, told apart along one more axis, which is the last and along which nothing differs."""
    runs = tuple(Run(run.size * size, run.tracks, run.mixed) for run in lanes.runs)
    return Lanes(runs, (*lanes.axes, axis), (*lanes.sizes, size))


def last(lanes: Lanes, axis: int) -> Lanes:
    """The same with this axis as the last."""
    return ordered(lanes, [*(other for other in lanes.axes if other != axis), axis])


def ordered(lanes: Lanes, axes: Sequence[int]) -> Lanes:
    """The same in the order of these axes; mixed where its members can't be listed."""
    order = [lanes.axes.index(axis) for axis in axes]
    turned = Lanes(lanes.runs, tuple(axes), tuple(lanes.sizes[i] for i in order))
    if turned.axes == lanes.axes or len(lanes.runs) == 1:
        return turned
    sizes, counts = numbers(lanes.sizes), numbers(run.size for run in lanes.runs)
    if lanes.mixed or sizes is None or counts is None or sum(counts) > _MOST:
        return mixed(turned)
    pairs = zip(lanes.runs, counts, strict=True)
    flat = [one for run, count in pairs for one in [Run(1, run.tracks)] * count]
    offsets = [0]
    for i in order:
        step = prod(sizes[i + 1 :])
        offsets = [offset + k * step for offset in offsets for k in range(sizes[i])]
    return turned._replace(runs=merged(flat[offset] for offset in offsets))


def numbers(sizes: Iterable[Dim]) -> list[int] | None:
    """Sizes of which none is a formula."""
    found = list(sizes)
    known = [size for size in found if isinstance(size, int)]
    return known if len(known) == len(found) else None


def added(parts: Sequence[Lanes]) -> Lanes:
    """What is seen by elements that see those at their place of each part."""
    return tidied(reduce(_both, parts))


def _both(one: Lanes, other: Lanes) -> Lanes:
    if not other.axes:
        return one._replace(runs=tuple(run._replace(tracks=together((run, *other.runs))) for run in one.runs))
    if not one.axes:
        return _both(other, one)
    if set(one.axes) == set(other.axes) and not (one.mixed or other.mixed):
        other = ordered(other, one.axes)
        runs = None if other.mixed else _zipped(one.runs, other.runs)
        if runs is not None:
            return one._replace(runs=runs)
    sizes = dict(zip((*one.axes, *other.axes), (*one.sizes, *other.sizes), strict=True))
    return mixed(Lanes((*one.runs, *other.runs), tuple(sizes), tuple(sizes.values())))


def _zipped(one: Sequence[Run], other: Sequence[Run]) -> tuple[Run, ...] | None:
    """Two rows in ranges as short as those of both; None where formulas do not tell which are shorter."""
    found: list[Run] = []
    left, right = list(reversed(one)), list(reversed(other))
    while left and right:
        first, second = left.pop(), right.pop()
        rest = first.size - second.size
        if rest != 0 and not isinstance(rest, int):
            return None
        if isinstance(rest, int) and rest:
            longer, stack = (first, left) if rest > 0 else (second, right)
            stack.append(longer._replace(size=abs(rest)))
        shorter = second if isinstance(rest, int) and rest > 0 else first
        found.append(Run(shorter.size, together((first, second))))
    return tuple(found)


def beside(axis: int, parts: Sequence[tuple[Dim, Lanes]]) -> Lanes:
    """Parts one after another along an axis, each with its size along it.

    Along an axis that places lie along, they are places of a longer one then.
    """
    seen = [run.tracks for _, lanes in parts for run in lanes.runs]
    if any(track.axis == axis for tracks in seen if tracks is not None for track in tracks):
        return alike(tuple(map(stretched, zip(*filter(None, seen), strict=True))))
    others = {own: size for _, lanes in parts for own, size in zip(lanes.axes, lanes.sizes, strict=True)}
    others.pop(axis, None)
    rows = [_row(lanes, {axis: size, **others}) for size, lanes in parts]
    total = sum([size for size, _ in parts])
    runs = tuple(run for row in rows for run in row.runs)
    return tidied(Lanes(runs, (axis, *others), (total, *others.values())))


def _row(lanes: Lanes, sizes: Mapping[int, Dim]) -> Lanes:
    """The same told apart along all of these axes, in their order."""
    for axis, size in sizes.items():
        if axis not in lanes.axes:
            lanes = widened(lanes, axis, size)
    return ordered(lanes, tuple(sizes))
