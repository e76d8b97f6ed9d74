"""Conditions on a product of sizes of several symbols, solved by the divisors of the number that it meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import gcd, isqrt
from typing import TypeAlias

from shapecalc.analysis.domain.boxes import MOST_BOXES, Box
from shapecalc.analysis.domain.sizesets import SizeSet
from shapecalc.symbolic import Dim, Expr, symbols_in
from shapecalc.symbolic.conditions import AT_LEAST, EQUAL, MULTIPLE, Condition
from shapecalc.symbolic.expr import alone

_LARGEST_FACTORED = 10**12

SolveOne: TypeAlias = Callable[[Condition], SizeSet | None]
"""Solves a condition on one symbol."""


def of_several(condition: Condition, solve_one: SolveOne) -> list[Box] | None:
    """The sizes that meet a condition on a product of sizes, each of its own symbol, and a number.

    None where the condition has another form, or its solution too many boxes.
    """
    left, relation, right = condition[:3]
    if not isinstance(left, Expr) or not isinstance(right, int):
        return None
    constant = left.constant if relation != MULTIPLE else 0
    rights = {right - constant, 1 - constant} if condition.or_one and right != 1 else {right - constant}
    parts = _parts(left - constant)
    if parts is None or (condition.or_one and right == 1):
        return None
    coefficient, sizes = parts
    boxes: list[Box] = []
    for bound in sorted(rights):
        found = _boxes(relation, coefficient, bound, sizes, solve_one)
        if found is None:
            return None
        boxes += found
    return boxes


def _parts(size: Dim) -> tuple[int, dict[str, Dim]] | None:
    """A size as a coefficient times a size of each symbol alone; None where it is no such product."""
    if not isinstance(size, Expr) or len(size.terms) > 1:
        return None
    ((product, coefficient),) = size.terms.items()
    parts: dict[str, Dim] = {}
    for factor, power in product:
        own = alone(factor)
        names = symbols_in(own)
        if len(names) != 1:
            return None
        (name,) = names
        for _ in range(power):
            parts[name] = parts.get(name, 1) * own
    return coefficient, dict(sorted(parts.items()))


def _boxes(
    relation: str, coefficient: int, right: int, parts: Mapping[str, Dim], solve_one: SolveOne
) -> list[Box] | None:
    """The boxes in which coefficient · sizes has that relation to a number."""
    if right < 1 and relation == EQUAL:
        return []  # sizes that a network has are at least 1
    shares = _shares(relation, coefficient, right, len(parts))
    if shares is None:
        return None
    boxes: list[Box] = []
    solved = cache(solve_one)
    for share in shares:
        box: dict[str, SizeSet] = {}
        for (name, size), (own, bound) in zip(parts.items(), share, strict=True):
            found = solved(Condition(size, own, bound, ""))
            if found is None:
                return None
            box[name] = found
        if all(box.values()):
            boxes.append(box)
    return boxes


_Share: TypeAlias = tuple[tuple[str, int], ...]
"""For each of several sizes, the relation that it has to have to which number."""


def _shares(relation: str, coefficient: int, right: int, sizes: int) -> list[_Share] | None:
    """All ways in which coefficient · sizes, so many of them, can have that relation to a number."""
    if coefficient < 1 or right < 1 or right > _LARGEST_FACTORED:
        return None
    if relation == EQUAL:
        return [] if right % coefficient else _of_each(EQUAL, _factorings(right // coefficient, sizes))
    if relation == MULTIPLE:
        return _of_each(MULTIPLE, _factorings(right // gcd(right, coefficient), sizes))
    assert relation == AT_LEAST
    least = -(-right // coefficient)
    return list(_reaching(least, sizes)) if least ** (sizes - 1) <= MOST_BOXES else None


def _of_each(relation: str, numbers: Iterator[tuple[int, ...]]) -> list[_Share] | None:
    """A share for each tuple of numbers, with the same relation for all; None where they are too many."""
    shares = []
    for factors in numbers:
        shares.append(tuple((relation, factor) for factor in factors))
        if len(shares) > MOST_BOXES:
            return None
    return shares


def _factorings(n: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write n as a product of that many factors, in order."""
    if parts == 1:
        yield (n,)
        return
    for divisor in _divisors(n):
        for others in _factorings(n // divisor, parts - 1):
            yield (divisor, *others)


def _divisors(n: int) -> list[int]:
    small = [d for d in range(1, isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


def _reaching(least: int, parts: int) -> Iterator[_Share]:
    """All ways in which a product of that many numbers is at least `least`."""
    if parts == 1 or least <= 1:
        yield ((AT_LEAST, least), *((AT_LEAST, 1),) * (parts - 1))
        return
    yield ((AT_LEAST, least), *((AT_LEAST, 1),) * (parts - 1))
    for first in range(1, least):
        for others in _reaching(-(-least // first), parts - 1):
            yield ((EQUAL, first), *others)
