"""The notes under what `flops` prints: amounts with their units, training steps, and what is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.counting.rules import Convention
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.operations import Unknown
from shapecalc.render.cells import UNKNOWN, count, how_many, short
from shapecalc.render.formulas import PrintedFormulas
from shapecalc.render.tree import folded_note, measured_note
from shapecalc.symbolic import Dim
from shapecalc.symbolic.notation import GROUPED, within_product

MARGIN = 12
"""Of the titles of notes."""
_LONGEST_FORMULA = 400
_MOST_NAMED = 5
"""Reasons for what is unknown, and layers or conventions before each of them."""


def note(title: str, line: str) -> str:
    """A note under the table."""
    return f"{title:<{MARGIN}}{line}"


def within(number: Dim | Unknown) -> str:
    """A number before its unit, or what a formula is that fills a screen."""
    if isinstance(number, (int, Unknown)):
        return count(number)
    written = within_product(number, GROUPED)
    long = len(written) > _LONGEST_FORMULA
    return f"a sum of {len(number.terms)} terms (JSON has it)" if long else written


def amount(number: Dim | Unknown, unit: str) -> str:
    """A number with its unit, and in short."""
    if isinstance(number, Unknown):
        return UNKNOWN
    whole = f"{within(number)} {unit}"
    return f"{whole} = {short(number, unit)}" if isinstance(number, int) and number >= 1000 else whole


def _training(
    convention: Convention, analysis: Analysis, formulas: PrintedFormulas, unknown: Sequence[tuple[str, str]]
) -> list[str]:
    """What is counted of a training step; a reason that stands among the `unknown` is not said again."""
    found = training(convention, analysis)
    if found is None:
        return [note("Training", f"{convention.name} counts no backward pass")]
    if isinstance(found, Unknown):
        again = found.reason in {f"{path}: {reason}" for path, reason in unknown}
        return [note("Training", UNKNOWN if again else f"{UNKNOWN}: {found.reason}")]
    counts = amount(formulas.total(found), convention.unit)
    said = f"{counts} forward and backward, as {convention.name} counts"
    return [note("Training", said), *faults([convention], analysis)]


def faults(conventions: Sequence[Convention], analysis: Analysis) -> list[str]:
    """What of the training steps that are shown is counted by a fault."""
    notes = []
    for convention in conventions:
        number = convention.too_many(analysis) if convention.too_many else 0
        if number != 0:
            amount = f"{within(number)} {convention.unit}"
            notes.append(f"{convention.name} counts {amount} too many: {convention.fault_of_training}")
    return listed_below("Fault", notes)


def unknown_notes(found: Sequence[tuple[str, str]]) -> list[str]:
    """Each reason once, after what it is the reason for."""
    of: dict[str, dict[str, None]] = {}
    for subject, reason in found:
        of.setdefault(reason, {})[subject] = None
    named = [note("Unknown", f"{_named([*of[reason]])}: {reason}") for reason in [*of][:_MOST_NAMED]]
    more = len(of) - _MOST_NAMED
    return [*named, *([note("", f"and {how_many(more, 'reason')} more")] if more > 0 else [])]


def _named(subjects: Sequence[str]) -> str:
    """The first of what is named, and how many there are beside them."""
    more = len(subjects) - _MOST_NAMED
    first = ", ".join(subjects[:_MOST_NAMED])
    return f"{first} and {more:,} more" if more > 0 else first


def listed_below(title: str, lines: Sequence[str]) -> list[str]:
    """Notes below one another, the first behind a title."""
    return [note("" if number else title, line) for number, line in enumerate(lines)]


def ending(
    convention: Convention,
    analysis: Analysis,
    formulas: PrintedFormulas,
    unknown: Sequence[tuple[str, str]],
    backward: bool,
    nodes: Iterable[tuple[str, Node]],
) -> Iterator[str]:
    """What stands below every table of layers: the training step, what is meant, and what is unknown."""
    if backward:
        yield from _training(convention, analysis, formulas, unknown)
    yield from formulas.holds(MARGIN)
    yield from folded_note(node for _, node in nodes)
    yield from measured_note(analysis, MARGIN)[:1]  # why some of it is unknown stands below anyway
    yield from unknown_notes(unknown)
