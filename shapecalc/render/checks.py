"""`check`: whether networks are what their files expect of them, and what weighs most where they are not."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.analysis.compare.expected import Breach, Check
from shapecalc.errors import written
from shapecalc.language.expectation import Bounds
from shapecalc.render.grid import Column, Grid, Line, count, percent, print_json, print_table, shape
from shapecalc.render.streams import complain

_COLUMNS = (
    Column("name", "Architecture"),
    Column("status", "Status"),
    Column("checked", "Figures checked", spare=1),
    Column("broken", "Figures broken", count),
)


def print_checks(checks: Sequence[Check], form: str) -> None:
    """Print what was found; what is broken follows the table, what failed goes to standard error."""
    for check in checks:
        if check.error is not None:
            complain(f"error: {check.error}")
    if form == "json":
        found = [check.status for check in checks]
        status = next((status for status in ("broken", "error") if status in found), "ok")
        print_json({"status": status, "architectures": [check.to_dict() for check in checks]})
        return
    lines = [_line(check) for check in checks]
    print_table(Grid("Checked against what the files expect", _COLUMNS, lines, _notes(checks)))


def _line(check: Check) -> Line:
    return Line((check.name, check.status, ", ".join(check.checked) or "none", len(check.breaches)))


def _notes(checks: Sequence[Check]) -> list[str]:
    notes = [note for check in checks for breach in check.breaches for note in _breach(check.name, breach)]
    good = sum(check.status == "ok" for check in checks)
    return [*notes, f"{good} of {len(checks)} architectures are as their files expect"]


def _breach(name: str, breach: Breach) -> list[str]:
    """What is broken, and a line for each of the layers that weigh most."""
    expected, computed = _text(breach.expected), _text(breach.computed)
    head = f"{name}: {breach.what} {computed}, expected {expected}{_distance(breach)}"
    total = breach.computed if isinstance(breach.computed, int) else 0
    parts = [(part.path, count(part.count), percent(part.count / total)) for part in breach.heaviest]
    widths = [max((len(part[column]) for part in parts), default=0) for column in range(3)]
    rows = [f"  {path:<{widths[0]}}  {own:>{widths[1]}}  {share:>{widths[2]}}" for path, own, share in parts]
    return [head, *rows]


def _distance(breach: Breach) -> str:
    """By how much a bound is broken."""
    bounds, figure = breach.expected, breach.computed
    if not isinstance(bounds, Bounds) or not isinstance(figure, int):
        return ""
    if bounds.max is not None and figure > bounds.max:
        return f": {count(figure - bounds.max)} too many"
    return f": {count((bounds.min or 0) - figure)} too few"


def _text(figure: object) -> str:
    if isinstance(figure, Bounds):
        low, high = (count(bound) for bound in (figure.min, figure.max))
        return " and ".join(([f"at least {low}"] if low else []) + ([f"at most {high}"] if high else []))
    if isinstance(figure, list):
        return shape(tuple(figure))
    return count(figure) if isinstance(figure, int) else written(figure)
