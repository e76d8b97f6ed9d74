"""What an analysis gives: rows in execution order, with their connections, and their totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import repeat
from typing import Any

from shapecalc.allocation.mode import bytes_of
from shapecalc.engine.nodes import Node, all_nodes, copy_of
from shapecalc.engine.rows import Edge, Row, Wire
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.layers.schemes import Scheme
from shapecalc.operations import Unknown
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim, Expr, summed, symbols_in
from shapecalc.symbolic.conditions import Condition
from shapecalc.symbolic.implied import decisive
from shapecalc.tensors import Tensor, for_json

__all__ = ["Analysis", "Edge", "Row", "Totals", "Wire"]


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

    @cached_property
    def readers(self) -> Mapping[int, list[int]]:
        """For each row that others read an output of, the numbers of these."""
        found: dict[int, list[int]] = {}
        for number, row in enumerate(self.rows):
            for edge in row.edges:
                found.setdefault(edge.row, []).append(number)
        return found

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
        return self.bytes_of_weights(bytes_of(dtype))

    def bytes_of_weights(self, sizes: Mapping[str, int]) -> Dim:
        """The same, where elements of dtypes take so many bytes."""
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
