"""`diff`: two networks side by side, as a table, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from shapecalc.analysis.compare.difference import ADDED, CHANGED, REMOVED, SAME, Difference, Pair, Side
from shapecalc.errors import written
from shapecalc.layers import LAYERS
from shapecalc.operations import Unknown
from shapecalc.render.cells import count, how_many, shape, signed
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.tree import measured_note
from shapecalc.symbolic import Dim
from shapecalc.tensors import for_json

_MARKS = {SAME: " ", CHANGED: "~", ADDED: "+", REMOVED: "-"}
_STYLES = {SAME: "", CHANGED: "yellow", ADDED: "green", REMOVED: "red"}


_COLUMNS = (
    Column("status", ""),
    Column("layer", "Layer"),
    Column("output_a", "Output A", shape),
    Column("output_b", "Output B", shape),
    Column("params", "Params", signed),
    Column("macs", "MACs", signed),
    Column("change", "What changed", spare=1),
)


def print_diff(
    difference: Difference, shown: Difference, names: tuple[str, str], form: str, whole: bool
) -> None:
    """Print `shown`, which is `difference` or the blocks of it; `whole`, what is the same too."""
    print_as(
        form,
        lambda: to_json(difference, shown, names),
        lambda: _grid(difference, shown, names, whole),
    )


def diff_grid(difference: Difference) -> Grid:
    """The layers that differ, under the names that the networks have."""
    return _grid(difference, difference, (difference.a.name, difference.b.name), False)


def _grid(difference: Difference, shown: Difference, names: tuple[str, str], whole: bool) -> Grid:
    heading = f"A: {names[0]} · B: {names[1]}"
    return Grid(heading, _COLUMNS, list(_lines(shown, whole)), _notes(difference, shown))


def to_json(difference: Difference, shown: Difference, names: tuple[str, str]) -> dict[str, Any]:
    sides = zip(("a", "b"), names, (difference.a, difference.b), strict=True)
    return {
        **{
            key: {
                "architecture": name,
                "name": analysis.name,
                "inputs": {own: tensor.to_dict() for own, tensor in analysis.inputs.items()},
                "totals": analysis.totals.to_dict(),
                **({"measured": [row.path for row in own]} if (own := analysis.measured) else {}),
            }
            for key, name, analysis in sides
        },
        "equal": difference.equal,
        "layers": [pair.to_dict() for pair in shown.pairs],
        "difference": {
            **{what: for_json(difference.more(what)) for what in ("params", "macs")},
            **{status: shown.count(status) for status in (SAME, CHANGED, ADDED, REMOVED)},
        },
    }


def _lines(shown: Difference, whole: bool) -> Iterator[Line]:
    """A line for each pair; layers that are the same, in a row, are one line unless all are wanted."""
    for status, pairs in groupby(shown.pairs, lambda pair: pair.status):
        run = list(pairs)
        if status == SAME and not whole:
            yield Line((None, f"… {how_many(len(run), 'layer')} the same", *[None] * 5), style="dim")
        else:
            yield from map(_line, run)


def _line(pair: Pair) -> Line:
    outputs = (side.node.output.shape if side else None for side in (pair.a, pair.b))
    more = (pair.more(what) for what in ("params", "macs"))
    path = " → ".join(dict.fromkeys(side.node.path for side in (pair.a, pair.b) if side))
    changes = (_change(pair, name, *both) for name, both in pair.changes.items() if name != "output")
    texts = (_MARKS[pair.status], path, *outputs, *more, ", ".join(changes))
    return Line(texts, style=_STYLES[pair.status])


def _change(pair: Pair, name: str, a: object, b: object) -> str:
    if name == "layers" and a == b:
        return "layers inside"
    return f"{name} {_text(pair.a, name, a)} → {_text(pair.b, name, b)}"


def _text(side: Side | None, name: str, value: object) -> str:
    """A value as the tables of arguments have it."""
    layer = LAYERS.get(side.node.type) if side else None
    if layer and name in layer.fields and value is not None:
        return layer.fields[name].text(value)
    if name == "input" and isinstance(value, tuple):
        return ", ".join(map(shape, value))
    return written(value)


def _notes(difference: Difference, shown: Difference) -> list[str]:
    a, b = difference.a, difference.b
    counts = [f"{_MARKS[status]} {shown.count(status):,} {status}" for status in (CHANGED, ADDED, REMOVED)]
    layers = f"Layers      {shown.count(SAME):,} the same, {', '.join(counts)}"
    inputs = [", ".join(f"{name} {x} {x.dtype}" for name, x in own.inputs.items()) for own in (a, b)]
    outputs = [", ".join(map(str, analysis.outputs)) for analysis in (a, b)]
    totals, trained = (
        [getattr(analysis.totals, what) for analysis in (a, b)] for what in ("params", "trainable_params")
    )
    texts = [
        *([f"Input       {inputs[0]} → {inputs[1]}"] if inputs[0] != inputs[1] else []),
        *([f"Output      {outputs[0]} → {outputs[1]}"] if outputs[0] != outputs[1] else []),
        f"Parameters  {_total(a.totals.params, b.totals.params)}",
        *([f"Trainable   {_total(*trained)}"] if trained != totals else []),
        f"MACs        {_total(a.totals.counted, b.totals.counted)}",
        layers,
    ]
    return [*texts, *_measured(difference)]


def _measured(difference: Difference) -> list[str]:
    """Which layers were measured, on each side, and whether the two are equal: as far as that tells."""
    sides = {"A": measured_note(difference.a), "B": measured_note(difference.b)}
    texts = [f"{note[:12]}{side}: {note[12:]}" for side, notes in sides.items() for note in notes]
    if not difference.equal:
        return texts
    known = ", as far as is known of the layers that were measured" if texts else ""
    return [*texts, f"The two are equal{known}"]


def _total(a: Dim | Unknown, b: Dim | Unknown) -> str:
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return f"{count(a)} → {count(b)}"
    return count(a) if a == b else f"{count(a)} → {count(b)}: {signed(b - a)}"
