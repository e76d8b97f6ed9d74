"""The points that no other is better than: exact, on whole numbers and fractions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

Goal: TypeAlias = "tuple[Fraction, ...]"
"""The figures of a point that are compared, each the better the smaller."""


def dominates(one: Goal, other: Goal) -> bool:
    """Whether a point is nowhere worse than the other, and somewhere better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def front(points: Iterable[Goal]) -> frozenset[Goal]:
    """The points that none dominates.

    In the order of their figures, what dominates a point stands before it; and what a dominated one
    dominates, the one above it does too. So each is held against those found so far alone.
    """
    found: list[Goal] = []
    for point in sorted(set(points)):
        if not _beaten(point, found):
            found.append(point)
    return frozenset(found)


def _beaten(point: Goal, found: Sequence[Goal]) -> bool:
    """Of two figures, the last one found has the least second one."""
    return any(dominates(one, point) for one in (found[-1:] if len(point) == 2 else found))
