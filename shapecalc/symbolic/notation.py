"""How formulas are written: for people, for programs, for LaTeX.

The form for programs is valid Python, if floor and ceil round a quotient:

    sum = ["-"] product (("+" | "-") product)*; product = power ("*" power)*; power = factor ["**" number];
    factor = number | name | "(" sum ")" | ("min" | "max") "(" sum ("," sum)* ")"
           | ("floor" | "ceil") "(" product "/" factor ")"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from shapecalc.symbolic.expr import ONE, Dim, Expr, Extreme, Factor, Floor, Product, Symbol, fraction

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
_SUBSCRIBED = str.maketrans(_SUBSCRIPTS, "0123456789")
_FACTOR, _PRODUCT, _SUM = range(3)  # how tightly a text holds together


@dataclass(frozen=True, eq=False)
class Notation:
    """The pieces that a formula is written with; each notation is equal to itself alone."""

    times: str
    by: str
    """Between the sizes of a shape."""
    minus: str
    floor: str
    """The floor of a quotient: {0} and {1} are its parts in parentheses where they need them, {2} and {3}
    the same without, for a fraction that is drawn."""
    ceil: str
    power: Callable[[str, int], str]
    symbol: Callable[[str], str] = str
    number: Callable[[int], str] = str
    order: Mapping[str, int] = field(default_factory=dict)
    """The symbols that come first in a product, in an order of their own."""


UNICODE = Notation(
    "⋅", "×", "−", "⌊{0}/{1}⌋", "⌈{0}/{1}⌉", lambda base, n: base + str(n).translate(_SUPERSCRIPTS)
)
GROUPED = replace(UNICODE, number=lambda number: f"{number:,}")
"""For counts: with separators of thousands."""
PLAIN = Notation("*", "x", "-", "floor({0}/{1})", "ceil({0}/{1})", lambda base, n: f"{base}**{n}")


def _latex_symbol(name: str) -> str:
    bare = name.rstrip("'")
    primes = name[len(bare) :]
    letter = bare.rstrip(_SUBSCRIPTS)
    number = bare[len(letter) :].translate(_SUBSCRIBED)
    escaped = letter.replace("_", r"\_")
    written = letter if len(letter) == 1 else rf"\mathrm{{{escaped}}}"
    return written + (f"_{{{number}}}" if number else "") + primes


LATEX = Notation(
    r" \cdot ",
    r" \times ",
    "-",
    r"\left\lfloor \frac{{{2}}}{{{3}}} \right\rfloor",
    r"\left\lceil \frac{{{2}}}{{{3}}} \right\rceil",
    lambda base, n: f"{base}^{{{n}}}",
    _latex_symbol,
)


def text(size: Dim, notation: Notation) -> str:
    """A size as it is written on its own."""
    return _text(size, notation)[0]


def within_product(size: Dim, notation: Notation) -> str:
    """A size as it is written beside others that it is multiplied with: a sum in parentheses."""
    return _grouped(_text(size, notation), _PRODUCT)


def as_factor(size: Dim, notation: Notation) -> str:
    """A size as it is written after a sign of division: a sum or a product in parentheses."""
    return _grouped(_text(size, notation), _FACTOR)


def product_key(product: Product) -> str:
    """A text that is different for each product, to put products in order."""
    return "*".join(sorted([f"{_plain(factor)}**{power}" for factor, power in product]))


@lru_cache(maxsize=10_000)
def _plain(factor: Factor) -> str:
    """A factor as programs read it; cached, since texts are compared again and again to order factors."""
    return _factor_text(factor, PLAIN)


def shape_text(shape: Iterable[Dim], notation: Notation = UNICODE) -> str:
    """A shape as it is printed everywhere: `1×96×54×54`."""
    return notation.by.join([within_product(size, notation) for size in shape]) or "scalar"


def substituted(size: Dim, values: Mapping[str, Dim], notation: Notation) -> str:
    """The text of a formula with numbers in place of its symbols, none of it calculated."""

    def value(name: str) -> str:
        return as_factor(values[name], notation) if name in values else notation.symbol(name)

    return text(size, replace(notation, symbol=value))


def _grouped(written: tuple[str, int], loosest: int) -> str:
    return written[0] if written[1] <= loosest else f"({written[0]})"


def _text(size: Dim, notation: Notation) -> tuple[str, int]:
    """The text of a size, and which of _FACTOR, _PRODUCT and _SUM it is."""
    if isinstance(size, int):
        if size >= 0:
            return notation.number(size), _FACTOR
        return notation.minus + notation.number(-size), _SUM
    return _formula_text(size, notation)


@lru_cache(maxsize=10_000)
def _formula_text(size: Expr, notation: Notation) -> tuple[str, int]:
    """The same of a formula; kept, since the sizes of a network are made of those before them."""
    over, by = fraction(size)
    if size.constant and by != 1:  # one floor, which is how a textbook writes a size
        return _floor_text(over, by, notation), _FACTOR
    pieces = []
    for product, coefficient in sorted(size.terms.items(), key=lambda term: _rank(term[0], notation)):
        sign = notation.minus if coefficient < 0 else "+"
        pieces.append((sign, *_product_text(product, abs(coefficient), notation)))
    (sign, first, level), *others = pieces
    if sign == "+" and not others:
        return first, level
    start = first if sign == "+" else sign + first
    return start + "".join(f" {sign} {piece}" for sign, piece, _ in others), _SUM


def _floor_text(over: Dim, by: Dim, notation: Notation) -> str:
    form = notation.floor
    if not isinstance(over, int) and isinstance(by, int) and over.constant == by - 1:
        over, form = over - over.constant, notation.ceil  # ⌊(x + k − 1)/k⌋ = ⌈x/k⌉
    above, below = _text(over, notation), _text(by, notation)
    return form.format(_grouped(above, _PRODUCT), _grouped(below, _FACTOR), above[0], below[0])


def _product_text(product: Product, coefficient: int, notation: Notation) -> tuple[str, int]:
    factors = []
    for factor, power in sorted(product, key=lambda item: _order(item[0], notation)):
        base = _factor_text(factor, notation)
        factors.append(base if power == 1 else notation.power(base, power))
    if coefficient != 1 or not factors:
        factors.insert(0, notation.number(coefficient))
    return notation.times.join(factors), _FACTOR if len(factors) == 1 else _PRODUCT


def _factor_text(factor: Factor, notation: Notation) -> str:
    match factor:
        case Symbol(name):
            return notation.symbol(name)
        case Floor(over, by):
            return _floor_text(over, by, notation)
        case Extreme(function, of):
            return f"{function}({', '.join(sorted(text(size, notation) for size in of))})"
        case _:
            return _grouped(_text(factor, notation), _FACTOR)


def _rank(product: Product, notation: Notation) -> tuple[Any, ...]:
    """The place of a term in a sum: the highest powers first, the constant last."""
    degree = sum(power for _, power in product)
    return product == ONE, -degree, sorted((_order(factor, notation), -power) for factor, power in product)


def _order(factor: Factor, notation: Notation) -> tuple[int, int, str]:
    """The place of a factor in a product: the batch, other symbols, floors by their divisors, the rest."""
    if isinstance(factor, Symbol):
        place = notation.order.get(factor.name, len(notation.order))
        return 0, place, "" if factor.name == "N" else factor.name
    written = _plain(factor)
    by = [floor.by for floor in _floors(factor) if isinstance(floor.by, int)]
    return (1, min(by), written) if by else (2, 0, written)


def _floors(factor: Factor) -> list[Floor]:
    """The factor itself if it is a floor, else the floors among its terms."""
    if isinstance(factor, Floor):
        return [factor]
    if isinstance(factor, (Symbol, Extreme)):
        return []
    return [f for product in factor.terms for f, _ in product if isinstance(f, Floor)]
