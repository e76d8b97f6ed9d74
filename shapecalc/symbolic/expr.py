"""`Expr`: a formula in its canonical form, what it is made of, and the arithmetic that keeps it canonical."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import gcd
from typing import NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError

MOST_PARTS = 2_000
_MOST_POWER = 64

Dim: TypeAlias = "int | Expr"
"""A size: a number, or a formula with at least one symbol. Rules use only + - * // on sizes."""


class Symbol(NamedTuple):
    name: str


class Floor(NamedTuple):
    """over // by, to which no rule applies any more; the divisor is at least 1."""

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


class Expr:
    """A formula: a sum of products with whole coefficients, immutable and hashable.

    Operations give an `int` where the result is one, so an `Expr` always has a symbol in it. `==` is
    equality of form: equal formulas are equal for all values of their symbols. Formulas have no order
    and no truth value: see `least`, `greatest` and `difference` for what can be known of them.
    """

    __slots__ = ("_hash", "parts", "terms")

    def __init__(self, terms: Mapping[Product, int]) -> None:
        """For this package alone: `symbol` and arithmetic make formulas."""
        self.terms = terms
        self.parts = sum([_parts(factor) for factor in _factors(terms)])
        """The symbols and floors that the formula is written with."""
        if self.parts > MOST_PARTS:
            raise ArchitectureError(f"a formula of more than {MOST_PARTS:,} parts", hint="give numbers")
        self._hash = hash(frozenset(terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(other) is Expr and self._hash == other._hash and self.terms == other.terms

    def __bool__(self) -> bool:
        raise TypeError(f"the formula {self} has no truth value")

    def _repr_latex_(self) -> str:
        """The formula as a notebook typesets it."""
        from shapecalc.symbolic.notation import LATEX, text

        return f"${text(self, LATEX)}$"

    def __repr__(self) -> str:
        return self.ascii()

    # notation.py is made of the classes of this module, which imports it when it has something to write.

    def __str__(self) -> str:
        from shapecalc.symbolic.notation import UNICODE, text

        return text(self, UNICODE)

    def ascii(self) -> str:
        """The formula for programs: `floor((H - 7)/4)`, valid Python with floor and ceil of whole numbers."""
        from shapecalc.symbolic.notation import PLAIN, text

        return text(self, PLAIN)

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return total({**self.terms, ONE: self.constant + other})
        if not isinstance(other, Expr):
            return NotImplemented
        terms = dict(self.terms)
        add_to(terms, other.terms)
        return total(terms)

    __radd__ = __add__

    def __neg__(self) -> Expr:
        return Expr({product: -coefficient for product, coefficient in self.terms.items()})

    def __sub__(self, other: Dim) -> Dim:
        return self + -other

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            if other in (0, 1):
                return self if other else 0
            return Expr({product: other * coefficient for product, coefficient in self.terms.items()})
        if not isinstance(other, Expr):
            return NotImplemented
        (a, first), (b, second) = factored(self), factored(other)
        both = multiplied(first, second)
        if any(power > _MOST_POWER for _, power in both):
            raise ArchitectureError(f"a formula with a power above {_MOST_POWER}", hint="give numbers")
        return total({both: a * b})

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return _over_number(self, other)
        return _over_formula(self, other) if isinstance(other, Expr) else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
        return _over_formula(other, self) if isinstance(other, int) else NotImplemented

    @property
    def constant(self) -> int:
        """The term without a symbol."""
        return self.terms.get(ONE, 0)


def _parts(factor: Factor) -> int:
    if isinstance(factor, Expr):
        return factor.parts
    return 1 + sum([size.parts for size in inside(factor) if isinstance(size, Expr)])


def inside(factor: Factor) -> Iterable[Dim]:
    """The sizes that a factor is made of, as numerator and divisor of a floor; of a symbol, none."""
    match factor:
        case Symbol():
            return ()
        case Floor():
            return factor
        case Extreme():
            return factor.of
    return (factor,)


def factors_of(size: Dim) -> Iterator[Factor]:
    """The factors of all terms of a size, one by one; of a number, none."""
    return iter(()) if isinstance(size, int) else _factors(size.terms)


def _factors(terms: Iterable[Product]) -> Iterator[Factor]:
    return (factor for product in terms for factor, _ in product)


def symbol(name: str) -> Expr:
    """The symbol of that name as a formula."""
    return alone(Symbol(name))


def alone(factor: Factor) -> Expr:
    """A factor as a formula."""
    return factor if isinstance(factor, Expr) else Expr({frozenset({(factor, 1)}): 1})


def lone_factor(size: Dim) -> Factor | None:
    """The factor that a size is, if it is one and nothing else."""
    if isinstance(size, int) or len(size.terms) != 1:
        return None
    ((product, coefficient),) = size.terms.items()
    ((factor, power), *others) = product
    return factor if coefficient == power == 1 and not others else None


def fraction(size: Expr) -> tuple[Dim, int]:
    """Numerator and divisor of a size that is a floor, ⌊x/k⌋ + c = ⌊(x + c·k)/k⌋; of others, itself and 1."""
    match lone_factor(size - size.constant):
        case Floor(over, int() as by):
            return over + size.constant * by, by
    return size, 1


def add_to(terms: dict[Product, int], more: Mapping[Product, int], times: int = 1) -> None:
    """Add `times` the terms of `more` to those of another sum; terms that become 0 are removed."""
    for product, coefficient in more.items():
        found = terms.get(product, 0) + times * coefficient
        if found:
            terms[product] = found
        else:
            terms.pop(product, None)


def multiplied(first: Product, second: Product) -> Product:
    """The product of two products."""
    powers = dict(first)
    for factor, power in second:
        powers[factor] = powers.get(factor, 0) + power
    return frozenset(powers.items())


def total(terms: Mapping[Product, int]) -> Dim:
    """The sum of terms, an `int` where it has no symbol."""
    kept = {product: coefficient for product, coefficient in terms.items() if coefficient}
    if not kept.keys() - {ONE}:
        return kept.get(ONE, 0)
    if len(kept) == 1:
        ((product, coefficient),) = kept.items()
        if len(product) == 1:
            ((factor, power),) = product
            if power == 1 and isinstance(factor, Expr):
                return factor * coefficient  # rule 2: the other factors of a product were cancelled
    return Expr(kept)


def factored(expr: Expr) -> tuple[int, Product]:
    """A formula as one product with a coefficient; a sum becomes a factor of its own."""
    if len(expr.terms) == 1:
        ((product, coefficient),) = expr.terms.items()
        return coefficient, product
    content = gcd(*expr.terms.values())
    if _leading(expr.terms) < 0:
        content = -content
    primitive = Expr({product: coefficient // content for product, coefficient in expr.terms.items()})
    return content, frozenset({(primitive, 1)})


def _leading(terms: Mapping[Product, int]) -> int:
    """The coefficient that decides the sign of a sum: that of its first product, in any fixed order."""
    products = [product for product in terms if product]
    if len(products) == 1:
        return terms[products[0]]
    from shapecalc.symbolic.notation import product_key

    return terms[min(products, key=product_key)]


def _over_number(expr: Expr, k: int) -> Dim:
    """expr // k: rules 3 to 6, in this order."""
    if k == 0:
        raise ZeroDivisionError
    if k < 0:
        return -expr // -k
    outside: dict[Product, int] = {}
    inside: dict[Product, int] = {}
    for product, coefficient in expr.terms.items():
        if product:
            whole = abs(coefficient) // k * (1 if coefficient > 0 else -1)  # rule 3
            outside[product] = whole
            if coefficient != whole * k:
                inside[product] = coefficient - whole * k
    constant = expr.constant
    common = gcd(k, *inside.values())  # rule 4; of nothing, it is k
    inside = {product: coefficient // common for product, coefficient in inside.items()}
    constant, k = constant // common, k // common
    if k == 1:
        return total({**outside, **inside}) + constant
    nested = [f for f in map(_lone_floor, inside.items()) if f]
    if len(nested) == 1:
        return total(outside) + _merged(nested[0], inside, constant, k)
    if _leading(inside) < 0:
        # ⌊x/k⌋ = −⌈−x/k⌉ = −⌊(−x + k − 1)/k⌋: the first coefficient of a numerator is positive.
        inside = {product: -coefficient for product, coefficient in inside.items()}
        return total(outside) - _floor(inside, k - 1 - constant, k)
    return total(outside) + _floor(inside, constant, k)


def _floor(inside: Mapping[Product, int], constant: int, k: int) -> Dim:
    carry, rest = divmod(constant, k)  # rule 6
    return alone(Floor(total({**inside, ONE: rest}), k)) + carry


def _lone_floor(term: tuple[Product, int]) -> tuple[Floor, int] | None:
    """The floor that a term is, plain or negative, if its divisor is a number."""
    match [*term[0]], term[1]:
        case [(Floor(_, int()) as floor, 1)], 1 | -1 as sign:
            return floor, sign
    return None


def _merged(nested: tuple[Floor, int], inside: Mapping[Product, int], constant: int, k: int) -> Dim:
    """Rule 5: (±⌊x/a⌋ + rest)//k as one floor."""
    (x, a), sign = nested
    assert isinstance(a, int)  # `_lone_floor` saw to it
    others = {product: c for product, c in inside.items() if product != frozenset({(nested[0], 1)})}
    rest = total({**others, ONE: constant})
    # −⌊x/a⌋ = ⌊(−x + a − 1)/a⌋
    over = x + a * rest if sign > 0 else a * rest - x + (a - 1)
    return over // (a * k)


def _over_formula(over: Dim, by: Expr) -> Dim:
    """over // by, with each term that the divisor divides taken out of the floor."""
    if isinstance(over, int):
        return alone(Floor(over, by)) if over else 0
    if over == by:
        return 1
    k, divisor = factored(by)
    outside: Dim = 0
    inside: Dim = 0
    parts: list[Dim] = [over]
    if len(by.terms) == 1:
        parts = [total({product: coefficient}) for product, coefficient in over.terms.items()]
    for part in parts:
        quotient = _quotient(part, k, divisor)
        if quotient is None:
            inside = inside + part
        else:
            outside = outside + quotient
    if inside == 0:
        return outside
    return outside + alone(Floor(inside, by))


def _quotient(part: Dim, k: int, divisor: Product) -> Dim | None:
    """part / (k · divisor) where that is whole for all values, else None."""
    if not isinstance(part, Expr):
        return None
    coefficient, product = factored(part)
    powers = multiplied(product, frozenset((factor, -power) for factor, power in divisor))
    if coefficient % k or any(power < 0 for _, power in powers):
        return None
    return total({frozenset((f, p) for f, p in powers if p): coefficient // k})
