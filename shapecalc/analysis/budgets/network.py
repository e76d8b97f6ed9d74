"""The network of a task: its figures at values, and its formulas with letters in place of variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shapecalc.analysis.budgets.bounds import over
from shapecalc.analysis.budgets.formulas import Formulas, formulas_of
from shapecalc.analysis.budgets.variables import Task, Variable
from shapecalc.analysis.sweep.computing import Computing, at_sizes
from shapecalc.analysis.sweep.figures import FIGURES, Figures, Terms
from shapecalc.analysis.sweep.points import Axis, Point, Sweep
from shapecalc.engine.inputs import Given
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError, UnknownError
from shapecalc.operations import Unknown
from shapecalc.symbolic import symbol

Values = Mapping[str, int | float]
"""By the names of variables."""


class Network:
    """What is asked of one network, and each point of it that was looked at."""

    def __init__(self, task: Task, limits: Mapping[str, int], terms: Terms) -> None:
        self.task = task
        self.limits = limits
        self.terms = terms
        self.known: dict[tuple[int | float, ...], Point] = {}
        self.looks = 0
        """How many times the network was analysed."""

    @property
    def rows(self) -> int:
        """How many layers it has, as the file is."""
        try:
            return len(analyse(self.task.architecture, None, self.task.values, brief=True).rows)
        except ShapecalcError:
            return 1

    def at(self, there: Values) -> Point:
        """The network at values of all variables, as `sweep` has it.

        Raises:
            UnknownError: a figure that has a bound is not known.
        """
        key = tuple([there[variable.name] for variable in self.task.variables])
        if key not in self.known:
            self.known[key] = self._computed(there)
        return self.known[key]

    def _computed(self, there: Values) -> Point:
        axes = [
            *(Axis(name, (value,)) for name, value in self.task.values.items()),
            *(Axis(each.name, (there[each.name],), each.letter) for each in self.task.variables),
        ]
        self.looks += 1
        name = self.task.architecture.name
        swept = Sweep({name: self.task.architecture}, self.task.given, axes, [*self.limits], terms=self.terms)
        (point,) = Computing(swept).points()
        for figure in point.figures.values():
            _refuse_unknown(figure)
        return point

    def fits(self, there: Values) -> bool:
        """Whether the network can be so, within all bounds."""
        return self.allows(self.at(there))

    def allows(self, point: Point) -> bool:
        """Whether a point is a network, and within all bounds."""
        return point.error is None and not over(point, self.limits)

    def formulas(self, variables: Sequence[Variable], fixed: Values) -> Formulas | None:
        """Its formulas in some variables, numbers in place of the others; None where it has none.

        Raises:
            UnknownError: a figure that has a bound is not known.
        """
        self.looks += 1
        try:
            analysis = analyse(self.task.architecture, *self._given(variables, fixed), brief=True)
            found = Figures(analysis, self.terms)
            figures = {name: FIGURES[name](found) for name in self.limits}
        except UnknownError:
            raise
        except ShapecalcError:  # a layer that takes no formulas, or a parameter that takes no letter
            return None
        for figure in figures.values():
            _refuse_unknown(figure)
        return formulas_of(figures, self.limits, analysis.conditions, found.conditions, variables)

    def _given(self, variables: Sequence[Variable], fixed: Values) -> tuple[Given, Mapping[str, object]]:
        """What `analyse` takes."""
        letters = {each.name: symbol(each.name) for each in variables if not each.letter}
        numbers = {each.name: fixed[each.name] for each in self.task.variables if each.name in fixed}
        own = {name: value for name, value in numbers.items() if not self._is_letter(name)}
        values = {**self.task.values, **own, **letters}
        sizes = {name: int(value) for name, value in numbers.items() if self._is_letter(name)}
        return at_sizes(self.task.architecture, self.task.given, values, sizes)

    def _is_letter(self, name: str) -> bool:
        return any(each.letter for each in self.task.variables if each.name == name)


def _refuse_unknown(figure: object) -> None:
    if isinstance(figure, Unknown):
        raise UnknownError(f"a bound can't be kept: {figure.reason}")
