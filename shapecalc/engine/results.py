"""What an analysis gives: frozen rows in execution order, with their connections, and their totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple

from shapecalc.engine.nodes import Node, all_nodes, copy_of
from shapecalc.errors import ArchitectureError, UsageError, listed, nearest, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.layers import Figures, Layer
from shapecalc.layers.schemes import Scheme, size_in_bytes
from shapecalc.layers.weights import Weights
from shapecalc.operations import Operations, Unknown
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim, Expr, summed, symbols_in
from shapecalc.symbolic.conditions import Condition
from shapecalc.symbolic.implied import decisive
from shapecalc.tensors import BYTES, Tensor, for_json


class Edge(NamedTuple):
    """Where a tensor comes from: output `port` of row `row`; row −1 has the network's inputs."""

    row: int
    port: int


class Wire(NamedTuple):
    """A tensor and where it comes from, as in `Edge`."""

    tensor: Tensor
    row: int
    port: int

    @property
    def edge(self) -> Edge:
        return Edge(self.row, self.port)


class Row(NamedTuple):
    """One executed layer: what it reads, and its figures."""

    path: str
    layer: Layer
    sources: tuple[Wire, ...]
    figures: Figures
    shares: int | None = None
    """The number of the row whose weights this one uses, those of equal names."""
    shared: frozenset[str] = frozenset()
    """The names of the weights that belong to that row."""
    frozen: frozenset[str] = frozenset()
    """The names of the parameters that are not trained, shared ones too."""
    stored: Mapping[str, Scheme] = MappingProxyType({})
    """By their names, the weights that are stored as whole numbers with scales, shared ones too."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple([wire.tensor for wire in self.sources])

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Where each input comes from."""
        return tuple([wire.edge for wire in self.sources])

    @property
    def type(self) -> str:
        return self.layer.type

    def error(self, message: str, hint: str | None = None) -> ArchitectureError:
        """An error of this layer, with its type and its path."""
        return ArchitectureError(message, hint=hint).about(self.type).at(None, self.path)

    @property
    def arguments(self) -> dict[str, Any]:
        """torch's arguments: the inferred sizes and what the file gave."""
        return self.layer.arguments(self.inputs)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return self.figures.outputs

    @property
    def output(self) -> Tensor:
        """The first output, which flows on to the next step."""
        return self.figures.outputs[0]

    @property
    def weights(self) -> Weights:
        """Name → weight of what the layer owns."""
        return self.figures.weights

    @property
    def own_weights(self) -> Weights:
        """The weights that are no other row's."""
        if not self.shared:
            return self.figures.weights
        return {name: weight for name, weight in self.weights.items() if name not in self.shared}

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the weights that are parameters, frozen ones too."""
        return tuple([name for name, weight in self.weights.items() if not weight.buffer])

    @property
    def trained(self) -> frozenset[str]:
        """The names of the parameters that are not frozen."""
        return frozenset(self.learned) - self.frozen

    @property
    def macs(self) -> Dim:
        """Multiply-accumulates."""
        return self.figures.macs

    @property
    def counted(self) -> Dim | Unknown:
        """Multiply-accumulates; unknown where nobody has counted them, and `macs` are 0."""
        why = self.layer.uncounted
        return Unknown(why) if why else self.macs

    @property
    def ops(self) -> Operations | Unknown:
        """The operations beside the multiply-accumulates, in evaluation, by their kinds."""
        return self.layer.costs(self.inputs).ops

    @property
    def macs_without_padding(self) -> Dim | Unknown:
        """The multiply-accumulates without those of `left_out`: zeros of padding, hidden keys."""
        return self.layer.costs(self.inputs).macs_without_padding

    @property
    def params(self) -> Dim:
        """Elements of the layer's own parameters: what is shared is counted where it belongs."""
        return sum([w.elements for w in self.own_weights.values() if not w.buffer])

    @property
    def frozen_params(self) -> Dim:
        """Elements of the layer's own parameters that are not trained."""
        if not self.frozen:
            return 0
        return sum([w.elements for name, w in self.own_weights.items() if name in self.frozen])

    @property
    def active_params(self) -> Dim:
        """Elements of its own parameters that take part in what is made of one token."""
        return sum([self.layer.active(w) for w in self.own_weights.values() if not w.buffer])

    def weight_bytes(self, sizes: Mapping[str, int] = BYTES) -> dict[str, Dim]:
        """By the name of each of its own weights, its bytes; `sizes` are those of dtypes."""
        own = self.own_weights.items()
        return {name: size_in_bytes(weight, self.stored.get(name), sizes) for name, weight in own}

    @property
    def buffers(self) -> Dim:
        """Elements of the layer's own buffers."""
        return sum([w.elements for w in self.own_weights.values() if w.buffer])

    def to_dict(self) -> dict[str, Any]:
        outputs = [for_json(tensor.shape) for tensor in self.outputs]
        return {
            "path": self.path,
            "type": self.type,
            "arguments": {name: for_json(value) for name, value in self.arguments.items()},
            "inputs": [for_json(tensor.shape) for tensor in self.inputs],
            "edges": [edge._asdict() for edge in self.edges],
            "output": outputs[0],
            **({"outputs": outputs} if len(outputs) > 1 else {}),
            "weights": {name: for_json(weight.shape) for name, weight in self.weights.items()},
            **({"shared": sorted(self.shared)} if self.shared else {}),
            **({"frozen": sorted(self.frozen)} if self.frozen else {}),
            **(
                {"stored": {name: str(scheme) for name, scheme in self.stored.items()}} if self.stored else {}
            ),
            **({"measured": True} if self.layer.measured else {}),
            **{what: for_json(getattr(self, what)) for what in ("params", "buffers")},
            "macs": for_json(self.counted),
        }


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over rows: elements of parameters, frozen ones too, and of buffers, multiply-accumulates."""

    params: Dim
    frozen_params: Dim
    buffers: Dim
    macs: Dim
    uncounted: Unknown | None = None
    """Why there are more multiply-accumulates than `macs`, if nobody has counted those of a row."""

    @classmethod
    def of(cls, rows: Iterable[Row], times: Iterable[int] = repeat(1)) -> Totals:
        """The sums over rows, each of which counts so many times."""
        counted = _counted_alike(rows, times)
        whats = ("params", "frozen_params", "buffers", "macs")
        sums = {what: summed([n * getattr(row, what) for row, n in counted]) for what in whats}
        unknown = next((row for row, _ in counted if row.layer.uncounted), None)
        why = unknown and Unknown(f"{unknown.path}: {unknown.layer.uncounted}")
        return cls(**sums, uncounted=why)

    @property
    def trainable_params(self) -> Dim:
        return self.params - self.frozen_params

    @property
    def counted(self) -> Dim | Unknown:
        """Multiply-accumulates, where all are known."""
        return self.uncounted or self.macs

    @property
    def flops(self) -> Dim | Unknown:
        """Two per multiply-accumulate: one multiplication, one addition."""
        return self.uncounted or 2 * self.macs

    def to_dict(self) -> dict[str, int | str | None]:
        names = ("params", "trainable_params", "buffers")
        known = {name: for_json(getattr(self, name)) for name in names}
        why = {"unknown": {"macs": self.uncounted.reason}} if self.uncounted else {}
        return {**known, "macs": for_json(self.counted), "flops": for_json(self.flops), **why}


def _counted_alike(rows: Iterable[Row], times: Iterable[int]) -> list[tuple[Row, int]]:
    """The first of the rows that have the same figures and own the same of them, and how many these are."""
    first: dict[Any, Row] = {}
    counts: dict[Any, int] = {}
    for row, number in zip(rows, times, strict=False):
        key = row.layer, id(row.figures), row.shared, row.frozen
        first.setdefault(key, row)
        counts[key] = counts.get(key, 0) + number
    return [(row, counts[key]) for key, row in first.items()]


@dataclass(frozen=True)
class Analysis(Shown):
    """Every figure of a network at given inputs."""

    architecture: Architecture
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Tensor]
    rows: tuple[Row, ...]
    tree: tuple[Node, ...]
    outputs: tuple[Tensor, ...]
    output_edges: tuple[Edge, ...]
    conditions: tuple[Condition, ...] = ()
    """The conditions of sizes that are formulas; formulas of the analysis hold where all of these do."""
    brief: bool = False
    """Whether copies were left out: a node may then stand for several, and there are rows of the others."""

    @property
    def name(self) -> str:
        return self.architecture.name

    @property
    def given(self) -> dict[str, Any]:
        """The values of parameters with which, and its inputs, `analyse` makes it again."""
        return self.architecture.undecided(self.parameters)

    @property
    def symbols(self) -> list[str]:
        """The names of the symbols in its inputs and parameters, sorted."""
        sizes = [size for tensor in self.inputs.values() for size in tensor.shape]
        values = [value for value in self.parameters.values() if isinstance(value, Expr)]
        return sorted(symbols_in(*sizes, *values))

    @property
    def decisive_conditions(self) -> tuple[Condition, ...]:
        """The conditions without those that follow from others."""
        return decisive(self.conditions)

    @property
    def totals(self) -> Totals:
        return Totals.of(self.rows, self.times)

    @cached_property
    def active_params(self) -> Dim | None:
        """Parameters that take part for one token, of a network with routed experts; None of any other."""
        if not any(row.layer.routed for row in self.rows):
            return None
        counted = zip(self.rows, self.times, strict=True)
        return summed([times * row.active_params for row, times in counted])

    @property
    def active(self) -> dict[str, Any]:
        """The same beside the totals in JSON; nothing of a network without routed experts."""
        return {} if self.active_params is None else {"active_params": for_json(self.active_params)}

    @cached_property
    def times(self) -> Sequence[int]:
        """How many layers each row stands for."""
        if not self.brief:
            return (1,) * len(self.rows)
        return tuple([node.copies * times for node in self.tree for times in node.times])

    @property
    def measured(self) -> list[Row]:
        """The rows whose figures were measured, and hold at these shapes alone."""
        return [row for row in self.rows if row.layer.measured]

    @property
    def layers(self) -> int:
        """How many layers the network has."""
        return sum(self.times)

    def under(self, node: Node) -> tuple[Sequence[int], Sequence[int]]:
        """The numbers of the rows under a node, and how many layers each stands for there."""
        numbers = range(node.start, node.stop)
        if not self.brief:
            return numbers, (node.copies,) * len(numbers)
        return numbers, tuple([node.copies * times for times in node.times])

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the inputs that no step reads, and that are no output."""
        read = {edge.port for row in self.rows for edge in row.edges if edge.row < 0}
        read |= {edge.port for edge in self.output_edges if edge.row < 0}
        return tuple(name for port, name in enumerate(self.inputs) if port not in read)

    def find(self, name: str) -> Node:
        """The node of a path, or of an end of one that no other path has.

        Raises:
            UsageError: there is none, or there are several.
        """
        nodes = {node.path: node for node in all_nodes(self.tree)}
        if name in nodes:
            return nodes[name]
        copy = copy_of(self.tree, name.split(".")) if self.brief else None
        if copy:
            return copy._replace(path=name, label=name.rpartition(".")[2], copies=1)
        ends = [path for path in nodes if path.endswith(f".{name}")]
        if len(ends) == 1:
            return nodes[ends[0]]
        if ends:
            raise UsageError(
                f"{quoted(name)} is the end of {len(ends)} paths", hint=f"such as {listed(ends, 4)}"
            )
        near = nearest(name, nodes) or f"paths: {listed(nodes, 6)}"
        raise UsageError(f"{self.name} has no layer {quoted(name)}", hint=near)

    def totals_of(self, node: Node) -> Totals:
        """The totals of the rows under a node of the tree."""
        return Totals.of(self.rows[node.start : node.stop], self.under(node)[1])

    def weight_bytes(self, dtype: str = "float32") -> Dim:
        """Bytes of all parameters and buffers, those of float32 in `dtype` unless stored as whole numbers."""
        sizes = {**BYTES, "float32": BYTES[dtype]}
        counted = zip(self.rows, self.times, strict=True)
        return sum([n * size for row, n in counted for size in row.weight_bytes(sizes).values()])

    @cached_property
    def schemes(self) -> tuple[Scheme, ...]:
        """Those under which weights are stored, each once."""
        return tuple(dict.fromkeys([scheme for row in self.rows for scheme in row.stored.values()]))

    def report(self) -> Any:
        """The page of the network, whose figures follow its sizes, for a notebook; its `html` is the page."""
        return import_module("shapecalc.render.notebook").page(self)

    def to_dict(self) -> dict[str, Any]:
        """The analysis in JSON's types: sizes and counts are integers, or formulas as text."""
        uses = self.architecture.libraries
        return {
            "name": self.name,
            "inputs": {name: tensor.to_dict() for name, tensor in self.inputs.items()},
            "layers": [row.to_dict() for row in self.rows],
            "outputs": [for_json(tensor.shape) for tensor in self.outputs],
            "output_edges": [edge._asdict() for edge in self.output_edges],
            "conditions": [{"path": c.path, "condition": c.ascii()} for c in self.decisive_conditions],
            "totals": {**self.totals.to_dict(), **self.active},
            **({"uses": [library.to_dict() for library in uses]} if uses else {}),
        }
