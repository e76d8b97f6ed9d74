"""How a layer changes which channels have which field, by what it reads along the axes that they lie on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shapecalc.analysis.receptive.channels import (
    Channels,
    Span,
    last,
    mixed,
    numbers,
    ordered,
    some,
    tidied,
    together,
    uniform,
    widened,
    without_ones,
)
from shapecalc.layers.reads import (
    AxisReads,
    Cut,
    Everything,
    Grouped,
    Joined,
    Merged,
    Pattern,
    Reads,
    Reshaped,
    Shuffled,
)
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, difference, least, reaches
from shapecalc.tensors import Shape, Tensor, product


def carried(
    channels: Channels, reads: Reads, x: Tensor, y: Tensor, places: frozenset[int | None]
) -> Channels:
    """The channels of a layer's output `y`, of those of its input `x` with their fields as they are in `y`.

    `places` are the axes of `x` that fields move along; None is among them where a field moves along none.
    """
    for axis, own in enumerate(reads):
        if axis not in channels.axes and axis not in places and _tells_apart(own, x.shape[axis], y, places):
            channels = widened(channels, axis, x.shape[axis])
    for axis in channels.axes:
        if axis in channels.axes:
            channels = _along(channels, axis, reads[axis], y)
    return tidied(_named(without_ones(channels), reads, x.shape, y.shape))


def _tells_apart(own: AxisReads, n: Dim, y: Tensor, places: frozenset[int | None]) -> bool:
    """Whether channels with the same field get different ones: parts of a group, or padding beside them."""
    if isinstance(own, Grouped):
        return not own.whole and _share(y.shape[own.onto], own.groups) != 1
    start = _start(own)
    if start is None or None in places or not isinstance(own, Pattern) or own.axis is None:
        return False
    return start != 0 and (_before(start) > 0 or _after(start, y.shape[own.axis], n) > 0)


def _start(own: AxisReads) -> Dim | None:
    """The place that the first element reads, where each reads one place, and the next one the next."""
    if isinstance(own, Cut):
        return own.start
    if isinstance(own, Pattern) and len(own.offsets) == len(own.offsets[0]) == 1:
        return own.offsets[0].start if own.shift == 1 or own.axis is None else None
    return None


def _along(channels: Channels, axis: int, own: AxisReads, y: Tensor) -> Channels:
    """The channels after what is read along one of their axes, which keeps its number of the input."""
    match own:
        case Everything():
            found = grouped(channels, axis, 1, 1)
        case Grouped(onto, groups, whole):
            found = grouped(channels, axis, groups, y.shape[onto], whole)
        case Shuffled(_, groups):
            found = _shuffled(channels, axis, groups)
        case Merged(onto):
            found = mixed(_resized(channels, axis, y.shape[onto], channels.runs))
        case Joined() | Reshaped():
            found = channels
        case Cut() | Pattern() if (start := _start(own)) is not None:
            found = cut(channels, axis, start, 1 if own.axis is None else y.shape[own.axis])
        case _:
            found = uniform(some(channels.runs))
    return found


def _resized(channels: Channels, axis: int, size: Dim, runs: Iterable[Span]) -> Channels:
    """The same with another size of an axis, and the runs that belong to it."""
    sizes = tuple(size if own == axis else n for own, n in zip(channels.axes, channels.sizes, strict=True))
    return Channels(tuple(runs), channels.axes, sizes)


def _before(start: Dim) -> int:
    return max(-start, 0) if isinstance(start, int) else 0


def _after(start: Dim, size: Dim, n: Dim) -> int:
    return max(least(difference(start + size, n)) or 0, 0)


def cut(channels: Channels, axis: int, start: Dim, size: Dim) -> Channels:
    """`size` channels from `start` on along an axis; beyond its ends lies padding, which has no field."""
    channels = ordered(channels, [axis, *(other for other in channels.axes if other != axis)])
    n, *others = channels.sizes
    if start == 0 and size == n:
        return channels
    step, before, after = product(tuple(others)), _before(start), _after(start, size, n)
    row = (Span(before * step, None), *channels.runs, Span(after * step, None))
    low = (start + before) * step
    runs = _between(row, low, low + size * step)
    return uniform(some(channels.runs)) if runs is None else _resized(channels, axis, size, runs)


def _between(runs: Iterable[Span], low: Dim, high: Dim) -> list[Span] | None:
    """The runs between two places of a row; None where formulas, or a cut in a mixed run, leave that open."""
    found: list[Span] = []
    at: Dim = 0
    for run in runs:
        first, stop = _within(low - at, run.size), _within(high - at, run.size)
        if first is None or stop is None:
            return None
        size = stop - first
        if run.mixed and size not in (0, run.size):
            return None
        if size != 0:
            found.append(Span(size, run.fields, run.mixed))
        at = at + run.size
    return found


def _within(place: Dim, size: Dim) -> Dim | None:
    """A place clamped to 0 … size; None where formulas leave open on which side it lies."""
    if isinstance(place, int) and isinstance(size, int):
        return min(max(place, 0), size)
    if _at_most(place, 0):
        return 0
    if _at_most(size, place):
        return size
    return place if _at_most(0, place) and _at_most(place, size) else None


def _at_most(first: Dim, second: Dim) -> bool:
    return reaches(difference(second, first), 0)


def grouped(channels: Channels, axis: int, groups: Dim, size: Dim, whole: bool = True) -> Channels:
    """`size` channels along an axis in equal groups, each of which reads all channels of its group.

    If not `whole`, it reads a part of them, and its neighbours read others.
    """
    channels = last(channels, axis)
    held, made = _share(channels.sizes[-1], groups), _share(size, groups)
    uneven = not whole and made != 1
    if held == 1:
        runs = [Span(run.size * made, run.fields, run.mixed or uneven) for run in channels.runs]
        return _resized(channels, axis, size, runs)
    counts = numbers(run.size for run in channels.runs)
    if channels.mixed or counts is None or not isinstance(held, int):
        return mixed(_resized(channels, axis, size, channels.runs)) if whole else uniform(some(channels.runs))
    combined = together if whole else some
    runs = [
        Span(count * made, combined(members), uneven)
        for count, members in _groups(channels.runs, counts, held)
    ]
    return _resized(channels, axis, size, runs)


def _share(size: Dim, groups: Dim) -> Dim:
    return 1 if size == groups else size // groups


def _groups(runs: Iterable[Span], counts: Iterable[int], held: int) -> Iterator[tuple[int, list[Span]]]:
    """The runs in each group of `held` channels, with the number of consecutive groups that have the same."""
    members: list[Span] = []
    missing = 0
    for run, count in zip(runs, counts, strict=True):
        rest = max(count - missing, 0)
        if missing:
            members.append(run)
            missing -= count - rest
            if not missing:
                yield 1, members
        if rest >= held:
            yield rest // held, [run]
        if rest % held:
            members, missing = [run], held - rest % held


def _shuffled(channels: Channels, axis: int, groups: Dim) -> Channels:
    """A channel shuffle, as in torch: the axis is divided into groups × channels, which are transposed."""
    if channels.axes != (axis,):
        return mixed(channels)
    apart = Channels(channels.runs, (0, 1), (groups, channels.sizes[0] // groups))
    return channels._replace(runs=ordered(apart, (1, 0)).runs)


def _named(channels: Channels, reads: Reads, old: Shape, new: Shape) -> Channels:
    """The same with the numbers that the axes have in the output; those of a reshape are divided anew."""
    for own in reads:
        if isinstance(own, Reshaped) and not {*own.old}.isdisjoint(channels.axes):
            channels = _divided(channels, own, old)
            kept = _axes_of(channels.axes[: -len(own.old)], reads)
            axes = (*kept, *own.new)
            return Channels(channels.runs, axes, tuple(new[axis] for axis in axes))
    return channels._replace(axes=_axes_of(channels.axes, reads))


def _divided(channels: Channels, own: Reshaped, sizes: Shape) -> Channels:
    """The same with all axes of a reshape as the last, in the order of their elements."""
    others = [axis for axis in channels.axes if axis not in own.old]
    channels = ordered(channels, [*others, *(axis for axis in own.old if axis in channels.axes)])
    for axis in own.old:
        if axis not in channels.axes:
            channels = widened(channels, axis, sizes[axis])
    return ordered(channels, [*others, *own.old])


def _axes_of(axes: Iterable[int], reads: Reads) -> tuple[int, ...]:
    """The axes of the output that these axes of the input become."""
    found = (reads[axis] for axis in axes)
    named = (
        own.axis if isinstance(own, (Pattern, Cut)) else own.onto
        for own in found
        if not isinstance(own, (Everything, Unknown))
    )
    return tuple(axis for axis in named if axis is not None)
