"""`flops`: the operations of each layer, and what each counting convention makes of the network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, count_rows, seen, training
from shapecalc.analysis.counting.rules import Convention
from shapecalc.analysis.counting.totals import Work
from shapecalc.engine.nodes import leaves
from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError
from shapecalc.operations import KINDS, Operations, Unknown
from shapecalc.render.cells import UNKNOWN
from shapecalc.render.cells import count as text
from shapecalc.render.conventions import convention_grid, side_by_side
from shapecalc.render.flop_notes import amount, ending, note, within
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.show import heading
from shapecalc.render.tree import Display, active_note, named_nodes, one_by_one
from shapecalc.symbolic import Dim
from shapecalc.tensors import for_json

_WORK = (
    Column("macs", "MACs", text),
    *(Column(kind, kind.capitalize(), text, spare=1 + place) for place, kind in enumerate(KINDS)),
)


def print_flops(analysis: Analysis, chosen: Sequence[Convention], view: Display, backward: bool) -> None:
    """Print the count of a convention, or of several beside each other; of none, the layers' operations.

    Raises:
        UsageError: a depth is given for what shows no layers.
    """
    if len(chosen) > 1 and view.depth is not None:
        raise UsageError("--depth is for the layers, and --convention all shows none")
    if len(chosen) < 2:
        analysis = one_by_one(analysis, view)
    grid = partial(_of_work, analysis, view, backward)
    if len(chosen) > 1:
        grid = partial(side_by_side, analysis, chosen, view.form, backward)
    elif chosen:
        grid = partial(convention_grid, analysis, chosen[0], view, backward)
    print_as(view.form, lambda: to_json(analysis, chosen, view.depth, backward), grid)


def is_known(analysis: Analysis, chosen: Sequence[Convention], form: str, backward: bool) -> bool:
    """Whether nothing that is printed is unknown; of several, some count no backward pass, which is known."""
    shown = chosen or (tuple(CONVENTIONS.values()) if form == "json" else ())
    figures: list[Any] = [count(convention, analysis).total for convention in shown]
    if backward:
        figures += [training(convention, analysis) for convention in shown or [CONVENTIONS["torch"]]]
    unknown = any(isinstance(figure, Unknown) for figure in figures) or (len(shown) == 1 and None in figures)
    return not unknown and (bool(chosen) or not Work.of_all(analysis).unknown)


def _of_work(analysis: Analysis, view: Display, backward: bool) -> Grid:
    lines = []
    nodes = named_nodes(analysis, view)
    for title, node in nodes:
        work = Work.under(analysis, node)
        lines.append(Line((title, work.macs, *_kinds(work.ops)), strong=bool(node.children)))
    whole, formulas = Work.of_all(analysis), PrintedFormulas.of(analysis, analysis.conditions)
    notes = [
        *_work_notes(whole, formulas),
        *active_note(analysis),
        *ending(CONVENTIONS["torch"], analysis, formulas, whole.unknown, backward, nodes),
    ]
    return Grid(heading(analysis), (view.first_column, *_WORK), lines, notes)


def work_grid(work: Work) -> Grid:
    """The operations of a network in total, in one line."""
    return Grid(
        "Operations", _WORK, [Line((work.macs, *_kinds(work.ops)))], _work_notes(work, PrintedFormulas(None))
    )


def _kinds(ops: Operations | Unknown) -> tuple[Dim | Unknown, ...]:
    return tuple(ops if isinstance(ops, Unknown) else getattr(ops, kind) for kind in KINDS)


def _work_notes(work: Work, formulas: PrintedFormulas) -> list[str]:
    macs, less = formulas.known(work.macs), formulas.known(work.macs_without_padding)
    apart = [] if less == macs else [note("", f"{within(less)} without {' and '.join(work.left_out)}")]
    kinds = zip(KINDS, _kinds(formulas.operations(work.ops)), strict=True)
    found = ", ".join(f"{within(number)} {kind}" for kind, number in kinds if number != 0)
    listed = UNKNOWN if isinstance(work.ops, Unknown) else found or "none"
    return [note("Products", amount(macs, "MACs")), *apart, note("Operations", listed)]


def to_json(
    analysis: Analysis, chosen: Sequence[Convention], depth: int | None, backward: bool
) -> dict[str, Any]:
    """The totals by convention; of one, each layer's count too, and of none given the operations instead."""
    shown = chosen or tuple(CONVENTIONS.values())
    counts = {convention.name: count(convention, analysis).total for convention in shown}
    both = {convention.name: training(convention, analysis) for convention in shown} if backward else {}
    work = Work.of_all(analysis)
    reasons = {**counts, **({} if chosen else {"operations": work.ops})}
    unknown = {name: known.reason for name, known in reasons.items() if isinstance(known, Unknown)}
    return {
        "name": analysis.name,
        "inputs": {name: tensor.to_dict() for name, tensor in analysis.inputs.items()},
        "conventions": {name: for_json(total) for name, total in counts.items()},
        **({"backward": {name: for_json(total) for name, total in both.items()}} if backward else {}),
        **({"unknown": unknown} if unknown else {}),
        **_layers(analysis, chosen, depth),
        **({} if chosen else {"totals": {**_work_json(work), **analysis.active}}),
    }


def _layers(analysis: Analysis, chosen: Sequence[Convention], depth: int | None) -> dict[str, Any]:
    if len(chosen) > 1:
        return {}
    live = {convention.name: seen(convention, analysis) for convention in chosen}
    entries = []
    for node in leaves(analysis.tree, depth):
        work, (numbers, times) = Work.under(analysis, node), analysis.under(node)
        figures = {} if chosen else _work_json(work)
        for convention in chosen:
            counted = count_rows(convention, analysis, numbers, live[convention.name], times).total
            figures = {"macs": for_json(work.macs), convention.name: for_json(counted)}
        entries.append({"path": node.path, "type": node.type, **figures})
    return {"layers": entries}


def _work_json(work: Work) -> dict[str, Any]:
    kinds = {kind: for_json(number) for kind, number in zip(KINDS, _kinds(work.ops), strict=True)}
    known = not isinstance(work.ops, Unknown)
    less = for_json(work.macs_without_padding)
    return {"macs": for_json(work.macs), "taps": less, "operations": kinds if known else None}
