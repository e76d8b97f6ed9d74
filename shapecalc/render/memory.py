"""`memory`: what a network needs in prediction and in training, in one screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapecalc.analysis.fitting import Fit, Formula
from shapecalc.analysis.memory import AMP, OPTIMIZERS, Memory, Moment, memory
from shapecalc.errors import listed
from shapecalc.render.grid import (
    DEFAULT_WIDTH,
    Column,
    Grid,
    Line,
    count,
    print_grid,
    print_json,
    shape,
    size,
)
from shapecalc.render.show import compute, heading, trainable, where_it_holds
from shapecalc.render.tree import FOLDED, folding, is_folded, label, one_by_one, outline
from shapecalc.results import Node, leaves
from shapecalc.symbolic import Dim

_LAYERS = (
    Column("layer", "Layer"),
    Column("output", "Output shape", shape),
    Column("output_bytes", "Output", size),
    Column("saved_bytes", "Kept for backward", size),
)


def print_memory(found: Memory, form: str, depth: int | None, training: bool, fit: Fit | None) -> None:
    """Print the memory of a network; `training` is whether the reader asked for that of a step too."""
    analysis = one_by_one(found.analysis, form)
    if analysis is not found.analysis:
        found = memory(analysis, found.dtype, found.optimizer_name)
    if form == "json":
        print_json({**found.to_dict(), **({"fit": fit.to_dict()} if fit else {})})
        return
    flat = form == "csv"
    if flat:
        nodes = [(node.path, node) for node in leaves(analysis.tree, depth)]
    else:
        fold = folding(analysis, found.saved_by_row.__getitem__)
        nodes = [(own + label(node), node) for own, _, node in outline(analysis.tree, depth, fold)]
    first = Column("path", "Path") if flat else _LAYERS[0]
    columns = (first, *(_LAYERS[1:] if training else _LAYERS[1:-1]))
    lines = [_line(found, title, node, training, flat) for title, node in nodes]
    more = found.training_conditions if training else ()
    conditions = where_it_holds(analysis, [*analysis.conditions, *found.conditions, *more])
    holds = [f"Holds for    {', '.join(conditions)}"] if conditions else []
    notes = [*_facts(found), *holds, "", *_prediction(found), *(["", *_training(found)] if training else [])]
    if is_folded(analysis):
        notes += ["", FOLDED]
    if fit:
        notes += ["", _fit(fit)]
    print_grid(Grid(heading(found.analysis), columns, lines, notes), form)


def _line(found: Memory, title: str, node: Node, training: bool, flat: bool) -> Line:
    values: list[Any] = [title, node.output.shape, found.output_bytes(node)]
    if training:
        saved: Dim = found.saved_under(node)
        values.append(saved if flat or saved != 0 else None)
    return Line(tuple(values), strong=bool(node.children))


def _facts(found: Memory) -> Iterator[str]:
    totals = found.analysis.totals
    part = f", {trainable(totals)}" if totals.frozen_params != 0 else ""
    yield f"Parameters   {count(totals.params)}{part}"
    yield f"Computation  {compute(totals)}, forward"


def _prediction(found: Memory) -> Iterator[str]:
    casts = ", and weights as cast" if found.dtype == AMP else ""
    yield from _most("Prediction  ", found.prediction, bound="at least" if found.bounded else "at most")
    yield _weights(found)
    for layer, why in found.bounded.items():
        yield f"  and what {layer} makes on the way, which {why}"
    if len(found.activations.alternatives) == 1:
        yield f"  {size(found.activations.bytes)} of activations alive at once, the input among them{casts}"


def _weights(found: Memory) -> str:
    dtype = "float32, under autocast in float16 on CUDA" if found.dtype == AMP else found.dtype
    return f"  {size(found.parameters)} of parameters, {size(found.buffers)} of buffers in {dtype}"


def _training(found: Memory) -> Iterator[str]:
    step = f", in a step with {OPTIMIZERS[found.optimizer_name].title}"
    yield from _most("Training    ", found.training, step, "at least" if found.vague else "at most")
    yield "  as these come and go, and gradients of activations:"
    yield _weights(found)
    yield f"  {size(found.gradients)} of gradients"
    yield f"  {size(found.optimizer)} of optimizer state"
    yield f"  {size(found.saved)} kept for the backward pass"
    if found.vague:
        yield f"  and what the way back through {listed(found.vague)} makes besides, which is not known"


def _most(title: str, moment: Moment, more: str = "", bound: str = "at most") -> Iterator[str]:
    """The peak in a line or, where sizes decide which it is, all that it may be."""
    if len(moment.alternatives) > 1:
        yield f"{title} {bound} the greatest of these{more}"
        for most, path in moment.alternatives:
            yield f"    {size(most)}{f' at {path}' if path else ''}"
        return
    ((most, path),) = moment.alternatives
    place = f" at {path}" if path else ""
    if len(title + place + more) + len(size(most)) < DEFAULT_WIDTH - len(" at least "):
        yield f"{title} {bound} {size(most)}{place}{more}"
    else:
        yield f"{title} {bound} {size(most)}{more}"
        yield f" {place}"


def _fit(fit: Fit) -> str:
    bound = "at most " if fit.at_most else ""
    most = f"Fits         {bound}a batch of {count(fit.batch)} in {size(fit.budget)}: "
    if fit.formula is None:
        return most + f"it needs {size(fit.needed)}"
    return most + _largest(fit.formula, fit.budget) + _but(fit.formula, fit)


def _largest(formula: Formula, budget: int) -> str:
    """The largest batch by the formula: 1 + 4⋅⌊(1,000 − 280)/96⌋ = 29."""
    steps = f"⌊({count(budget)} − {count(formula.fixed)})/{count(formula.each)}⌋"
    times = f"{formula.step}⋅" if formula.step > 1 else ""
    more = f"{formula.offset} + " if formula.offset else ""
    return f"{more}{times}{steps} = {count(formula.most(budget))}"


def _but(formula: Formula, fit: Fit) -> str:
    larger = formula.most(fit.budget) > fit.batch
    return f", of which {count(fit.batch)} is the largest that the formula holds for" if larger else ""
