"""Figures as formulas of variables, the sizes for which they hold, and the sizes that a network takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shapecalc.analysis.budgets.variables import Variable
from shapecalc.analysis.domain.boxes import within
from shapecalc.analysis.domain.residues import Unwieldy, residues
from shapecalc.analysis.domain.segments import Segment
from shapecalc.analysis.domain.sizesets import EVERY, NEVER, SizeSet
from shapecalc.analysis.domain.solving import solve
from shapecalc.symbolic import Dim, at, number, rises
from shapecalc.symbolic.conditions import Condition
from shapecalc.symbolic.expr import Extreme, alone, factors_of, inside, lone_factor
from shapecalc.symbolic.implied import decisive

ENDLESS = 2**63 - 1
"""The largest size that there is."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes that conditions leave: of each symbol by itself, and what is said of several together."""

    each: Mapping[str, SizeSet]
    together: tuple[Condition, ...]

    @classmethod
    def of(cls, conditions: Sequence[Condition], each: Mapping[str, SizeSet]) -> Sizes | None:
        """Those of conditions, within sizes that are known; None where one has no closed form."""
        box: Mapping[str, SizeSet] | None = each
        together = tuple([one for one in conditions if len(one.symbols) > 1])
        for one in conditions:
            if len(one.symbols) > 1:
                continue
            boxes = solve(one)
            if boxes is None or len(boxes) > 1:
                return None
            box = within(box, boxes[0] if boxes else dict.fromkeys(each, NEVER))
        return None if box is None else cls(box, together)

    def put(self, name: str, value: int) -> Sizes | None:
        """The same with a number in place of a symbol."""
        sizes = {name: value}
        conditions = [c._replace(left=at(c.left, sizes), right=at(c.right, sizes)) for c in self.together]
        return Sizes.of(conditions, {other: own for other, own in self.each.items() if other != name})


@dataclass(frozen=True, slots=True)
class Formulas:
    """Figures with bounds, as formulas of symbols that stand for whole numbers.

    Each figure is the greatest of its formulas. From `corner` on none of them falls as a symbol grows.
    """

    figures: Mapping[str, Sequence[Dim]]
    limits: Mapping[str, int]
    taken: Sizes
    """The sizes that the network takes."""
    held: Sizes
    """Those for which the formulas are its figures."""
    corner: Mapping[str, int]

    def within(self, sizes: Mapping[str, int]) -> bool:
        """Whether the formulas give no more than the bounds."""
        return all(
            number(at(size, sizes)) <= self.limits[name]
            for name, sizes_of in self.figures.items()
            for size in sizes_of
        )

    def at(self, sizes: Mapping[str, int]) -> Mapping[str, int] | None:
        """The figures at sizes of all symbols; None where the formulas are not the figures."""
        own = all(sizes[name] in known for name, known in self.held.each.items())
        if not own or not all(one.holds(sizes) for one in self.held.together):
            return None
        return {name: max(number(at(size, sizes)) for size in those) for name, those in self.figures.items()}

    def put(self, name: str, value: int) -> Formulas | None:
        """The same with a number in place of a symbol; None where the sizes left have no closed form."""
        taken, held = self.taken.put(name, value), self.held.put(name, value)
        if taken is None or held is None:
            return None
        figures = {
            figure: [at(size, {name: value}) for size in sizes] for figure, sizes in self.figures.items()
        }
        corner = {other: first for other, first in self.corner.items() if other != name}
        return Formulas(figures, self.limits, taken, held, corner)

    def most(self, name: str) -> int:
        """The largest number in place of a symbol within the bounds, the others at the corner; 0 if none is.

        `ENDLESS` where there is no largest.
        """
        first, numbers = self.corner[name], range(ENDLESS)
        found = bisect_left(
            numbers, True, first, ENDLESS, key=lambda n: not self.within({**self.corner, name: n})
        )
        return 0 if found == first else found if found == ENDLESS else found - 1

    def known(self, name: str) -> SizeSet:
        """The sizes of a symbol for which the formulas are the figures, and never fall."""
        return self.held.each[name] & self.taken.each[name] & SizeSet.between(self.corner[name], None)

    def others(self, name: str) -> SizeSet:
        """The sizes of a symbol that the network takes, too: each is looked at by itself."""
        return self.taken.each[name] & self.known(name).complement()


def formulas_of(
    figures: Mapping[str, object],
    limits: Mapping[str, int],
    taken: Sequence[Condition],
    held: Sequence[Condition],
    variables: Sequence[Variable],
) -> Formulas | None:
    """Formulas of variables; None where it is not known of one that it never falls, or for which sizes."""
    try:
        steps = {each.name: _multiples(each) for each in variables}
        known = Sizes.of(decisive([one for one in taken if not one.of_figures]), steps)
        valid = Sizes.of(decisive([one.strict for one in held]), steps)
    except Unwieldy:
        return None
    if known is None or valid is None or not all(known.each.values()) or not all(valid.each.values()):
        return None
    parts = {name: _parts(figure) for name, figure in figures.items()}
    corner = {name: own.segments[0].first for name, own in valid.each.items()}
    sizes = [size for those in parts.values() for size in those]
    found = _corner(sizes, corner)
    return None if found is None else Formulas(parts, limits, known, valid, found)


def _multiples(variable: Variable) -> SizeSet:
    step = variable.step.numerator
    return EVERY if step == 1 else SizeSet.of([Segment(1, None, residues(step, [(0, 0)]))])


def _parts(figure: object) -> list[Dim]:
    """The formulas of which a figure is the greatest."""
    assert not isinstance(figure, tuple)
    size: Dim = figure  # type: ignore[assignment]
    factor = None if isinstance(size, int) else lone_factor(size)
    return [*factor.of] if isinstance(factor, Extreme) and factor.function == "max" else [size]


def _corner(sizes: Sequence[Dim], first: Mapping[str, int]) -> Mapping[str, int] | None:
    """Numbers from which on no size falls as a symbol grows, at least the first ones; None: not known.

    Products of factors that rise do so where no factor is below 0, so the numbers are doubled until all are.
    """
    if not all(rises(size, positive=True) for size in sizes):
        return None
    corner = dict(first)
    for _ in range(20):
        if all(_is_positive(size, corner) for size in sizes):
            return corner
        corner = {name: 2 * value for name, value in corner.items()}
    return None


def _is_positive(size: Dim, corner: Mapping[str, int]) -> bool:
    return all(
        number(at(alone(factor), corner)) >= 0 and all(_is_positive(part, corner) for part in inside(factor))
        for factor in factors_of(size)
    )


def up_to(sizes: SizeSet, most: int) -> SizeSet:
    """The sizes of a set that are no larger than a number."""
    return sizes & SizeSet.between(1, most) if most > 0 else NEVER


def endless(sizes: SizeSet) -> bool:
    """Whether a set of sizes has no largest."""
    return bool(sizes) and sizes.segments[-1].last is None


def count(sizes: SizeSet) -> int:
    """How many sizes a set with an end has."""
    return sum(segment.size for segment in sizes.segments)
