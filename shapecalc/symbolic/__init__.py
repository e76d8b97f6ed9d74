"""Sizes as formulas: whole-number expressions in symbols, kept in one canonical form.

A symbol stands for any whole number of at least 1. `Expr` is a sum of products; every operation gives
the canonical form at once, so two formulas that are equal objects are proved equal:

1. like terms are collected;
2. integer × sum distributes, sum × sum stays a product;
3. (k·a + b)//k = a + b//k;
4. (g·a + c)//(g·k) = (a + c//g)//k;
5. (x//a + c)//k = (x + a·c)//(a·k): a stack of strided layers becomes one floor;
6. a constant inside a floor is kept in [0, k), the carry goes outside.

Rules 3 to 6 are the laws of nested division (Graham, Knuth & Patashnik, Concrete Mathematics, 3.2).
"""

from shapecalc.symbolic.expr import Dim, Expr, symbol
from shapecalc.symbolic.facts import (
    at,
    difference,
    greatest,
    least,
    lone_symbol,
    maximum,
    minimum,
    number,
    ratio,
    reaches,
    rises,
    symbols_in,
)
from shapecalc.symbolic.joining import joined
from shapecalc.symbolic.ordering import never_below
from shapecalc.symbolic.sums import summed

__all__ = [
    "Dim",
    "Expr",
    "at",
    "difference",
    "greatest",
    "joined",
    "least",
    "lone_symbol",
    "maximum",
    "minimum",
    "never_below",
    "number",
    "ratio",
    "reaches",
    "rises",
    "summed",
    "symbol",
    "symbols_in",
]
