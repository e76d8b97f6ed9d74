"""The largest values by formula: figures that never fall as a variable grows leave all below the largest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.analysis.budgets.formulas import ENDLESS, Formulas, count, endless, up_to
from shapecalc.analysis.budgets.network import Network, Values
from shapecalc.analysis.budgets.variables import Variable
from shapecalc.analysis.domain.residues import Unwieldy
from shapecalc.analysis.domain.sizesets import SizeSet
from shapecalc.errors import UsageError

_MOST_BY_THEMSELVES = 64
"""Sizes that are analysed one by one, because the formulas are not the figures there."""
_MOST_VALUES = 3_000
"""Values of a variable, for each of which the largest of the others is found."""


class NotProvedError(Exception):
    """The formulas do not show which values are the largest."""


class EndlessError(Exception):
    """Every value of a variable is within the bounds, or of a search every one that was tried."""

    def __init__(self, name: str, tried: int | float | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.tried = tried
        """The largest value that was tried; None of a formula, which is of all."""


def by_formula(network: Network, variables: Sequence[Variable], fixed: Values) -> list[Values]:
    """Values of variables within the bounds, among them all that no others exceed in every variable.

    Raises:
        NotProvedError: the formulas do not say it.
        EndlessError: there is no largest.
        UsageError: there are too many values.
    """
    formulas = network.formulas(variables, fixed)
    if formulas is None:
        raise NotProvedError
    try:
        ordered = sorted(variables, key=lambda each: _number(formulas, each.name))
        _refuse_many(formulas, ordered[:-1])
        return [*_several(network, ordered, formulas, fixed)]
    except Unwieldy:
        raise NotProvedError from None


def _number(formulas: Formulas, name: str) -> int:
    """How many values of a variable may be within the bounds."""
    most, known = formulas.most(name), formulas.known(name)
    if most == ENDLESS and endless(known):
        raise EndlessError(name)
    return count(up_to(known, most))


def _refuse_many(formulas: Formulas, variables: Sequence[Variable]) -> None:
    for each in variables:
        if (number := _number(formulas, each.name)) > _MOST_VALUES:
            raise UsageError(
                f"{each.name} has {number:,} values within the bounds, of at most {_MOST_VALUES:,} the"
                " largest of the others are found",
                hint=f"--step {each.name}={each.step.numerator * 8} takes fewer",
            )


def _several(
    network: Network, variables: Sequence[Variable], formulas: Formulas, fixed: Values
) -> Iterator[Values]:
    """For each value of the first variable the largest of the others."""
    (first, *rest), name = variables, variables[0].name
    if not rest:
        size = _one(network, first, formulas, fixed)
        yield from [] if size is None else [{**fixed, name: size}]
        return
    for size in up_to(formulas.known(name), formulas.most(name)):
        narrower = formulas.put(name, size)
        if narrower is None:
            raise NotProvedError
        yield from _several(network, rest, narrower, {**fixed, name: size})
    for size in _by_themselves(formulas.others(name)):
        yield from by_formula(network, rest, {**fixed, name: size})


def _one(network: Network, variable: Variable, formulas: Formulas, fixed: Values) -> int | None:
    """The largest value of one variable."""
    name = variable.name
    known, most = formulas.known(name), formulas.most(name)
    if most == ENDLESS and endless(known):
        raise EndlessError(name)
    best = max(up_to(known, most).last(), default=0)
    for size in reversed(_by_themselves(formulas.others(name))):
        if size > best and network.fits({**fixed, name: size}):
            return size
    return best or None


def _by_themselves(sizes: SizeSet) -> list[int]:
    """The sizes for which the formulas are not the figures."""
    if endless(sizes) or count(sizes) > _MOST_BY_THEMSELVES:
        raise NotProvedError
    return [*sizes]
