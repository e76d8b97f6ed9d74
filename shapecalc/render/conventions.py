"""`flops` by counting conventions: one, layer by layer, or several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.analysis.counting.counts import Count, count, count_rows, seen, training
from shapecalc.analysis.counting.rules import Convention
from shapecalc.analysis.counting.totals import Work
from shapecalc.engine.results import Analysis
from shapecalc.operations import Unknown
from shapecalc.render.cells import count as text
from shapecalc.render.cells import percent, share, short
from shapecalc.render.flop_notes import (
    MARGIN,
    amount,
    ending,
    faults,
    listed_below,
    note,
    unknown_notes,
    within,
)
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.render.grid import Column, Grid, Line
from shapecalc.render.show import heading
from shapecalc.render.tree import Display, named_nodes
from shapecalc.symbolic import Dim, greatest

_TRAINING = "forward and backward"
_LONGEST = 38
"""Of what is written on one line beside the other columns."""


def convention_grid(analysis: Analysis, convention: Convention, view: Display, backward: bool) -> Grid:
    """What one convention counts of each layer, and how."""
    whole, formulas = count(convention, analysis), PrintedFormulas.of(analysis, analysis.conditions)
    columns = (
        view.first_column,
        Column("macs", "MACs", text, spare=1),
        Column(convention.name, f"{convention.unit} by {convention.name}", text),
        Column("share", f"% {convention.unit}", percent, spare=2),
    )
    live = seen(convention, analysis)
    lines = []
    nodes = named_nodes(analysis, view, live.__contains__)
    for title, node in nodes:
        numbers, times = analysis.under(node)
        found = count_rows(convention, analysis, numbers, live, times).total
        macs = Work.under(analysis, node).macs
        lines.append(Line((title, macs, found, share(found, whole.total)), strong=bool(node.children)))
    notes = [
        note("Total", amount(formulas.known(whole.total), convention.unit)),
        *listed_below("Counted", _terms(whole, formulas)),
        note("Convention", convention.about),
        *([note("Source", convention.source)] if convention.source else []),
        *listed_below("Faults", convention.faults),
        *ending(convention, analysis, formulas, whole.unknown, backward, nodes),
    ]
    return Grid(heading(analysis), columns, lines, notes)


def side_by_side(analysis: Analysis, chosen: Sequence[Convention], form: str, backward: bool) -> Grid:
    """What several conventions count of the whole network, each in a line."""
    columns = (
        Column("convention", "Convention"),
        Column("total", "Total", text),
        Column("unit", "Unit") if form == "csv" else Column("short", "In short", spare=1),
        Column("counted", "What is counted"),
    )
    formulas = PrintedFormulas.of(analysis, analysis.conditions if form != "csv" else ())
    lines: list[Line] = []
    unknown: list[tuple[str, str]] = []
    for convention in chosen:
        found = count(convention, analysis)
        total, terms = formulas.known(found.total), _terms(found, formulas)
        lines += _lines(convention.name, total, convention.unit, terms, form)
        both = training(convention, analysis) if backward else None
        if both is not None:
            name = "+ backward" if form == "table" else f"{convention.name} backward"
            lines += _lines(name, formulas.known(both), convention.unit, [_TRAINING], form)
        reasons = (figure for figure in (found.total, both) if isinstance(figure, Unknown))
        unknown += [(convention.name, figure.reason) for figure in reasons]
    without = ", ".join(convention.name for convention in chosen if convention.training is None)
    notes = [note("Training", f"{without} count no backward pass")] if backward else []
    notes += faults(chosen, analysis) if backward else []
    return Grid(heading(analysis), columns, lines, [*notes, *formulas.holds(MARGIN), *unknown_notes(unknown)])


def _lines(name: str, total: Dim | Unknown, unit: str, terms: Sequence[str], form: str) -> Iterator[Line]:
    """One line, or in a table for people one for each term where they are long together."""
    together = " ".join(terms)
    first, *others = [together] if form != "table" or len(together) <= _LONGEST else terms
    in_short = unit if form == "csv" or not isinstance(total, int) else short(total, unit)
    yield Line((name, total, in_short, first))
    for term in others:
        yield Line((None, None, None, term))


def _terms(found: Count, formulas: PrintedFormulas) -> list[str]:
    """What a count is made of: the MACs, and what comes to them or is taken off."""
    terms = ["MACs" if found.convention.per_mac == 1 else f"{found.convention.per_mac} FLOPs per MAC"]
    for what, more in found.beside.items():
        number = formulas.total(more)
        if number == 0:
            continue  # wherever the conditions hold
        most = greatest(number)
        less = most is not None and most <= 0
        terms.append(f"{'−' if less else '+'} {within(-number if less else number)} {what}")
    return terms
