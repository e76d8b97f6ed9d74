"""The rows of a network in their order, each with what its outputs see, made of what its inputs see."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from shapecalc.analysis.spans import UNSEEN, Span, Track, Unclear, through, union
from shapecalc.layers import Layer
from shapecalc.layers.sight import Everything, Merged, Reading, Sights
from shapecalc.results import Analysis, Edge, Row
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor

Tracks: TypeAlias = tuple[Track, ...]
"""What is seen along each axis of the network's input that is looked at."""


class Walk:
    """What every row's outputs see of some axes of one input."""

    def __init__(self, analysis: Analysis, name: str, axes: tuple[int, ...]) -> None:
        self.rows = analysis.rows
        tensor = analysis.inputs[name]
        self.axes = axes
        self.space = tuple(tensor.shape[axis] for axis in self.axes)
        own = tuple(_begin(axis, tensor.shape[axis]) for axis in self.axes)
        port = list(analysis.inputs).index(name)
        self.known: dict[tuple[int, int], Tracks | None] = {(-1, port): own}
        for index, row in enumerate(self.rows):
            self.known[index, 0] = self.step(row, 0)

    def tracks(self, edge: Edge) -> Tracks:
        return self.seen(edge.row, edge.port) or (UNSEEN,) * len(self.axes)

    def seen(self, row: int, port: int) -> Tracks | None:
        """What is seen by an output of a row, or None if that is nothing; others than the first on demand."""
        key = row, port
        if key not in self.known:
            self.known[key] = None if row < 0 else self.step(self.rows[row], port)
        return self.known[key]

    def step(self, row: Row, port: int) -> Tracks | None:
        below = tuple([self.seen(wire.row, wire.port) for wire in row.sources])
        if row.layer.elementwise and len(below) == 1:
            return below[0]
        return _step(row.layer, row.inputs, port, below, self.space) if any(below) else None


@lru_cache(maxsize=10_000)
def _step(
    layer: Layer,
    inputs: tuple[Tensor, ...],
    port: int,
    below: tuple[Tracks | None, ...],
    space: tuple[Dim, ...],
) -> Tracks | None:
    """What is seen by an output of a layer whose inputs see what is `below`."""
    sights = layer.seen(inputs, port)
    if sights is None:
        return (Unclear(f"what {layer.type} sees is not declared"),) * len(space)
    parts = [
        _through(tracks, own, x, space)
        for tracks, own, x in zip(below, sights, inputs, strict=True)
        if tracks is not None and own is not None
    ]
    if len(parts) < 2:
        return parts[0] if parts else None
    joined = any(isinstance(sight, Merged) for own in sights if own is not None for sight in own)
    apart = joined or _stacks(layer, inputs, port)
    return tuple(union(tracks, apart) for tracks in zip(*parts, strict=True))


def _stacks(layer: Layer, inputs: tuple[Tensor, ...], port: int) -> bool:
    """Whether the inputs stand side by side along a new axis."""
    return layer.figures(inputs).outputs[port].rank > max(x.rank for x in inputs)


def _through(tracks: Tracks, sights: Sights, x: Tensor, space: tuple[Dim, ...]) -> Tracks:
    """What is seen through one layer of one of its inputs, `x`."""
    if not all(track.even for track in tracks):
        tracks = _of_channels(tracks, sights, x)
    return tuple(
        track if track.axis is None else through(track, sights[track.axis], n)
        for track, n in zip(tracks, space, strict=True)
    )


def _begin(axis: int, n: Dim) -> Span:
    """An element of the input sees itself."""
    return Span(axis, ((0, 0),), 1, (0, n - 1) if isinstance(n, int) else None)


def _of_channels(tracks: Tracks, sights: Sights, x: Tensor) -> Tracks:
    """What is seen of channels that differ in what they see: by all of them together, not by some."""
    places = {track.axis for track in tracks}
    others = [
        (sight, n) for axis, (sight, n) in enumerate(zip(sights, x.shape, strict=True)) if axis not in places
    ]
    if any(isinstance(sight, Everything) for sight, _ in others):
        return tuple(track._replace(even=True) for track in tracks)
    if any(
        isinstance(sight, Reading) and sight.read is not None and len(sight.read) != n for sight, n in others
    ):
        return (Unclear("it takes some of the channels, which differ in what they see"),) * len(tracks)
    return tracks
