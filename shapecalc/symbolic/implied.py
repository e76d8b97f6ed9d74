"""Which of several conditions decide: those that do not follow from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shapecalc.symbolic import Dim, at, lone_symbol, never_below, number, reaches, symbol
from shapecalc.symbolic.conditions import AT_LEAST, Condition, Known

_MOST_COMPARED = 5_000
"""Pairs of conditions that are compared at most."""


def assumed(conditions: Sequence[Condition]) -> dict[str, Dim]:
    """By the names of symbols with a lower bound, formulas for all sizes from there on: H + 66 of H ≥ 67."""
    bounds: dict[str, int] = {}
    for left, relation, right, *_ in conditions:
        name = lone_symbol(left)
        if name and relation == AT_LEAST and isinstance(right, int):
            bounds[name] = max(right, bounds.get(name, 1))
    return {name: symbol(name) + (size - 1) for name, size in bounds.items()}


def decisive(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions without those that follow from others, in their order; of several alike the last one.

    A product of sizes is at least 2 where one of smaller sizes is: N⋅⌈H/32⌉⋅⌈W/32⌉ ≥ 2 says
    N⋅⌈H/16⌉⋅⌈W/16⌉ ≥ 2 too.
    """
    plain = list(Known().news(reversed(conditions)))[::-1]
    bounds = [c for c in plain if c.relation == AT_LEAST and isinstance(c.right, int)]
    dropped = set(map(id, _followers(bounds)))
    return tuple([c for c in plain if id(c) not in dropped])


def _followers(bounds: Sequence[Condition]) -> list[Condition]:
    """The lower bounds of products that follow from those of symbols, or from those of other products."""
    known = {figures: assumed([c for c in bounds if c.or_one <= figures]) for figures in (False, True)}
    dropped: list[Condition] = []
    left: list[Condition] = []
    compared = 0
    for one in reversed([c for c in bounds if not lone_symbol(c.left)]):
        compared += len(left)
        if compared > _MOST_COMPARED:
            break
        own = at(one.left, known[one.or_one])
        if reaches(own, number(one.right)) or any(_implies(other, one, known) for other in left):
            dropped.append(one)
            continue
        weaker = [other for other in left if _implies(one, other, known)]
        dropped += weaker
        left = [*(other for other in left if other not in weaker), one]
    return dropped


def _implies(one: Condition, other: Condition, known: Mapping[bool, Mapping[str, Dim]]) -> bool:
    """Whether one condition implies another: both are lower bounds, and the other's size is never below."""
    if not one.or_one <= other.or_one or not one.symbols <= other.symbols:
        return False
    sizes = known[other.or_one]
    return number(one.right) >= number(other.right) and never_below(
        at(other.left, sizes), at(one.left, sizes)
    )
