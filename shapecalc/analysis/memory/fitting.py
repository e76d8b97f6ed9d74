"""The largest batch that a budget of bytes has room for, in closed form where the formulas hold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from shapecalc.analysis.domain.domain import where_formulas_hold
from shapecalc.analysis.domain.segments import Progression
from shapecalc.analysis.domain.sizesets import EVERY, NEVER, SizeSet
from shapecalc.analysis.memory.batch import free_name, linear, with_batch
from shapecalc.analysis.memory.prediction import Prediction, refuse_different
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, listed
from shapecalc.symbolic import Dim, Expr, at, number, symbol, symbols_in

_MOST_TRIED = 64
_MOST_PROGRESSIONS = 1_000


class Formula(NamedTuple):
    """The bytes of batches offset, offset + step, offset + 2·step, …: fixed + each · (how many steps)."""

    fixed: int
    each: int
    offset: int = 0
    step: int = 1

    def steps(self, budget: int) -> int:
        """How many steps there is room for."""
        return (budget - self.fixed) // self.each

    def most(self, budget: int) -> int:
        """The largest batch in a budget, as far as the formula says."""
        return self.offset + self.step * self.steps(budget)


class Fit(NamedTuple):
    """The largest batch that a budget has room for."""

    budget: int
    batch: int
    needed: int
    """Bytes of that batch."""
    formula: Formula | None = None
    """None of a batch for which no formula holds, which is one of the smallest."""
    at_most: bool = False
    """Whether more may be needed, of which not all is known: then a smaller batch may be the largest."""

    def to_dict(self) -> dict[str, int | str | None]:
        """`per_sample` is null where samples are no batches of their own: then `needed` alone is known."""
        single = self.formula if self.formula and self.formula.step == 1 else None
        fixed, each = (single.fixed, single.each) if single else (None, None)
        sizes = {"budget": self.budget, "batch": self.batch, "needed": self.needed}
        status = "at most" if self.at_most else "exact"
        return {**sizes, "fixed": fixed, "per_sample": each, "status": status}


def fitting(found: Prediction, budget: int) -> Fit:
    """The largest batch that a network predicts with in so many bytes, or is trained with, of a `Memory`.

    Each size that may be the greatest is fixed + each · N, so N is at most ⌊(budget − fixed)/each⌋ for all
    of them. Batches that are smaller than those the formulas hold for are tried.

    Raises:
        UsageError: not even the smallest batch fits, or another size is a symbol.
        ArchitectureError: the memory is no such formula.
    """
    check_fits(found.analysis, found.runs)
    name = free_name(found.analysis)
    weights = found.parameters + found.buffers
    if isinstance(weights, int) and budget < weights:
        raise UsageError(
            f"--fit: the weights of {found.analysis.name} alone are {weights:,} B, more than {budget:,} B"
        )
    general = found.again(with_batch(found.analysis, symbol(name)))
    batches = _held(general, name)
    sizes = general.peak.sizes
    if all(isinstance(size, int) for size in sizes):
        raise ArchitectureError(f"the memory of {general.analysis.name} does not depend on the batch")
    best = _largest(sizes, name, budget, batches) or _tried(found, budget, next(iter(batches), 1))
    return best._replace(at_most=bool(general.bounded))


def check_fits(analysis: Analysis, runs: int) -> None:
    """Refuse, before its memory is looked at, a network for which no largest batch can be found.

    `runs`: those of a `Prediction`, or of a `Memory`.

    Raises:
        UsageError: another size than the batch is a symbol, or there are too many layers that differ.
    """
    sizes = [size for tensor in analysis.inputs.values() for size in tensor.shape[1:]]
    letters = [value for value in analysis.given.values() if isinstance(value, Expr)]
    if others := symbols_in(*sizes, *letters):
        raise UsageError(f"--fit needs numbers for all sizes but the batch, not {listed(sorted(others))}")
    refuse_different(analysis, "--fit", 3 * runs)  # with a number, then twice as long with a symbol


def _held(general: Prediction, name: str) -> SizeSet:
    """The batches for which the formulas hold."""
    domain = where_formulas_hold(general.analysis, general.all_conditions)
    if domain.open:
        raise ArchitectureError(
            f"the largest batch has no closed form: the memory holds for {domain.open[0]}",
            hint="try batches by --batch",
        )
    return next((box.get(name, EVERY) for box in domain.boxes), NEVER)


def _largest(sizes: Sequence[Dim], name: str, budget: int, batches: SizeSet) -> Fit | None:
    found = (_of(one, sizes, name, budget) for one in islice(batches.progressions(), _MOST_PROGRESSIONS))
    return max(filter(None, found), key=lambda fit: fit.batch, default=None)


def _of(batches: Progression, sizes: Sequence[Dim], name: str, budget: int) -> Fit | None:
    """The largest of batches that are a step apart; None where not even the first one fits."""
    first, last, step = batches

    def needed(batch: int) -> int:
        return max(number(at(size, {name: batch})) for size in sizes)

    if needed(first) > budget:
        return None
    if first == last:
        return Fit(budget, first, needed(first))
    growing = [size for size in sizes if not isinstance(size, int)]
    formulas = [_formula(size, name, first % step, step) for size in growing]
    formula = min(formulas, key=lambda formula: formula.most(budget))
    batch = formula.most(budget) if last is None else min(formula.most(budget), last)
    return Fit(budget, batch, needed(batch), formula)


def _formula(size: Dim, name: str, offset: int, step: int) -> Formula:
    found = linear(at(size, {name: offset + step * symbol(name)}), name)
    if found is None or found.each <= 0:
        raise ArchitectureError(
            f"the largest batch has no closed form: the memory of a batch of {name} is {size} B",
            hint="try batches by --batch",
        )
    return Formula(*found, offset, step)


def _tried(found: Prediction, budget: int, least: int) -> Fit:
    """The largest of the batches below those that formulas hold for; they are smaller than a hundred.

    Raises:
        UsageError: the smallest batch does not fit.
    """
    smallest: Fit | None = None
    for batch in reversed(range(max(1, least + 1 - _MOST_TRIED), least + 1)):
        needed = _needed(found, batch)
        if needed is not None:
            smallest = Fit(budget, batch, needed)
            if needed <= budget:
                return smallest
    if smallest is None:
        raise ArchitectureError(f"--fit: {found.analysis.name} takes no batch of up to {least}")
    which = "one" if smallest.batch == 1 else f"{smallest.batch:,}, the smallest,"
    raise UsageError(f"--fit: a batch of {which} needs {smallest.needed:,} B, more than {budget:,} B")


def _needed(found: Prediction, batch: int) -> int | None:
    """The bytes of a batch; None where the network does not take it, or torch does not train it."""
    try:
        return number(found.again(with_batch(found.analysis, batch)).peak.bytes)
    except (ArchitectureError, UsageError):
        return None
