"""Whether one formula is never below another one, whatever their symbols are: what their forms show."""

from __future__ import annotations

from itertools import permutations

from shapecalc.symbolic.expr import Dim, Expr, Product, alone, fraction
from shapecalc.symbolic.facts import difference, reaches

_MOST_FACTORS = 4
"""Of a product whose factors are compared in every order."""


def never_below(first: Dim, second: Dim) -> bool:
    """Whether `first` ≥ `second` plainly holds for all symbols; False says nothing."""
    if reaches(difference(first, second), 0):
        return True
    if isinstance(first, int) or isinstance(second, int):
        return False
    return _fraction_never_below(first, second) or _product_never_below(first, second)


def _fraction_never_below(first: Expr, second: Expr) -> bool:
    """⌊a/k⌋ ≥ ⌊b/m⌋ where a·m ≥ b·k."""
    (a, k), (b, m) = fraction(first), fraction(second)
    return (k, m) != (1, 1) and reaches(difference(a * m, b * k), 0)


def _product_never_below(first: Expr, second: Expr) -> bool:
    """a·b·c ≥ d·e where a ≥ d ≥ 0, b ≥ e ≥ 0 in some order, and c ≥ 1; −1 times −2 is above 1."""
    if len(first.terms) > 1 or len(second.terms) > 1:
        return False
    ((more, a),), ((less, b),) = first.terms.items(), second.terms.items()
    own, others = _factors(more), _factors(less)
    if not a >= b > 0 or len(others) > len(own) or len(own) > _MOST_FACTORS:
        return False
    if len(own) == 1 or not all(reaches(factor, 1) for factor in own):
        return False
    if not all(reaches(factor, 0) for factor in others):
        return False
    return any(all(map(never_below, order, others)) for order in permutations(own, len(others)))


def _factors(product: Product) -> list[Expr]:
    return [alone(factor) for factor, power in product for _ in range(power)]
