"""The size of an axis on which two tensors meet: both are equal, or one is 1 and is repeated."""

from __future__ import annotations

from functools import lru_cache

from shapecalc.symbolic.expr import Dim
from shapecalc.symbolic.facts import at, maximum, number, rises, symbols_in
from shapecalc.symbolic.searching import last

_FURTHEST = 2**40  # a size that is still 1 there is none of a network


@lru_cache(maxsize=10_000)
def joined(first: Dim, second: Dim) -> Dim:
    """The greater of two such sizes: the simpler formula, where it is never 1 while the other is larger.

    Of ⌈H/2⌉ and 2⋅⌊H/4⌋ it is the latter, which is never 1. So formulas do not grow from join to join.
    """
    for size in (first, second):
        if isinstance(size, int):
            return size
    shorter, longer = sorted((first, second), key=lambda size: 0 if isinstance(size, int) else size.parts)
    if not _repeated(shorter, longer):
        return shorter
    return maximum(first, second) if _repeated(longer, shorter) else longer


def _repeated(size: Dim, other: Dim) -> bool:
    """Whether a size may be 1 while the other is larger; True where that is not known."""
    names = symbols_in(size, other)
    if len(names) != 1 or not (rises(size, positive=False) and rises(other, positive=False)):
        return True
    (name,) = names

    def value(of: Dim, n: int) -> int:
        return number(at(of, {name: n}))

    below = last(lambda n: value(size, n) <= 1, _FURTHEST)
    return below == _FURTHEST or (below > 0 and value(size, below) == 1 and value(other, below) > 1)
