"""`list`: the architectures that there are, with their inputs and totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from shapecalc.engine.results import Analysis
from shapecalc.render.grid import Column, Grid, Line, count, print_grid, print_json, shape

_COLUMNS = (
    Column("name", "Name"),
    Column("network", "Network", spare=1),
    Column("input", "Input shape", shape),
    Column("params", "Params", count),
    Column("macs", "MACs", count),
)


def print_list(analyses: Sequence[tuple[str, Analysis]], form: str, by: str) -> None:
    """Print the architectures by the names that commands know them by, sorted `by` name, params or macs."""
    ordered = analyses if by == "name" else sorted(analyses, key=lambda pair: _weight(pair, by))
    if form == "json":
        print_json([to_json(name, analysis) for name, analysis in ordered])
        return
    grouped = by == "name" and form == "table"
    lines = list(_grouped(ordered) if grouped else (_line(*pair) for pair in ordered))
    print_grid(Grid(f"{len(ordered)} architecture{'s'[: len(ordered) != 1]}", _COLUMNS, lines), form)


def _weight(pair: tuple[str, Analysis], by: str) -> tuple[bool, int]:
    """Where a network stands in the order of a figure: after all numbers, if its own is a formula."""
    figure = getattr(pair[1].totals, by)
    return (False, figure) if isinstance(figure, int) else (True, 0)


def _grouped(analyses: Sequence[tuple[str, Analysis]]) -> Iterator[Line]:
    """A line for each architecture; before those of a folder, the folder's."""
    for folder, pairs in groupby(analyses, lambda pair: pair[0].rpartition("/")[0]):
        if folder:
            yield Line((f"{folder}/", *[None] * (len(_COLUMNS) - 1)), strong=True)
        for name, analysis in pairs:
            yield _line(name.replace(f"{folder}/", "  ", 1) if folder else name, analysis)


def _line(name: str, analysis: Analysis) -> Line:
    tensors = list(analysis.inputs.values())
    inputs = tensors[0].shape if len(tensors) == 1 else ", ".join(map(str, tensors))
    totals = analysis.totals
    return Line((name, analysis.name, inputs, totals.params, totals.macs))


def to_json(name: str, analysis: Analysis) -> dict[str, object]:
    return {
        "name": name,
        "folder": name.rpartition("/")[0],
        "network": analysis.name,
        "source": analysis.architecture.source,
        "inputs": {own: tensor.to_dict() for own, tensor in analysis.inputs.items()},
        "totals": analysis.totals.to_dict(),
    }
