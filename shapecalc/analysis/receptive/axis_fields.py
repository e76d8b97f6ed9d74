"""The receptive field along one axis: which elements of the network's input a tensor's elements depend on.

A field is `Exact`, the `WholeInput`, or `Undefined`. Through a layer, the field of an element goes from the
first to the last element in the fields of what it reads. A window of kernel k on elements with fields of size
r, whose starts lie j apart, has a field of size r + (k − 1)·j, as in the textbook
(Araujo, Norris & Sim 2019, distill.pub/2019/computing-receptive-fields).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import NamedTuple, TypeAlias

from shapecalc.layers.reads import POINT, AxisReads, Cut, Everything, Joined, Pattern, too_long
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim

Ends: TypeAlias = tuple[int, int]
"""The first and the last element of a field, as places along the axis of the input."""


class Exact(NamedTuple):
    """The fields of elements 0, 1, … along an axis: `ends`, which repeat, each time moved on by `shift`.

    Without upsampling there is one pair of ends, and `shift` is the stride. An upsampling makes several
    elements of one, and needs a pair for each of them. Places outside of the input are padding.
    """

    axis: int | None
    """The axis of the tensor along which the field moves; None where all its elements have the same field."""
    ends: tuple[Ends | None, ...]
    """None for an element that depends on nothing."""
    shift: int
    cover: Ends | None
    """From the first to the last place of the input that is in any field; None where sizes are formulas."""
    dense: bool = True
    """Whether every place between the ends is read, without gaps."""
    cropped: bool = False
    """Whether the axis was cropped, so that `cover` is only a bound of what is still read."""
    sure: bool = True
    """Whether elements at the borders, too, are known to read all of their field that lies in the input."""

    def at(self, index: int) -> Ends | None:
        """The field of the element of this index, the padding included."""
        ends = self.ends[index % len(self.ends)]
        moved = self.shift * (index // len(self.ends))
        return ends and (ends[0] + moved, ends[1] + moved)

    def inside(self, index: int) -> Ends | None:
        """The part of its field that lies in the input; of formulas, all of its field."""
        ends = self.at(index)
        if ends is None or self.cover is None:
            return ends
        first, last = max(ends[0], self.cover[0]), min(ends[1], self.cover[1])
        return (first, last) if first <= last else None


class WholeInput(NamedTuple):
    """Every element depends on the whole input but unread borders: on `size` places from `first`."""

    size: Dim
    first: int
    axis: None = None
    cropped: bool = False


class Undefined(NamedTuple):
    """The field is not known, for this reason; `axis` and `cover` are as in `Exact`, where they are known."""

    reason: str
    axis: int | None = None
    cover: Ends | None = None
    cropped: bool = False


AxisField: TypeAlias = Exact | WholeInput | Undefined
"""The fields of a tensor's elements along one axis of the network's input."""

NOTHING_READ = Undefined("nothing of the input is seen")


def through(field: AxisField, reads: AxisReads, n: Dim) -> AxisField:
    """The field of a layer's output, whose input has `field`; n is the size of the network's input."""
    if isinstance(field, WholeInput) or field.axis is None:
        return field
    if isinstance(reads, Everything):
        if field.cropped:
            return Undefined("what is left of the input at its borders is not known")
        low, size = (field.cover[0], field.cover[1] - field.cover[0] + 1) if field.cover else (0, n)
        return WholeInput(size, low)
    if isinstance(reads, Pattern):
        return _moved(field, reads)
    onto = None if isinstance(reads, (Cut, Unknown)) else reads.onto
    first = field if onto is not None and isinstance(field, Undefined) else reads
    return Undefined(first.reason, None if field.cropped else onto, field.cover)


def _moved(field: Exact | Undefined, pattern: Pattern) -> AxisField:
    """The field of elements that read elements with a known field by a pattern."""
    if pattern.offsets == POINT and pattern.shift == 1 and not pattern.cropped:
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
        count = rounds * len(pattern.offsets)  # after so many elements the fields below repeat too
        if long := too_long(count):
            return Undefined(long.reason)
        found = [_field_of(field, pattern.places(i)) for i in range(count)]
        ends = tuple(hull for hull, _ in found)
        dense = field.dense and all(full for _, full in found)
        shift = field.shift * (pattern.shift * rounds // len(field.ends))
    cover = _cover(field, pattern)
    if not any(ends) or (cover and cover[0] > cover[1]):
        return NOTHING_READ
    cropped = field.cropped or (not cover and (pattern.cropped or field.cover is not None))
    cover = cover or field.cover
    return _shortest(Exact(pattern.axis, ends, shift, cover, dense, cropped, _is_sure(field, pattern)))


def _field_of(field: Exact, places: range) -> tuple[Ends | None, bool]:
    """The field of an element that reads these places, and whether it has no gaps."""
    # The fields below repeat, each time further on: in a long row, the first and the last ones tell all.
    rounds = 2 * len(field.ends)
    if len(places) > 2 * rounds:
        (first, dense), (last, _) = (_field_of(field, part) for part in (places[:rounds], places[-rounds:]))
        return first and last and (first[0], last[1]), dense
    return _hull([ends for place in places if (ends := field.at(place))])


def _hull(parts: Sequence[Ends]) -> tuple[Ends | None, bool]:
    """From the first to the last place of several fields, and whether they leave no gap between them."""
    if not parts:
        return None, True
    ordered = sorted(parts)
    reach, dense = ordered[0][1], True
    for first, last in ordered:
        dense = dense and first <= reach + 1
        reach = max(reach, last)
    return (ordered[0][0], reach), dense


def _cover(field: Exact, pattern: Pattern) -> Ends | None:
    """`Exact.cover` of elements that read by a pattern; (0, −1) for nothing, None where it is not known."""
    read = pattern.coverage
    if field.cover is None or read is None or read.full:
        return field.cover
    if not read.places:
        return 0, -1
    count = len(field.ends)
    if not field.sure or (pattern.copied and read.outside) or (count > 1 and not read.gapless):
        return None
    places = (*read.places[:count], *read.places[-count:])
    fields = [field.inside(i) for i in places if field.at(i)]
    found = [ends for ends in fields if ends]
    if len(found) < len(fields):  # one of padding alone tells nothing of its neighbour, which may be unread
        return None
    return (min(first for first, _ in found), max(last for _, last in found)) if found else (0, -1)


def _is_sure(field: Exact, pattern: Pattern) -> bool:
    """`Exact.sure` of elements that read elements with a known field by a pattern."""
    read = pattern.coverage
    if not (field.sure and read and read.outside):
        return field.sure
    first, last = field.inside(0), field.inside(read.size - 1)
    corners = first and last and (first[0], last[1]) == field.cover
    nothing = not (pattern.copied or field.inside(-1) or field.inside(read.size))
    in_a_row = all(len(offsets) == 1 or offsets.step == 1 for offsets in pattern.offsets)
    return bool(
        corners and len(field.ends) == len(pattern.offsets) == 1 and (read.beside or (in_a_row and nothing))
    )


def _shortest(field: Exact) -> Exact:
    """The same with the fewest `ends`: a stride of 2 over 2 equal halves of a pattern needs one half."""
    count = len(field.ends)
    for length in range(1, count):
        if count % length == 0 and (field.shift * length) % count == 0:
            short = field._replace(ends=field.ends[:length], shift=field.shift * length // count)
            if all(short.at(i) == ends for i, ends in enumerate(field.ends)):
                return short
    return field


def side_by_side(fields: Sequence[AxisField]) -> AxisField:
    """The field of tensors that are joined along the axis that their fields move along."""
    if all(field == fields[0] for field in fields):
        return fields[0]
    reason = next((field.reason for field in fields if isinstance(field, Undefined)), Joined(0).reason)
    return Undefined(reason, fields[0].axis if _one_axis(fields) else None, _covers(fields))


def union(fields: Sequence[AxisField]) -> AxisField:
    """The field of elements that depend on what any of these fields holds."""
    fields = [field for field in fields if field != NOTHING_READ] or [NOTHING_READ]
    first, *others = fields
    if all(field == first for field in others):
        return first
    wholes = [field for field in fields if isinstance(field, WholeInput)]
    if wholes:
        return _with_whole(wholes, fields)
    for field in fields:
        if isinstance(field, Undefined):
            return field._replace(axis=field.axis if _one_axis(fields) else None, cover=_covers(fields))
    return _united([field for field in fields if isinstance(field, Exact)])


def _with_whole(wholes: Sequence[WholeInput], fields: Sequence[AxisField]) -> AxisField:
    """The field where some branches depend on the whole input, if no other one reads a border beside it."""
    first = min(whole.first for whole in wholes)
    if not all(isinstance(whole.size, int) for whole in wholes):
        return wholes[0]
    last = max(whole.first + whole.size - 1 for whole in wholes if isinstance(whole.size, int))
    for field in fields:
        if not isinstance(field, WholeInput):
            cover = field.cover
            if cover is None or cover[0] < first or cover[1] > last:
                return Undefined("one branch sees all but a border that another one sees a part of")
    return WholeInput(last - first + 1, first)


def _one_axis(fields: Sequence[AxisField]) -> bool:
    return len({field.axis for field in fields}) == 1 and not any(field.cropped for field in fields)


def _covers(fields: Sequence[AxisField]) -> Ends | None:
    covers = [field.cover for field in fields if not isinstance(field, WholeInput) and field.cover]
    if len(covers) < len(fields):
        return None
    return min(low for low, _ in covers), max(high for _, high in covers)


def _united(fields: Sequence[Exact]) -> AxisField:
    """The union of exact fields, element by element."""
    if len({field.axis for field in fields}) > 1:
        return Undefined("the branches run along different axes", None, _covers(fields))
    length = lcm(*(len(field.ends) for field in fields))
    if long := too_long(length):
        return Undefined(long.reason)
    shifts = {field.shift * length // len(field.ends) for field in fields}
    if len(shifts) > 1:
        axis = fields[0].axis if _one_axis(fields) else None
        return Undefined("the branches have different strides", axis, _covers(fields))
    found = [_hull([one for field in fields if (one := field.at(i))]) for i in range(length)]
    dense = all(field.dense for field in fields) and all(full for _, full in found)
    cropped = any(field.cropped for field in fields)
    sure = all(field.sure for field in fields)
    ends = tuple(hull for hull, _ in found)
    return _shortest(Exact(fields[0].axis, ends, shifts.pop(), _covers(fields), dense, cropped, sure))
