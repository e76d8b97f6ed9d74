"""Attention that is one layer of torch becomes the layers that it comes to, so that its keys are tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shapecalc.engine.nodes import moved_tree
from shapecalc.engine.results import Analysis, Edge, Row, Wire
from shapecalc.layers.rules.serving import Opened


def opened(analysis: Analysis) -> tuple[Analysis, tuple[str, ...]]:
    """The network with such layers opened, and the paths of those that are taken to see no later tokens.

    One of which more is read than its first output, as its scores, stays as it is.
    """
    read = {edge.row for row in analysis.rows for edge in row.edges if edge.port}
    rows_of = enumerate(analysis.rows)
    parts = [() if number in read else row.layer.opened(*row.inputs) for number, row in rows_of]
    if not any(parts):
        return analysis, ()
    rows: list[Row] = []
    starts: list[int] = []
    outputs: dict[Edge, Edge] = {}
    assumed: list[str] = []
    for number, (row, steps) in enumerate(zip(analysis.rows, parts, strict=True)):
        starts.append(len(rows))
        shares = None if row.shares is None else starts[row.shares]
        moved = row._replace(sources=tuple([_moved(wire, outputs) for wire in row.sources]), shares=shares)
        rows += _steps(moved, steps, len(rows)) if steps else [moved]
        if steps and any(step.layer.is_causal for step in steps):
            assumed.append(row.path)
        for port in range(1 if steps else len(row.outputs)):
            outputs[Edge(number, port)] = Edge(len(rows) - 1, port)
    starts.append(len(rows))
    edges = [outputs.get(edge, edge) for edge in analysis.output_edges if edge.row < 0 or edge in outputs]
    found = replace(
        analysis,
        rows=tuple(rows),
        tree=moved_tree(analysis.tree, starts),
        outputs=tuple([rows[e.row].outputs[e.port] if e.row >= 0 else analysis.outputs[0] for e in edges]),
        output_edges=tuple(edges),
    )
    return found, tuple(assumed)


def _moved(wire: Wire, outputs: dict[Edge, Edge]) -> Wire:
    edge = outputs.get(wire.edge, wire.edge)
    return Wire(wire.tensor, edge.row, edge.port)


def _steps(row: Row, steps: Sequence[Opened], first: int) -> list[Row]:
    """The rows of an opened layer; its weights stay with those that they belong to by their names."""
    rows: list[Row] = []
    for step in steps:
        wires = []
        for number, port in step.sources:
            if number < 0:
                wires.append(row.sources[min(port, len(row.sources) - 1)])
            else:
                wires.append(Wire(rows[number].outputs[port], first + number, port))
        rows.append(Row.of(f"{row.path}.{step.label}", step.layer, wires))
    return rows
