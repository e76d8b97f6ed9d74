"""Sums of many sizes, and the multiplying out of products of sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from shapecalc.symbolic.expr import ONE, Dim, Expr, Product, add_to, alone, multiplied, total

_MOST_TERMS = 1000
"""Terms of a sum up to which its products are multiplied out."""

MOST_WRITTEN = 100
"""Terms of a sum up to which products such as (H − 2)⋅(W − 2), one term, stay as they are."""


def summed(sizes: Iterable[Dim]) -> Dim:
    """The sum of sizes; of very many different products it is multiplied out, where that leaves fewer.

    So the sizes (H − 2)⋅(W − 2), (H − 4)⋅(W − 4), … of any number of layers are one polynomial.
    """
    sizes = tuple(sizes)
    if len(sizes) == 1:
        return sizes[0]
    number = 0
    terms: dict[Product, int] = {}
    for size in sizes:
        if isinstance(size, int):
            number += size
        else:
            add_to(terms, size.terms)
    if not terms:
        return number
    terms[ONE] = terms.get(ONE, 0) + number
    return compactly(terms)


def compactly(terms: Mapping[Product, int]) -> Dim:
    """A sum of terms, multiplied out if it has very many of them and that leaves fewer."""
    if len(terms) > MOST_WRITTEN:
        shorter = multiplied_out(terms)
        if shorter is not None and len(shorter) < len(terms):
            terms = shorter
    return total(terms)


def multiplied_out(terms: Mapping[Product, int]) -> dict[Product, int] | None:
    """A sum without any product of sums; None where its products have very many terms."""
    result: dict[Product, int] = {}
    for product, coefficient in terms.items():
        if not any(isinstance(factor, Expr) for factor, _ in product):
            add_to(result, {product: coefficient})
            continue
        inner = _multiplied_out(product)
        if inner is None:
            return None
        add_to(result, inner, coefficient)
    return result


@lru_cache(maxsize=1_000)
def _multiplied_out(product: Product) -> Mapping[Product, int] | None:
    """The same of one product; cached, since the same sizes come again and again."""
    terms: dict[Product, int] = {ONE: 1}
    for factor, power in product:
        single = multiplied_out(alone(factor).terms)
        if single is None:
            return None
        for _ in range(power):
            terms = _times(terms, single)
            if len(terms) > _MOST_TERMS:
                return None
    return terms


def _times(first: Mapping[Product, int], second: Mapping[Product, int]) -> dict[Product, int]:
    terms: dict[Product, int] = {}
    for a, x in first.items():
        add_to(terms, {multiplied(a, b): y for b, y in second.items()} if a else second, x)
    return terms
