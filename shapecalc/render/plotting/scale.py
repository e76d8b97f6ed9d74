"""An axis of a plot: where a value stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import log2

from shapecalc.errors import UsageError
from shapecalc.render.plotting.ticks import Tick, linear_ticks, log_ticks

_WIDE = 50
"""How many times the least value the largest is where an axis is logarithmic unless asked."""
_LARGEST = Fraction(10**300)


@dataclass(frozen=True)
class PlotAxis:
    """What stands along an axis."""

    title: str
    """With its unit."""
    log: bool | None = None
    """Whether it is logarithmic; None where the range of the values tells."""
    binary: bool = False
    """Whether the values are bytes."""


@dataclass(frozen=True)
class AxisScale:
    """An axis with its values, and the pixels between which they stand; the first may be the larger."""

    axis: PlotAxis
    values: Sequence[Fraction]
    first: float
    last: float

    @cached_property
    def log(self) -> bool:
        least, largest = min(self.values), max(self.values)
        if self.axis.log and least <= 0:
            raise UsageError(
                f"{self.axis.title} has no logarithmic axis: a value is {least}", hint="leave out its --log"
            )
        wide = least > 0 and largest >= _WIDE * least
        return wide if self.axis.log is None else self.axis.log

    @cached_property
    def ends(self) -> tuple[Fraction, Fraction]:
        """The values at the ends: a little beyond those that are drawn."""
        least, largest = min(self.values), max(self.values)
        if self.log:
            beyond = Fraction(5, 4) if largest > least else Fraction(2)
            return least / beyond, largest * beyond
        if least >= 0 and 3 * least < largest:
            return Fraction(0), largest * Fraction(21, 20)
        beyond = (largest - least) / 20 or abs(largest) / 10 or Fraction(1)
        return least - beyond, largest + beyond

    @cached_property
    def ticks(self) -> list[Tick]:
        low, high = self.ends
        if self.log:
            return log_ticks(low, high, binary=self.axis.binary)
        whole = all(value.denominator == 1 for value in self.values)
        return linear_ticks(low, high, binary=self.axis.binary, whole=whole)

    def place(self, value: Fraction) -> float:
        """The pixel of a value."""
        low, high = self.ends
        share = log2(value / low) / log2(high / low) if self.log else float((value - low) / (high - low))
        return self.first + share * (self.last - self.first)


def refuse_far(values: Sequence[Fraction], title: str) -> None:
    """Refuse what no pixel can be computed of.

    Raises:
        UsageError: a value is above 10³⁰⁰, or nearer to 0 than 10⁻³⁰⁰.
    """
    if any(value and not 1 / _LARGEST < abs(value) < _LARGEST for value in values):
        raise UsageError(f"{title} can't be drawn: a value is too large, or too near to 0")
