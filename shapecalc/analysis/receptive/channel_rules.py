"""What the members of lanes see through a layer, by what it reads along the axes that they lie along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shapecalc.analysis.receptive.channels import (
    Lanes,
    Run,
    alike,
    last,
    mixed,
    numbers,
    ordered,
    some,
    tidied,
    together,
    widened,
)
from shapecalc.layers.reads import (
    Cut,
    Everything,
    Grouped,
    Joined,
    Merged,
    Reading,
    Regrouped,
    Shuffled,
    Sight,
    Sights,
)
from shapecalc.symbolic import Dim, difference, least
from shapecalc.tensors import Shape, Tensor, product


def carried(lanes: Lanes, sights: Sights, x: Tensor, y: Tensor, places: frozenset[int | None]) -> Lanes:
    """What elements of the output `y` see of the input `x`, at one of the `places` that are looked at."""
    for axis, sight in enumerate(sights):
        if axis not in lanes.axes and axis not in places and _tells_apart(sight, x.shape[axis], y, places):
            lanes = widened(lanes, axis, x.shape[axis])
    for axis in lanes.axes:
        if axis in lanes.axes:
            lanes = _along(lanes, axis, sights[axis], y)
    return tidied(_named(_of_many(lanes), sights, x.shape, y.shape))


def _tells_apart(sight: Sight, n: Dim, y: Tensor, places: frozenset[int | None]) -> bool:
    """Whether elements that see the same become some that do not: parts of it, or padding beside it."""
    if isinstance(sight, Grouped):
        return not sight.whole and _share(y.shape[sight.onto], sight.groups) != 1
    start = _start(sight)
    if start is None or None in places or not isinstance(sight, Reading) or sight.axis is None:
        return False
    return start != 0 and (_before(start) > 0 or _after(start, y.shape[sight.axis], n) > 0)


def _start(sight: Sight) -> Dim | None:
    """The place that the first of elements in a row reads, of which each reads one."""
    if isinstance(sight, Cut):
        return sight.start
    if isinstance(sight, Reading) and len(sight.offsets) == len(sight.offsets[0]) == 1:
        return sight.offsets[0].start if sight.shift == 1 or sight.axis is None else None
    return None


def _along(lanes: Lanes, axis: int, sight: Sight, y: Tensor) -> Lanes:
    """The members along one axis, still called as in the input; none where they see what can't be told."""
    match sight:
        case Everything():
            found = grouped(lanes, axis, 1, 1)
        case Grouped(onto, groups, whole):
            found = grouped(lanes, axis, groups, y.shape[onto], whole)
        case Shuffled(_, groups):
            found = _shuffled(lanes, axis, groups)
        case Merged(onto):
            found = mixed(_resized(lanes, axis, y.shape[onto], lanes.runs))
        case Joined() | Regrouped():
            found = lanes
        case Cut() | Reading() if (start := _start(sight)) is not None:
            found = cut(lanes, axis, start, 1 if sight.axis is None else y.shape[sight.axis])
        case _:
            found = alike(some(lanes.runs))
    return found


def _of_many(lanes: Lanes) -> Lanes:
    """The same without axes that only one member is left along."""
    kept = [i for i, size in enumerate(lanes.sizes) if size != 1]
    if not kept:
        return alike(together(lanes.runs))
    return Lanes(lanes.runs, tuple(lanes.axes[i] for i in kept), tuple(lanes.sizes[i] for i in kept))


def _resized(lanes: Lanes, axis: int, size: Dim, runs: Iterable[Run]) -> Lanes:
    """The same with another size of an axis, and what its members then see."""
    sizes = tuple(size if own == axis else n for own, n in zip(lanes.axes, lanes.sizes, strict=True))
    return Lanes(tuple(runs), lanes.axes, sizes)


def _before(start: Dim) -> int:
    return max(-start, 0) if isinstance(start, int) else 0


def _after(start: Dim, size: Dim, n: Dim) -> int:
    return max(least(difference(start + size, n)) or 0, 0)


def cut(lanes: Lanes, axis: int, start: Dim, size: Dim) -> Lanes:
    """So many from `start` on along an axis; what lies beyond its ends is padding, which reads nothing."""
    lanes = ordered(lanes, [axis, *(other for other in lanes.axes if other != axis)])
    n, *others = lanes.sizes
    if start == 0 and size == n:
        return lanes
    step, before, after = product(tuple(others)), _before(start), _after(start, size, n)
    row = (Run(before * step, None), *lanes.runs, Run(after * step, None))
    low = (start + before) * step
    runs = _between(row, low, low + size * step)
    return alike(some(lanes.runs)) if runs is None else _resized(lanes, axis, size, runs)


def _between(runs: Iterable[Run], low: Dim, high: Dim) -> list[Run] | None:
    """What lies between two places of a row; None where formulas leave that open, or a mixed range."""
    found: list[Run] = []
    at: Dim = 0
    for run in runs:
        first, stop = _within(low - at, run.size), _within(high - at, run.size)
        if first is None or stop is None:
            return None
        size = stop - first
        if run.mixed and size not in (0, run.size):
            return None
        if size != 0:
            found.append(Run(size, run.tracks, run.mixed))
        at = at + run.size
    return found


def _within(place: Dim, size: Dim) -> Dim | None:
    """A place of a row moved into a range of it, to the nearer end from outside; None where that is open."""
    if isinstance(place, int) and isinstance(size, int):
        return min(max(place, 0), size)
    if _at_most(place, 0):
        return 0
    if _at_most(size, place):
        return size
    return place if _at_most(0, place) and _at_most(place, size) else None


def _at_most(first: Dim, second: Dim) -> bool:
    low = least(difference(second, first))
    return low is not None and low >= 0


def grouped(lanes: Lanes, axis: int, groups: Dim, size: Dim, whole: bool = True) -> Lanes:
    """`size` members that see all of the group along an axis that they are of, as many of each group.

    Or, if not `whole`, that see a part of it, at each place another one.
    """
    lanes = last(lanes, axis)
    held, made = _share(lanes.sizes[-1], groups), _share(size, groups)
    uneven = not whole and made != 1
    if held == 1:
        runs = [Run(run.size * made, run.tracks, run.mixed or uneven) for run in lanes.runs]
        return _resized(lanes, axis, size, runs)
    counts = numbers(run.size for run in lanes.runs)
    if lanes.mixed or counts is None or not isinstance(held, int):
        return mixed(_resized(lanes, axis, size, lanes.runs)) if whole else alike(some(lanes.runs))
    seen = together if whole else some
    runs = [Run(count * made, seen(members), uneven) for count, members in _groups(lanes.runs, counts, held)]
    return _resized(lanes, axis, size, runs)


def _share(size: Dim, groups: Dim) -> Dim:
    return 1 if size == groups else size // groups


def _groups(runs: Iterable[Run], counts: Iterable[int], held: int) -> Iterator[tuple[int, list[Run]]]:
    """The ranges in each group of `held` members, with the number of groups in a row that have the same."""
    members: list[Run] = []
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


def _shuffled(lanes: Lanes, axis: int, groups: Dim) -> Lanes:
    """The members of the groups in turn: as in torch, the axis is divided, and the two parts transposed."""
    if lanes.axes != (axis,):
        return mixed(lanes)
    apart = Lanes(lanes.runs, (0, 1), (groups, lanes.sizes[0] // groups))
    return lanes._replace(runs=ordered(apart, (1, 0)).runs)


def _named(lanes: Lanes, sights: Sights, old: Shape, new: Shape) -> Lanes:
    """The axes as they are called in the output, also those that are divided anew."""
    for sight in sights:
        if isinstance(sight, Regrouped) and not {*sight.old}.isdisjoint(lanes.axes):
            lanes = _divided(lanes, sight, old)
            kept = _axes_of(lanes.axes[: -len(sight.old)], sights)
            axes = (*kept, *sight.new)
            return Lanes(lanes.runs, axes, tuple(new[axis] for axis in axes))
    return lanes._replace(axes=_axes_of(lanes.axes, sights))


def _divided(lanes: Lanes, sight: Regrouped, sizes: Shape) -> Lanes:
    """The same with all axes that are divided anew as the last, in the order of their elements."""
    others = [axis for axis in lanes.axes if axis not in sight.old]
    lanes = ordered(lanes, [*others, *(axis for axis in sight.old if axis in lanes.axes)])
    for axis in sight.old:
        if axis not in lanes.axes:
            lanes = widened(lanes, axis, sizes[axis])
    return ordered(lanes, [*others, *sight.old])


def _axes_of(axes: Iterable[int], sights: Sights) -> tuple[int, ...]:
    """The axes of the output that these of the input have become."""
    found = (sights[axis] for axis in axes)
    named = (
        sight.axis if isinstance(sight, (Reading, Cut)) else sight.onto
        for sight in found
        if not isinstance(sight, Everything)
    )
    return tuple(axis for axis in named if axis is not None)
