"""Two networks side by side: which layers were added, which removed, and what changed in the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from shapecalc.analysis.compare.alignment import Key, align
from shapecalc.engine.limits import refuse_long
from shapecalc.engine.nodes import Node, leaves
from shapecalc.engine.results import Analysis, Edge, Row, Totals
from shapecalc.layers.schemes import AS_THEY_ARE
from shapecalc.operations import Unknown
from shapecalc.shown import Shown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, for_json

SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"


@dataclass(frozen=True, slots=True)
class Side:
    """A layer of one of the networks, or a block that nothing is shown below."""

    node: Node
    totals: Totals

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": self.node.path,
            "type": self.node.type,
            "output": for_json(self.node.output.shape),
            "params": for_json(self.totals.params),
            "macs": for_json(self.totals.counted),
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two layers that stand for each other, or one that has no counterpart."""

    a: Side | None
    b: Side | None
    changes: Mapping[str, tuple[Any, Any]]
    """What differs, by the name of an argument, or as `type`, `input`, `output`, `dtype`, `reads` (where the
    inputs come from), `share`, `frozen`, and of blocks `layers` (how many are inside)."""

    @property
    def status(self) -> str:
        if self.a is None:
            return ADDED
        if self.b is None:
            return REMOVED
        return CHANGED if self.changes else SAME

    def more(self, what: str) -> Dim | Unknown:
        """The difference in `what`, 'params' or 'macs', of the second and the first."""
        a, b = (side.totals if side else None for side in (self.a, self.b))
        return _more(what, a, b)

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "a": self.a and self.a.to_dict(),
            "b": self.b and self.b.to_dict(),
            "changes": {name: [for_json(a), for_json(b)] for name, (a, b) in self.changes.items()},
            "params": for_json(self.more("params")),
            "macs": for_json(self.more("macs")),
        }


@dataclass(frozen=True)
class Difference(Shown):
    """Two analyses and the pairs of their layers, in order."""

    a: Analysis
    b: Analysis
    pairs: tuple[Pair, ...]

    @cached_property
    def equal(self) -> bool:
        """Whether both have the same inputs, the same layers in the same order, and the same connections."""
        a, b = self.a, self.b
        return (
            list(a.inputs.items()) == list(b.inputs.items())
            and a.output_edges == b.output_edges
            and list(a.times) == list(b.times)
            and list(map(_all_of, a.rows)) == list(map(_all_of, b.rows))
        )

    def count(self, status: str) -> int:
        return sum(pair.status == status for pair in self.pairs)

    def more(self, what: str) -> Dim | Unknown:
        """The difference in `what`, 'params' or 'macs', of the second network and the first."""
        return _more(what, self.a.totals, self.b.totals)


def _more(what: str, a: Totals | None, b: Totals | None) -> Dim | Unknown:
    """The difference of totals in `what`, of which one may not be there; unknown where one of them is."""
    unknown = (own.uncounted for own in (a, b) if own and what == "macs")
    difference: Dim = (getattr(b, what) if b else 0) - (getattr(a, what) if a else 0)
    return next(filter(None, unknown), difference)


def compare(a: Analysis, b: Analysis, depth: int | None = None) -> Difference:
    """The difference between two networks, layer by layer, or with a depth block by block down to there."""
    refuse_long(len(a.rows) + len(b.rows), "diff")
    first, second = list(leaves(a.tree, depth)), list(leaves(b.tree, depth))
    aligned = align(_keys(a, first), _keys(b, second))
    comparison = _Comparison(a, b, aligned if depth is None else None)
    pairs: list[Pair] = []
    i = j = 0
    for x, y in [*aligned, (len(first), len(second))]:
        pairs += [Pair(Side(node, a.totals_of(node)), None, {}) for node in first[i:x]]
        pairs += [Pair(None, Side(node, b.totals_of(node)), {}) for node in second[j:y]]
        if x < len(first):
            pairs.append(comparison.pair(first[x], second[y]))
        i, j = x + 1, y + 1
    return Difference(a, b, tuple(pairs))


def _keys(analysis: Analysis, nodes: Sequence[Node]) -> list[Key]:
    return [
        Key(
            node.path,
            "" if node.children else node.type,  # what a block is called does not make it another
            tuple([repr(row.layer) for row in analysis.rows[node.start : node.stop]]),
            node.output,
        )
        for node in nodes
    ]


class _Comparison:
    """What differs between nodes that stand for each other."""

    def __init__(self, a: Analysis, b: Analysis, aligned: Sequence[tuple[int, int]] | None) -> None:
        """`aligned`: the rows that stand for each other, if that is known."""
        self.a = a
        self.b = b
        if aligned is None:
            aligned = align(*[_keys(analysis, list(leaves(analysis.tree, None))) for analysis in (a, b)])
        self.to_b = dict(aligned)
        self.to_a = {j: i for i, j in self.to_b.items()}

    def pair(self, x: Node, y: Node) -> Pair:
        single = x.stop - x.start == y.stop - y.start == 1
        changes = self.of_rows(x.start, y.start) if single else self.of_blocks(x, y)
        changes |= _differing({"copies": (x.copies, y.copies)})
        return Pair(Side(x, self.a.totals_of(x)), Side(y, self.b.totals_of(y)), changes)

    def of_blocks(self, x: Node, y: Node) -> dict[str, tuple[Any, Any]]:
        rows = zip(range(x.start, x.stop), range(y.start, y.stop), strict=False)
        counts = x.stop - x.start, y.stop - y.start
        changes = _differing(_of_outputs(x.output, y.output))
        if counts[0] != counts[1] or any(self.of_rows(i, j) for i, j in rows):
            changes["layers"] = counts
        return changes

    def of_rows(self, i: int, j: int) -> dict[str, tuple[Any, Any]]:
        """What differs between two rows: their arguments, written or not, then what follows from them."""
        a, b = self.a.rows[i], self.b.rows[j]
        values = _values(a), _values(b)
        names = dict.fromkeys(chain(*values))
        changes = _differing({name: (values[0].get(name), values[1].get(name)) for name in names})
        changes |= _differing({"type": (a.type, b.type), **_of_outputs(a.output, b.output)})
        if not changes and a.inputs != b.inputs:
            changes["input"] = tuple(x.shape for x in a.inputs), tuple(y.shape for y in b.inputs)
        if self.is_rewired(i, j):
            changes["reads"] = _sources(self.a, a), _sources(self.b, b)
        if (a.shares is None) != (b.shares is None):
            changes["share"] = _owner(self.a, a), _owner(self.b, b)
        changes |= _differing({"frozen": (_frozen(a), _frozen(b)), "weights": (_stored(a), _stored(b))})
        return changes

    def is_rewired(self, i: int, j: int) -> bool:
        """Whether two rows read tensors that are in both networks, but not the same ones."""
        edges = self.a.rows[i].edges, self.b.rows[j].edges
        return len(edges[0]) != len(edges[1]) or any(map(self.is_another, *edges))

    def is_another(self, x: Edge, y: Edge) -> bool:
        known = (x.row < 0 or x.row in self.to_b) and (y.row < 0 or y.row in self.to_a)
        return known and (self.to_b.get(x.row, x.row), x.port) != y


def _values(row: Row) -> dict[str, Any]:
    """All arguments of a layer, defaults and what is inferred among them."""
    return {**{name: vars(row.layer)[name] for name in row.layer.fields}, **row.arguments}


def _of_outputs(a: Tensor, b: Tensor) -> dict[str, tuple[Any, Any]]:
    return {"output": (a.shape, b.shape), "dtype": (a.dtype, b.dtype)}


def _differing(both: Mapping[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    return {name: (a, b) for name, (a, b) in both.items() if (a, repr(a)) != (b, repr(b))}


def _sources(analysis: Analysis, row: Row) -> tuple[str, ...]:
    names = list(analysis.inputs)
    return tuple(names[edge.port] if edge.row < 0 else analysis.rows[edge.row].path for edge in row.edges)


def _owner(analysis: Analysis, row: Row) -> str | None:
    return None if row.shares is None else analysis.rows[row.shares].path


def _frozen(row: Row) -> bool | tuple[str, ...]:
    """Whether the weights of a row are not trained, or which of them."""
    frozen = tuple([name for name in row.learned if name in row.frozen])
    return bool(frozen) if len(frozen) in (0, len(row.learned)) else frozen


def _stored(row: Row) -> str:
    """What the weights of a row are stored as."""
    return ", ".join(sorted({str(scheme) for scheme in row.stored.values()})) or AS_THEY_ARE


def _all_of(row: Row) -> tuple[Any, ...]:
    beside = row.shares, row.frozen, row.stored
    return row.type, repr(_values(row)), row.inputs, row.outputs, row.edges, *beside
