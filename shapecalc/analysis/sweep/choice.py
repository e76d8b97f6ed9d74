"""Which points of a sweep are kept, in which order, and which are the best."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from shapecalc.analysis.sweep.conditions import Comparison, no_column, numeric, read_comparison
from shapecalc.analysis.sweep.figures import FIGURES, SHAPES
from shapecalc.analysis.sweep.pareto import Goal, front
from shapecalc.analysis.sweep.points import Axis, Point
from shapecalc.errors import UsageError, listed, quoted


class Order(NamedTuple):
    """A column, and whether its largest value comes first, or is the best."""

    column: str
    largest: bool = False


class Choice(NamedTuple):
    """What is asked of the points."""

    where: Sequence[Comparison] = ()
    pareto: Sequence[Order] = ()
    sort: Order | None = None

    @property
    def at_once(self) -> bool:
        """Whether each point is chosen by itself, without the others."""
        return not self.pareto and self.sort is None

    @property
    def columns(self) -> list[str]:
        """Those that decide, each once."""
        compared = [name for one in self.where for name in sorted(one.columns)]
        ordered = [order.column for order in (*self.pareto, *([self.sort] if self.sort else []))]
        return list(dict.fromkeys([*compared, *ordered]))

    def kept(self, points: Iterable[Point], left_open: Callable[[], None] | None = None) -> Iterator[Point]:
        """The points that all comparisons are true of, and those whose error leaves it open.

        Of a point without an error, a figure that is not known leaves it open too: such a point is not
        kept, and `left_open` is called.
        """
        for point in points:
            found = [one.holds({name: point.get(name) for name in one.columns}) for one in self.where]
            if False in found:
                continue
            if None not in found or point.error:
                yield point
            elif left_open:
                left_open()

    def in_order(self, points: Iterable[Point]) -> list[Point]:
        """The points sorted, those without a figure last; as they come where no order is asked for."""
        if self.sort is None:
            return list(points)
        column, largest = self.sort
        known: list[tuple[Fraction, Point]] = []
        rest: list[Point] = []
        for point in points:
            value = numeric(point.get(column))
            if value is None:
                rest.append(point)
            else:
                known.append((value, point))
        known.sort(key=lambda pair: pair[0], reverse=largest)
        return [*(point for _, point in known), *rest]

    def best(self, points: Sequence[Point]) -> list[bool]:
        """Of each point, whether no other is better in one of the columns and in none worse."""
        goals = [self._goal(point) for point in points]
        found = front(goal for goal in goals if goal is not None)
        return [goal in found for goal in goals]

    def _goal(self, point: Point) -> Goal | None:
        values = [numeric(point.get(order.column)) for order in self.pareto]
        signed = [
            -value if order.largest else value
            for value, order in zip(values, self.pareto, strict=True)
            if value is not None
        ]
        return tuple(signed) if len(signed) == len(values) else None


def read_choice(
    axes: Sequence[Axis],
    where: Iterable[str],
    pareto: str | None = None,
    sort: str | None = None,
    joined: Sequence[str] = (),
) -> Choice:
    """The choice that texts ask for; `joined` are the columns of the user's file.

    Raises:
        UsageError: one names no column, or one that has no order.
    """
    columns = list(dict.fromkeys(["name", *(axis.name for axis in axes), *FIGURES, *joined]))
    words = {"name", *joined, *(axis.name for axis in axes if not axis.letter)}
    comparisons = [read_comparison(text, columns, words) for text in where]
    for one in comparisons:
        for name in one.columns:
            _refuse_shape("--where", name)
    goals = [_order("--pareto", text, columns, "max") for text in (pareto or "").split(",") if text.strip()]
    if pareto is not None and len({goal.column for goal in goals}) < max(2, len(goals)):
        raise UsageError(
            f"--pareto {quoted(pareto)}: at least two columns are needed, each once",
            hint="as in params,macs: the less the better; S:max is the more the better",
        )
    return Choice(comparisons, goals, None if sort is None else _order("--sort", sort, columns, "desc"))


def _order(option: str, text: str, columns: Collection[str], word: str) -> Order:
    """The column of a text, which may end in `:max` or `:desc`."""
    name, colon, end = (part.strip() for part in text.partition(":"))
    ordered(option, name, columns)
    if colon and end != word:
        raise UsageError(f"{option} {quoted(text)}: after a column stands :{word}, or nothing")
    return Order(name, bool(colon))


def ordered(option: str, name: str, columns: Collection[str]) -> str:
    """The name of a column whose values have an order.

    Raises:
        UsageError: there is no such column, or it is one of shapes.
    """
    if name not in columns:
        raise no_column(option, name, columns)
    _refuse_shape(option, name)
    return name


def _refuse_shape(option: str, name: str) -> None:
    if name in SHAPES:
        orders = [figure for figure in FIGURES if figure not in SHAPES]
        raise UsageError(
            f"{option}: {name} is a shape, which has no order",
            hint=f"of those that have: {listed(orders, 20)}",
        )
