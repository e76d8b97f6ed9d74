"""What formulas are made of: products of symbols, floors, extremes and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from shapecalc.symbolic.expr import Dim, Expr


class Symbol(NamedTuple):
    name: str


class Floor(NamedTuple):
    """over // by, which no rule takes further apart; the divisor is at least 1."""

    over: Dim
    by: Dim


class Extreme(NamedTuple):
    """The least or the greatest of several sizes; `function` is `min` or `max`."""

    function: str
    of: frozenset[Dim]


Factor: TypeAlias = "Symbol | Floor | Extreme | Expr"
"""What products are made of; an `Expr` in a product is a sum whose terms have no common divisor."""

Product: TypeAlias = frozenset[tuple[Factor, int]]
"""Factors with their powers; the empty product is 1."""

ONE: Product = frozenset()
