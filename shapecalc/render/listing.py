"""`list`: the architectures that there are, with their inputs and totals."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.render.grid import (
    Column,
    Grid,
    Line,
    count,
    print_csv,
    print_json,
    print_markdown,
    print_table,
    shape,
)
from shapecalc.results import Analysis

_COLUMNS = (
    Column("name", "Name"),
    Column("network", "Network", spare=1),
    Column("input", "Input shape", shape),
    Column("params", "Params", count),
    Column("macs", "MACs", count),
)


def listing(analyses: Sequence[tuple[str, Analysis]], form: str) -> None:
    """Print the architectures by the names that commands know them by."""
    if form == "json":
        print_json([to_json(name, analysis) for name, analysis in analyses])
        return
    lines = [_line(name, analysis) for name, analysis in analyses]
    grid = Grid(f"{len(lines)} architectures", _COLUMNS, lines)
    {"table": print_table, "markdown": print_markdown, "csv": print_csv}[form](grid)


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
        "inputs": {n: {"shape": list(t.shape), "dtype": t.dtype} for n, t in analysis.inputs.items()},
        "totals": analysis.totals.to_dict(),
    }
