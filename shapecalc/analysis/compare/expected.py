"""Whether a network has the figures and keeps the bounds that its file's `expect` gives."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.analysis.compare.verdicts import Checked, Mismatch
from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError, listed
from shapecalc.language.expectation import COUNTS, Bounds, Expectation
from shapecalc.symbolic import Dim

MOST_LAYERS = 5


def check(analysis: Analysis, name: str) -> Checked:
    """Hold the figures of a network against its file's.

    Raises:
        UsageError: one of them is a formula.
    """
    expect = analysis.architecture.expect or Expectation()
    checked = tuple(what for what in (*COUNTS, "output") if getattr(expect, what) is not None)
    return Checked(name=name, mismatches=tuple(broken(analysis)), checked=checked)


def broken(analysis: Analysis) -> Iterator[Mismatch]:
    """The figures that are not what the file expects of them.

    Raises:
        UsageError: one of them is a formula.
    """
    expect = analysis.architecture.expect or Expectation()
    for what in COUNTS:
        expected: int | Bounds | None = getattr(expect, what)
        if expected is None:
            continue
        if what == "macs" and analysis.totals.uncounted:
            message = f"{analysis.name}: macs can't be checked: {analysis.totals.uncounted.reason}"
            raise UsageError(message, hint="write macs beside what was measured, or leave them out of expect")
        figure = _number(getattr(analysis.totals, what), what, analysis)
        bounds = expected if isinstance(expected, Bounds) else Bounds(expected, expected)
        if figure not in bounds:
            yield Mismatch("", what, expected, figure, _heaviest(analysis, what))
    if expect.output is not None:
        sizes = [size({}) for size in expect.output.sizes]
        output = [_number(size, "the output's sizes", analysis) for size in analysis.outputs[0].shape]
        if sizes != output:
            yield Mismatch("", "output", sizes, output)


def _number(figure: Dim, what: str, analysis: Analysis) -> int:
    if isinstance(figure, int):
        return figure
    hint = f"give numbers in place of {listed(analysis.symbols)}: input: 1x3x224x224"
    raise UsageError(f"{analysis.name}: a formula can't be checked, and {what} are {figure}", hint=hint)


def _heaviest(analysis: Analysis, what: str) -> tuple[tuple[str, int], ...]:
    parts = [(row.path, getattr(row, what)) for row in analysis.rows]
    weighing = [(path, count) for path, count in parts if isinstance(count, int) and count > 0]
    return tuple(sorted(weighing, key=lambda part: -part[1])[:MOST_LAYERS])
