"""The rows of a network in their order, each with what its outputs see, made of what its inputs see."""

from __future__ import annotations

from functools import lru_cache

from shapecalc.analysis.receptive.channel_rules import carried
from shapecalc.analysis.receptive.channels import Lanes, Run, Tracks, added, alike, beside, together
from shapecalc.analysis.receptive.reach import UNSEEN, Span, Unclear, through
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers import Layer
from shapecalc.layers.reads import Joined, Reading, Sights
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor

__all__ = ["Tracks", "Walk"]


class Walk:
    """What every row's outputs see of some axes of one input."""

    def __init__(self, analysis: Analysis, name: str, axes: tuple[int, ...]) -> None:
        self.rows = analysis.rows
        tensor = analysis.inputs[name]
        self.axes = axes
        self.space = tuple(tensor.shape[axis] for axis in self.axes)
        own = alike(tuple(_begin(axis, tensor.shape[axis]) for axis in self.axes))
        port = list(analysis.inputs).index(name)
        self.known: dict[tuple[int, int], Lanes | None] = {(-1, port): own}
        for index, row in enumerate(self.rows):
            self.known[index, 0] = self.step(row, 0)

    def tracks(self, edge: Edge) -> Tracks:
        """What all elements at a place of an output see."""
        lanes = self.seen(edge.row, edge.port)
        return (lanes and together(lanes.runs)) or (UNSEEN,) * len(self.axes)

    def seen(self, row: int, port: int) -> Lanes | None:
        """What is seen by an output of a row, or None if that is nothing; others than the first on demand."""
        key = row, port
        if key not in self.known:
            self.known[key] = None if row < 0 else self.step(self.rows[row], port)
        return self.known[key]

    def step(self, row: Row, port: int) -> Lanes | None:
        below = tuple([self.seen(wire.row, wire.port) for wire in row.sources])
        if row.layer.elementwise and len(below) == 1:
            return below[0]
        return _step(row.layer, row.inputs, port, below, self.space) if any(below) else None


@lru_cache(maxsize=10_000)
def _step(
    layer: Layer,
    inputs: tuple[Tensor, ...],
    port: int,
    below: tuple[Lanes | None, ...],
    space: tuple[Dim, ...],
) -> Lanes | None:
    """What is seen by an output of a layer whose inputs see what is `below`."""
    sights = layer.seen(inputs, port)
    if sights is None:
        return alike((Unclear(f"what {layer.type} sees is not declared"),) * len(space))
    y = layer.figures(inputs).outputs[port]
    parts = [
        None if lanes is None or own is None else _through(lanes, own, x, y, space)
        for lanes, own, x in zip(below, sights, inputs, strict=True)
    ]
    axis = _side_by_side(sights, inputs, y)
    if axis is not None:
        sizes = [x.shape[axis] if x.rank == y.rank else 1 for x in inputs]
        return beside(axis, [(n, part or alike(None)) for n, part in zip(sizes, parts, strict=True)])
    seen = [part for part in parts if part is not None]
    return added(seen) if seen else None


def _side_by_side(sights: tuple[Sights | None, ...], inputs: tuple[Tensor, ...], y: Tensor) -> int | None:
    """The axis along which the inputs stand one after another, or, where it is new, side by side."""
    first, *others = sights
    for sight in first or ():
        if isinstance(sight, Joined):
            return sight.onto
    if others and first is not None and all(x.rank == y.rank - 1 for x in inputs):
        (new,) = set(range(y.rank)) - {sight.axis for sight in first if isinstance(sight, Reading)}
        return new
    return None


def _through(lanes: Lanes, sights: Sights, x: Tensor, y: Tensor, space: tuple[Dim, ...]) -> Lanes:
    """What is seen through one layer of one of its inputs, `x`."""
    known: dict[Tracks | None, Tracks | None] = {None: None}
    places: set[int | None] = set()
    for run in lanes.runs:
        if run.tracks is not None and run.tracks not in known:
            places |= {track.axis for track in run.tracks}
            known[run.tracks] = _moved(run.tracks, sights, space)
    if any(new is not old for old, new in known.items()):
        lanes = lanes._replace(
            runs=tuple([Run(run.size, known[run.tracks], run.mixed) for run in lanes.runs])
        )
    return carried(lanes, sights, x, y, frozenset(places))


def _moved(tracks: Tracks, sights: Sights, space: tuple[Dim, ...]) -> Tracks:
    moved = tuple(
        track if track.axis is None else through(track, sights[track.axis], n)
        for track, n in zip(tracks, space, strict=True)
    )
    return tracks if moved == tracks else moved


def _begin(axis: int, n: Dim) -> Span:
    """An element of the input reads itself."""
    return Span(axis, ((0, 0),), 1, (0, n - 1) if isinstance(n, int) else None)
