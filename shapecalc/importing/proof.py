"""A file against the program that it was made of: every layer's output and weights, and the products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shapecalc.engine.results import Analysis, Row
from shapecalc.importing.program import Call, Program
from shapecalc.importing.steps import Body, Step
from shapecalc.tensors import Tensor

_TRAINED = {True: "trained", False: "not trained"}


class Difference(NamedTuple):
    """What a file says otherwise than the program, and where: in the file, and in the user's code."""

    path: str
    what: str
    here: str
    there: str
    place: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}: {self.here}, in torch {self.there}"


def ordered(steps: Iterable[Step]) -> Iterator[Call]:
    """The calls of a structured program as a file executes them: a join after its branches."""
    for step in steps:
        for branch in step.inner:
            yield from ordered(branch)
        if step.body is not None:
            yield from ordered(step.body.steps)
        elif isinstance(step.node, Call):
            yield step.node


def differences(
    program: Program, body: Body, analysis: Analysis, other: int | None = None
) -> Iterator[Difference]:
    """Everything in which a file's analysis differs from the program, or from its run of number `other`."""
    run = program if other is None else program.runs[other]
    calls = [*ordered(body.steps)]
    rows = analysis.rows[len(program.unused()) :]
    if len(rows) != len(calls):
        yield Difference("", "layers", str(len(rows)), str(len(calls)), "")
        return
    for row, call in zip(rows, calls, strict=True):
        yield from _of_row(program, row, call, other)
    yield from _of_output(run, analysis)
    counted = sum(weight.elements for weight in program.weights.values())
    params = counted if program.params is None else program.params
    if analysis.totals.params != params:
        yield Difference("", "parameters", str(analysis.totals.params), str(params), "")
    if program.frozen is not None:
        frozen = sum(weight.elements for name, weight in program.weights.items() if name in program.frozen)
        if analysis.totals.frozen_params != frozen:
            found = str(analysis.totals.frozen_params)
            yield Difference("", "parameters that are not trained", found, str(frozen), "")
    if run.macs is not None and analysis.totals.macs != run.macs:
        yield Difference("", "MACs", str(analysis.totals.macs), str(run.macs), "")


def _of_row(program: Program, row: Row, call: Call, other: int | None) -> Iterator[Difference]:
    if row.type != call.type:
        yield Difference(row.path, "type", row.type, call.type, call.place)
    for port, (y, value) in enumerate(zip(row.outputs, call.outputs, strict=False)):
        expected = value.tensor if other is None else value.others[other]
        if expected is not None and y != expected:
            yield Difference(row.path, f"output {port}", *_apart(y, expected), call.place)
    for name, theirs in call.weights.items():
        expected = program.weights.get(theirs) or program.buffers.get(theirs)
        found = row.weights.get(name)
        here = str(found and Tensor(found.shape, found.dtype))
        if str(expected) != here:
            yield Difference(row.path, f"weight {name}", here, f"{theirs} {expected}", call.place)
        if program.frozen is not None and (name in row.frozen) != (theirs in program.frozen):
            here, there = _TRAINED[name not in row.frozen], _TRAINED[theirs not in program.frozen]
            yield Difference(row.path, f"weight {name}", here, there, call.place)


def _of_output(program: Program, analysis: Analysis) -> Iterator[Difference]:
    """What the whole gives, if that is one tensor."""
    expected = program.body.outputs[0].tensor if len(program.body.outputs) == 1 else None
    found = analysis.outputs[0]
    if expected is not None and found != expected:
        yield Difference("", "the output", *_apart(found, expected), "")


def _apart(here: Tensor, there: Tensor) -> tuple[str, str]:
    """Two tensors in words that differ: their shapes or, where these are the same, with the dtypes."""
    if here.shape != there.shape:
        return str(here), str(there)
    return f"{here} {here.dtype}", f"{there} {there.dtype}"


def names(program: Program, body: Body, analysis: Analysis) -> dict[str, str]:
    """By the path of a row and a weight's name here, the module's name of the weight.

    As far as both go, where the file has other layers: `differences` says so.
    """
    found = {}
    rows = iter(analysis.rows)
    for name, row in zip(program.unused(), rows, strict=False):
        found[f"{row.path}.{next(iter(row.weights))}"] = name
    for row, call in zip(rows, ordered(body.steps), strict=False):
        buffers = {own: f"{call.path}.{own}" for own in row.weights if own not in call.weights}
        kept = {own: theirs for own, theirs in buffers.items() if theirs in program.buffers}
        found |= {f"{row.path}.{own}": theirs for own, theirs in {**call.weights, **kept}.items()}
    return found
