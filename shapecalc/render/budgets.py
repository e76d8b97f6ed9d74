"""`solve` within bounds: the largest values, the points beside them, and what is left to each bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.analysis.budgets.bounds import KINDS, Kind, left, over
from shapecalc.analysis.budgets.budgets import Budget
from shapecalc.analysis.budgets.variables import Variable
from shapecalc.analysis.sweep.points import Point, in_a_line
from shapecalc.engine.inputs import inputs_of
from shapecalc.errors import listed, written
from shapecalc.render.cells import count, size, size_left
from shapecalc.render.grid import Column, Grid, Line, print_as
from shapecalc.symbolic.notation import GROUPED
from shapecalc.symbolic.notation import text as formula

_MOST_LINES = 40
_LONGEST_FORMULA = 120
_TITLES = {
    "params": "Params",
    "macs": "MACs",
    "flops": "FLOPs",
    "peak": "Memory",
    "training": "Training memory",
}
_KIND_OF = {kind.figure: kind for kind in KINDS.values()}


def print_budget(budget: Budget, form: str) -> None:
    """Print which values are the largest within the bounds."""
    print_as(form, budget.to_dict, lambda: budget_grid(budget))


def budget_grid(budget: Budget) -> Grid:
    """A line for each point; of a single variable the points on both sides, too."""
    columns = [*map(_axis, budget.task.variables), *_figure_columns(budget)]
    lines = [*_lines(budget)]
    if any(line.values[-1] for line in lines):
        columns.append(Column("note", "Note"))
    else:
        lines = [Line(line.values[:-1]) for line in lines]
    return Grid(_heading(budget), tuple(columns) if lines else (), lines, [*_notes(budget)])


def _axis(variable: Variable) -> Column:
    """Numbers stand to the right, as counts do, but fractions as they would be given."""
    return Column(variable.name, variable.name, count if variable.step.denominator == 1 else str)


def _figure_columns(budget: Budget) -> Iterator[Column]:
    for name in budget.limits:
        text = size if _KIND_OF[name].bytes else count
        yield Column(name, _TITLES[name], text)
        yield Column(f"{name}_left", "Left", size_left if text is size else count)


def _lines(budget: Budget) -> Iterator[Line]:
    alone = len(budget.task.variables) == 1
    for best in budget.best[:_MOST_LINES]:
        if not alone:
            yield _line(budget, best.point, "")
            continue
        yield from (_line(budget, point, _note(budget, point)) for point in best.below.values())
        yield _line(budget, best.point, "largest", strong=True)
        yield from (_line(budget, point, _note(budget, point)) for point in best.above.values())
    if budget.smallest and budget.smallest.error is None:
        yield _line(budget, budget.smallest, _note(budget, budget.smallest))


def _note(budget: Budget, point: Point) -> str:
    """Why a point is not within the bounds, where it is not."""
    if point.error:
        return f"no such network ({_errors(budget).index(in_a_line(point.error)) + 1})"
    kinds = [_KIND_OF[name] for name in over(point, budget.limits)]
    return " and ".join(f"too {'much' if kind.bytes else 'many'} {kind.called}" for kind in kinds)


def _line(budget: Budget, point: Point, note: str, strong: bool = False) -> Line:
    rest = left(point, budget.limits)
    figures = [value for name in budget.limits for value in (point.figures[name], rest[name])]
    return Line((*(point.values[each.name] for each in budget.task.variables), *figures, note), strong=strong)


def _heading(budget: Budget) -> str:
    task = budget.task
    inputs = inputs_of(task.architecture, task.given, task.values)
    shapes = [f"{'' if len(inputs) == 1 else f'{name} '}{tensor}" for name, tensor in inputs.items()]
    given = [f"{name} {written(value)}" for name, value in task.values.items()]
    bounds = [
        f"{_KIND_OF[name].called} ≤ {_limit(_KIND_OF[name], most)}" for name, most in budget.limits.items()
    ]
    network = " · ".join([task.architecture.name, f"input {', '.join(shapes)}", *given])
    return f"{network}: {', '.join(bounds)}"


def _limit(kind: Kind, most: int) -> str:
    return size(most) if kind.bytes else count(most)


def _notes(budget: Budget) -> Iterator[str]:
    names = [each.name for each in budget.task.variables]
    if budget.endless:
        yield from _endless(budget)
        return
    if not budget.best:
        yield from _none(budget)
    elif len(names) == 1:
        yield f"Largest     {names[0]} = {count(budget.best[0].point.values[names[0]])}{_step(budget)}"
    else:
        yield from _several(budget, names)
    yield from _found_by(budget)
    yield from (f"  ({number}) {text}" for number, text in enumerate(_errors(budget), start=1))


def _endless(budget: Budget) -> Iterator[str]:
    if not budget.tried:
        yield f"No largest  every {budget.endless} is within the bounds, which no figure reaches"
    for tried in budget.tried:
        yield f"No largest  up to {tried.name} = {tried.last}, each twice the last, all are within the bounds"


def _step(budget: Budget) -> str:
    return f", of multiples of {', '.join(map(str, steps.values()))}" if (steps := _steps(budget)) else ""


def _steps(budget: Budget) -> dict[str, object]:
    """By the name of a variable, of what its values are multiples, unless it is 1."""
    return {each.name: each.value(1) for each in budget.task.variables if each.step != 1}


def _several(budget: Budget, names: Sequence[str]) -> Iterator[str]:
    number = len(budget.best)
    yield f"Largest     {count(number)}: within the bounds, more of one of {listed(names)} is less of another"
    if number > _MOST_LINES:
        yield f"            {count(number - _MOST_LINES)} are not shown: --format json has all, --step fewer"
    if steps := _steps(budget):
        yield f"Steps       {', '.join(f'{name} {step}' for name, step in steps.items())}"


def _none(budget: Budget) -> Iterator[str]:
    smallest = budget.smallest
    assert smallest is not None
    names = [each.name for each in budget.task.variables]
    there = ", ".join(f"{name} = {count(smallest.values[name])}" for name in names)
    if smallest.error:
        yield f"None        no network was found: at {there}, {in_a_line(smallest.error)}"
        return
    for name in budget.exceeded:
        kind, figure = _KIND_OF[name], smallest.figures[name]
        assert isinstance(figure, int)
        yield (
            f"None        at the smallest, {there}, {kind.called} {'is' if kind.bytes else 'are'}"
            f" {_limit(kind, figure)}, {_limit(kind, figure - budget.limits[name])} above the bound"
        )


def _found_by(budget: Budget) -> Iterator[str]:
    if budget.formulas is None:
        yield "By          search: no formula shows it"
        for tried in budget.tried:
            yield f"            each {tried.name} from {tried.first} to {tried.last} was tried, none beyond"
        return
    names = [each.name for each in budget.task.variables]
    yield f"By          formulas that never fall as {' or '.join(names)} grows"
    for name, sizes in budget.formulas.figures.items():
        text = formula(sizes[0], GROUPED) if len(sizes) == 1 else ""
        if text and len(text) < _LONGEST_FORMULA:
            yield f"            {_KIND_OF[name].called} = {text}"


def _errors(budget: Budget) -> list[str]:
    """Why points beside the largest one are no networks, each reason once."""
    beside = [p for best in budget.best for p in (*best.below.values(), *best.above.values())]
    alone = beside if len(budget.task.variables) == 1 else []
    return list(dict.fromkeys(in_a_line(point.error) for point in alone if point.error))
