"""What is known of formulas: their symbols, bounds and differences, and their values at given sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, reduce

from shapecalc.symbolic.expr import (
    Dim,
    Expr,
    Extreme,
    Factor,
    Floor,
    Product,
    Symbol,
    alone,
    factors_of,
    inside,
    lone_factor,
    total,
)
from shapecalc.symbolic.sums import multiplied_out, summed


def at(size: Dim, sizes: Mapping[str, Dim]) -> Dim:
    """A size with sizes in place of its symbols; those that are not named stay."""
    if isinstance(size, int):
        return size
    return summed([_product_at(product, sizes) * number for product, number in size.terms.items()])


def _product_at(product: Product, sizes: Mapping[str, Dim]) -> Dim:
    result: Dim = 1
    for factor, power in product:
        value = _factor_at(factor, sizes)
        for _ in range(power):
            result = result * value
    return result


def _factor_at(factor: Factor, sizes: Mapping[str, Dim]) -> Dim:
    match factor:
        case Symbol(name):
            return sizes[name] if name in sizes else alone(factor)
        case Floor(over, by):
            return at(over, sizes) // at(by, sizes)
        case Extreme(function, of):
            return reduce(maximum if function == "max" else minimum, [at(size, sizes) for size in of])
        case Expr():
            return at(factor, sizes)


def symbols_in(*sizes: Dim) -> frozenset[str]:
    """The names of the symbols in sizes, of which numbers have none."""
    return frozenset(name for size in sizes for name in _names(size))


def _names(size: Dim) -> Iterator[str]:
    for factor in factors_of(size):
        if isinstance(factor, Symbol):
            yield factor.name
        else:
            yield from symbols_in(*inside(factor))


def lone_symbol(size: Dim) -> str | None:
    """The name of the symbol that a size is, if it is one and nothing else."""
    factor = lone_factor(size)
    return factor.name if isinstance(factor, Symbol) else None


def number(size: Dim) -> int:
    """The size, which must be a number.

    Raises:
        TypeError: it is a formula.
    """
    if isinstance(size, int):
        return size
    raise TypeError(f"{size} is a formula, not a number")


def ratio(part: Dim, whole: Dim) -> float | None:
    """part / whole where that is the same number for all symbols, else None."""
    terms = [[size] if isinstance(size, int) else list(size.terms.values()) for size in (part, whole)]
    p, w = (sum(map(abs, coefficients)) for coefficients in terms)
    return p / w if w and part * w == whole * p else None


def maximum(first: Dim, second: Dim) -> Dim:
    """The greater of two sizes."""
    return _extreme("max", first, second)


def minimum(first: Dim, second: Dim) -> Dim:
    """The lesser of two sizes."""
    return _extreme("min", first, second)


def _extreme(function: str, first: Dim, second: Dim) -> Dim:
    apart = difference(first, second)
    if reaches(apart, 0):
        return first if function == "max" else second
    if reaches(-apart, 0):
        return second if function == "max" else first
    of: frozenset[Dim] = frozenset()
    for size in (first, second):
        inner = lone_factor(size)
        of |= inner.of if isinstance(inner, Extreme) and inner.function == function else {size}
    return alone(Extreme(function, of))


def difference(first: Dim, second: Dim) -> Dim:
    """first − second with all products multiplied out, so that equal polynomials differ by 0.

    Products stay as they are where they would have very many terms.
    """
    if first == second:
        return 0
    apart = first - second
    if isinstance(apart, int):
        return apart
    terms = multiplied_out(apart.terms)
    return apart if terms is None else total(terms)


def least(size: Dim) -> int | None:
    """A number that the size is never below, None where none is known."""
    if isinstance(size, int):
        return size
    bound = size.constant
    for product, coefficient in size.terms.items():
        if product:
            low = least_product(product) if coefficient > 0 else None
            if low is None:
                return None
            bound += coefficient * low
    return bound


def reaches(size: Dim, bound: int) -> bool:
    """Whether a size is known never to be below a number."""
    low = least(size)
    return low is not None and low >= bound


def rises(size: Dim, positive: bool) -> bool:
    """Whether a size never falls as its symbols grow, as far as its form shows.

    A product of sizes that rise does so too, if these are `positive`; without that it is not known to.
    """
    if isinstance(size, int):
        return True
    return all(
        coefficient > 0 and (positive or _is_lone(product)) and all(_rising(f, positive) for f, _ in product)
        for product, coefficient in size.terms.items()
        if product
    )


def _is_lone(product: Product) -> bool:
    ((factor, power), *others) = product
    return not others and (power == 1 or isinstance(factor, Symbol))


def _rising(factor: Factor, positive: bool) -> bool:
    by_formula = isinstance(factor, Floor) and isinstance(factor.by, Expr)
    return not by_formula and all(rises(size, positive) for size in inside(factor))


def greatest(size: Dim) -> int | None:
    """A number that the size is never above, None where none is known."""
    low = least(-size)
    return None if low is None else -low


@lru_cache(maxsize=10_000)
def least_product(product: Product) -> int | None:
    """A number that a product of factors is never below, None where none is known.

    Results are cached: layers in a row have the same products, hundreds of them if multiplied out.
    """
    lows = [(_least_factor(factor), power) for factor, power in product]
    if lows == [(lows[0][0], 1)]:
        return lows[0][0]
    result = 1
    for low, power in lows:
        if low is None or low < 0:
            return None
        result *= low**power
    return result


def _least_factor(factor: Factor) -> int | None:
    match factor:
        case Symbol():
            return 1
        case Floor(over, by):
            low = least(over)
            if isinstance(by, int):
                return None if low is None else low // by
            return 0 if reaches(over, 0) else None
        case Extreme(function, of):
            known = [low for low in map(least, of) if low is not None]
            if function == "max":
                return max(known, default=None)
            return min(known) if len(known) == len(of) else None
    return least(factor)
