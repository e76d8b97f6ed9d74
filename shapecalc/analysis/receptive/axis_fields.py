"""What the elements along an axis of a tensor see of an axis of the network's input, exactly.

Between two layers it is arithmetic on whole numbers: an element reads from the first to the last of what the
elements that it reads see. For a window of kernel k on elements that see r and lie j apart, that is the
textbook's r + (k − 1)·j (Araujo, Norris & Sim 2019, distill.pub/2019/computing-receptive-fields).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm
from typing import NamedTuple, TypeAlias

from shapecalc.layers.reads import LONGEST_PATTERN, POINT, AxisReads, Cut, Everything, Joined, Pattern
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim

Ends: TypeAlias = tuple[int, int]
"""The first and the last element of the input that are seen."""


class Exact(NamedTuple):
    """A field along one axis: element i reads `ends[i % len(ends)]`, `shift` further on each time round.

    Beyond the ends of the input lies its padding. Without upsampling there is one pair of ends, and `shift`
    is the stride; after it, neighbours may see the same, and the pattern is as long as it takes to repeat.
    """

    axis: int | None
    """The axis of the tensor that runs along this one; None where all elements see the same."""
    ends: tuple[Ends | None, ...]
    """None for an element that reads nothing."""
    shift: int
    cover: Ends | None
    """What all elements of the tensor together see, inside of the input; None where sizes are formulas."""
    dense: bool = True
    """Whether everything between the ends is seen."""
    part: bool = False
    """Whether a part of the axis was left out, and `cover` is no more than a bound of what is left."""
    sure: bool = True
    """Whether elements at a border too see all of their field that lies inside; known of numbers."""

    def at(self, index: int) -> Ends | None:
        """What the element of this index reads, the padding included."""
        ends = self.ends[index % len(self.ends)]
        moved = self.shift * (index // len(self.ends))
        return ends and (ends[0] + moved, ends[1] + moved)

    def inside(self, index: int) -> Ends | None:
        """What it reads of the input itself; of an input whose size is a number."""
        ends = self.at(index)
        if ends is None or self.cover is None:
            return ends
        first, last = max(ends[0], self.cover[0]), min(ends[1], self.cover[1])
        return (first, last) if first <= last else None


class Whole(NamedTuple):
    """Every element reads all of the input, from `first` on: all but the borders that no window reads."""

    size: Dim
    first: int

    @property
    def axis(self) -> None:
        return None

    @property
    def part(self) -> bool:
        return False


class Undefined(NamedTuple):
    """What is seen is not known, and why; `axis` as in `Exact`, where its elements are all on one."""

    reason: str
    axis: int | None = None
    cover: Ends | None = None

    @property
    def part(self) -> bool:
        return False


AxisField: TypeAlias = Exact | Whole | Undefined

NOTHING_READ = Undefined("nothing of the input is seen")


def through(field: AxisField, reads: AxisReads, n: Dim) -> AxisField:
    """What is seen by elements that see this of a tensor's axis; `n` is the size of the network's input."""
    if isinstance(field, Whole) or field.axis is None:
        return field
    if isinstance(reads, Everything):
        if field.part:
            return Undefined("what is left of the input at its borders is not known")
        low, size = (field.cover[0], field.cover[1] - field.cover[0] + 1) if field.cover else (0, n)
        return Whole(size, low)
    if isinstance(reads, Pattern):
        return _moved(field, reads)
    onto = None if isinstance(reads, (Cut, Unknown)) else reads.onto
    first = field if onto is not None and isinstance(field, Undefined) else reads
    return Undefined(first.reason, None if field.part else onto, field.cover)


def _moved(field: Exact | Undefined, pattern: Pattern) -> AxisField:
    """What is seen by elements that read these places."""
    if pattern.offsets == POINT and pattern.shift == 1 and not pattern.part:
        return field if pattern.axis == field.axis else field._replace(axis=pattern.axis)
    return _read(field, pattern) if isinstance(field, Exact) else field._replace(axis=None)


def _read(field: Exact, pattern: Pattern) -> AxisField:
    if len(field.ends) == len(pattern.offsets) == 1 and field.ends[0] and pattern.offsets[0]:
        (first, last), offsets, j = field.ends[0], pattern.offsets[0], field.shift
        ends: tuple[Ends | None, ...] = ((first + j * offsets[0], last + j * offsets[-1]),)
        dense = field.dense and (len(offsets) == 1 or offsets.step * j <= last - first + 1)
        shift = pattern.shift * j
    else:
        rounds = lcm(len(field.ends), pattern.shift) // pattern.shift if pattern.shift else 1
        if rounds * len(pattern.offsets) > LONGEST_PATTERN:
            return Undefined(
                f"what is seen repeats itself after {rounds * len(pattern.offsets):,} elements only"
            )
        found = [_seen(field, places) for places in _places(pattern, rounds)]
        ends = tuple(hull for hull, _ in found)
        dense = field.dense and all(full for _, full in found)
        shift = field.shift * (pattern.shift * rounds // len(field.ends))
    cover = _cover(field, pattern)
    if not any(ends) or (cover and cover[0] > cover[1]):
        return NOTHING_READ
    part = field.part or (not cover and (pattern.part or field.cover is not None))
    cover = cover or field.cover
    return _shortest(Exact(pattern.axis, ends, shift, cover, dense, part, _is_sure(field, pattern)))


def _places(pattern: Pattern, rounds: int) -> Iterator[range]:
    """What each element reads, for as long as it takes until the pattern below repeats too."""
    for turn in range(rounds):
        moved = turn * pattern.shift
        for offsets in pattern.offsets:
            yield range(offsets.start + moved, offsets.stop + moved, offsets.step)


def _seen(field: Exact, places: range) -> tuple[Ends | None, bool]:
    """From the first to the last of what elements at these places see, and whether that is without gaps."""
    # After as many offsets the pattern repeats, further on: of a long row, the rounds at both ends tell all.
    rounds = 2 * len(field.ends)
    if len(places) > 2 * rounds:
        (first, dense), (last, _) = (_seen(field, part) for part in (places[:rounds], places[-rounds:]))
        return first and last and (first[0], last[1]), dense
    return _hull([ends for place in places if (ends := field.at(place))])


def _hull(parts: Sequence[Ends]) -> tuple[Ends | None, bool]:
    if not parts:
        return None, True
    ordered = sorted(parts)
    reach, dense = ordered[0][1], True
    for first, last in ordered:
        dense = dense and first <= reach + 1
        reach = max(reach, last)
    return (ordered[0][0], reach), dense


def _cover(field: Exact, pattern: Pattern) -> Ends | None:
    """What is seen of the input by all elements together; None where that is not known."""
    read = pattern.coverage
    if field.cover is None or read is None or read.full:
        return field.cover
    if not read.places:
        return 0, -1
    count = len(field.ends)
    if not field.sure or (pattern.made and read.outside) or (count > 1 and not read.gapless):
        return None
    places = (*read.places[:count], *read.places[-count:])
    seen = [field.inside(i) for i in places if field.at(i)]
    found = [ends for ends in seen if ends]
    if len(found) < len(
        seen
    ):  # an element of padding alone tells nothing of the next one, which may be unread
        return None
    return (min(first for first, _ in found), max(last for _, last in found)) if found else (0, -1)


def _is_sure(field: Exact, pattern: Pattern) -> bool:
    """Whether elements at a border too see what of their field lies inside."""
    read = pattern.coverage
    if not (field.sure and read and read.outside):
        return field.sure
    first, last = field.inside(0), field.inside(read.size - 1)
    corners = first and last and (first[0], last[1]) == field.cover
    nothing = not (pattern.made or field.inside(-1) or field.inside(read.size))
    in_a_row = all(len(offsets) == 1 or offsets.step == 1 for offsets in pattern.offsets)
    return bool(
        corners and len(field.ends) == len(pattern.offsets) == 1 and (read.beside or (in_a_row and nothing))
    )


def _shortest(field: Exact) -> Exact:
    """The same with the shortest pattern: twice as many elements, of which half are read, are as before."""
    count = len(field.ends)
    for length in range(1, count):
        if count % length == 0 and (field.shift * length) % count == 0:
            short = field._replace(ends=field.ends[:length], shift=field.shift * length // count)
            if all(short.at(i) == ends for i, ends in enumerate(field.ends)):
                return short
    return field


def side_by_side(fields: Sequence[AxisField]) -> AxisField:
    """What is seen by tensors that stand one after another along an axis that places lie along."""
    if all(field == fields[0] for field in fields):
        return fields[0]
    reason = next((field.reason for field in fields if isinstance(field, Undefined)), Joined(0).reason)
    return Undefined(reason, fields[0].axis if _one_axis(fields) else None, _covers(fields))


def union(fields: Sequence[AxisField]) -> AxisField:
    """What is seen by elements that see all of these."""
    fields = [field for field in fields if field != NOTHING_READ] or [NOTHING_READ]
    first, *others = fields
    if all(field == first for field in others):
        return first
    wholes = [field for field in fields if isinstance(field, Whole)]
    if wholes:
        return _with_whole(wholes, fields)
    for field in fields:
        if isinstance(field, Undefined):
            return field._replace(axis=field.axis if _one_axis(fields) else None, cover=_covers(fields))
    return _united([field for field in fields if isinstance(field, Exact)])


def _with_whole(wholes: Sequence[Whole], fields: Sequence[AxisField]) -> AxisField:
    """All that a branch reads of the whole input, if no other branch reads a border that it does not."""
    first = min(whole.first for whole in wholes)
    if not all(isinstance(whole.size, int) for whole in wholes):
        return wholes[0]
    last = max(whole.first + whole.size - 1 for whole in wholes if isinstance(whole.size, int))
    for field in fields:
        if not isinstance(field, Whole):
            cover = field.cover
            if cover is None or cover[0] < first or cover[1] > last:
                return Undefined("one branch sees all but a border that another one sees a part of")
    return Whole(last - first + 1, first)


def _one_axis(fields: Sequence[AxisField]) -> bool:
    return len({field.axis for field in fields}) == 1 and not any(field.part for field in fields)


def _covers(fields: Sequence[AxisField]) -> Ends | None:
    covers = [field.cover for field in fields if not isinstance(field, Whole) and field.cover]
    if len(covers) < len(fields):
        return None
    return min(low for low, _ in covers), max(high for _, high in covers)


def _united(fields: Sequence[Exact]) -> AxisField:
    if len({field.axis for field in fields}) > 1:
        return Undefined("the branches run along different axes")
    length = lcm(*(len(field.ends) for field in fields))
    if length > LONGEST_PATTERN:
        return Undefined(f"what is seen repeats itself after {length:,} elements only")
    shifts = {field.shift * length // len(field.ends) for field in fields}
    if len(shifts) > 1:
        axis = fields[0].axis if _one_axis(fields) else None
        return Undefined("the branches have different strides", axis, _covers(fields))
    found = [_hull([seen for field in fields if (seen := field.at(i))]) for i in range(length)]
    ends = tuple(hull for hull, _ in found)
    dense = all(field.dense for field in fields) and all(full for _, full in found)
    part = any(field.part for field in fields)
    sure = all(field.sure for field in fields)
    return _shortest(Exact(fields[0].axis, ends, shifts.pop(), _covers(fields), dense, part, sure))
