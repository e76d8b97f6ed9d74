"""`receptive`: what an output element of each layer reads of the network's input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapecalc.analysis.receptive.field import Field, Receptive, along
from shapecalc.engine.nodes import Node, leaves
from shapecalc.render.cells import shape
from shapecalc.render.field_columns import SIZE, START, STRIDE, by_axis, field_of, sizes, starts, strides
from shapecalc.render.grid import DEFAULT_WIDTH, Column, Grid, Line, print_as
from shapecalc.render.show import heading
from shapecalc.render.tree import Display, named_nodes, one_by_one

_MOST_REASONS = 3
_TYPE, _OUTPUT = Column("type", "Type"), Column("output", "Output shape", shape, spare=1)
_FIELD = (SIZE, STRIDE, START, Column("status", "Status"))
_LETTERS = {1: "L", 2: "H×W", 3: "D×H×W"}


def print_receptive(receptive: Receptive, view: Display) -> None:
    analysis = one_by_one(receptive.analysis, view)
    if analysis is not receptive.analysis:
        receptive = along(analysis, receptive.input, receptive.axes, receptive.windows_only)
    print_as(view.form, lambda: to_json(receptive, view.depth), lambda: _grid(receptive, view))


def _grid(receptive: Receptive, view: Display) -> Grid:
    flat = view.form == "csv"
    lines = [
        _line(receptive, node, title, node.type if flat else node.output.shape)
        for title, node in named_nodes(receptive.analysis, view, receptive.along_axes)
    ]
    columns = (view.first_column, _TYPE if flat else _OUTPUT, *_FIELD)
    return Grid(heading(receptive.analysis), columns, lines, list(notes(receptive)))


def to_json(receptive: Receptive, depth: int | None) -> dict[str, Any]:
    """The fields for programs; with a depth, those of the blocks down to there."""
    result = receptive.to_dict()
    if depth is not None:
        nodes = leaves(receptive.analysis.tree, depth)
        shown = [(node, field) for node in nodes if (field := field_of(receptive, node))]
        result["layers"] = [{**field.to_dict(), "path": node.path} for node, field in shown]
    return result


def _line(receptive: Receptive, node: Node, *first: Any) -> Line:
    field = field_of(receptive, node)
    values = (sizes(field), strides(field), starts(field), field.status if field else None)
    return Line((*first, *values), strong=bool(node.children))


def notes(receptive: Receptive) -> Iterator[str]:
    """The field of the output, the first layer that reads past the border, and what the numbers are of."""
    space = by_axis(receptive.space)
    texts = dict.fromkeys(_in_words(field, space) for field in receptive.outputs)
    yield from (f"Output      {text}" for text in texts)
    if all(isinstance(n, int) for n in receptive.space):
        yield from _border(receptive, space)
    letters = _LETTERS.get(len(receptive.space), "the spatial axes")
    which = "the input" if len(receptive.analysis.inputs) == 1 else f"the input {receptive.input}"
    yield f"Unit        elements of {which}, {letters}; a start below 0 lies in the padding"
    if receptive.windows_only:
        yield "By windows  what sees the whole input is left out beside what does not"
    if any(axis and axis.pattern for field in receptive.fields for axis in field.axes):
        yield "Pattern     neighbours see differently: start is element 0's, JSON has all"
    yield from _reasons(receptive)


def _in_words(field: Field, space: str) -> str:
    """What an element of an output reads of an input of that size."""
    if field.reason is not None:
        return "undefined, for the reason below"
    size = by_axis(sizes(field))
    if not field.whole:
        return f"sees {size} of {space} elements, in steps of {by_axis(strides(field))}"
    if size == space:
        return f"sees the whole input, {space} elements"
    return f"sees {size} of {space} elements, all that any window reads"


def _border(receptive: Receptive, space: str) -> Iterator[str]:
    past = receptive.past_border
    if past:
        yield f"Past border {past.row.path}"
        size = by_axis(sizes(past))
        yield f"            sees {size} elements around its centre, the input has {space}"
    else:
        known = all(field.reason is None for field in receptive.fields)
        yield f"Past border no layer's centre sees past it{'' if known else ', where its field is known'}"


def _reasons(receptive: Receptive) -> Iterator[str]:
    """Why fields are undefined, each reason where it comes up first."""
    found: dict[str, str] = {}
    for field in receptive.fields:
        if field.reason is not None:
            found.setdefault(field.reason, field.row.path)
    for number, (reason, path) in enumerate(found.items()):
        head = "Undefined   " if number == 0 else "            "
        if number == _MOST_REASONS:
            yield f"{head}and for {len(found) - number} more reasons, in JSON"
            return
        if len(head) + len(path) + len(reason) + 2 > DEFAULT_WIDTH:
            yield f"{head}{path}:"
            yield f"            {reason}"
        else:
            yield f"{head}{path}: {reason}"
