"""What rules demand of sizes: decided where it can be, else recorded as a condition of the result.

`at_least`, `equal`, `multiple`, `not_one` and `differ` are False where sizes can't meet the demand, and True
where they do or may; a demand that they may meet is added to the conditions that `collecting` gathers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import gcd
from typing import NamedTuple

from shapecalc.symbolic import Dim, Expr, at, difference, number, reaches, symbols_in
from shapecalc.symbolic.expr import ONE, Floor, lone_factor
from shapecalc.symbolic.notation import PLAIN, UNICODE, as_factor, text, within_product

AT_LEAST, AT_MOST, EQUAL, MULTIPLE = "≥", "≤", "=", "divisible by"
_LARGE = (1_000_000, 1_000, 64, 8, 2, 1)
"""Values of all symbols at which formulas are compared, to tell which is greater for large sizes."""
_SIGNS = {AT_LEAST: ">=", AT_MOST: "<=", EQUAL: "=="}


class Condition(NamedTuple):
    """`left` `relation` `right`, needed by the layer at `path`; `why` says what for."""

    left: Dim
    relation: str
    right: Dim
    why: str
    or_one: bool = False
    """Whether torch also takes 1 on either side; formulas of the network hold where the sides are equal."""
    path: str = ""

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether the condition is met with numbers in place of all symbols."""
        try:
            left, right = number(at(self.left, sizes)), number(at(self.right, sizes))
        except ZeroDivisionError:  # of a size that another condition refuses
            return False
        if self.relation == AT_LEAST:
            return left >= right
        return left == right if self.relation == EQUAL else left % right == 0

    def permits(self, sizes: Mapping[str, int]) -> bool:
        """Whether the layer works: the condition is met, or a side of 1 is repeated instead."""
        if self.holds(sizes):
            return True
        return self.or_one and any(at(side, sizes) == 1 for side in (self.left, self.right))

    def implies(self, other: Condition) -> bool:
        """Whether the other plainly holds where this one does: the same, a lower bound, or a divisor."""
        if self.about != other.about or self.or_one > other.or_one:
            return False
        if isinstance(self.right, int) and isinstance(other.right, int):
            if self.relation == AT_LEAST:
                return self.right >= other.right
            if self.relation == MULTIPLE:
                return self.right % other.right == 0
        return self.right == other.right or self.relation == EQUAL

    @property
    def about(self) -> tuple[object, str]:
        """What two conditions must have in common for one to follow from the other; a = b is b = a."""
        return (frozenset(self[:3:2]) if self.relation == EQUAL else self.left), self.relation

    @property
    def of_figures(self) -> bool:
        """Whether it refuses no size, and only says where formulas hold: at least 2, or 1."""
        return self.or_one and self.relation == AT_LEAST

    @property
    def strict(self) -> Condition:
        """The condition without the size of 1 that is permitted all the same: where formulas hold."""
        return self._replace(or_one=False)

    @property
    def permitted(self) -> tuple[Condition, ...]:
        """The conditions of which one is enough for the layer to work: H = W, H = 1 or W = 1."""
        if not self.or_one or self.relation != EQUAL:
            return (self,)
        sides = [side for side in (self.left, self.right) if isinstance(side, Expr)]
        return self.strict, *[self.strict._replace(left=side, right=1) for side in sides]

    @property
    def symbols(self) -> frozenset[str]:
        return symbols_in(self.left, self.right)

    def __str__(self) -> str:
        left, relation, right = self._plainly()
        return f"{text(left, UNICODE)} {relation} {text(right, UNICODE)}"

    def _plainly(self) -> tuple[Dim, str, Dim]:
        """The condition as it is said: −L ≥ −1024 is L ≤ 1024."""
        left, relation, right = self.left, self.relation, self.right
        if relation == AT_LEAST and isinstance(left, Expr) and all(c < 0 for c in left.terms.values()):
            return -left, AT_MOST, -right
        return left, relation, right

    def ascii(self) -> str:
        """The condition for programs: `H >= 63`, `H*W % 784 == 0`."""
        if self.relation == MULTIPLE:
            return f"{within_product(self.left, PLAIN)} % {as_factor(self.right, PLAIN)} == 0"
        left, relation, right = self._plainly()
        return f"{text(left, PLAIN)} {_SIGNS[relation]} {text(right, PLAIN)}"


class Known:
    """A set of conditions that tells whether a further condition plainly follows from one of them."""

    def __init__(self, conditions: Iterable[Condition] = ()) -> None:
        self._strongest: dict[tuple[object, str], list[Condition]] = {}
        for condition in conditions:
            self.add(condition)

    def add(self, condition: Condition) -> None:
        weaker = self._strongest.get(condition.about, [])
        self._strongest[condition.about] = [
            *[known for known in weaker if not condition.implies(known)],
            condition,
        ]

    def news(self, conditions: Iterable[Condition]) -> Iterator[Condition]:
        """Add conditions; gives those that did not follow from known ones."""
        for condition in conditions:
            if not self.imply(condition):
                self.add(condition)
                yield condition

    def imply(self, condition: Condition) -> bool:
        """Whether it plainly follows from one of these."""
        return any(known.implies(condition) for known in self._strongest.get(condition.about, ()))


_collected: ContextVar[list[Condition]] = ContextVar("collected")


@contextmanager
def collecting() -> Iterator[list[Condition]]:
    """Gather the conditions that rules record inside of the `with`."""
    conditions: list[Condition] = []
    token = _collected.set(conditions)
    try:
        yield conditions
    finally:
        _collected.reset(token)


def _record(condition: Condition) -> bool:
    conditions = _collected.get(None)
    if conditions is None:
        raise RuntimeError(
            f"it depends on {condition} whether the formulas hold: run the rule within `with collecting() as"
            " conditions`, or ask `Layer.figures`, which does"
        )
    if condition not in conditions:
        conditions.append(condition)
    return True


def at_least(size: Dim, bound: Dim, why: str) -> bool:
    """Whether `size` ≥ `bound`."""
    if reaches(size, bound) if isinstance(bound, int) else reaches(size - bound, 0):
        return True
    spare = difference(size, bound)
    if isinstance(spare, int):
        return spare >= 0
    if reaches(spare, 0):
        return True
    if reaches(-spare, 1):
        return False
    left, right = _unfolded(spare, 0)
    return _record(Condition(left, AT_LEAST, right, why))


def not_one(size: Dim, why: str) -> bool:
    """Whether a size is not 1; a formula is taken not to be, and its condition permits 1 all the same."""
    if isinstance(size, int):
        return size != 1
    return reaches(size, 2) or _record(Condition(size, AT_LEAST, 2, why, or_one=True))


def differ(first: Dim, second: Dim, why: str) -> bool:
    """Whether two sizes differ; of formulas that may be equal, the one greater for large sizes must be."""
    apart = difference(first, second)
    if isinstance(apart, int):
        return apart != 0
    if _never_zero(apart):
        return True
    for size, of in ((first, second), (second, first)):
        times = 0 if of == 0 else size // of
        if times * of == size:
            return not_one(times, why)
    left, right = _unfolded(apart if at_large(apart) > 0 else -apart, 1)
    return _record(Condition(left, AT_LEAST, right, why))


def at_large(size: Dim) -> int:
    """A size where its symbols are large, or as large as they can be: 96 // heads divides up to 96 heads."""
    symbols = symbols_in(size)
    for value in _LARGE:
        try:
            return number(at(size, dict.fromkeys(symbols, value)))
        except ZeroDivisionError:
            continue
    return _LARGE[0]


def _unfolded(size: Expr, bound: int) -> tuple[Expr, int]:
    """`size` ≥ `bound` as an inequality of a simpler size: ⌊x/k⌋ ≥ m ⟺ x ≥ k·m, c·x ≥ m ⟺ x ≥ ⌈m/c⌉."""
    bound -= size.constant
    terms = {product: coefficient for product, coefficient in size.terms.items() if product}
    common = gcd(*terms.values())
    inner = Expr({product: coefficient // common for product, coefficient in terms.items()})
    bound = -(-bound // common)
    match lone_factor(inner):
        case Floor(Expr() as over, int() as by):
            return _unfolded(over, bound * by)
    return inner, bound


def _never_zero(size: Dim) -> bool:
    return reaches(size, 1) or reaches(-size, 1)


def equal(first: Dim, second: Dim, why: str, or_one: bool = False) -> bool:
    """Whether the two sizes are equal."""
    apart = difference(first, second)
    if isinstance(apart, int):
        return apart == 0
    if _never_zero(apart):
        return False
    if isinstance(first, int):
        first, second = second, first
    return _record(Condition(first, EQUAL, second, why, or_one))


def multiple(size: Dim, of: Dim, why: str) -> bool:
    """Whether `of` divides `size`."""
    if isinstance(size, int) and isinstance(of, int):
        return size % of == 0
    if size // of * of == size:
        return True
    if isinstance(of, int) and isinstance(size, Expr):
        # Terms that `of` divides do not matter, and a divisor that all others share is taken out of both.
        terms = {product: coefficient % of for product, coefficient in size.terms.items() if coefficient % of}
        if terms.get(ONE, 0) % gcd(of, *(c for product, c in terms.items() if product)):
            return False  # 2·H + 1 is no multiple of 4
        common = gcd(of, *terms.values())
        size, of = Expr({product: c // common for product, c in terms.items()}), of // common
    return _record(Condition(size, MULTIPLE, of, why))
