"""The ways of the lines: straight along a chain, through the channels of a split, or by a lane of a stack.

Each is known by the parts alone before anything has a place, so that lanes and channels are as wide as the
lines in them need; then the ways become points. No way passes a box: lanes, corridors and channels have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from shapecalc.render.drawing.parts import Box, Figure, Link, Part, Split, Stack
from shapecalc.render.drawing.placing import BESIDE, CHANNEL, PAD, TRACK, Placing, Tracks

Points = list[tuple[float, float]]
"""Across and along, from the source to the target."""
_Key = TypeVar("_Key")
JOIN = -1
"""The place of a join in its split, after all branches."""


class Descent(NamedTuple):
    """One step down to a box: a part, and which of its parts comes next."""

    part: Stack | Split
    number: int


def chains(root: Stack) -> dict[int, list[Descent]]:
    """By the box, the parts that it is in, the outermost first."""
    found: dict[int, list[Descent]] = {}

    def enter(part: Part, above: list[Descent]) -> None:
        if isinstance(part, Box):
            found[id(part)] = above
        elif isinstance(part, Stack):
            for number, inner in enumerate(part.parts):
                enter(inner, [*above, Descent(part, number)])
        else:
            for number, branch in enumerate(part.branches):
                enter(branch, [*above, Descent(part, number)])
            if part.join:
                enter(part.join, [*above, Descent(part, JOIN)])

    enter(root, [])
    return found


@dataclass
class Route:
    """How a line goes, with its tracks where it has some."""

    link: Link
    out: list[Descent]
    """From where the chains of source and target part, down to the source."""
    into: list[Descent]
    direct: bool
    lane: int = 0
    corridors: dict[tuple[int, int], int] = field(default_factory=dict)
    tops: dict[int, int] = field(default_factory=dict)
    bottoms: dict[int, int] = field(default_factory=dict)
    slot: tuple[int, int] = (0, 1)
    """Which of the lines into the target's side it is, of how many."""

    @property
    def common(self) -> Stack | Split:
        return self.out[0].part


def ways(figure: Figure) -> tuple[list[Route], Tracks]:
    """The ways of all lines, and how many there are side by side."""
    chain = chains(figure.root)
    found = [_way(link, chain[id(link.source)], chain[id(link.target)]) for link in figure.links]
    tracks = Tracks()
    for way in found:
        if way.direct:
            tracks.used |= {
                (id(step.part), way.link.via) for step in way.into[-1:] if way.link.via is not None
            }
    for way in found:
        if not way.direct:
            _reserve(way, tracks)
    _lanes([way for way in found if not way.direct], tracks)
    _slots([way for way in found if not way.direct])
    return found, tracks


def _way(link: Link, source: Sequence[Descent], target: Sequence[Descent]) -> Route:
    shared = 0
    while source[shared] == target[shared]:
        shared += 1
    out, into = [*source[shared:]], [*target[shared:]]
    return Route(link, out, into, _is_direct(out, into, link.via))


def _is_direct(out: Sequence[Descent], into: Sequence[Descent], via: int | None) -> bool:
    """Whether a line goes from the end of one part to the begin of the next, or from a branch to its join."""
    if not all(_is_last(step) for step in out[1:]):
        return False
    if isinstance(out[0].part, Split):
        return into[0].number == JOIN
    follows = into[0].number == out[0].number + 1
    return follows and all(_is_first(step, via) for step in into[1:])


def _is_last(step: Descent) -> bool:
    if isinstance(step.part, Stack):
        return step.number == len(step.part.parts) - 1
    return step.number == (JOIN if step.part.join else 0)


def _is_first(step: Descent, via: int | None) -> bool:
    if isinstance(step.part, Stack):
        return step.number == 0
    return step.number != JOIN or via is not None


def _reserve(way: Route, tracks: Tracks) -> None:
    """Give a line its tracks in the corridors and channels that it uses."""
    inside = isinstance(way.common, Split)
    for step in way.out[0 if inside else 1 :]:
        if isinstance(step.part, Split) and step.number != JOIN:
            _take(way.corridors, tracks.corridors, (id(step.part), step.number))
            if not inside or step is not way.out[0] or way.into[0].number == JOIN:
                _take(way.bottoms, tracks.bottoms, id(step.part))
    for step in way.into[0 if inside else 1 :]:
        if isinstance(step.part, Split) and step.number != JOIN:
            _take(way.corridors, tracks.corridors, (id(step.part), step.number))
            _take(way.tops, tracks.tops, id(step.part))


def _take(own: dict[_Key, int], counts: dict[_Key, int], key: _Key) -> None:
    """Give a line the next track, once."""
    if key not in own:
        own[key] = counts[key]
        counts[key] += 1


def _lanes(found: Sequence[Route], tracks: Tracks) -> None:
    """Give each line beside a stack a track, short ones the inner ones."""
    by_stack: dict[int, list[Route]] = defaultdict(list)
    for way in found:
        if isinstance(way.common, Stack):
            by_stack[id(way.common)].append(way)
    for stack, group in by_stack.items():
        taken: list[list[tuple[int, int]]] = []
        for way in sorted(group, key=lambda way: way.into[0].number - way.out[0].number):
            begin, end = way.out[0].number, way.into[0].number
            way.lane = next((n for n, own in enumerate(taken) if _is_free(own, begin, end)), len(taken))
            if way.lane == len(taken):
                taken.append([])
            taken[way.lane].append((begin, end))
        tracks.lanes[stack] = len(taken)


def _is_free(taken: Sequence[tuple[int, int]], begin: int, end: int) -> bool:
    return all(end < a or b < begin for a, b in taken)


def _slots(found: Sequence[Route]) -> None:
    """Share out the side of each target among the lines that come into it there."""
    by_target: dict[int, list[Route]] = defaultdict(list)
    for way in found:
        by_target[id(way.link.target)].append(way)
    for group in by_target.values():
        for number, way in enumerate(group):
            way.slot = number, len(group)


class Router:
    """The points of each way, once all parts have places."""

    def __init__(self, placing: Placing) -> None:
        self.placing = placing

    def points(self, way: Route) -> Points:
        if way.direct:
            return _without_bends(self._direct(way))
        return _without_bends(self._beside(way))

    def _direct(self, way: Route) -> Points:
        source, target = self.placing.of(way.link.source), self.placing.of(way.link.target)
        points = [(source.axis, source.end)]
        if isinstance(way.common, Split):
            points += self._to_join(way.common, way.out[0].number)
        else:
            for step in way.into[1:]:
                if isinstance(step.part, Split):
                    points += self._to_branch(step, points[-1][0], way.link.via)
        return [*points, (target.axis, target.main)]

    def _to_branch(self, step: Descent, axis: float, via: int | None) -> Points:
        """Through the channel before the branches; by the way of an empty one on to the join."""
        split = step.part
        assert isinstance(split, Split)
        number = via if step.number == JOIN else step.number
        assert number is not None
        own = self.placing.of(split.branches[number]).axis
        channel = self.placing.of(split).main + CHANNEL / 2
        points = [(axis, channel), (own, channel)]
        return points + self._to_join(split, number) if step.number == JOIN else points

    def _to_join(self, split: Split, number: int) -> Points:
        assert split.join
        own, joined = self.placing.of(split.branches[number]).axis, self.placing.of(split.join)
        channel = joined.main - CHANNEL - 2
        return [(own, channel), (joined.axis, channel)]

    def _beside(self, way: Route) -> Points:
        source, target = self.placing.of(way.link.source), self.placing.of(way.link.target)
        number, of = way.slot
        out = [(source.axis + source.after, source.main + source.length / 2)]
        into = [(target.axis + target.after, target.main + target.length * (number + 1) / (of + 1))]
        for steps, points, channel in ((way.out, out, self._bottom), (way.into, into, self._top)):
            for step in reversed(steps[1:]):
                if isinstance(step.part, Split) and step.number != JOIN:
                    corridor = self._corridor(way, step)
                    points += [(corridor, points[-1][1]), (corridor, channel(way, step.part))]
        if isinstance(way.common, Stack):
            lane = self._lane(way.common, way.lane)
            return [*out, (lane, out[-1][1]), (lane, into[-1][1]), *reversed(into)]
        return self._between_branches(way, out, into)

    def _between_branches(self, way: Route, out: Points, into: Points) -> Points:
        split = way.common
        assert isinstance(split, Split)
        corridor = self._corridor(way, way.out[0])
        if way.into[0].number == JOIN:
            assert split.join
            joined = self.placing.of(split.join)
            bottom = self._bottom(way, split)
            turns = [(corridor, out[-1][1]), (corridor, bottom), (joined.axis, bottom)]
            return [*out, *turns, (joined.axis, joined.main)]
        top, other = self._top(way, split), self._corridor(way, way.into[0])
        between = [(corridor, out[-1][1]), (corridor, top), (other, top), (other, into[-1][1])]
        return [*out, *between, *reversed(into)]

    def _corridor(self, way: Route, step: Descent) -> float:
        assert isinstance(step.part, Split)
        branch = self.placing.of(step.part.branches[step.number])
        track = way.corridors[id(step.part), step.number]
        return branch.axis + branch.after + BESIDE / 2 + TRACK * track

    def _top(self, way: Route, split: Split) -> float:
        return self.placing.of(split).main + CHANNEL + TRACK * way.tops[id(split)]

    def _bottom(self, way: Route, split: Split) -> float:
        place = self.placing.of(split)
        end = self.placing.of(split.join).main - 2 * CHANNEL if split.join else place.end - CHANNEL / 2
        return end - TRACK * way.bottoms[id(split)]

    def _lane(self, stack: Stack, track: int) -> float:
        place, tracks = self.placing.of(stack), self.placing.tracks.lanes[id(stack)]
        *_, after = self.placing.frame(stack)
        return place.axis + place.after - after - PAD / 4 - TRACK * (tracks - 1 - track)


def _without_bends(points: Points) -> Points:
    """The points at which a line turns, with its ends."""
    kept: Points = []
    for point in points:
        if kept and _near(kept[-1], point):
            continue
        while len(kept) > 1 and _in_line(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def _near(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01


def _in_line(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return any(abs(a[k] - b[k]) < 0.01 and abs(b[k] - c[k]) < 0.01 for k in (0, 1))
