"""`show`: every layer with its shape, parameters and MACs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shapecalc.errors import UsageError, nearest, written
from shapecalc.render.grid import (
    Column,
    Grid,
    Line,
    count,
    percent,
    print_csv,
    print_json,
    print_markdown,
    print_table,
    shape,
    short,
    size,
)
from shapecalc.render.tree import label, leaves, outline, own_row
from shapecalc.results import Analysis, Node, Totals
from shapecalc.tensors import Shape, Tensor, shape_text


class Cell(NamedTuple):
    """What a column's value is made of."""

    analysis: Analysis
    node: Node
    tree: str
    totals: Totals
    whole: Totals
    layout: str


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _arguments(cell: Cell) -> str:
    row = own_row(cell.analysis, cell.node)
    return arguments_text(row.arguments) if row else ""


def arguments_text(arguments: dict[str, Any]) -> str:
    """Arguments in one line, a pair of equal numbers as one: `out_channels 96, kernel_size 11`."""
    return ", ".join(f"{name} {_argument(value)}" for name, value in arguments.items())


def _argument(value: object) -> str:
    if isinstance(value, tuple):
        return written(value[0]) if len(set(value)) == 1 else "×".join(map(written, value))
    return written(value)


def _inputs(cell: Cell) -> str:
    row = own_row(cell.analysis, cell.node)
    return ", ".join(_shape(tensor, cell.layout) for tensor in row.inputs) if row else ""


def _weights(cell: Cell) -> str:
    row = own_row(cell.analysis, cell.node)
    weights = row.weights.items() if row else ()
    return ", ".join(f"{name} {shape_text(weight.shape)}" for name, weight in weights)


def _shape(tensor: Tensor, layout: str) -> str:
    return shape_text(arranged(tensor.shape, layout))


def arranged(shape: Shape, layout: str) -> Shape:
    """A shape in the order of a layout: NHWC has the channels last."""
    return (shape[0], *shape[2:], shape[1]) if layout == "NHWC" and len(shape) > 2 else shape


_COLUMNS: dict[str, tuple[Column, Callable[[Cell], Any]]] = {
    column.key: (column, value)
    for column, value in [
        (Column("layer", "Layer"), lambda c: c.tree),
        (Column("path", "Path"), lambda c: c.node.path),
        (Column("type", "Type"), lambda c: c.node.type),
        (Column("arguments", "Arguments", spare=3), _arguments),
        (Column("input", "Input shape"), _inputs),
        (Column("output", "Output shape", shape), lambda c: arranged(c.node.output.shape, c.layout)),
        (Column("dtype", "Dtype"), lambda c: c.node.output.dtype),
        (Column("weights", "Weights"), _weights),
        (Column("params", "Params", count), lambda c: c.totals.params),
        (Column("params%", "% params", percent, spare=2), lambda c: _share(c.totals.params, c.whole.params)),
        (Column("buffers", "Buffers", count), lambda c: c.totals.buffers),
        (Column("macs", "MACs", count), lambda c: c.totals.macs),
        (Column("macs%", "% MACs", percent, spare=1), lambda c: _share(c.totals.macs, c.whole.macs)),
        (Column("flops", "FLOPs", count), lambda c: c.totals.flops),
    ]
}
_TREE = ("layer", "arguments", "output", "params", "params%", "macs", "macs%")
_FLAT = ("path", "type", "output", "params", "params%", "macs", "macs%")


def show(analysis: Analysis, form: str, depth: int | None, columns: str | None, layout: str) -> None:
    """Print an analysis.

    Raises:
        UsageError: `columns` names one that there is not.
    """
    if form == "json":
        print_json(to_json(analysis, depth, layout))
    elif form == "csv":
        print_csv(_grid(analysis, _flat(analysis, depth), _chosen(columns, _FLAT), layout))
    else:
        grid = _grid(analysis, _tree(analysis, depth), _chosen(columns, _TREE), layout)
        (print_table if form == "table" else print_markdown)(grid)


def _chosen(columns: str | None, default: Sequence[str]) -> list[str]:
    """The keys of the columns asked for; those asked for by name are never left out."""
    if columns is None:
        return list(default)
    keys = [key.strip().lower() for key in columns.split(",") if key.strip()]
    for key in keys:
        if key not in _COLUMNS:
            hint = nearest(key, _COLUMNS) or f"columns: {', '.join(_COLUMNS)}"
            raise UsageError(f"--columns: there is no column {key!r}", hint=hint)
    return [f"{key}!" for key in keys] or list(default)


def _tree(analysis: Analysis, depth: int | None) -> list[tuple[str, Node]]:
    return [(own + label(node), node) for own, _, node in outline(analysis.tree, depth)]


def _flat(analysis: Analysis, depth: int | None) -> list[tuple[str, Node]]:
    return [(label(node), node) for node in leaves(analysis.tree, depth)]


def _grid(analysis: Analysis, nodes: list[tuple[str, Node]], keys: list[str], layout: str) -> Grid:
    chosen = [_COLUMNS[key.rstrip("!")] for key in keys]
    columns = [
        Column(column.key, column.title, column.text) if key.endswith("!") else column
        for key, (column, _) in zip(keys, chosen, strict=True)
    ]
    whole = analysis.totals
    lines = []
    for tree, node in nodes:
        cell = Cell(analysis, node, tree, analysis.totals_of(node), whole, layout)
        lines.append(Line(tuple(value(cell) for _, value in chosen), strong=bool(node.children)))
    return Grid(heading(analysis, layout), tuple(columns), lines, notes(analysis, layout))


def heading(analysis: Analysis, layout: str = "NCHW") -> str:
    """The network and its inputs, with shape and dtype."""
    single = len(analysis.inputs) == 1
    inputs = (
        f"{'input' if single else name} {_shape(tensor, layout)} {tensor.dtype}"
        for name, tensor in analysis.inputs.items()
    )
    return " · ".join([analysis.name, *inputs])


def notes(analysis: Analysis, layout: str = "NCHW") -> list[str]:
    """The totals in words, each with its unit."""
    totals = analysis.totals
    outputs = ", ".join(_shape(tensor, layout) for tensor in analysis.outputs)
    return [
        f"Output      {outputs}, after {count(len(analysis.rows))} layers",
        f"Parameters  {count(totals.params)}, all trainable; buffers {count(totals.buffers)}",
        f"Weights     {size(analysis.weight_bytes())} in float32",
        f"Compute     {count(totals.macs)} MACs = {short(totals.flops, 'FLOPs')} (2 per MAC)",
    ]


def to_json(analysis: Analysis, depth: int | None, layout: str) -> dict[str, Any]:
    """The analysis for programs; with a depth, its blocks down to there instead of single layers."""
    result = analysis.to_dict()
    if depth is not None:
        result["layers"] = [_entry(analysis, node) for node in leaves(analysis.tree, depth)]
    if layout != "NCHW":
        result["layout"] = layout
        _arrange(result, layout)
    return result


def _entry(analysis: Analysis, node: Node) -> dict[str, Any]:
    row = own_row(analysis, node)
    if row and node.stop - node.start == 1:
        return row.to_dict()
    totals = analysis.totals_of(node)
    return {
        "path": node.path,
        "type": node.type,
        "output": list(node.output.shape),
        "params": totals.params,
        "buffers": totals.buffers,
        "macs": totals.macs,
    }


def _arrange(result: dict[str, Any], layout: str) -> None:
    def turn(shape: list[int]) -> list[int]:
        return list(arranged(tuple(shape), layout))

    for tensor in result["inputs"].values():
        tensor["shape"] = turn(tensor["shape"])
    for entry in result["layers"]:
        entry["output"] = turn(entry["output"])
        for key in ("inputs", "outputs"):
            if key in entry:
                entry[key] = [turn(shape) for shape in entry[key]]
    result["outputs"] = [turn(shape) for shape in result["outputs"]]
