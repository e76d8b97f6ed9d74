"""`scale`: a row for each φ, with the MACs in terms of the first beside what the rule promises."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from fractions import Fraction
from typing import TextIO

from shapecalc.analysis.sweep.points import in_a_line
from shapecalc.analysis.sweep.scaling import Grown, Scaling
from shapecalc.errors import visible, written
from shapecalc.render.cells import count, hundredths, plain, shape
from shapecalc.render.grid import Column, Grid, Line
from shapecalc.render.sweep import COLUMNS
from shapecalc.tensors import for_json


def scaling_grid(scaling: Scaling) -> Grid:
    """The table, its errors below it."""
    names = list(scaling.rule.parameters)
    columns = [
        Column("phi", "φ", count),
        *(Column(name, name, _grown) for name in names),
        *([Column("input", "Image", shape)] if scaling.axes else []),
        *(COLUMNS[name] for name in scaling.columns),
        Column("times", "Times", hundredths),
        Column("by_rule", "By rule", hundredths),
        Column("doubled", "2^φ", count),
    ]
    lines = [Line(tuple(_values(scaling, step))) for step in scaling.steps]
    return Grid(_heading(scaling), tuple(columns), lines, [*_notes(scaling)])


def _values(scaling: Scaling, step: Grown) -> Iterator[object]:
    point = step.point
    yield from (point.values[name] for name in ("phi", *scaling.rule.parameters))
    image = point.values["input"]
    assert isinstance(image, tuple)
    yield from ([image[-scaling.axes :]] if scaling.axes else [])
    yield from (point.figures[name] for name in scaling.columns)
    yield from (step.times, step.by_rule, 2**step.phi)


def _grown(value: object) -> str:
    """A multiplier in four digits; JSON and CSV have all of them."""
    return f"{value:.4g}" if isinstance(value, float) else written(value)


def _heading(scaling: Scaling) -> str:
    rule = scaling.rule
    grows = [f"{name} × {_number(factor)}^φ" for name, factor in rule.parameters.items()]
    sizes = [] if rule.gamma == 1 else [f"sizes × {_number(rule.gamma)}^φ"]
    return f"{scaling.name}: {', '.join([*grows, *sizes]) or 'nothing grows'}"


def _number(value: Fraction) -> str:
    return written(for_json(float(value)) if value.denominator > 1 else value.numerator)


def _notes(scaling: Scaling) -> Iterator[str]:
    rule = scaling.rule
    image = f"⋅γ^{scaling.axes}" if scaling.axes > 2 else "⋅γ²" if scaling.axes else ""
    yield "Times       the MACs, in terms of those of φ = 0"
    yield f"Rule        MACs grow with α⋅β²{image} = {_number(scaling.grows)} at each step of φ; 2 is meant"
    if rule.gamma != 1:
        of = f"multiples of {rule.multiple}" if rule.multiple > 1 else "whole numbers"
        yield f"Sizes       are the nearest {of}"
    for step in scaling.steps:
        if step.point.error:
            yield f"Error       φ = {step.phi}: {in_a_line(step.point.error)}"


def write_csv(scaling: Scaling, file: TextIO) -> None:
    """A line for each φ."""
    writer = csv.writer(file, lineterminator="\n")
    rows = [step.to_dict() for step in scaling.steps]
    writer.writerow(rows[0])
    writer.writerows([visible(plain(value)) for value in row.values()] for row in rows)


def write_json(scaling: Scaling, file: TextIO) -> None:
    """A list with an object for each φ, each in a line of its own."""
    rows = ",\n ".join(json.dumps(step.to_dict()) for step in scaling.steps)
    file.write(f"[\n {rows}\n]\n")
