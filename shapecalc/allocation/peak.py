"""The greatest of many sizes, of which some are formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from operator import ge
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, Expr, at, maximum, symbol
from shapecalc.symbolic.expr import ONE, Product, add_to, total
from shapecalc.symbolic.facts import least_product
from shapecalc.symbolic.sums import MOST_WRITTEN, compactly, multiplied_out

MOST_FORMULAS = 200
_ROOM = 60  # for formulas, before the first look at whether fewer will do
_NEAR = 3  # how many before and after a formula are looked at for two that exceed it

Point: TypeAlias = "list[int]"
"""A size by its coordinates in a `Space`."""


class Space:
    """Sizes as points: a coordinate for each product that they have when multiplied out.

    A product counts from its least value on, the first coordinate is the number that is left: of H ≥ 67,
    4·H + 1 is the point (269, 4). So a size whose point is nowhere below another's is never below that size.
    """

    def __init__(self, assumed: Mapping[str, Dim]) -> None:
        self.assumed = assumed
        self.axes: dict[tuple[Product, int], int] = {(ONE, 1): 0}
        """Each product's coordinate; one without a least value has another for its opposite."""
        self.known: dict[Product, tuple[tuple[int, int], ...]] = {}

    def steps(self, product: Product) -> tuple[tuple[int, int], ...]:
        """The coordinates of a product that are not 0, each with its place."""
        found = self.known.get(product)
        if found is None:
            form = at(Expr({product: 1}), self.assumed) if self.assumed and product != ONE else None
            terms = {product: 1} if form is None else {ONE: form} if isinstance(form, int) else form.terms
            found = self.known[product] = tuple(self._steps(multiplied_out(terms) or terms))
        return found

    def _steps(self, terms: Mapping[Product, int]) -> Iterable[tuple[int, int]]:
        rest = 0
        for factors, coefficient in terms.items():
            low = 1 if factors == ONE else least_product(factors)
            rest += coefficient * (low or 0)
            if factors != ONE:
                yield self._axis(factors, 1), coefficient
                if low is None:
                    yield self._axis(factors, -1), -coefficient
        yield 0, rest

    def _axis(self, factors: Product, sign: int) -> int:
        return self.axes.setdefault((factors, sign), len(self.axes))

    def size(self, point: Sequence[int]) -> Dim:
        """The formula of a point, without what is assumed."""
        terms = {}
        number = point[0]
        for (factors, sign), coefficient in zip(self.axes, point, strict=False):
            if coefficient and factors != ONE and sign > 0:
                terms[factors] = coefficient
                number -= coefficient * (least_product(factors) or 0)
        terms[ONE] = number
        # What stands for H is H + 66, and so H − 66 for it the other way round.
        back = {name: 2 * symbol(name) - form for name, form in self.assumed.items()}
        return at(compactly(terms), back)


class Level:
    """A size that rises and falls, with its point."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.number = 0
        self.terms: dict[Product, int] = {}
        self.ahead: dict[Product, int] = {}
        """The terms that `point` lacks: what comes and goes between two looks at it costs nothing."""
        self.point: Point = [0]

    def add(self, size: Dim, times: int = 1) -> None:
        if isinstance(size, int):
            self.number += times * size
            return
        add_to(self.terms, size.terms, times)
        add_to(self.ahead, size.terms, times)

    def here(self) -> Point:
        """The point of the size as it is now."""
        steps = [(self.space.steps(product), times) for product, times in self.ahead.items()]
        self.ahead.clear()
        self.point += [0] * (len(self.space.axes) - len(self.point))
        for own, times in steps:
            for axis, step in own:
                self.point[axis] += times * step
        return [self.point[0] + self.number, *self.point[1:]]

    def now(self) -> Dim | None:
        """The size as it is now, unless it has very many terms: then its point says what it is."""
        return None if len(self.terms) > MOST_WRITTEN else self.size

    @property
    def size(self) -> Dim:
        if not self.terms:
            return self.number
        return total({**self.terms, ONE: self.terms.get(ONE, 0) + self.number})

    def become(self, size: Dim) -> None:
        if (change := size - self.size) != 0:
            self.add(change)


class _Met(NamedTuple):
    size: Dim | None
    """None for that of the point."""
    point: Point
    place: int


class Peak:
    """The greatest of many sizes, and where it was met; of formulas those that may be the greatest.

    One that the greater of two others always exceeds is left out as well, where a weighted mean of these is
    nowhere below it: of the levels of equal layers in a row, the first and the last are left.
    """

    def __init__(self, assumed: Mapping[str, Dim] = MappingProxyType({})) -> None:
        """`assumed`: formulas for symbols that are known to be large, H + 66 for one of at least 67."""
        self.number = 0
        self.at = -1
        self.space = Space(assumed)
        self.formulas: list[_Met] = []
        self.room = _ROOM

    def meet(self, size: Dim, place: int) -> None:
        if isinstance(size, int):
            self.meet_number(size, place)
            return
        level = Level(self.space)
        level.add(size)
        self.meet_level(level, place)

    def meet_level(self, level: Level, place: int) -> None:
        """Meet a level as it is now."""
        if not level.terms:
            self.meet_number(level.number, place)
            return
        point = level.here()
        self._widen(len(point))
        if not any(_exceeds(other.point, point) for other in reversed(self.formulas)):
            self._enter(_Met(level.now(), point, place))

    def meet_number(self, size: int, place: int) -> None:
        if size > self.number:
            self.number, self.at = size, place

    def _enter(self, met: _Met) -> None:
        self.formulas = [other for other in self.formulas if not _exceeds(met.point, other.point)]
        self.formulas.append(met)
        if len(self.formulas) >= self.room:
            self._thin()
            self.room = 2 * max(_ROOM, len(self.formulas))

    def _thin(self) -> None:
        """Leave out each size that the greater of two, one met before it and one after it, always exceeds."""
        kept = self.formulas
        place = 1
        while place < len(kept) - 1:
            before, after = kept[max(0, place - _NEAR) : place], kept[place + 1 : place + 1 + _NEAR]
            if any(_between(a.point, kept[place].point, b.point) for a, b in product(before, after)):
                del kept[place]
            else:
                place += 1
        if len(kept) > MOST_FORMULAS:
            raise ArchitectureError(
                f"the most bytes at once are the greatest of more than {MOST_FORMULAS} formulas",
                hint="give numbers",
            )

    def _widen(self, axes: int) -> None:
        """Give all points the coordinates that there are by now."""
        if self.formulas and len(self.formulas[-1].point) < axes:
            for other in self.formulas:
                other.point.extend([0] * (axes - len(other.point)))

    def met(self) -> list[tuple[Dim, int]]:
        """The sizes that may be the greatest, and where they were met."""
        self._thin()
        found = [
            (self.space.size(point) if size is None else size, place) for size, point, place in self.formulas
        ]
        covered = any(
            point[0] >= self.number and min(point[1:], default=0) >= 0 for _, point, _ in self.formulas
        )
        return [*found, *([] if covered or not self.number else [(self.number, self.at)])]

    def size(self) -> Dim:
        """The greatest, a maximum of formulas where sizes decide."""
        return greatest_of([size for size, _ in self.met()])


def unexceeded(sizes: Sequence[Dim]) -> tuple[Dim, ...]:
    """The sizes that may be the greatest; of sizes that differ by a number alone, only the greater one."""
    first = sizes[0] if sizes else 0
    above = [step for size in sizes if isinstance(step := size - first, int)]
    if len(above) == len(sizes):
        greatest = first + max(above, default=0)
        return (greatest,) if greatest != 0 else ()
    peak = Peak()
    for size in sizes:
        peak.meet(size, 0)
    return tuple([size for size, _ in peak.met()])


def greatest_of(sizes: Sequence[Dim]) -> Dim:
    """The greatest of sizes, 0 of none."""
    result, *others = sizes or [0]
    for size in others:
        result = maximum(result, size)
    return result


def _exceeds(first: Point, second: Point) -> bool:
    """Whether the first point is nowhere below the second."""
    return all(map(ge, first, second))


def _between(first: Point, middle: Point, last: Point) -> bool:
    """Whether a weighted mean of two points is nowhere below the one between them."""
    low, high = (0, 1), (1, 1)  # bounds of the first one's weight, as fractions
    for a, m, b in zip(first, middle, last, strict=True):
        over, needed = a - b, m - b
        if over == 0 and needed > 0:
            return False
        if over > 0 and needed * low[1] > low[0] * over:
            low = (needed, over)
        if over < 0 and needed * high[1] > high[0] * over:
            high = (-needed, -over)
    return low[0] * high[1] <= high[0] * low[1]
