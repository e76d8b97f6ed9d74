"""Whether a network has the figures and keeps the bounds that its file's `expect` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shapecalc.engine.results import Analysis
from shapecalc.errors import UsageError, listed
from shapecalc.language.expectation import COUNTS, Bounds, Expectation
from shapecalc.symbolic import Dim

MOST_LAYERS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A layer's part of a count."""

    path: str
    count: int


@dataclass(frozen=True, slots=True)
class Breach:
    """A figure that is not as expected; of a count, with the layers that weigh most."""

    what: str
    expected: int | Bounds | Sequence[int]
    computed: int | Sequence[int]
    heaviest: tuple[Part, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        expected = self.expected.to_dict() if isinstance(self.expected, Bounds) else self.expected
        parts = [{"path": part.path, self.what: part.count} for part in self.heaviest]
        return {
            "what": self.what,
            "expected": expected,
            "computed": self.computed,
            **({"heaviest": parts} if parts else {}),
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One architecture, checked; with `error`, why it could not be, and the exit code of that."""

    name: str
    checked: tuple[str, ...] = ()
    """The figures that there was something to expect of."""
    breaches: tuple[Breach, ...] = ()
    error: str | None = None
    error_code: int = 0

    @property
    def status(self) -> str:
        if self.error is not None:
            return "error"
        return "broken" if self.breaches else "ok"

    @property
    def exit_code(self) -> int:
        return self.error_code or int(bool(self.breaches))

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "checked": list(self.checked),
            "broken": [breach.to_dict() for breach in self.breaches],
            **({"error": self.error} if self.error is not None else {}),
        }


def check(analysis: Analysis, name: str) -> Check:
    """Hold the figures of a network against its file's.

    Raises:
        UsageError: one of them is a formula.
    """
    expect = analysis.architecture.expect or Expectation()
    checked = tuple(what for what in (*COUNTS, "output") if getattr(expect, what) is not None)
    return Check(name, checked, tuple(breaches(analysis)))


def breaches(analysis: Analysis) -> list[Breach]:
    """The figures that are not what the file expects of them.

    Raises:
        UsageError: one of them is a formula.
    """
    expect = analysis.architecture.expect or Expectation()
    found = []
    for what in COUNTS:
        expected: int | Bounds | None = getattr(expect, what)
        if expected is None:
            continue
        figure = _number(getattr(analysis.totals, what), what, analysis)
        bounds = expected if isinstance(expected, Bounds) else Bounds(expected, expected)
        if figure not in bounds:
            found.append(Breach(what, expected, figure, _heaviest(analysis, what)))
    if expect.output is not None:
        sizes = [size({}) for size in expect.output.sizes]
        output = [_number(size, "the output's sizes", analysis) for size in analysis.outputs[0].shape]
        if sizes != output:
            found.append(Breach("output", sizes, output))
    return found


def _number(figure: Dim, what: str, analysis: Analysis) -> int:
    if isinstance(figure, int):
        return figure
    hint = f"give numbers in place of {listed(analysis.symbols)}: input: 1x3x224x224"
    raise UsageError(f"{analysis.name}: a formula can't be checked, and {what} are {figure}", hint=hint)


def _heaviest(analysis: Analysis, what: str) -> tuple[Part, ...]:
    parts = [Part(row.path, getattr(row, what)) for row in analysis.rows]
    weighing = [part for part in parts if isinstance(part.count, int) and part.count > 0]
    return tuple(sorted(weighing, key=lambda part: -part.count)[:MOST_LAYERS])
