"""A walk over the network's rows, in their order: the fields of each output, of those of the row's inputs."""

from __future__ import annotations

from functools import lru_cache

from shapecalc.analysis.receptive.axis_fields import NOTHING_READ, Exact, Undefined, WholeInput, through
from shapecalc.analysis.receptive.channel_rules import carried
from shapecalc.analysis.receptive.channels import AxisFields, Channels, added, beside, together, uniform
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers import Layer
from shapecalc.layers.reads import Joined, Pattern, Reads
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor


class Walk:
    """The fields of every row's outputs, along some axes of one of the network's inputs.

    `windows_only` leaves out, of what a row reads, that which sees the whole input beside that which doesn't:
    the gates of squeeze-and-excite, attention beside its residual. It is the field of the convolutions' way,
    which papers print.
    """

    def __init__(
        self, analysis: Analysis, name: str, axes: tuple[int, ...], windows_only: bool = False
    ) -> None:
        self.rows = analysis.rows
        self.windows_only = windows_only
        tensor = analysis.inputs[name]
        self.axes = axes
        self.space = tuple(tensor.shape[axis] for axis in self.axes)
        own = uniform(tuple(_begin(axis, tensor.shape[axis]) for axis in self.axes))
        port = list(analysis.inputs).index(name)
        self.known: dict[tuple[int, int], Channels | None] = {(-1, port): own}
        for index, row in enumerate(self.rows):
            self.known[index, 0] = self.step(row, 0)

    def fields(self, edge: Edge) -> AxisFields:
        """The field of all channels of an output together, along each axis."""
        channels = self.channels(edge.row, edge.port)
        return (channels and together(channels.runs)) or (NOTHING_READ,) * len(self.axes)

    def channels(self, row: int, port: int) -> Channels | None:
        """The fields of an output's channels, None if it does not depend on the input.

        A row's further outputs are looked at when they are asked for.
        """
        key = row, port
        if key not in self.known:
            self.known[key] = None if row < 0 else self.step(self.rows[row], port)
        return self.known[key]

    def step(self, row: Row, port: int) -> Channels | None:
        below = tuple([self.channels(wire.row, wire.port) for wire in row.sources])
        if self.windows_only and len(below) > 1:
            below = _by_windows(below)
        if row.layer.elementwise and len(below) == 1:
            return below[0]
        return _step(row.layer, row.inputs, port, below, self.space) if any(below) else None


def _by_windows(below: tuple[Channels | None, ...]) -> tuple[Channels | None, ...]:
    """The fields without those of the whole input, unless there are no others."""
    left = tuple([None if channels and _is_whole(channels) else channels for channels in below])
    return left if any(left) else below


def _is_whole(channels: Channels) -> bool:
    fields = together(channels.runs)
    return fields is not None and all(isinstance(field, WholeInput) for field in fields)


@lru_cache(maxsize=10_000)
def _step(
    layer: Layer,
    inputs: tuple[Tensor, ...],
    port: int,
    below: tuple[Channels | None, ...],
    space: tuple[Dim, ...],
) -> Channels | None:
    """The fields of output number `port` of a layer whose inputs have those `below`."""
    reads = layer.reads_of(inputs, port)
    if reads is None:
        return uniform((Undefined(f"what {layer.type} sees is not declared"),) * len(space))
    y = layer.figures(inputs).outputs[port]
    parts = [
        None if channels is None or own is None else _through(channels, own, x, y, space)
        for channels, own, x in zip(below, reads, inputs, strict=True)
    ]
    axis = _side_by_side(reads, inputs, y)
    if axis is not None:
        sizes = [x.shape[axis] if x.rank == y.rank else 1 for x in inputs]
        return beside(axis, [(n, part or uniform(None)) for n, part in zip(sizes, parts, strict=True)])
    known = [part for part in parts if part is not None]
    return added(known) if known else None


def _side_by_side(reads: tuple[Reads | None, ...], inputs: tuple[Tensor, ...], y: Tensor) -> int | None:
    """The axis of the output along which a concat or, where the axis is new, a stack joins the inputs."""
    first, *others = reads
    for own in first or ():
        if isinstance(own, Joined):
            return own.onto
    alike = bool(others) and all(own == first for own in others)
    if alike and first is not None and all(x.rank == y.rank - 1 for x in inputs):
        (new,) = set(range(y.rank)) - {own.axis for own in first if isinstance(own, Pattern)}
        return new
    return None


def _through(channels: Channels, reads: Reads, x: Tensor, y: Tensor, space: tuple[Dim, ...]) -> Channels:
    """The fields that a layer's output `y` has by one of its inputs, `x`, alone."""
    known: dict[AxisFields | None, AxisFields | None] = {None: None}
    places: set[int | None] = set()
    for run in channels.runs:
        if run.fields is not None and run.fields not in known:
            places |= {field.axis for field in run.fields}
            known[run.fields] = _moved(run.fields, reads, space)
    if any(new is not old for old, new in known.items()):
        channels = channels._replace(
            runs=tuple([run._replace(fields=known[run.fields]) for run in channels.runs])
        )
    return carried(channels, reads, x, y, frozenset(places))


def _moved(fields: AxisFields, reads: Reads, space: tuple[Dim, ...]) -> AxisFields:
    """Fields taken through what a layer reads, axis by axis; the same object where nothing changes."""
    moved = tuple(
        field if field.axis is None else through(field, reads[field.axis], n)
        for field, n in zip(fields, space, strict=True)
    )
    return fields if moved == fields else moved


def _begin(axis: int, n: Dim) -> Exact:
    """The field of an element of the network's input: itself."""
    return Exact(axis, ((0, 0),), 1, (0, n - 1) if isinstance(n, int) else None)
