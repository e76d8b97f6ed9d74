"""`show`: every layer with its shape, parameters and MACs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.engine.nodes import Node, leaves
from shapecalc.engine.results import Analysis, Row, Totals
from shapecalc.errors import UsageError, nearest, quoted
from shapecalc.operations import Unknown
from shapecalc.render.cells import count, how_many, percent, shape, share, short, size
from shapecalc.render.field_columns import SIZE, START, STRIDE, field_of, sizes, starts, strides
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.tree import (
    Display,
    active_note,
    arguments_text,
    folded_note,
    label,
    measured_note,
    named_nodes,
    one_by_one,
    own_row,
)
from shapecalc.symbolic import Dim
from shapecalc.symbolic.notation import GROUPED, shape_text, within_product
from shapecalc.tensors import Shape, Tensor, for_json

if TYPE_CHECKING:
    from shapecalc.analysis.receptive.field import Receptive


class Cell(NamedTuple):
    """What a column's value is made of."""

    analysis: Analysis
    node: Node
    tree: str
    totals: Totals
    whole: Totals
    layout: str
    receptive: Receptive | None
    """The fields of the network, where a column of them is shown."""

    @property
    def row(self) -> Row | None:
        return own_row(self.analysis, self.node)


def _inputs(cell: Cell) -> Shape | str:
    row = cell.row
    if row and len(row.inputs) == 1:
        return arranged(row.inputs[0].shape, cell.layout)
    return ", ".join(_shape(tensor, cell.layout) for tensor in row.inputs) if row else ""


def _weights(cell: Cell) -> str:
    weights = cell.row.weights.items() if cell.row else ()
    return ", ".join(f"{name} {shape_text(weight.shape)}" for name, weight in weights)


def _shape(tensor: Tensor, layout: str) -> str:
    return shape_text(arranged(tensor.shape, layout))


def arranged(shape: Shape, layout: str) -> Shape:
    """A shape in the order of a layout: NHWC has the channels last.

    Of fewer than four axes, it can't be told which one holds channels: they stay as they are.
    """
    return (shape[0], *shape[2:], shape[1]) if layout == "NHWC" and len(shape) >= 4 else shape


_Shown: TypeAlias = tuple[Column, Callable[[Cell], Any]]

_COLUMNS: dict[str, _Shown] = {
    column.key: (column, value)
    for column, value in [
        (Column("layer", "Layer"), lambda c: c.tree),
        (Column("path", "Path"), lambda c: c.node.path),
        (Column("type", "Type"), lambda c: c.node.type),
        (Column("arguments", "Arguments", spare=3), lambda c: arguments_text(c.row) if c.row else ""),
        (Column("input", "Input shape", shape), _inputs),
        (Column("output", "Output shape", shape), lambda c: arranged(c.node.output.shape, c.layout)),
        (Column("dtype", "Dtype"), lambda c: c.node.output.dtype),
        (Column("weights", "Weights"), _weights),
        (Column("params", "Params", count), lambda c: c.totals.params),
        (
            Column("params_share", "% params", percent, spare=2),
            lambda c: share(c.totals.params, c.whole.params),
        ),
        (Column("buffers", "Buffers", count), lambda c: c.totals.buffers),
        (Column("macs", "MACs", count), lambda c: c.totals.counted),
        (
            Column("macs_share", "% MACs", percent, spare=1),
            lambda c: share(c.totals.counted, c.whole.counted),
        ),
        (Column("flops", "FLOPs", count), lambda c: c.totals.flops),
        (replace(SIZE, title="Receptive field"), lambda c: sizes(field_of(c.receptive, c.node))),
        (replace(STRIDE, title="Its stride"), lambda c: strides(field_of(c.receptive, c.node))),
        (replace(START, title="Its start"), lambda c: starts(field_of(c.receptive, c.node))),
    ]
}
_OF_FIELDS = (SIZE.key, STRIDE.key, START.key)
_TREE = ("layer", "arguments", "output", "params", "params_share", "macs", "macs_share")
_FLAT = ("path", "type", "output", "params", "params_share", "macs", "macs_share")


def print_show(analysis: Analysis, view: Display, columns: str | None, layout: str) -> None:
    """Print an analysis.

    Raises:
        UsageError: `columns` names one that there is not, or is given for JSON, which has none.
    """
    analysis = one_by_one(analysis, view)
    if view.form == "json" and columns is not None:
        raise UsageError("--columns is for tables; JSON always has every figure")
    grid = partial(_grid, analysis, view, columns, layout)
    print_as(view.form, lambda: to_json(analysis, view.depth, layout), grid)


def show_grid(analysis: Analysis, depth: int | None) -> Grid:
    """The table of all layers, without their shares."""
    return _grid(analysis, Display(depth=depth), "layer,arguments,output,params,macs", "NCHW")


def _grid(analysis: Analysis, view: Display, columns: str | None, layout: str) -> Grid:
    default = _FLAT if view.form == "csv" else _TREE
    chosen = [_COLUMNS[key] for key in default] if columns is None else _chosen(columns)
    fields = None
    if any(column.key in _OF_FIELDS for column, _ in chosen):
        from shapecalc.analysis.receptive.field import receptive  # which most tables have no column of

        fields = receptive(analysis)
        analysis = fields.analysis
    whole = analysis.totals
    lines = []
    nodes = named_nodes(analysis, view, fields.along_axes if fields else None)
    for title, node in nodes:
        tree = label(node) if view.form == "csv" else title  # CSV has a column of its own for the path
        cell = Cell(analysis, node, tree, analysis.totals_of(node), whole, layout, fields)
        lines.append(Line(tuple(value(cell) for _, value in chosen), strong=bool(node.children)))
    shown = tuple(column for column, _ in chosen)
    below = [*notes(analysis, layout), *folded_note(node for _, node in nodes)]
    return Grid(heading(analysis, layout), shown, lines, below)


def _chosen(columns: str) -> list[_Shown]:
    """The columns asked for by name, which are never left out."""
    keys = [key.strip().lower() for key in columns.split(",") if key.strip()]
    if not keys:
        raise UsageError("--columns: at least one is needed", hint=f"columns: {', '.join(_COLUMNS)}")
    for key in keys:
        if key not in _COLUMNS:
            hint = nearest(key, _COLUMNS) or f"columns: {', '.join(_COLUMNS)}"
            raise UsageError(f"--columns: there is no column {quoted(key)}", hint=hint)
    return [(replace(column, spare=0), value) for column, value in (_COLUMNS[key] for key in keys)]


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
    formulas = PrintedFormulas.of(analysis, analysis.conditions)
    unread = f"Not read    {', '.join(analysis.unread)}: from: reads an input beside a step"
    return [
        f"Output      {outputs}, after {how_many(analysis.layers, 'layer')}",
        f"Parameters  {count(totals.params)}, {trainable(totals)}; buffers {count(totals.buffers)}",
        *active_note(analysis),
        f"Weights     {size(analysis.weight_bytes())} in {dtypes(analysis, 'float32')}",
        f"Compute     {compute(formulas.total(totals.macs), totals.uncounted)}",
        *([unread] if analysis.unread else []),
        *_uses(analysis),
        *measured_note(analysis),
        *formulas.holds(12),
    ]


def _uses(analysis: Analysis) -> list[str]:
    """The libraries that the network uses, each with its version, if it says one."""
    libraries = [" ".join(filter(None, (own.name, own.version))) for own in analysis.architecture.libraries]
    return [f"Uses        {', '.join(libraries)}"] if libraries else []


def trainable(totals: Totals) -> str:
    """How many of the parameters are."""
    if totals.frozen_params == 0:
        return "all trainable"
    return f"{count(totals.trainable_params) if totals.trainable_params != 0 else 'none'} trainable"


def dtypes(analysis: Analysis, dtype: str) -> str:
    """What the weights are in: float32 in `dtype`, and those that are stored as whole numbers."""
    stored = [str(scheme) for scheme in analysis.schemes]
    return f"{', '.join(stored)} with scales, others in {dtype}" if stored else dtype


def compute(macs: Dim, uncounted: Unknown | None = None) -> str:
    """The products in words, of which there are more where some are `uncounted`."""
    least = "at least " if uncounted else ""
    if isinstance(macs, int):
        return f"{least}{count(macs)} MACs = {short(2 * macs, 'FLOPs')} (2 per MAC)"
    return f"{least}{within_product(macs, GROUPED)} MACs, 2 FLOPs each"


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
        "output": for_json(node.output.shape),
        **{what: for_json(getattr(totals, what)) for what in ("params", "buffers")},
        "macs": for_json(totals.counted),
    }


def _arrange(result: dict[str, Any], layout: str) -> None:
    def turn(shape: list[Any]) -> list[Any]:
        return list(arranged(tuple(shape), layout))

    for tensor in result["inputs"].values():
        tensor["shape"] = turn(tensor["shape"])
    for entry in result["layers"]:
        entry["output"] = turn(entry["output"])
        for key in ("inputs", "outputs"):
            if key in entry:
                entry[key] = [turn(shape) for shape in entry[key]]
    result["outputs"] = [turn(shape) for shape in result["outputs"]]
