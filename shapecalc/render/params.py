"""`params`: the named weights, with shape and count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from shapecalc.analysis.quantized import Quantized
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UsageError
from shapecalc.layers.schemes import SCALE
from shapecalc.render.cells import count, how_many, shape, size
from shapecalc.render.grid import Column, Grid, Line, print_grid, print_json
from shapecalc.render.tree import (
    Display,
    active_note,
    folded_note,
    folding,
    guided,
    label,
    measured_note,
    one_by_one,
    outline,
    own_row,
)
from shapecalc.tensors import for_json

_TREE = (
    Column("weight", "Layer, weight"),
    Column("shape", "Shape", shape),
    Column("params", "Params", count),
    Column("trainable_params", "Trainable", count),
    Column("buffers", "Buffers", count),
)
_FLAT = (
    Column("path", "Path"),
    Column("weight", "Weight"),
    Column("kind", "Kind"),
    Column("shape", "Shape", shape),
    Column("count", "Count", count),
    Column("trainable", "Trainable"),
)


_KEYS = ("name", "kind", "shape", "count", "trainable")


def print_params(analysis: Analysis, view: Display, dtype: str, stored: Quantized | None) -> None:
    """Print the weights of an analysis; `dtype` is that of the floating-point ones, for their bytes.

    `stored`: the bytes where matrices are stored as integers.

    Raises:
        UsageError: a depth is given for a form that has every weight.
    """
    form, depth, unfold = view
    if form in ("json", "csv") and depth is not None:
        raise UsageError(f"--depth is for tables; {form.upper()} always has every weight")
    analysis = one_by_one(analysis, view)
    if form == "json":
        print_json(to_json(analysis, dtype, stored))
    elif form == "csv":
        lines = [Line((row.path, *values[:-1], str(values[-1]).lower())) for row, values in _flat(analysis)]
        print_grid(Grid(analysis.name, _FLAT, lines), form)
    else:
        all_trainable = analysis.totals.frozen_params == 0  # then the column says nothing
        shown = itemgetter(0, 1, 2, 4) if all_trainable else tuple
        fold = list if unfold else folding(analysis)
        nodes = list(outline(_owners(analysis, analysis.tree), depth, fold))
        lines = [replace(line, values=shown(line.values)) for line in _tree(analysis, nodes, depth)]
        notes = [*_notes(analysis, dtype, stored), *folded_note(node for _, _, node in nodes)]
        print_grid(Grid(analysis.name, shown(_TREE), lines, notes), form)


def _tree(analysis: Analysis, nodes: Iterable[tuple[str, str, Node]], depth: int | None) -> Iterator[Line]:
    """Every block and layer that owns something, and below a layer its weights."""
    for own, below, node in nodes:
        totals = analysis.totals_of(node)
        buffers = None if totals.buffers == 0 else totals.buffers
        values = (own + label(node), None, totals.params, totals.trainable_params, buffers)
        yield Line(values, strong=True)
        row = own_row(analysis, node)
        if row is None or (depth is not None and node.path.count(".") + 1 >= depth):
            continue
        for guide, _, (name, weight) in guided([*row.weights.items()], below):
            if name in row.shared:
                yield Line((f"{guide}{name} (shared)", weight.shape, None, None, None))
                continue
            elements = node.copies * weight.elements
            trained = 0 if name in row.frozen else elements
            counts = (None, None, elements) if weight.buffer else (elements, trained, None)
            yield Line((guide + name, weight.shape, *counts))


def _owners(analysis: Analysis, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The tree without what owns no weight."""
    return tuple(
        n._replace(children=_owners(analysis, n.children))
        for n in nodes
        if any(row.weights for row in analysis.rows[n.start : n.stop])
    )


def _flat(analysis: Analysis) -> Iterator[tuple[Row, tuple[Any, ...]]]:
    """Each weight: its row and its name, kind, shape, count, and whether it is trained."""
    for row in analysis.rows:
        trained = row.trained
        for name, weight in row.weights.items():
            yield row, (name, weight.kind, weight.shape, weight.elements, name in trained)


def _notes(analysis: Analysis, dtype: str, stored: Quantized | None) -> list[str]:
    totals = analysis.totals
    return [
        f"Parameters  {count(totals.params)}, trainable {count(totals.trainable_params)}",
        *active_note(analysis),
        f"Buffers     {count(totals.buffers)}",
        *(
            _stored(stored, dtype)
            if stored
            else [f"Weights     {size(analysis.weight_bytes(dtype))} in {dtype}"]
        ),
        *measured_note(analysis)[:1],
    ]


def _stored(found: Quantized, dtype: str) -> Iterator[str]:
    """What is stored as integers, and the bytes as a sum."""
    if not found.parts:
        yield "Quantized   nothing: only matrices of Linear layers are"
    for part in found.parts:
        scheme, scales = part.scheme, count(part.scales)
        each = "an output feature" if scheme.group is None else how_many(scheme.group, "input")
        stored = f"{count(part.params)} parameters in {scheme.dtype}"
        yield f"Quantized   {stored}, {scales} scales: one for {each}"
    terms = " + ".join(_terms(found, dtype))
    yield f"Weights     {size(found.bytes)}: {terms} = {count(found.bytes)} B"


def _terms(found: Quantized, dtype: str) -> Iterator[str]:
    for part in found.parts:
        yield f"{count(part.weight_bytes)} in {part.scheme.dtype}"
        yield f"{count(part.scale_bytes)} of scales in {SCALE}"
        if part.scheme.zeros:
            yield f"{count(part.zero_bytes)} of zero points in {part.scheme.dtype}"
    yield f"{count(found.other_bytes)} of others in {dtype}"


def to_json(analysis: Analysis, dtype: str, stored: Quantized | None) -> dict[str, Any]:
    totals = analysis.totals
    return {
        "name": analysis.name,
        "layers": [
            {
                "path": row.path,
                "type": row.type,
                "weights": [dict(zip(_KEYS, map(for_json, values), strict=True)) for _, values in weights],
            }
            for row, weights in groupby(_flat(analysis), itemgetter(0))
        ],
        "totals": {
            **{what: for_json(getattr(totals, what)) for what in ("params", "trainable_params", "buffers")},
            **analysis.active,
            "bytes": for_json(stored.bytes if stored else analysis.weight_bytes(dtype)),
            "dtype": dtype,
            **({"quantized": stored.to_dict()} if stored else {}),
        },
    }
