"""The largest number that a budget of bytes has room for: of sequences at a length, of tokens at a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shapecalc.analysis.memory.batch import LinearBytes, linear
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, at, number, rises
from shapecalc.symbolic.searching import last

_MOST = 2**40
"""More sequences or tokens are looked for nowhere."""


class Capacity(NamedTuple):
    """The largest number that fits."""

    what: str
    most: int
    """0 where not even 1 fits."""
    needed: int | None
    """Bytes of that number; None of 0."""
    next: int | None
    """Bytes of one more, which no longer fits; None where no more is taken at all."""
    formula: LinearBytes | None
    """By which it was found; None where all that is needed is no such formula: it was searched for."""

    def to_dict(self) -> dict[str, Any]:
        formula = self.formula._asdict() if self.formula else None
        found = "formula" if self.formula else "search"
        return {"most": self.most, "needed": self.needed, "next": self.next, "by": found, "formula": formula}


def capacity(
    what: str, sizes: Sequence[Dim], name: str, budget: int, taken: Callable[[int], bool]
) -> Capacity:
    """The largest value of a symbol for which none of `sizes` is above the budget, in closed form if linear.

    `taken` says whether the network takes a value at all; from the first on that it does not, none is.

    Raises:
        ArchitectureError: sizes may fall as it grows, so that a search would not be exact.
    """
    limit = last(taken, _MOST)

    def needed(n: int) -> int:
        return max(number(at(size, {name: n})) for size in sizes)

    formulas = [linear(size, name) for size in sizes]
    chosen: LinearBytes | None = None
    if all(formulas):
        growing = [formula for formula in formulas if formula and formula.each > 0]
        rooms = [((budget - formula.fixed) // formula.each, formula) for formula in growing]
        most, chosen = min(rooms, default=(limit, None))
        if any(f and f.each == 0 and f.fixed > budget for f in formulas):
            most, chosen = 0, None
        most = max(0, most)
    elif all(rises(size, positive=True) for size in sizes):
        most = last(lambda n: needed(n) <= budget, limit)
    else:
        raise ArchitectureError(f"{what}: the bytes may fall as {name} grows, so none is known to be largest")
    best = min(most, limit)
    after = needed(best + 1) if best < limit else None
    return Capacity(what, best, needed(best) if best else None, after, chosen if most <= limit else None)
