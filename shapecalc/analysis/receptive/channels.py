"""The receptive fields of a tensor's channels, where they differ: runs of channels with the same field.

A concat joins runs, a split cuts them, a depthwise layer keeps them, a layer that reads all channels unites
them. Fields may differ along any axis, and along several at once: a channel shuffle is a reshape into groups,
a transpose and a reshape back. "Channels" are here the elements at one place, along all these axes.
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
"""A field along each of the axes of the network's input that are followed."""

_MOST: Final = 2_000
"""The most channels that are listed one by one, and the most runs, for the time that it takes."""

_MOST_KINDS: Final = 80
"""The most different fields, for the time that it takes: a dense block has one for each of its layers."""

_SOME: Final = Undefined("it takes some of the channels, which differ in what they see")


class Span(NamedTuple):
    """Consecutive channels with the same field."""

    size: Dim
    fields: AxisFields | None
    """None of channels that do not depend on the input."""
    mixed: bool = False
    """Whether `fields` is the union of theirs, and what each of them reads of it is not known."""


class Channels(NamedTuple):
    """The fields of the elements at one place of a tensor, in one row, the last of `axes` varying fastest."""

    runs: tuple[Span, ...]
    axes: tuple[int, ...] = ()
    """The axes of the tensor along which the fields differ."""
    sizes: tuple[Dim, ...] = ()

    @property
    def mixed(self) -> bool:
        return any(run.mixed for run in self.runs)


def uniform(fields: AxisFields | None) -> Channels:
    """All channels have the same field."""
    return Channels((Span(1, fields),))


@lru_cache(maxsize=10_000)
def united(parts: tuple[AxisFields | None, ...]) -> AxisFields | None:
    """The union of fields, axis by axis; None adds nothing."""
    known = [fields for fields in parts if fields is not None]
    return tuple(map(union, zip(*known, strict=True))) if known else None


def together(runs: Iterable[Span]) -> AxisFields | None:
    """The union of the fields of these channels."""
    return united(tuple(dict.fromkeys(run.fields for run in runs)))


def mixed(channels: Channels) -> Channels:
    """The same as one mixed run: of all channels only the union is known."""
    return channels._replace(runs=(Span(product(channels.sizes), together(channels.runs), mixed=True),))


def some(runs: Sequence[Span]) -> AxisFields | None:
    """The field of some of these channels, where it is not known of which."""
    known = [run.fields for run in runs if run.fields is not None]
    if not known:
        return None
    if len(known) < len(runs) or any(run.mixed for run in runs):
        return (_SOME,) * len(known[0])
    return tuple(axis[0] if len(set(axis)) == 1 else _SOME for axis in zip(*known, strict=True))


def merged(runs: Iterable[Span]) -> tuple[Span, ...]:
    """The runs with neighbours of the same field as one."""
    found: list[Span] = []
    for run in runs:
        if found and found[-1].fields == run.fields and not (found[-1].mixed or run.mixed):
            found[-1] = Span(found[-1].size + run.size, run.fields)
        elif run.size != 0:
            found.append(run)
    return tuple(found)


def tidied(channels: Channels) -> Channels:
    """The same with the fewest runs and axes."""
    found = without_ones(channels._replace(runs=merged(channels.runs)))
    runs = found.runs
    if len(runs) == 1 and not runs[0].mixed:
        return uniform(runs[0].fields)
    if len(runs) > _MOST or (len(runs) > _MOST_KINDS and len({run.fields for run in runs}) > _MOST_KINDS):
        return mixed(found)
    return reduce(_without, found.axes, found)


def without_ones(channels: Channels) -> Channels:
    """The same without axes of size 1."""
    kept = [i for i, size in enumerate(channels.sizes) if size != 1]
    if not kept:
        return uniform(together(channels.runs))
    return Channels(
        channels.runs, tuple(channels.axes[i] for i in kept), tuple(channels.sizes[i] for i in kept)
    )


def _without(channels: Channels, axis: int) -> Channels:
    """The same without an axis, if no field differs along it."""
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
    """The same with one more axis, the last, along which no field differs."""
    runs = tuple(Span(run.size * size, run.fields, run.mixed) for run in channels.runs)
    return Channels(runs, (*channels.axes, axis), (*channels.sizes, size))


def last(channels: Channels, axis: int) -> Channels:
    """The same with this axis as the last."""
    return ordered(channels, [*(other for other in channels.axes if other != axis), axis])


def ordered(channels: Channels, axes: Sequence[int]) -> Channels:
    """The same with its axes in this order; mixed where the channels can't be listed one by one."""
    order = [channels.axes.index(axis) for axis in axes]
    turned = Channels(channels.runs, tuple(axes), tuple(channels.sizes[i] for i in order))
    if turned.axes == channels.axes or len(channels.runs) == 1:
        return turned
    sizes, counts = numbers(channels.sizes), numbers(run.size for run in channels.runs)
    if channels.mixed or sizes is None or counts is None or sum(counts) > _MOST:
        return mixed(turned)
    pairs = zip(channels.runs, counts, strict=True)
    flat = [one for run, count in pairs for one in [Span(1, run.fields)] * count]
    offsets = [0]
    for i in order:
        step = prod(sizes[i + 1 :])
        offsets = [offset + k * step for offset in offsets for k in range(sizes[i])]
    return turned._replace(runs=merged(flat[offset] for offset in offsets))


def numbers(sizes: Iterable[Dim]) -> list[int] | None:
    """The sizes; None if one of them is a formula."""
    found = list(sizes)
    known = [size for size in found if isinstance(size, int)]
    return known if len(known) == len(found) else None


def added(parts: Sequence[Channels]) -> Channels:
    """The fields of a sum of tensors: each element depends on what those at its place do."""
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


def _zipped(one: Sequence[Span], other: Sequence[Span]) -> tuple[Span, ...] | None:
    """The sum of two rows of runs; None where sizes are formulas of which neither is known to be shorter."""
    found: list[Span] = []
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
        found.append(Span(shorter.size, together((first, second))))
    return tuple(found)


def beside(axis: int, parts: Sequence[tuple[Dim, Channels]]) -> Channels:
    """The fields of tensors that are joined along an axis; each part has its size along it.

    Where the axis is one that fields move along, the join is that of `side_by_side`.
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
    """The same with exactly these axes, in their order; along new ones no field differs."""
    for axis, size in sizes.items():
        if axis not in channels.axes:
            channels = widened(channels, axis, size)
    return ordered(channels, tuple(sizes))
