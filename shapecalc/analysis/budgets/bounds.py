"""Bounds of figures, as texts give them: `600M`, `24GiB`; and what a network has left to each."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import NamedTuple

from shapecalc.analysis.memory.batch import budget_of
from shapecalc.analysis.quantities import COUNT, read_quantity
from shapecalc.analysis.sweep.points import Point
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.tensors import LARGEST


class Kind(NamedTuple):
    """What a bound is of: a column of `sweep`, in bytes or a count."""

    figure: str
    bytes: bool = False

    @property
    def called(self) -> str:
        """The figure in a sentence."""
        return _CALLED.get(self.figure, self.figure)


KINDS: Mapping[str, Kind] = {
    "params": Kind("params"),
    "macs": Kind("macs"),
    "flops": Kind("flops"),
    "memory": Kind("peak", bytes=True),
    "training-memory": Kind("training", bytes=True),
}
"""By the names of their options."""
_CALLED = {"macs": "MACs", "flops": "FLOPs", "peak": "memory", "training": "training memory"}


def read_bounds(given: Mapping[str, object]) -> dict[str, int]:
    """Figure → the most that it may be, of texts or numbers by the names of their options.

    Raises:
        UsageError: there is none, one is of no figure that can be bounded, or is no number.
    """
    if not given:
        options = listed(f"--{name}" for name in KINDS)
        raise UsageError("there is no bound to stay within", hint=f"one or several of {options}")
    for name in given:
        if _plainly(name) not in KINDS:
            hint = nearest(_plainly(name), KINDS) or f"bounds are of {listed(KINDS)}"
            raise UsageError(f"there is no bound of {quoted(name)}", hint=hint)
    return {KINDS[_plainly(name)].figure: _limit(_plainly(name), value) for name, value in given.items()}


def _plainly(name: str) -> str:
    return name.replace("_", "-")


def _limit(name: str, value: object) -> int:
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        raise UsageError(f"the bound of {name} is a whole number or text such as '600M', not {value!r}")
    if KINDS[name].bytes:
        return budget_of(value, f"--{name}")
    found = read_quantity(value)
    count = found.of(COUNT) if found else None
    if count is None or count < 0:
        raise UsageError(
            f"--{name} {quoted(value)} is no count", hint="as in 600M, 4.2G or 3504872: G is 10^9"
        )
    if count > LARGEST:
        raise UsageError(f"--{name} {quoted(value)} is more than {LARGEST:,}, which no network has")
    return floor(count)


def left(point: Point, limits: Mapping[str, int]) -> dict[str, int | None]:
    """What is left to each bound, below 0 of a figure above it; None of one that there is not."""
    return {
        name: limit - figure if isinstance(figure := point.figures[name], int) else None
        for name, limit in limits.items()
    }


def over(point: Point, limits: Mapping[str, int]) -> list[str]:
    """The figures of a point that are above their bounds."""
    return [name for name, rest in left(point, limits).items() if rest is not None and rest < 0]
