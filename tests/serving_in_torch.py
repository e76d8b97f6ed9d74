"""A network in torch that runs a prompt, and then token after token with what it keeps of earlier ones.

It runs the rows that the figures of serving are of, on tensors: keys and values are written into what is
kept, a convolution's last inputs and a scan's state go from step to step. So its outputs can be held against
those of the whole network, its products and bytes against the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from shapecalc.analysis.serving.caches import Kept
from shapecalc.analysis.serving.steps import RowRun, Stepped
from shapecalc.analysis.serving.views import AlongTokens, GivenTensor, KeptTokens, NewestToken, View, layer_at
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers import Layer
from shapecalc.symbolic import at
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import Network


def tensor_at(x: Tensor, sizes: Mapping[str, int]) -> Tensor:
    """A tensor with numbers in place of symbols."""
    return Tensor(tuple([at(n, sizes) for n in x.shape]), x.dtype)


def rows_at(rows: Stepped, sizes: Mapping[str, int]) -> Stepped:
    """The same at numbers: each row is run on the shapes that its inputs then have, as its formulas say."""
    analysis = rows.analysis
    inputs = [tensor_at(x, sizes) for x in analysis.inputs.values()]
    made: list[Row] = []
    for row in analysis.rows:
        known = [made[wire.row].outputs if wire.row >= 0 else inputs for wire in row.sources]
        wires = [w._replace(tensor=xs[w.port]) for w, xs in zip(row.sources, known, strict=True)]
        layer = numbered(row.layer, sizes)
        figures = layer.figures(tuple([wire.tensor for wire in wires]))
        assert figures.outputs == tuple([tensor_at(y, sizes) for y in row.outputs]), row.path
        assert figures.macs == at(row.macs, sizes), row.path
        made.append(row._replace(layer=layer, sources=tuple(wires), figures=figures))
    outputs = tuple([made[edge.row].outputs[edge.port] for edge in analysis.output_edges])
    named = dict(zip(analysis.inputs, inputs, strict=True))
    found = replace(analysis, inputs=named, rows=tuple(made), outputs=outputs, conditions=())
    return Stepped(found, rows.runs)


def numbered(layer: Layer, sizes: Mapping[str, int]) -> Layer:
    """A layer, or a view of what is kept, with numbers in place of symbols."""
    if isinstance(layer, AlongTokens):
        return type(layer)(layer.axis, at(layer.size, sizes))
    return (
        GivenTensor(tensor_at(layer.made, sizes))
        if isinstance(layer, GivenTensor)
        else layer_at(layer, sizes)
    )


class Whole(Network):
    """The whole network at numbers, for all tokens; `fixed` is what no input is part of, once it has run."""

    def __init__(self, analysis: Analysis, made: set[Edge]) -> None:
        super().__init__(analysis)
        self.made = made
        self.numbers = {id(row): number for number, row in enumerate(analysis.rows)}
        self.fixed: dict[Edge, Any] = {}

    def run(self, row: Row, module: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        outputs = super().run(row, module, arguments)
        for port, y in enumerate(outputs):
            edge = Edge(self.numbers[id(row)], port)
            if edge not in self.made:
                self.fixed[edge] = y
        return outputs


class Serving(Network):
    """A prompt or a step at numbers, with the weights and the fixed tensors of a whole network."""

    def __init__(self, rows: Stepped, kept: Kept, whole: Whole, memory: dict[Edge, Any]) -> None:
        """`memory`: by what is kept, its tensor, in which a step finds room for its own token."""
        super().__init__(rows.analysis)
        self.kept = kept
        self.memory = memory
        self.edges = {cache.edge for cache in kept.caches}
        self.whole = whole
        pairs = zip(rows.analysis.rows, rows.runs, strict=True)
        self.runs: dict[int, RowRun] = {id(row): run for row, run in pairs}
        self.views: dict[int, View] = {
            id(row): row.layer for row in rows.analysis.rows if isinstance(row.layer, View)
        }

    def module(self, row: Row) -> Any:
        return torch.nn.Identity() if isinstance(row.layer, View) else super().module(row)

    def with_weights(self) -> Serving:
        """With the weights of the whole network, by the paths of rows."""
        pairs = zip(self.whole.analysis.rows, self.whole.layers, strict=True)
        owners = {row.path: module for row, module in pairs}
        for row, module in zip(self.analysis.rows, self.layers, strict=True):
            if row.weights:
                module.load_state_dict(owners[row.path].state_dict(), assign=True)
        return self

    def run(self, row: Row, module: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        run = self.runs[id(row)]
        edge = Edge(run.row, run.port)
        if id(row) in self.views:
            return (self.viewed(self.views[id(row)], edge, arguments),)
        edges = [Edge(run.row, port) for port in range(len(row.outputs))]
        if edges[0] in self.whole.fixed:
            pairs = zip(edges, row.outputs, strict=True)
            return tuple([last(self.whole.fixed[edge], y.shape) for edge, y in pairs])
        if run.row in self.kept.found.states:
            y, self.memory[edges[0]] = STATEFUL[row.layer.function or ""](
                row.layer, self.memory.get(edges[0]), *arguments
            )
            return (y,)
        outputs = super().run(row, module, arguments)
        for edge, y in zip(edges, outputs, strict=True):
            self.remember(edge, y, run)
        return outputs

    def viewed(self, view: View, edge: Edge, arguments: Sequence[Any]) -> Any:
        if isinstance(view, GivenTensor):
            return self.memory[edge]
        (x,) = arguments
        if isinstance(view, NewestToken):
            return x.narrow(view.axis, x.shape[view.axis] - 1, 1)
        assert isinstance(view, KeptTokens)
        room = self.memory[edge]
        room.narrow(view.axis, room.shape[view.axis] - 1, 1).copy_(x)
        return room.narrow(view.axis, room.shape[view.axis] - view.size, view.size)

    def remember(self, edge: Edge, y: Any, run: RowRun) -> None:
        """Keep a tensor of a prompt for later steps: in the room made for it or, without that, as it is."""
        if run.axis is None and edge in self.edges:
            room = self.memory.setdefault(edge, y)
            if room is not y:
                room.copy_(last(y, room.shape))


def places(kept: Kept) -> dict[Edge, int]:
    """What is kept of all tokens or of the last ones, with the axis of these."""
    return {**kept.places, **{window.edge: window.axis for window in kept.found.windows}}


def make_room(kept: Kept, memory: dict[Edge, Any], tokens: int) -> None:
    """Give what is kept room for one token more, and let go what is out of a window."""
    sizes = {window.edge: window.tokens for window in kept.found.windows}
    for cache in kept.caches:
        if cache.edge in kept.places:
            sizes[cache.edge] = tokens if cache.window is None else min(tokens, cache.window)
    for edge, axis in places(kept).items():
        old, size = memory[edge], sizes[edge]
        shape = list(old.shape)
        shape[axis] = size
        room = old.new_zeros(shape)
        stay = min(size - 1, old.shape[axis])
        start = old.shape[axis] - stay
        room.narrow(axis, size - 1 - stay, stay).copy_(old.narrow(axis, start, stay))
        memory[edge] = room


def last(x: Any, shape: Sequence[Any]) -> Any:
    """The last elements along each axis that is shorter in a shape."""
    for axis, size in enumerate(shape):
        x = x if size == x.shape[axis] else x.narrow(axis, x.shape[axis] - size, size)
    return x


def selective_scan(layer: Any, state: Any, *inputs: Any) -> tuple[Any, Any]:
    """The output and the last state, from a state on, of mamba_ssm's selective_scan_ref step by step."""
    u, delta, a, b, c, *others = inputs
    d, z, bias = [*others, None, None, None][:3]
    delta = delta if bias is None else delta + bias[:, None]
    delta = torch.nn.functional.softplus(delta) if layer.delta_softplus else delta
    h = u.new_zeros((*u.shape[:2], a.shape[1])) if state is None else state
    ys = []
    for step in range(u.shape[2]):
        now = delta[:, :, step, None]
        h = torch.exp(now * a) * h + now * b[:, None, :, step] * u[:, :, step, None]
        ys.append(torch.bmm(h, c[:, :, step, None]).squeeze(-1))
    y = torch.stack(ys, dim=2)
    y = y if d is None else y + u * d[:, None]
    return (y if z is None else y * torch.nn.functional.silu(z)), h


STATEFUL = {"selective_scan": selective_scan}
"""Functions that go from a state to the next, by their names below torch, of layers that have one."""
