"""`list`: the architectures that there are, with their inputs and totals."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.render.grid import Column, Grid, Line, count, print_grid, print_json, shape
from shapecalc.results import Analysis

_COLUMNS = (
    Column("name", "Name"),
    Column("network", "Network", spare=1),
    Column("input", "Input shape", shape),
    Column("params", "Params", count),
    Column("macs", "MACs", count),
)


def print_list(analyses: Sequence[tuple[str, Analysis]], form: str) -> None:
    """Print the architectures by the names that commands know them by."""
    if form == "json":
        print_json([to_json(name, analysis) for name, analysis in analyses])
        return
    lines = [_line(name, analysis) for name, analysis in analyses]
    print_grid(Grid(f"{len(lines)} architecture{'s'[: len(lines) != 1]}", _COLUMNS, lines), form)


def _line(name: str, analysis: Analysis) -> Line:
    tensors = list(analysis.inputs.values())
    inputs = tensors[0].shape if len(tensors) == 1 else ", ".join(map(str, tensors))
    totals = analysis.totals
    return Line((name, analysis.name, inputs, totals.params, totals.macs))


def to_json(name: str, analysis: Analysis) -> dict[str, object]:
    return {
        "name": name,
        "network": analysis.name,
        "source": analysis.architecture.source,
        "inputs": {own: tensor.to_dict() for own, tensor in analysis.inputs.items()},
        "totals": analysis.totals.to_dict(),
    }
