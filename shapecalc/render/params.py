"""`params`: the named weights, with shape and count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapecalc.errors import UsageError
from shapecalc.render.grid import Column, Grid, Line, count, print_grid, print_json, shape, size
from shapecalc.render.tree import label, outline, own_row
from shapecalc.results import Analysis, Node
from shapecalc.tensors import for_json

_TREE = (
    Column("weight", "Layer, weight"),
    Column("shape", "Shape", shape),
    Column("params", "Params", count),
    Column("buffers", "Buffers", count),
)
_FLAT = (
    Column("path", "Path"),
    Column("weight", "Weight"),
    Column("kind", "Kind"),
    Column("shape", "Shape", shape),
    Column("count", "Count", count),
)


def print_params(analysis: Analysis, form: str, depth: int | None, dtype: str) -> None:
    """Print the weights of an analysis; `dtype` is that of the floating-point ones, for their bytes.

    Raises:
        UsageError: a depth is given for a form that has every weight.
    """
    if form in ("json", "csv") and depth is not None:
        raise UsageError(f"--depth is for tables; {form.upper()} always has every weight")
    if form == "json":
        print_json(to_json(analysis, dtype))
    elif form == "csv":
        print_grid(Grid(analysis.name, _FLAT, list(_flat(analysis))), form)
    else:
        print_grid(Grid(analysis.name, _TREE, list(_tree(analysis, depth)), _notes(analysis, dtype)), form)


def _tree(analysis: Analysis, depth: int | None) -> Iterator[Line]:
    """Every block and layer that owns something, and below a layer its weights."""
    for own, below, node in outline(_owners(analysis, analysis.tree), depth):
        totals = analysis.totals_of(node)
        yield Line(
            (own + label(node), None, totals.params, None if totals.buffers == 0 else totals.buffers),
            strong=True,
        )
        row = own_row(analysis, node)
        if row is None or (depth is not None and _level(node) >= depth):
            continue
        for number, (name, weight) in enumerate(row.weights.items()):
            guide = below + ("└─ " if number == len(row.weights) - 1 else "├─ ")
            if name in row.shared:
                yield Line((f"{guide}{name} (shared)", weight.shape, None, None))
                continue
            counts = (None, weight.elements) if weight.buffer else (weight.elements, None)
            yield Line((guide + name, weight.shape, *counts))


def _level(node: Node) -> int:
    return node.path.count(".") + 1


def _owners(analysis: Analysis, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The tree without what owns no weight."""
    return tuple(
        Node(n.path, n.label, n.type, n.output, n.start, n.stop, _owners(analysis, n.children))
        for n in nodes
        if any(row.weights for row in analysis.rows[n.start : n.stop])
    )


def _flat(analysis: Analysis) -> Iterator[Line]:
    for row in analysis.rows:
        for name, weight in row.weights.items():
            yield Line((row.path, name, weight.kind, weight.shape, weight.elements))


def _notes(analysis: Analysis, dtype: str) -> list[str]:
    totals = analysis.totals
    return [
        f"Parameters  {count(totals.params)}, trainable {count(totals.trainable_params)}",
        f"Buffers     {count(totals.buffers)}",
        f"Weights     {size(analysis.weight_bytes(dtype))} in {dtype}",
    ]


def to_json(analysis: Analysis, dtype: str) -> dict[str, Any]:
    totals = analysis.totals
    return {
        "name": analysis.name,
        "layers": [
            {
                "path": row.path,
                "type": row.type,
                "weights": [
                    {
                        "name": name,
                        "kind": weight.kind,
                        "shape": for_json(weight.shape),
                        "count": for_json(weight.elements),
                    }
                    for name, weight in row.weights.items()
                ],
            }
            for row in analysis.rows
            if row.weights
        ],
        "totals": {
            "params": for_json(totals.params),
            "trainable_params": for_json(totals.trainable_params),
            "buffers": for_json(totals.buffers),
            "bytes": for_json(analysis.weight_bytes(dtype)),
            "dtype": dtype,
        },
    }
