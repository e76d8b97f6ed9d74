"""Which tensors are kept: the narrowest between what all of a network reads and keys and values alone.

A latent that keys and values are made of is kept in their place, where it has fewer bytes; what is read for
anything else too, as the state that flows from layer to layer, is not: keys and values are made of it once.
Of several that are equally narrow, those are kept that lie nearest to the attention, so that nothing is made
anew from token to token. Source: Ford & Fulkerson 1956, Maximal flow through a network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeAlias

from shapecalc.analysis.serving.following import Followed, Following
from shapecalc.engine.results import Edge

Place: TypeAlias = tuple[Edge, int]
"""A tensor and the axis of its tokens."""
_Residual: TypeAlias = dict[Hashable, dict[Hashable, float]]
_SOURCE, _SINK = "source", "sink"


def places_kept(following: Following, found: Followed, width: Callable[[Place], int]) -> list[Place]:
    """The tensors that are kept for the ends that were found; `width`: the bytes of one token."""
    before = _between(following, found)
    ends = [(end.edge, end.axis) for end in found.ends]
    kept: set[Place] = set()
    for part in _parts(before):
        inner = {place: before[place] for place in part}
        kept |= narrowest(inner, [end for end in ends if end in inner], width)
    return sorted(kept)


def _between(following: Following, found: Followed) -> dict[Place, Sequence[Place] | None]:
    """What lies before the ends and is read for them alone, each with what it is made of.

    None stands for what is made of something else, so that it is the earliest that can be kept.
    """
    before: dict[Place, Sequence[Place] | None] = {}
    left = [(end.edge, end.axis) for end in found.ends]
    while left:
        place = left.pop()
        if place in before:
            continue
        made_of = None if place[0] in found.alone else following.before(*place)
        if made_of is not None and any(edge in found.alone for edge, _ in made_of):
            made_of = None
        before[place] = made_of
        left += made_of or ()
    return before


def _parts(before: Mapping[Place, Sequence[Place] | None]) -> Iterable[Iterable[Place]]:
    """The places in groups that are not connected with each other."""
    group: dict[Place, set[Place]] = {place: {place} for place in before}
    for place, made_of in before.items():
        for other in made_of or ():
            first, second = group[place], group[other]
            if first is not second:
                first |= second
                group.update(dict.fromkeys(second, first))
    return {id(part): part for part in group.values()}.values()


def narrowest(
    before: Mapping[Place, Sequence[Place] | None], ends: Sequence[Place], width: Callable[[Place], int]
) -> set[Place]:
    """The cut of the fewest bytes between sources and ends, of several the one nearest to the ends."""
    residual: _Residual = {}

    def join(first: Hashable, second: Hashable, capacity: float) -> None:
        residual.setdefault(first, {})[second] = capacity
        residual.setdefault(second, {}).setdefault(first, 0)

    for place, made_of in before.items():
        join((place, "in"), (place, "out"), width(place))
        if made_of is None:
            join(_SOURCE, (place, "in"), float("inf"))
        for other in made_of or ():
            join((other, "out"), (place, "in"), float("inf"))
    for end in ends:
        join((end, "out"), _SINK, float("inf"))
    while path := _path(residual):
        most = min(residual[a][b] for a, b in path)
        for a, b in path:
            residual[a][b] -= most
            residual[b][a] += most
    near = _reaching(residual)
    return {place for place in before if (place, "out") in near and (place, "in") not in near}


def _path(residual: _Residual) -> list[tuple[Hashable, Hashable]]:
    """A shortest way with room left from the sources to the ends; empty if there is none."""
    came: dict[Hashable, Hashable] = {_SOURCE: None}
    left = deque([_SOURCE])
    while left:
        node: Hashable = left.popleft()
        for after, room in residual.get(node, {}).items():
            if room > 0 and after not in came:
                came[after] = node
                if after == _SINK:
                    return _back(came)
                left.append(after)  # type: ignore[arg-type]
    return []


def _back(came: Mapping[Hashable, Hashable]) -> list[tuple[Hashable, Hashable]]:
    path = []
    node: Hashable = _SINK
    while node != _SOURCE:
        path.append((came[node], node))
        node = came[node]
    return path


def _reaching(residual: _Residual) -> set[Hashable]:
    """The nodes from which there is room left to the ends."""
    into: dict[Hashable, list[Hashable]] = {}
    for node, others in residual.items():
        for after, room in others.items():
            if room > 0:
                into.setdefault(after, []).append(node)
    found: set[Hashable] = {_SINK}
    left: list[Hashable] = [_SINK]
    while left:
        for node in into.get(left.pop(), ()):
            if node not in found:
                found.add(node)
                left.append(node)
    return found
