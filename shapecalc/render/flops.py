"""`flops`: the operations of each layer, and what each counting convention makes of the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import Count, count, count_rows, seen, training
from shapecalc.analysis.counting.rules import Convention
from shapecalc.analysis.counting.totals import Work
from shapecalc.engine.nodes import leaves
from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError
from shapecalc.operations import KINDS, Operations, Unknown
from shapecalc.render.cells import UNKNOWN, how_many, percent, share, short
from shapecalc.render.cells import count as text
from shapecalc.render.formulas import Formulas
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.render.show import heading
from shapecalc.render.tree import (
    active_note,
    first_column,
    folded_note,
    measured_note,
    named_nodes,
    one_by_one,
)
from shapecalc.symbolic import Dim, greatest
from shapecalc.symbolic.notation import GROUPED, within_product
from shapecalc.tensors import for_json

_TRAINING = "forward and backward"
_LONGEST = 38  # of what is written on one line beside the other columns
_LONGEST_FORMULA = 400  # of a note
_MARGIN = 12  # of the titles of notes
_MOST_NAMED = 5  # reasons for what is unknown, and layers or conventions before each of them
_WORK = (
    Column("macs", "MACs", text),
    *(Column(kind, kind.capitalize(), text, spare=1 + place) for place, kind in enumerate(KINDS)),
)


def print_flops(
    analysis: Analysis,
    chosen: Sequence[Convention],
    form: str,
    depth: int | None,
    backward: bool,
    unfold: bool,
) -> None:
    """Print the count of a convention, or of several beside each other; of none, the layers' operations.

    Raises:
        UsageError: a depth is given for what shows no layers.
    """
    if len(chosen) > 1 and depth is not None:
        raise UsageError("--depth is for the layers, and --convention all shows none")
    if len(chosen) < 2:
        analysis = one_by_one(analysis, form, unfold)
    grid = partial(_of_work, analysis, form, depth, backward, unfold)
    if len(chosen) > 1:
        grid = partial(_side_by_side, analysis, chosen, form, backward)
    elif chosen:
        grid = partial(_of_convention, analysis, chosen[0], form, depth, backward, unfold)
    print_as(form, lambda: to_json(analysis, chosen, depth, backward), grid)


def is_known(analysis: Analysis, chosen: Sequence[Convention], form: str, backward: bool) -> bool:
    """Whether nothing that is printed is unknown; of several, some count no backward pass, which is known."""
    shown = chosen or (tuple(CONVENTIONS.values()) if form == "json" else ())
    figures: list[Any] = [count(convention, analysis).total for convention in shown]
    if backward:
        figures += [training(convention, analysis) for convention in shown or [CONVENTIONS["torch"]]]
    unknown = any(isinstance(figure, Unknown) for figure in figures) or (len(shown) == 1 and None in figures)
    return not unknown and (bool(chosen) or not Work.of_all(analysis).unknown)


# The operations of each layer.


def _of_work(analysis: Analysis, form: str, depth: int | None, backward: bool, unfold: bool) -> Grid:
    lines = []
    nodes = named_nodes(analysis, form, depth, unfold)
    for title, node in nodes:
        work = Work.under(analysis, node)
        lines.append(Line((title, work.macs, *_kinds(work.ops)), strong=bool(node.children)))
    whole, formulas = Work.of_all(analysis), Formulas.of(analysis, analysis.conditions)
    notes = [
        *_work_notes(whole, formulas),
        *active_note(analysis),
        *(_training(CONVENTIONS["torch"], analysis, formulas, whole.unknown) if backward else []),
        *formulas.holds(_MARGIN),
        *folded_note(node for _, node in nodes),
        *_measured(analysis),
        *_unknown(whole.unknown),
    ]
    columns = (first_column(form), *_WORK)
    return Grid(heading(analysis), columns, lines, notes)


def work_grid(work: Work) -> Grid:
    """The operations of a network in total, in one line."""
    return Grid(
        "Operations", _WORK, [Line((work.macs, *_kinds(work.ops)))], _work_notes(work, Formulas(None))
    )


def _kinds(ops: Operations | Unknown) -> tuple[Dim | Unknown, ...]:
    return tuple(ops if isinstance(ops, Unknown) else getattr(ops, kind) for kind in KINDS)


def _work_notes(work: Work, formulas: Formulas) -> list[str]:
    macs, less = formulas.known(work.macs), formulas.known(work.macs_without_padding)
    apart = [] if less == macs else [_note("", f"{_within(less)} without {' and '.join(work.left_out)}")]
    kinds = zip(KINDS, _kinds(formulas.operations(work.ops)), strict=True)
    found = ", ".join(f"{_within(number)} {kind}" for kind, number in kinds if number != 0)
    listed = UNKNOWN if isinstance(work.ops, Unknown) else found or "none"
    return [_note("Products", _amount(macs, "MACs")), *apart, _note("Operations", listed)]


def _note(title: str, line: str) -> str:
    """A note under the table."""
    return f"{title:<{_MARGIN}}{line}"


def _within(number: Dim | Unknown) -> str:
    """A number before its unit, or what a formula is that fills a screen."""
    if isinstance(number, (int, Unknown)):
        return text(number)
    written = within_product(number, GROUPED)
    long = len(written) > _LONGEST_FORMULA
    return f"a sum of {len(number.terms)} terms (JSON has it)" if long else written


def _amount(number: Dim | Unknown, unit: str) -> str:
    """A number with its unit, and in short."""
    if isinstance(number, Unknown):
        return UNKNOWN
    whole = f"{_within(number)} {unit}"
    return f"{whole} = {short(number, unit)}" if isinstance(number, int) and number >= 1000 else whole


def _training(
    convention: Convention, analysis: Analysis, formulas: Formulas, unknown: Sequence[tuple[str, str]]
) -> list[str]:
    """What is counted of a training step; a reason that stands among the `unknown` is not said again."""
    found = training(convention, analysis)
    if found is None:
        return [_note("Training", f"{convention.name} counts no backward pass")]
    if isinstance(found, Unknown):
        again = found.reason in {f"{path}: {reason}" for path, reason in unknown}
        return [_note("Training", UNKNOWN if again else f"{UNKNOWN}: {found.reason}")]
    counts = _amount(formulas.total(found), convention.unit)
    said = f"{counts} forward and backward, as {convention.name} counts"
    return [_note("Training", said), *_faults([convention], analysis)]


def _faults(conventions: Sequence[Convention], analysis: Analysis) -> list[str]:
    """What of the training steps that are shown is counted by a fault."""
    notes = []
    for convention in conventions:
        number = convention.too_many(analysis) if convention.too_many else 0
        if number != 0:
            amount = f"{_within(number)} {convention.unit}"
            notes.append(f"{convention.name} counts {amount} too many: {convention.fault_of_training}")
    return _listed("Fault", notes)


def _unknown(found: Sequence[tuple[str, str]]) -> list[str]:
    """Each reason once, after what it is the reason for."""
    of: dict[str, dict[str, None]] = {}
    for subject, reason in found:
        of.setdefault(reason, {})[subject] = None
    named = [_note("Unknown", f"{_named([*of[reason]])}: {reason}") for reason in [*of][:_MOST_NAMED]]
    more = len(of) - _MOST_NAMED
    return [*named, *([_note("", f"and {how_many(more, 'reason')} more")] if more > 0 else [])]


def _named(subjects: Sequence[str]) -> str:
    """The first of what is named, and how many there are beside them."""
    more = len(subjects) - _MOST_NAMED
    first = ", ".join(subjects[:_MOST_NAMED])
    return f"{first} and {more:,} more" if more > 0 else first


# One convention.


def _of_convention(
    analysis: Analysis, convention: Convention, form: str, depth: int | None, backward: bool, unfold: bool
) -> Grid:
    whole, formulas = count(convention, analysis), Formulas.of(analysis, analysis.conditions)
    columns = (
        first_column(form),
        Column("macs", "MACs", text, spare=1),
        Column(convention.name, f"{convention.unit} by {convention.name}", text),
        Column("share", f"% {convention.unit}", percent, spare=2),
    )
    live = seen(convention, analysis)
    lines = []
    nodes = named_nodes(analysis, form, depth, unfold, live.__contains__)
    for title, node in nodes:
        numbers, times = analysis.under(node)
        found = count_rows(convention, analysis, numbers, live, times).total
        macs = Work.under(analysis, node).macs
        lines.append(Line((title, macs, found, share(found, whole.total)), strong=bool(node.children)))
    notes = [
        _note("Total", _amount(formulas.known(whole.total), convention.unit)),
        *_listed("Counted", _terms(whole, formulas)),
        _note("Convention", convention.about),
        *([_note("Source", convention.source)] if convention.source else []),
        *_listed("Faults", convention.faults),
        *(_training(convention, analysis, formulas, whole.unknown) if backward else []),
        *formulas.holds(_MARGIN),
        *folded_note(node for _, node in nodes),
        *_measured(analysis),
        *_unknown(whole.unknown),
    ]
    return Grid(heading(analysis), columns, lines, notes)


def _measured(analysis: Analysis) -> list[str]:
    """The note on what was measured; why some of it is unknown stands below anyway."""
    return measured_note(analysis, _MARGIN)[:1]


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [_note("" if number else title, line) for number, line in enumerate(lines)]


def _terms(found: Count, formulas: Formulas) -> list[str]:
    """What a count is made of: the MACs, and what comes to them or is taken off."""
    terms = ["MACs" if found.convention.per_mac == 1 else f"{found.convention.per_mac} FLOPs per MAC"]
    for what, more in found.beside.items():
        number = formulas.total(more)
        if number == 0:
            continue  # wherever the conditions hold
        most = greatest(number)
        less = most is not None and most <= 0
        terms.append(f"{'−' if less else '+'} {_within(-number if less else number)} {what}")
    return terms


# All conventions.


def _side_by_side(analysis: Analysis, chosen: Sequence[Convention], form: str, backward: bool) -> Grid:
    columns = (
        Column("convention", "Convention"),
        Column("total", "Total", text),
        Column("unit", "Unit") if form == "csv" else Column("short", "In short", spare=1),
        Column("counted", "What is counted"),
    )
    formulas = Formulas.of(analysis, analysis.conditions if form != "csv" else ())
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
    notes = [_note("Training", f"{without} count no backward pass")] if backward else []
    notes += _faults(chosen, analysis) if backward else []
    return Grid(heading(analysis), columns, lines, [*notes, *formulas.holds(_MARGIN), *_unknown(unknown)])


def _lines(name: str, total: Dim | Unknown, unit: str, terms: Sequence[str], form: str) -> Iterator[Line]:
    """One line, or in a table for people one for each term where they are long together."""
    together = " ".join(terms)
    first, *others = [together] if form != "table" or len(together) <= _LONGEST else terms
    in_short = unit if form == "csv" or not isinstance(total, int) else short(total, unit)
    yield Line((name, total, in_short, first))
    for term in others:
        yield Line((None, None, None, term))


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
