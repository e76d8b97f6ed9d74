"""`solve` within bounds: the largest values of variables, their neighbours, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from shapecalc.analysis.budgets.bounds import left, over, read_bounds
from shapecalc.analysis.budgets.exact import EndlessError, NotProvedError, by_formula
from shapecalc.analysis.budgets.formulas import Formulas, up_to
from shapecalc.analysis.budgets.network import Network, Values
from shapecalc.analysis.budgets.search import Search, Tried
from shapecalc.analysis.budgets.variables import Task, Variable, read_task
from shapecalc.analysis.domain.sizesets import SizeSet
from shapecalc.analysis.sweep.checks import check_terms
from shapecalc.analysis.sweep.figures import Terms
from shapecalc.analysis.sweep.pareto import front
from shapecalc.analysis.sweep.points import Point
from shapecalc.engine.inputs import Given
from shapecalc.language.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Best:
    """Values within the bounds that no others exceed in each variable, and the points beside them."""

    point: Point
    below: Mapping[str, Point]
    """By a variable's name: the network with the value before; without one for the first value."""
    above: Mapping[str, Point]
    """With the next value, which is above a bound, or is none that the network takes."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The largest values of variables for which figures stay within bounds."""

    task: Task
    terms: Terms
    limits: Mapping[str, int]
    """Figure, as a column of `sweep` is called → the most that it may be."""
    best: tuple[Best, ...]
    formulas: Formulas | None
    """Those by which the values were found; None where they were searched."""
    tried: tuple[Tried, ...]
    """Of a search, which values each variable was tried at."""
    smallest: Point | None
    """Where nothing is within the bounds: the smallest network that there is."""
    endless: str | None = None
    """A variable, every value of which is within the bounds."""

    @property
    def exceeded(self) -> list[str]:
        """The figures that are above their bounds in the smallest network."""
        return [] if self.smallest is None else over(self.smallest, self.limits)

    def to_dict(self) -> dict[str, Any]:
        """For programs: the bounds, the values, and what is left to each bound."""
        return {
            "name": self.task.architecture.name,
            "bounds": dict(self.limits),
            "step": {each.name: each.value(1) for each in self.task.variables},
            "by": "formula" if self.formulas or (self.endless and not self.tried) else "search",
            "tried": {each.name: [each.first, each.last] for each in self.tried},
            "best": [self._entry(each) for each in self.best],
            "smallest": self.smallest and self.smallest.to_dict(),
            "exceeded": self.exceeded,
            "endless": self.endless,
        }

    def _entry(self, best: Best) -> dict[str, Any]:
        return {
            **best.point.to_dict(),
            "left": left(best.point, self.limits),
            "below": {name: point.to_dict() for name, point in best.below.items()},
            "above": {name: point.to_dict() for name, point in best.above.items()},
        }


def solve(
    network: Architecture,
    input: Given = None,
    *,
    within: Mapping[str, object],
    variables: Sequence[str] | str,
    step: object = None,
    set: Mapping[str, object] | None = None,
    dtype: str = "float32",
    optimizer: str = "sgd",
) -> Budget:
    """The largest values of variables for which a network's figures stay within bounds.

    Args:
        network: whose figures are bounded.
        input: as for `analyse`; its letters may be variables.
        within: the bounds, `{"macs": "600M", "memory": "24GiB"}`, of params, macs, flops, memory (the most
            bytes at once in prediction) and training-memory.
        variables: parameters of the file, letters of the input, or "batch", the inputs' first axis.
        step: of what the values are multiples: one number for all, or by the variable's name.
        set: values for other parameters.
        dtype: what float32 is, in bytes.
        optimizer: what updates the parameters in training.

    Raises:
        UsageError: a bound, a variable or a step is none.
        ArchitectureError: what a file describes is wrong, or a figure is not known.
    """
    names = [variables] if isinstance(variables, str) else [*variables]
    steps = step if isinstance(step, Mapping) else {} if step is None else {"": step}
    terms = Terms(dtype, optimizer)
    check_terms(terms)
    limits = read_bounds(within)
    return solved(read_task(network, input, set or {}, names, steps), limits, terms)


def solved(task: Task, limits: Mapping[str, int], terms: Terms) -> Budget:
    """The same of a task, with bounds of figures.

    Raises:
        ArchitectureError: a figure is not known, or there is no such network.
    """
    network = Network(task, limits, terms)
    try:
        return _by_formula(network) or _by_search(network)
    except EndlessError as error:
        tried = () if error.tried is None else (Tried(error.name, error.tried, error.tried),)
        return Budget(task, terms, limits, (), None, tried, None, error.name)


def _by_formula(network: Network) -> Budget | None:
    """The answer of formulas; None where these do not show that it is one, or what is beside it denies it."""
    task = network.task
    try:
        found = by_formula(network, task.variables, {})
    except NotProvedError:
        return None
    formulas = network.formulas(task.variables, {})
    assert formulas
    best = tuple([_with_neighbours(network, each, formulas) for each in largest(found, task.variables)])
    if any(network.allows(point) for each in best for point in each.above.values()):
        return None
    smallest = None if best else _smallest(network, formulas)
    return Budget(task, network.terms, network.limits, best, formulas, (), smallest)


def _by_search(network: Network) -> Budget:
    task = network.task
    search = Search(network, network.rows)
    found = [*search.several(_letters_last(network), {})]
    best = tuple([_with_neighbours(network, each, None) for each in largest(found, task.variables)])
    smallest = None if best else _smallest(network, None)
    return Budget(task, network.terms, network.limits, best, None, tuple(search.tried.values()), smallest)


def largest(found: Sequence[Values], variables: Sequence[Variable]) -> list[Values]:
    """Of values those that no others exceed: in no variable below, and above in one."""
    goals = {tuple([-exact(each[v.name]) for v in variables]): each for each in found}
    return [goals[goal] for goal in sorted(front(goals), reverse=True)]


def exact(value: object) -> Fraction:
    """The number as it is written: 0.1 is one tenth."""
    return Fraction(str(value))


def _letters_last(network: Network) -> list[Variable]:
    """The variables, those last for which there are formulas beside numbers of the others."""
    variables = network.task.variables
    own = network.task.architecture.scope(network.task.values)
    last: list[Variable] = []
    for each in sorted(variables, key=lambda each: not each.letter):
        letters = [each, *last]
        fixed = {v.name: own.get(v.name, v.value(1)) for v in variables if v not in letters}
        if each.step.denominator == 1 and network.formulas(letters, fixed) is not None:
            last = letters
    return [*(each for each in variables if each not in last), *last]


def _with_neighbours(network: Network, values: Values, formulas: Formulas | None) -> Best:
    """A point and those beside it; one of a single variable, however it was found, is analysed by itself."""
    there = {each.name: values[each.name] for each in network.task.variables}
    alone = len(there) == 1

    def point(name: str, value: int | float) -> Point:
        beside = {**there, name: value}
        sizes = {other: int(size) for other, size in beside.items()}
        figures = None if alone or formulas is None else formulas.at(sizes)
        return (
            network.at(beside) if figures is None else Point(network.task.architecture.name, beside, figures)
        )

    below, above = {}, {}
    for each in network.task.variables:
        before, after = _beside(each, there[each.name], formulas if alone else None)
        if before is not None:
            below[each.name] = point(each.name, before)
        above[each.name] = point(each.name, after)
    (first, value), *_ = there.items()
    return Best(point(first, value), below, above)


def _beside(
    variable: Variable, value: int | float, formulas: Formulas | None
) -> tuple[int | float | None, int | float]:
    """The values before and after one: the nearest that the network takes, as far as formulas tell."""
    place = int(exact(value) / variable.step)
    before = variable.value(place - 1) if place > 1 else None
    after = variable.value(place + 1)
    if formulas is None:
        return before, after
    taken, size = formulas.taken.each[variable.name], int(value)
    beyond = taken & SizeSet.between(size + 1, None)
    return (
        max(up_to(taken, size - 1).last(), default=None),
        beyond.segments[0].first if beyond else after,
    )


def _smallest(network: Network, formulas: Formulas | None) -> Point:
    """The smallest network, which is above a bound; where none was found, that of the first values."""
    variables = network.task.variables
    if formulas:
        first = {each.name: formulas.taken.each[each.name].segments[0].first for each in variables}
        return network.at(first)
    there = [point for point in network.known.values() if point.error is None]
    known = there or [network.at({each.name: each.value(1) for each in variables})]
    return min(known, key=lambda point: [exact(point.values[each.name]) for each in variables])
