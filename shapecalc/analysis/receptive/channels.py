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

from shapecalc.analysis.receptive.axis_fields import AxisField, Undefined, side_by_side, union
from shapecalc.symbolic import Dim
from shapecalc.tensors import product

AxisFields: TypeAlias = tuple[AxisField, ...]
"""What is known along each axis of the network's input that is looked at."""

_MOST: Final = 2_000
"""The most members that are listed one by one, and the most ranges, for the time that it takes."""

_MOST_KINDS: Final = 80
"""The most fields that differ, for the time that it takes: a dense block has one for each of its layers."""

_SOME: Final = Undefined("it takes some of the channels, which differ in what they see")


class Run(NamedTuple):
    """A range of members that see the same."""

    size: Dim
    fields: AxisFields | None
    """None where nothing of the input is known."""
    mixed: bool = False
    """Whether all of them see that together, and which of them reads what of it is not known."""


class Channels(NamedTuple):
    """What the elements at one place of a tensor see, in one row: along the last of `axes` first."""

    runs: tuple[Run, ...]
    axes: tuple[int, ...] = ()
    """The axes along which they differ."""
    sizes: tuple[Dim, ...] = ()

    @property
    def mixed(self) -> bool:
        return any(run.mixed for run in self.runs)


def uniform(fields: AxisFields | None) -> Channels:
    """All elements at a place see the same."""
    return Channels((Run(1, fields),))


@lru_cache(maxsize=10_000)
def united(parts: tuple[AxisFields | None, ...]) -> AxisFields | None:
    """What is known by elements that see all of these."""
    known = [fields for fields in parts if fields is not None]
    return tuple(map(union, zip(*known, strict=True))) if known else None


def together(runs: Iterable[Run]) -> AxisFields | None:
    """What all of them see."""
    return united(tuple(dict.fromkeys(run.fields for run in runs)))


def mixed(channels: Channels) -> Channels:
    """The same, of which no more is known than what all see together."""
    return channels._replace(runs=(Run(product(channels.sizes), together(channels.runs), mixed=True),))


def some(runs: Sequence[Run]) -> AxisFields | None:
    """What is known by some of them, of which it is not known which they are."""
    known = [run.fields for run in runs if run.fields is not None]
    if not known:
        return None
    if len(known) < len(runs) or any(run.mixed for run in runs):
        return (_SOME,) * len(known[0])
    return tuple(known[0] if len(set(known)) == 1 else _SOME for known in zip(*known, strict=True))


def merged(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Neighbours that see the same as one range."""
    found: list[Run] = []
    for run in runs:
        if found and found[-1].fields == run.fields and not (found[-1].mixed or run.mixed):
            found[-1] = Run(found[-1].size + run.size, run.fields)
        elif run.size != 0:
            found.append(run)
    return tuple(found)


def tidied(channels: Channels) -> Channels:
    """The same with the fewest ranges and axes."""
    runs = merged(channels.runs)
    kept = [i for i, size in enumerate(channels.sizes) if size != 1]
    if not kept or (len(runs) == 1 and not runs[0].mixed):
        return uniform(together(runs))
    found = Channels(runs, tuple(channels.axes[i] for i in kept), tuple(channels.sizes[i] for i in kept))
    if len(runs) > _MOST or (len(runs) > _MOST_KINDS and len({run.fields for run in runs}) > _MOST_KINDS):
        return mixed(found)
    return reduce(_without, found.axes, found)


def _without(channels: Channels, axis: int) -> Channels:
    """The same without an axis, if nothing differs along it."""
    if len(channels.axes) == 1 or channels.mixed:
        return channels
    turned = last(channels, axis)
    size = turned.sizes[-1]
    counts = numbers([size, *(run.size for run in turned.runs)])
    if turned.mixed or counts is None or any(count % counts[0] for count in counts[1:]):
        return channels
    runs = (run._replace(size=run.size // size) for run in turned.runs)
    return Channels(tuple(runs), turned.axes[:-1], turned.sizes[:-1])


def widened(channels: Channels, axis: int, size: Dim) -> Channels:
    """The same, told apart along one more axis, which is the last and along which nothing differs."""
    runs = tuple(Run(run.size * size, run.fields, run.mixed) for run in channels.runs)
    return Channels(runs, (*channels.axes, axis), (*channels.sizes, size))


def last(channels: Channels, axis: int) -> Channels:
    """The same with this axis as the last."""
    return ordered(channels, [*(other for other in channels.axes if other != axis), axis])


def ordered(channels: Channels, axes: Sequence[int]) -> Channels:
    """The same in the order of these axes; mixed where its members can't be listed."""
    order = [channels.axes.index(axis) for axis in axes]
    turned = Channels(channels.runs, tuple(axes), tuple(channels.sizes[i] for i in order))
    if turned.axes == channels.axes or len(channels.runs) == 1:
        return turned
    sizes, counts = numbers(channels.sizes), numbers(run.size for run in channels.runs)
    if channels.mixed or sizes is None or counts is None or sum(counts) > _MOST:
        return mixed(turned)
    pairs = zip(channels.runs, counts, strict=True)
    flat = [one for run, count in pairs for one in [Run(1, run.fields)] * count]
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


def added(parts: Sequence[Channels]) -> Channels:
    """What is known by elements that see those at their place of each part."""
    return tidied(reduce(_both, parts))


def _both(one: Channels, other: Channels) -> Channels:
    if not other.axes:
        return one._replace(runs=tuple(run._replace(fields=together((run, *other.runs))) for run in one.runs))
    if not one.axes:
        return _both(other, one)
    if set(one.axes) == set(other.axes) and not (one.mixed or other.mixed):
        other = ordered(other, one.axes)
        runs = None if other.mixed else _zipped(one.runs, other.runs)
        if runs is not None:
            return one._replace(runs=runs)
    sizes = dict(zip((*one.axes, *other.axes), (*one.sizes, *other.sizes), strict=True))
    return mixed(Channels((*one.runs, *other.runs), tuple(sizes), tuple(sizes.values())))


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


def beside(axis: int, parts: Sequence[tuple[Dim, Channels]]) -> Channels:
    """Parts one after another along an axis, each with its size along it.

    Along an axis that places lie along, they are places of a longer one then.
    """
    known = [run.fields for _, channels in parts for run in channels.runs]
    if any(field.axis == axis for fields in known if fields is not None for field in fields):
        return uniform(tuple(map(side_by_side, zip(*filter(None, known), strict=True))))
    others = {
        own: size for _, channels in parts for own, size in zip(channels.axes, channels.sizes, strict=True)
    }
    others.pop(axis, None)
    rows = [_row(channels, {axis: size, **others}) for size, channels in parts]
    total = sum([size for size, _ in parts])
    runs = tuple(run for row in rows for run in row.runs)
    return tidied(Channels(runs, (axis, *others), (total, *others.values())))


def _row(channels: Channels, sizes: Mapping[int, Dim]) -> Channels:
    """The same told apart along all of these axes, in their order."""
    for axis, size in sizes.items():
        if axis not in channels.axes:
            channels = widened(channels, axis, size)
    return ordered(channels, tuple(sizes))
