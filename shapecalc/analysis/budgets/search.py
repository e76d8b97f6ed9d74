"""The largest values by trying them, where no formula shows which they are; what was tried is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from shapecalc.analysis.budgets.exact import EndlessError, NotProvedError, by_formula
from shapecalc.analysis.budgets.network import Network, Values
from shapecalc.analysis.budgets.variables import Variable
from shapecalc.errors import UsageError

_MOST_ROWS = 20_000
"""Rows of networks that are analysed at most, which takes some seconds."""
_FEWEST = 40
"""Values that are tried at least."""
_BEYOND = 4
"""Values that are tried beyond the last one that fits, for each of the values of other variables."""
_FURTHER = 6
"""Values that are looked at beyond the first that is above a bound, each twice the one before."""
_PATIENCE = 3
"""How many times as many networks are tried where several variables are sought."""
_LARGEST = 2**20
"""The multiple of a step up to which the largest value is looked for."""
_FEW_ERRORS = 12
"""Values in a row, each twice the one before, without a network: then none is expected beyond."""


class Tried(NamedTuple):
    """Up to which value of a variable each one was tried, from one on."""

    name: str
    first: int | float
    last: int | float


class Search:
    """Tries values, as many as there is time for."""

    def __init__(self, network: Network, rows: int) -> None:
        self.network = network
        self.most = max(_FEWEST, _MOST_ROWS // max(1, rows))
        self.tried: dict[str, Tried] = {}

    @property
    def left(self) -> int:
        """How many networks may still be looked at."""
        return max(0, self.most - self.network.looks)

    @property
    def _exist(self) -> bool:
        """Whether any network that was looked at is one."""
        return any(point.error is None for point in self.network.known.values())

    def several(self, variables: Sequence[Variable], fixed: Values) -> Iterator[Values]:
        """For each value of the first variable that is tried, the largest of the others.

        Raises:
            UsageError: there are too many.
        """
        first, *rest = variables
        if not rest:
            yield from self.one(first, fixed)
            return
        last = 0
        for place in count(1):
            if place > last + last // 4 + (_BEYOND if last or self._exist else _FEWEST):
                break
            self._refuse_many(variables)
            found = [*self.rest(rest, {**fixed, first.name: first.value(place)})]
            last = place if found else last
            yield from found
        self._note(first, 1, place - 1)

    def _refuse_many(self, variables: Sequence[Variable]) -> None:
        if self.network.looks > _PATIENCE * self.most:
            first = variables[0]
            raise UsageError(
                f"more than {_PATIENCE * self.most:,} networks would have to be tried",
                hint=f"--step {first.name}={first.value(4)} tries fewer",
            )

    def rest(self, variables: Sequence[Variable], fixed: Values) -> Iterator[Values]:
        """The largest of the other variables, by formula where there is one."""
        try:
            yield from by_formula(self.network, variables, fixed)
        except NotProvedError:
            yield from self.several(variables, fixed)

    def one(self, variable: Variable, fixed: Values) -> Iterator[Values]:
        """The largest value of one variable among those that are tried."""

        def fits(place: int) -> bool:
            return self.network.fits({**fixed, variable.name: variable.value(place)})

        low, high = self._doubled(variable, fixed)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        best, place = low, low
        alone = len(self.network.task.variables) == 1
        few = _FEWEST if alone else _BEYOND
        while place < best + few + (best if alone else best // 4) and (self.left or place < low + few):
            place += 1
            best = place if fits(place) else best
        if alone:
            self._note(variable, low + 1, place)
        if best:
            yield {**fixed, variable.name: variable.value(best)}

    def _doubled(self, variable: Variable, fixed: Values) -> tuple[int, int]:
        """The last multiple of the step that fits, and the first that does not, each twice the one before.

        A few beyond the first that does not are looked at, too: a figure may fall again.
        """
        fitting, place, errors, above = 0, 1, 0, 0
        further = _FURTHER if len(self.network.task.variables) == 1 else 0
        while place <= _LARGEST and above <= further and errors <= _FEW_ERRORS:
            point = self.network.at({**fixed, variable.name: variable.value(place)})
            fits = self.network.allows(point)
            fitting = place if fits else fitting
            errors = errors + 1 if point.error else 0
            above = 0 if fits else above + (above > 0 or point.error is None)
            place *= 2
        if not (errors or above):
            raise EndlessError(variable.name, variable.value(fitting))
        return fitting, 2 * fitting + (not fitting)

    def _note(self, variable: Variable, first: int, last: int) -> None:
        """Remember the least that was tried of a variable, of all values of the others."""
        known = self.tried.get(variable.name)
        new = Tried(variable.name, variable.value(first), variable.value(last))
        if known is None or new.last < known.last:
            self.tried[variable.name] = new
