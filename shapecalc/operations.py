"""What a layer computes beside its multiply-accumulates: elementwise operations, by kind.

A layer type declares them by the formula that its documentation writes, in evaluation, and by these rules:

- Products that are summed are multiply-accumulates, and not here; a bias is an addition for each element.
- A function of a number alone is one `exp`, whatever it is: exp, log, a root, a power, tanh, erf.
- A constant is known beforehand, and costs nothing. Nor do signs, absolute values, rounding and choices: the
  comparison that decides a choice is counted. Of a formula with cases, every element has the dearest one.
- To add n numbers is n − 1 additions, to find the greatest n − 1 comparisons, a mean is a division more.
  What a window reads of the padding counts as its other elements do.
- Of complex numbers the operations are those of their parts: a sum is two, a product four and two sums; a
  product that is summed stays one multiply-accumulate, as torch counts it.
- To move, copy, repeat or look up elements is no operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shapecalc.symbolic import Dim, summed

KINDS = ("add", "mul", "compare", "divide", "exp")


@dataclass(frozen=True, slots=True)
class Operations:
    """How many operations there are of each kind; exp stands for all functions of one number."""

    add: Dim = 0
    mul: Dim = 0
    compare: Dim = 0
    divide: Dim = 0
    exp: Dim = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*[getattr(self, kind) + getattr(other, kind) for kind in KINDS])

    def __mul__(self, times: Dim) -> Operations:
        """As many operations, `times` over."""
        return self.each(lambda number: times * number)

    def each(self, change: Callable[[Dim], Dim]) -> Operations:
        """The same with each number changed."""
        return Operations(*[change(getattr(self, kind)) for kind in KINDS])

    @classmethod
    def of_all(cls, each: Iterable[Operations]) -> Operations:
        """The sum over many layers."""
        each = list(each)
        if len(each) == 1:
            return each[0]
        return cls(*[summed([getattr(ops, kind) for ops in each]) for kind in KINDS])

    @property
    def total(self) -> Dim:
        return self.add + self.mul + self.compare + self.divide + self.exp


@dataclass(frozen=True, slots=True)
class Unknown:
    """In place of a figure that is not known: why it is not."""

    reason: str


NOTHING = Operations()
"""The operations of a layer that only moves elements, or is the identity in evaluation."""


def additions(elements: Dim, sums: Dim) -> Operations:
    """Additions that sum `elements` into `sums` numbers."""
    return Operations(add=elements - sums)


def averaged(elements: Dim, means: Dim) -> Operations:
    """Operations of `means` means of `elements` in all."""
    return Operations(add=elements - means, divide=means)


def shares(elements: Dim, rows: Dim) -> Operations:
    """Softmax of `elements` in `rows`: exp(x) of each, divided by the sum of its row."""
    return additions(elements, rows) + Operations(divide=elements, exp=elements)


def standardised(elements: Dim, groups: Dim) -> Operations:
    """(x − mean) / √(variance + ε) of `elements` in `groups`, each of which has a mean and a variance."""
    variance = Operations(add=elements, mul=elements) + averaged(elements, groups)
    return averaged(elements, groups) + variance + scaled_down(elements, groups)


def scaled_down(elements: Dim, groups: Dim) -> Operations:
    """x / √(v + ε) of `elements`, with one v for each of the groups."""
    return Operations(add=groups, divide=elements, exp=groups)


def of_complex(ops: Operations) -> Operations | Unknown:
    """Operations of complex numbers as those of their parts; quotients are by real numbers."""
    if ops.compare != 0 or ops.exp != 0:
        return Unknown("what a function of a complex number costs is not known")
    return Operations(add=2 * ops.add + 2 * ops.mul, mul=4 * ops.mul, divide=2 * ops.divide)
