"""The rows that are run for some tokens: of one step, or of the prompt, as a network of their own.

Each row of the whole network stands in it as often as it is needed: for all tokens, for the newest one, or
not at all. Where a step needs all tokens of what is kept, it reads that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from shapecalc.analysis.serving.following import Following, Need
from shapecalc.analysis.serving.views import GivenTensor, KeptTokens, NewestToken, layer_at
from shapecalc.engine.nodes import moved_tree
from shapecalc.engine.results import Analysis, Edge, Row, Wire
from shapecalc.errors import ArchitectureError
from shapecalc.layers import Layer
from shapecalc.symbolic import Dim, at, symbols_in
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Shape, Tensor

_ALL, _NEW, _VIEW = range(3)


class RowRun(NamedTuple):
    """A row as it is run once."""

    row: int
    kind: int
    tokens: Dim
    """How many tokens there are where it reads all of them."""
    axis: int | None = None
    """That of the newest token."""
    port: int = 0
    """The output that is viewed, or along which the newest token is followed."""
    view: str = ""


class Source(NamedTuple):
    run: RowRun
    port: int


class Stepped(NamedTuple):
    """Rows that are run, as a network, and for each of its rows what of the whole network it is."""

    analysis: Analysis
    runs: tuple[RowRun, ...]


class Steps:
    """Which rows are run, each with what it reads."""

    def __init__(
        self,
        following: Following,
        places: Mapping[Edge, int],
        sizes: Mapping[int, Dim],
        whole: bool,
        fused: bool = True,
    ) -> None:
        """What is run is asked for by `newest` and `entire`; `close` adds what that needs.

        Args:
            following: the whole network.
            places: what is kept, with the axis of its tokens.
            sizes: of rows that read all tokens, how many of them they see, where that is not all.
            whole: all tokens are there, as in a prompt, and nothing is kept of earlier ones.
            fused: attention that is one layer stores no scores.
        """
        self.following = following
        self.analysis = following.network.analysis
        self.length = following.network.length
        self.all: Dim = following.network.tokens
        self.places = {} if whole else places
        self.sizes = {} if whole else sizes
        self.whole = whole
        self.fused = fused
        self.sources: dict[RowRun, list[Source]] = {}
        self.left: list[RowRun] = []

    # What is needed

    def newest(self, edge: Edge, axis: int, tokens: Dim) -> Source:
        """The newest token of a tensor."""
        if edge.row < 0:
            return Source(RowRun(-1, _NEW, self.all), edge.port)
        if self.whole and (RowRun(edge.row, _ALL, self.all) in self.sources or self._remembers(edge, axis)):
            return self._view(edge, axis, 1, "newest")
        x = self._tensor(edge)
        lone = not any(self.length in symbols_in(n) for place, n in enumerate(x.shape) if place != axis)
        return Source(self._run(RowRun(edge.row, _NEW, self.all if lone else tokens, axis)), edge.port)

    def entire(self, edge: Edge, tokens: Dim) -> Source:
        """All tokens of a tensor."""
        if edge in self.places:
            return self._view(edge, self.places[edge], tokens, "kept")
        if edge.row < 0:
            return Source(RowRun(-1, _ALL, self.all), edge.port)
        if not self.whole and edge in self.following.given:
            return Source(self._run(RowRun(edge.row, _VIEW, self.all, port=edge.port, view="given")), 0)
        return Source(self._run(RowRun(edge.row, _ALL, tokens)), edge.port)

    def _view(self, edge: Edge, axis: int, tokens: Dim, what: str) -> Source:
        return Source(self._run(RowRun(edge.row, _VIEW, tokens, axis, edge.port, what)), 0)

    def _run(self, run: RowRun) -> RowRun:
        if run not in self.sources:
            self.sources[run] = []
            self.left.append(run)
        return run

    def _tensor(self, edge: Edge) -> Tensor:
        return self.analysis.rows[edge.row].outputs[edge.port]

    def _remembers(self, edge: Edge, axis: int) -> bool:
        """Whether a row needs earlier tokens for the newest one, but for those that attention reads."""
        row = self.analysis.rows[edge.row]
        if row.layer.carried(*row.inputs) is not None:
            return True
        return any((need.tokens or 1) > 1 for need in self.following.needs(edge, axis))

    def close(self) -> None:
        """Add what is needed for all that is there."""
        while self.left:
            run = self.left.pop()
            self.sources[run] = [*self._sources(run)]

    def _sources(self, run: RowRun) -> Iterator[Source]:
        row = self.analysis.rows[run.row]
        edge = Edge(run.row, run.port)
        if run.view == "given":
            return
        if run.view == "newest":
            yield self.entire(edge, self.all)
        elif run.view == "kept":
            assert run.axis is not None
            yield self.newest(edge, run.axis, self.all)
        elif run.kind == _ALL:
            for source in row.edges:
                yield self.entire(source, run.tokens)
        else:
            yield from self._for_newest(run)

    def _for_newest(self, run: RowRun) -> Iterator[Source]:
        assert run.axis is not None
        edge = Edge(run.row, self._port(run))
        tokens = self.sizes.get(run.row, run.tokens) if run.tokens == self.all else run.tokens
        for need in self.following.needs(edge, run.axis):
            yield self._source(need, tokens)

    def _source(self, need: Need, tokens: Dim) -> Source:
        if need.axis is None or need.tokens is None:
            return self.entire(need.edge, tokens)
        if need.tokens == 1:
            return self.newest(need.edge, need.axis, tokens)
        return self._view(need.edge, need.axis, need.tokens, "kept")

    def _port(self, run: RowRun) -> int:
        """An output that has the axis of the newest token."""
        outputs = self.analysis.rows[run.row].outputs
        return next(p for p, y in enumerate(outputs) if run.axis is not None and run.axis < y.rank)

    # Their rows

    def network(self, outputs: tuple[Source, ...]) -> Stepped:
        """The rows in their order, as a network.

        Raises:
            ArchitectureError: a row can't be run so.
        """
        order = sorted(self.sources, key=lambda run: (run.row, run.kind))
        numbers = {run: number for number, run in enumerate(order)}
        firsts: dict[int, int] = {}
        for number, run in enumerate(order):
            if run.kind != _VIEW:
                firsts.setdefault(run.row, number)
        rows: list[Row] = []
        for run in order:
            wires = tuple([self._wire(source, rows, numbers) for source in self.sources[run]])
            rows.append(self._row(run, wires, firsts))
        wires = tuple([self._wire(source, rows, numbers) for source in outputs])
        found = replace(
            self.analysis,
            inputs={
                name: self._input(port, x) for port, (name, x) in enumerate(self.analysis.inputs.items())
            },
            rows=tuple(rows),
            tree=moved_tree(self.analysis.tree, self._starts(order)),
            outputs=tuple([wire.tensor for wire in wires]),
            output_edges=tuple([wire.edge for wire in wires]),
        )
        return Stepped(found, tuple(order))

    def _starts(self, order: list[RowRun]) -> list[int]:
        """For each row of the whole network, and its end, how many are run before it."""
        counts = [0] * (len(self.analysis.rows) + 1)
        for run in order:
            counts[run.row + 1] += 1
        starts = [0]
        for count in counts[1:]:
            starts.append(starts[-1] + count)
        return starts

    def _input(self, port: int, x: Tensor) -> Tensor:
        alone = not self.whole and port in self.following.network.inputs
        return self._expected(x, RowRun(-1, _NEW, self.all, 1)) if alone else x

    def _wire(self, source: Source, rows: list[Row], numbers: Mapping[RowRun, int]) -> Wire:
        if source.run.row < 0:
            x = list(self.analysis.inputs.values())[source.port]
            return Wire(self._input(source.port, x), -1, source.port)
        number = numbers[source.run]
        return Wire(rows[number].outputs[source.port], number, source.port)

    def _row(self, run: RowRun, wires: tuple[Wire, ...], firsts: Mapping[int, int]) -> Row:
        row = self.analysis.rows[run.row]
        if run.kind == _VIEW:
            return Row.of(row.path, self._viewed(run), wires)
        expected = tuple([self._expected(y, run) for y in row.outputs])
        layer = self._layer(row, run, tuple([wire.tensor for wire in wires]), expected)
        shares = None if row.shares is None else firsts.get(row.shares)
        shared = frozenset[str]() if shares is None else row.shared
        return Row.of(row.path, layer, wires)._replace(shares=shares, shared=shared)

    def _viewed(self, run: RowRun) -> Layer:
        if run.view == "given":
            return GivenTensor(self._tensor(Edge(run.row, run.port)))
        assert run.axis is not None
        return KeptTokens(run.axis, run.tokens) if run.view == "kept" else NewestToken(run.axis, 1)

    def _expected(self, y: Tensor, run: RowRun) -> Tensor:
        sizes = [self._sized(n, run.tokens) for n in y.shape]
        if run.axis is not None and run.axis < y.rank:
            sizes[run.axis] = 1
        shape: Shape = tuple(sizes)
        return Tensor(shape, y.dtype)

    def _sized(self, n: Dim, tokens: Dim) -> Dim:
        return n if isinstance(n, int) or tokens == self.all else at(n, {self.length: tokens})

    def _layer(
        self, row: Row, run: RowRun, inputs: tuple[Tensor, ...], expected: tuple[Tensor, ...]
    ) -> Layer:
        """The layer with numbers of tokens in its arguments by which it makes what is expected.

        Raises:
            ArchitectureError: there are none.
        """
        fused = row.layer.fused() if self.fused else row.layer
        if run.kind == _ALL and run.tokens == self.all:
            return fused
        layer = fused.last() if run.kind == _NEW else fused
        for tokens in (1, run.tokens):
            found = layer_at(layer, {self.length: tokens})
            try:
                with collecting():
                    if found.figures(inputs).outputs == expected:
                        return found
            except ArchitectureError:
                continue
        message = f"what it makes for one new token is not known: {', '.join(map(str, expected))} is needed"
        raise row.error(message)
