"""What the elements along an axis of a tensor see of an axis of the network's input, exactly.

Between two layers it is arithmetic on whole numbers: an element reads from the first to the last of what the
elements that it reads see. For a window of kernel k on elements that see r and lie j apart, that is the
textbook's r + (k − 1)·j (Araujo, Norris & Sim 2019, distill.pub/2019/computing-receptive-fields).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm
from typing import NamedTuple, TypeAlias

from shapecalc.layers.reads import LONGEST_PATTERN, POINT, Everything, Joined, Reading, Sight
from shapecalc.symbolic import Dim

Ends: TypeAlias = tuple[int, int]
"""The first and the last element of the input that are seen."""


class Span(NamedTuple):
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


class Unclear(NamedTuple):
    """What is seen is not known, and why; `axis` as in `Span`, where its elements are all on one."""

    reason: str
    axis: int | None = None
    cover: Ends | None = None

    @property
    def part(self) -> bool:
        return False


Track: TypeAlias = Span | Whole | Unclear

UNSEEN = Unclear("nothing of the input is seen")


def through(track: Track, sight: Sight, n: Dim) -> Track:
    """What is seen by elements that see this of a tensor's axis; `n` is the size of the network's input."""
    if isinstance(track, Whole) or track.axis is None:
        return track
    if isinstance(sight, Everything):
        if track.part:
            return Unclear("what is left of the input at its borders is not known")
        low, size = (track.cover[0], track.cover[1] - track.cover[0] + 1) if track.cover else (0, n)
        return Whole(size, low)
    if isinstance(sight, Reading):
        return _moved(track, sight)
    first = track if sight.onto is not None and isinstance(track, Unclear) else sight
    return Unclear(first.reason, None if track.part else sight.onto, track.cover)


def _moved(track: Span | Unclear, reading: Reading) -> Track:
    """What is seen by elements that read these places."""
    if reading.offsets == POINT and reading.shift == 1 and not reading.part:
        return track if reading.axis == track.axis else track._replace(axis=reading.axis)
    return _read(track, reading) if isinstance(track, Span) else track._replace(axis=None)


def _read(span: Span, reading: Reading) -> Track:
    if len(span.ends) == len(reading.offsets) == 1 and span.ends[0] and reading.offsets[0]:
        (first, last), offsets, j = span.ends[0], reading.offsets[0], span.shift
        ends: tuple[Ends | None, ...] = ((first + j * offsets[0], last + j * offsets[-1]),)
        dense = span.dense and (len(offsets) == 1 or offsets.step * j <= last - first + 1)
        shift = reading.shift * j
    else:
        rounds = lcm(len(span.ends), reading.shift) // reading.shift if reading.shift else 1
        if rounds * len(reading.offsets) > LONGEST_PATTERN:
            return Unclear(
                f"what is seen repeats itself after {rounds * len(reading.offsets):,} elements only"
            )
        found = [_seen(span, places) for places in _places(reading, rounds)]
        ends = tuple(hull for hull, _ in found)
        dense = span.dense and all(full for _, full in found)
        shift = span.shift * (reading.shift * rounds // len(span.ends))
    cover = _cover(span, reading)
    if not any(ends) or (cover and cover[0] > cover[1]):
        return UNSEEN
    part = span.part or (not cover and (reading.part or span.cover is not None))
    cover = cover or span.cover
    return _shortest(Span(reading.axis, ends, shift, cover, dense, part, _is_sure(span, reading)))


def _places(reading: Reading, rounds: int) -> Iterator[range]:
    """What each element reads, for as long as it takes until the pattern below repeats too."""
    for turn in range(rounds):
        moved = turn * reading.shift
        for offsets in reading.offsets:
            yield range(offsets.start + moved, offsets.stop + moved, offsets.step)


def _seen(span: Span, places: range) -> tuple[Ends | None, bool]:
    """From the first to the last of what elements at these places see, and whether that is without gaps."""
    # After as many offsets the pattern repeats, further on: of a long row, the rounds at both ends tell all.
    rounds = 2 * len(span.ends)
    if len(places) > 2 * rounds:
        (first, dense), (last, _) = (_seen(span, part) for part in (places[:rounds], places[-rounds:]))
        return first and last and (first[0], last[1]), dense
    return _hull([ends for place in places if (ends := span.at(place))])


def _hull(parts: Sequence[Ends]) -> tuple[Ends | None, bool]:
    if not parts:
        return None, True
    ordered = sorted(parts)
    reach, dense = ordered[0][1], True
    for first, last in ordered:
        dense = dense and first <= reach + 1
        reach = max(reach, last)
    return (ordered[0][0], reach), dense


def _cover(span: Span, reading: Reading) -> Ends | None:
    """What is seen of the input by all elements together; None where that is not known."""
    read = reading.read
    if span.cover is None or read is None or read.full:
        return span.cover
    if not read.places:
        return 0, -1
    count = len(span.ends)
    if not span.sure or (reading.made and read.outside) or (count > 1 and not read.gapless):
        return None
    places = (*read.places[:count], *read.places[-count:])
    seen = [span.inside(i) for i in places if span.at(i)]
    found = [ends for ends in seen if ends]
    if len(found) < len(
        seen
    ):  # an element of padding alone tells nothing of the next one, which may be unread
        return None
    return (min(first for first, _ in found), max(last for _, last in found)) if found else (0, -1)


def _is_sure(span: Span, reading: Reading) -> bool:
    """Whether elements at a border too see what of their field lies inside."""
    read = reading.read
    if not (span.sure and read and read.outside):
        return span.sure
    first, last = span.inside(0), span.inside(read.size - 1)
    corners = first and last and (first[0], last[1]) == span.cover
    nothing = not (reading.made or span.inside(-1) or span.inside(read.size))
    in_a_row = all(len(offsets) == 1 or offsets.step == 1 for offsets in reading.offsets)
    return bool(
        corners and len(span.ends) == len(reading.offsets) == 1 and (read.beside or (in_a_row and nothing))
    )


def _shortest(span: Span) -> Span:
    """The same with the shortest pattern: twice as many elements, of which half are read, are as before."""
    count = len(span.ends)
    for length in range(1, count):
        if count % length == 0 and (span.shift * length) % count == 0:
            short = span._replace(ends=span.ends[:length], shift=span.shift * length // count)
            if all(short.at(i) == ends for i, ends in enumerate(span.ends)):
                return short
    return span


def stretched(tracks: Sequence[Track]) -> Track:
    """What is seen by tensors that stand one after another along an axis that places lie along."""
    if all(track == tracks[0] for track in tracks):
        return tracks[0]
    reason = next((track.reason for track in tracks if isinstance(track, Unclear)), Joined(0).reason)
    return Unclear(reason, tracks[0].axis if _one_axis(tracks) else None, _covers(tracks))


def union(tracks: Sequence[Track]) -> Track:
    """What is seen by elements that see all of these."""
    tracks = [track for track in tracks if track != UNSEEN] or [UNSEEN]
    first, *others = tracks
    if all(track == first for track in others):
        return first
    wholes = [track for track in tracks if isinstance(track, Whole)]
    if wholes:
        return _with_whole(wholes, tracks)
    for track in tracks:
        if isinstance(track, Unclear):
            return track._replace(axis=track.axis if _one_axis(tracks) else None, cover=_covers(tracks))
    return _united([track for track in tracks if isinstance(track, Span)])


def _with_whole(wholes: Sequence[Whole], tracks: Sequence[Track]) -> Track:
    """All that a branch reads of the whole input, if no other branch reads a border that it does not."""
    first = min(whole.first for whole in wholes)
    if not all(isinstance(whole.size, int) for whole in wholes):
        return wholes[0]
    last = max(whole.first + whole.size - 1 for whole in wholes if isinstance(whole.size, int))
    for track in tracks:
        if not isinstance(track, Whole):
            cover = track.cover
            if cover is None or cover[0] < first or cover[1] > last:
                return Unclear("one branch sees all but a border that another one sees a part of")
    return Whole(last - first + 1, first)


def _one_axis(tracks: Sequence[Track]) -> bool:
    return len({track.axis for track in tracks}) == 1 and not any(track.part for track in tracks)


def _covers(tracks: Sequence[Track]) -> Ends | None:
    covers = [track.cover for track in tracks if not isinstance(track, Whole) and track.cover]
    if len(covers) < len(tracks):
        return None
    return min(low for low, _ in covers), max(high for _, high in covers)


def _united(spans: Sequence[Span]) -> Track:
    if len({span.axis for span in spans}) > 1:
        return Unclear("the branches run along different axes")
    length = lcm(*(len(span.ends) for span in spans))
    if length > LONGEST_PATTERN:
        return Unclear(f"what is seen repeats itself after {length:,} elements only")
    shifts = {span.shift * length // len(span.ends) for span in spans}
    if len(shifts) > 1:
        axis = spans[0].axis if _one_axis(spans) else None
        return Unclear("the branches have different strides", axis, _covers(spans))
    found = [_hull([seen for span in spans if (seen := span.at(i))]) for i in range(length)]
    ends = tuple(hull for hull, _ in found)
    dense = all(span.dense for span in spans) and all(full for _, full in found)
    part = any(span.part for span in spans)
    sure = all(span.sure for span in spans)
    return _shortest(Span(spans[0].axis, ends, shifts.pop(), _covers(spans), dense, part, sure))
