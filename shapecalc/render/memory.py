"""`memory`: the bytes that a network needs in prediction and in training, in one screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapecalc.analysis.memory.fitting import Fit, Formula
from shapecalc.analysis.memory.memory import AT_LEAST, AT_MOST, EXACT, MODEL, Memory
from shapecalc.analysis.memory.prediction import AMP, Moment, Prediction
from shapecalc.analysis.memory.splitting import grouped
from shapecalc.analysis.memory.stages import stages_of
from shapecalc.engine.nodes import Node
from shapecalc.render.cells import PEAK, count, of_these, shape, size
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.render.grid import DEFAULT_WIDTH, Column, Grid, Line, print_grid, print_json
from shapecalc.render.show import compute, dtypes, heading, trainable
from shapecalc.render.tree import Display, folded_note, measured_note, named_nodes
from shapecalc.symbolic import Dim

_LAYERS = (
    Column("output", "Output shape", shape),
    Column("output_bytes", "Output", size),
    Column("saved_bytes", "Kept for backward", size),
)


_PEAKS = {
    EXACT: PEAK,
    AT_MOST: f"{PEAK} of at most",
    AT_LEAST: f"{PEAK} of at least",
    MODEL: f"modelled {PEAK}",
}
"""How far a peak is known → what stands before it."""
_WIDEST = 30
"""Characters of a figure up to which those below are aligned with it."""


def print_memory(found: Prediction, view: Display, step: Memory | None, fit: Fit | None) -> None:
    """Print the memory of a network; `step` has that of training too, and all figures of JSON."""
    if view.form == "json" and step:
        print_json({**step.to_dict(), **({"fit": fit.to_dict()} if fit else {})})
        return
    print_grid(_grid(found, view, step, fit), view.form)


def memory_grid(found: Prediction, depth: int | None) -> Grid:
    """The table of the memory in prediction or, of a `Memory`, in training too."""
    return _grid(found, Display(depth=depth), found if isinstance(found, Memory) else None, None)


def _grid(found: Prediction, view: Display, step: Memory | None, fit: Fit | None) -> Grid:
    analysis = found.analysis
    nodes = named_nodes(analysis, view, step.saved_by_row.__getitem__ if step else None)
    columns = (view.first_column, *(_LAYERS if step else _LAYERS[:-1]))
    lines = [_line(found, title, node, step, view.form == "csv") for title, node in nodes]
    notes = list(_notes(found, step, PrintedFormulas.of(analysis, found.all_conditions)))
    if folded := folded_note(node for _, node in nodes):
        notes += ["", *folded]
    if fit:
        notes += ["", _fit(fit)]
    return Grid(heading(analysis), columns, lines, notes)


def _line(found: Prediction, title: str, node: Node, step: Memory | None, flat: bool) -> Line:
    values: list[Any] = [title, node.output.shape, found.output_bytes(node)]
    if step:
        saved: Dim = step.saved_under(node)
        values.append(saved if flat or saved != 0 else None)
    return Line(tuple(values), strong=bool(node.children))


def _notes(found: Prediction, step: Memory | None, formulas: PrintedFormulas) -> Iterator[str]:
    yield from _facts(found, formulas)
    yield from measured_note(found.analysis, 13)
    yield from formulas.holds(13)
    yield ""
    yield from _prediction(found, formulas)
    if step:
        yield ""
        yield from _training(step, formulas)


def _facts(found: Prediction, formulas: PrintedFormulas) -> Iterator[str]:
    totals = found.analysis.totals
    part = f", {trainable(totals)}" if totals.frozen_params != 0 else ""
    yield f"Parameters   {count(totals.params)}{part}"
    yield f"Computation  {compute(formulas.total(totals.macs), totals.uncounted)}, forward"


def _prediction(found: Prediction, formulas: PrintedFormulas) -> Iterator[str]:
    casts = ", and weights as cast" if found.dtype == AMP else ""
    most = formulas.most(found.prediction)
    yield from _most("Prediction  ", most, bound=f"{PEAK} of at least" if found.bounded else PEAK)
    yield _weights(found)
    for layer, why in found.bounded.items():
        yield f"  and what {layer} makes on the way, which {why}"
    if len(most.alternatives) == 1:
        activations = most.bytes - found.parameters - found.buffers
        yield f"  {size(activations)} of activations alive at once, the input among them{casts}"


def _weights(found: Prediction) -> str:
    dtype = "float32, under autocast in float16 on CUDA" if found.dtype == AMP else found.dtype
    dtype = dtypes(found.analysis, dtype)
    return f"  {size(found.parameters)} of parameters, {size(found.buffers)} of buffers in {dtype}"


def _training(found: Memory, formulas: PrintedFormulas) -> Iterator[str]:
    most = formulas.most(found.training)
    step = f", in a step with {found.how.method.title}"
    bound = _PEAKS[found.training_status]
    yield from _most("Training    ", most, step, bound)
    if not found.how.plain:
        yield from _on_each_device(found, formulas)
        return
    yield "  as these come and go, and gradients of activations:"
    yield _weights(found)
    yield f"  {size(found.gradients)} of gradients"
    yield f"  {size(found.optimizer)} of optimizer state"
    yield f"  {size(formulas.total(found.saved))} kept for the backward pass"


def _on_each_device(found: Memory, formulas: PrintedFormulas) -> Iterator[str]:
    """How the step is done, then what a device has: each figure, how far it is known, and by which rule."""
    yield from [f"  {term}" for term in found.how.terms]
    if found.how.checkpoint:
        yield f"  {compute(formulas.total(found.recomputed))}, again"
    figures = list(found.figures())
    sizes = [size(formulas.total(figure.bytes)) for figure in figures]
    columns = sizes, [figure.what for figure in figures], [figure.status for figure in figures]
    widths = [min(_WIDEST, max(map(len, column))) for column in columns]
    for number, figure in enumerate(figures):
        texts = [f"{column[number]:<{width}}" for column, width in zip(columns, widths, strict=True)]
        yield f"  {'  '.join([*texts, figure.rule])}".rstrip()
    yield from _splits(found)
    yield from _stages(found, formulas)


def _splits(found: Memory) -> Iterator[str]:
    """What each of several devices has a part of; all else is whole on each."""
    if found.splits:
        yield "  split, all else is whole:"
    for (by, name, whole, part), times in grouped(found.splits, found.analysis.times).items():
        copies = f" × {times:,}" if times > 1 else ""
        yield f"  by {by:<10}  {shape(whole)} → {shape(part)}{copies}  {name}"


def _stages(found: Memory, formulas: PrintedFormulas) -> Iterator[str]:
    """What each stage of a pipeline has."""
    for number, stage in enumerate(stages_of(found)):
        sizes = [stage.parameters, stage.gradients, stage.optimizer, stage.saved]
        texts = [size(formulas.total(x)) for x in sizes]
        if not number:
            yield "  stages, with blocks, parameters, gradients, optimizer (exact), kept (model):"
        yield (
            f"  {number}  {stage.blocks.start} to {stage.blocks.stop - 1}  {'  '.join(texts)}"
            f" of {stage.batches} under way"
        )


def _most(title: str, moment: Moment, more: str = "", bound: str = PEAK) -> Iterator[str]:
    """The peak in a line; where it depends on sizes, each candidate in a line."""
    if len(moment.alternatives) > 1:
        yield f"{title} {of_these(bound)}{more}"
        for most, path in moment.alternatives:
            yield f"    {size(most)}{f' at {path}' if path else ''}"
        return
    ((most, path),) = moment.alternatives
    place = f" at {path}" if path else ""
    if len(title + place + more) + len(size(most)) < DEFAULT_WIDTH - max(len(bound), len("at least")) - 2:
        yield f"{title} {bound} {size(most)}{place}{more}"
    else:
        yield f"{title} {bound} {size(most)}{more}"
        yield f" {place}"


def _fit(fit: Fit) -> str:
    bound = "at most " if fit.at_most else ""
    most = f"Fits         {bound}a batch of {count(fit.batch)} in {size(fit.budget)}: "
    if fit.formula is None:
        return most + f"it needs {size(fit.needed)}"
    larger = fit.formula.most(fit.budget) > fit.batch
    but = f", of which {count(fit.batch)} is the largest that the formula holds for" if larger else ""
    return most + _largest(fit.formula, fit.budget) + but


def _largest(formula: Formula, budget: int) -> str:
    """The largest batch by the formula: 1 + 4⋅⌊(1,000 − 280)/96⌋ = 29."""
    steps = f"⌊({count(budget)} − {count(formula.fixed)})/{count(formula.each)}⌋"
    times = f"{formula.step}⋅" if formula.step > 1 else ""
    more = f"{formula.offset} + " if formula.offset else ""
    return f"{more}{times}{steps} = {count(formula.most(budget))}"
