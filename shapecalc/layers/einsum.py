"""Sums of products in Einstein's notation: a letter for each axis of each operand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from shapecalc.allocation.contraction import contract
from shapecalc.allocation.trace import Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError, quoted
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Text
from shapecalc.operations import NOTHING, Operations
from shapecalc.symbolic import Dim, joined
from shapecalc.symbolic.conditions import equal, not_one
from shapecalc.tensors import Shape, Tensor, product, promote

Label: TypeAlias = "str | int"
"""What an axis is called: its letter, or its negative place among those that `...` stands for."""

_ELLIPSIS = "..."
_OPERAND = re.compile(r"[A-Za-z ]*(\.\.\.[A-Za-z ]*)?")
_TOKEN = re.compile(r"\.\.\.|[A-Za-z]")


class Equation(NamedTuple):
    """An equation as it is written: the letters of each operand, and those of the output, if they are."""

    operands: tuple[tuple[str, ...], ...]
    output: tuple[str, ...] | None


def parse(equation: str) -> Equation:
    """The equation, letters and `...` apart; spaces mean nothing.

    Raises:
        ArchitectureError: it is none, or the output has a letter twice, or one that no operand has.
    """
    left, arrow, right = equation.partition("->")
    operands = tuple(_tokens(text) for text in left.split(","))
    output = _tokens(right) if arrow else None
    for letter, count in Counter(output).items():
        if count > 1:
            raise _wrong(f"equation {quoted(equation)} has {letter} twice in the output")
        if letter != _ELLIPSIS and letter not in chain(*operands):
            raise _wrong(f"equation {quoted(equation)} has {letter} in the output, but in no operand")
    return Equation(operands, output)


def _tokens(text: str) -> tuple[str, ...]:
    if not _OPERAND.fullmatch(text):
        hint = "an equation looks so: bij,bjk->bik, or ...ij,jk->...ik"
        raise _wrong(f"in the equation, {quoted(text)} is not letters, with ... at most once", hint)
    return tuple(_TOKEN.findall(text))


def _wrong(message: str, hint: str | None = None) -> ArchitectureError:
    return ArchitectureError(message, hint=hint, argument="equation")


class Plan(NamedTuple):
    """An equation put to operands: the size of each label in each of them, and together."""

    operands: tuple[Mapping[Label, Dim], ...]
    sizes: Mapping[Label, Dim]
    output: tuple[Label, ...]

    @property
    def shape(self) -> Shape:
        return tuple(self.sizes[label] for label in self.output)

    @property
    def summed(self) -> list[Label]:
        """The labels of the sums of products: those of two operands or more that the output lacks."""
        found = Counter(chain(*self.operands))
        return [label for label, count in found.items() if count > 1 and label not in self.output]

    @property
    def length(self) -> Dim:
        """How many products of two operands make an element; one of size 1 meets the sum of the other's."""
        pairs = [[sizes[label] for sizes in self.operands if label in sizes] for label in self.summed]
        return product(tuple(first for first, *others in pairs if 1 not in (first, *others)))


def plan(equation: Equation, xs: Sequence[Tensor]) -> Plan:
    """What the letters of an equation stand for.

    Raises:
        ArchitectureError: an operand has more or fewer axes than letters, or a letter has two sizes.
    """
    labels = [_labels(tokens, x, i) for i, (tokens, x) in enumerate(zip(equation.operands, xs, strict=True))]
    operands = tuple(_sizes(names, x, i) for i, (names, x) in enumerate(zip(labels, xs, strict=True)))
    together: dict[Label, Dim] = {}
    for number, sizes in enumerate(operands):
        for label, size in sizes.items():
            together[label] = _common(label, together.get(label, 1), size, number, xs)
    covered = range(min((label for label in together if isinstance(label, int)), default=0), 0)
    if equation.output is None:
        letters = Counter(label for label in chain(*labels) if isinstance(label, str))
        alone = sorted(letter for letter, count in letters.items() if count == 1)
        return Plan(operands, together, (*covered, *alone))
    return Plan(operands, together, _spelled(equation.output, covered))


def _labels(tokens: tuple[str, ...], x: Tensor, number: int) -> tuple[Label, ...]:
    """The label of each axis of operand `number`."""
    covered = x.rank - sum(token != _ELLIPSIS for token in tokens)
    if covered < 0 or (covered and _ELLIPSIS not in tokens):
        raise _wrong(
            f"equation has {x.rank - covered} letters for operand {number}, and {x} has {x.rank} axes"
        )
    return _spelled(tokens, range(-covered, 0))


def _spelled(tokens: tuple[str, ...], covered: range) -> tuple[Label, ...]:
    """The tokens with the labels of the axes that `...` covers in its place."""
    labels: list[Label] = []
    for token in tokens:
        labels += covered if token == _ELLIPSIS else [token]
    return tuple(labels)


def _sizes(labels: tuple[Label, ...], x: Tensor, number: int) -> dict[Label, Dim]:
    """The size of each label in operand `number`; a letter that comes twice is for its diagonal."""
    sizes: dict[Label, Dim] = {}
    for label, size in zip(labels, x.shape, strict=True):
        first = sizes.setdefault(label, size)
        if not equal(first, size, "a diagonal is of a square"):
            raise _wrong(f"equation has {label} twice in operand {number}, for {first} and for {size} ({x})")
    return sizes


def _common(label: Label, first: Dim, size: Dim, number: int, xs: Sequence[Tensor]) -> Dim:
    """The size of a label in the operands up to `number`, of which those with 1 are repeated."""
    if 1 not in (first, size) and not equal(first, size, "a letter has one size", or_one=True):
        found = ", ".join(map(str, xs))
        raise _wrong(f"equation has {_name(label)} for {first}, and for {size} in operand {number} ({found})")
    return size if first == 1 else first if size == 1 else joined(first, size)


def _name(label: Label) -> str:
    return label if isinstance(label, str) else f"axis {label} of ..."


class einsum(Layer):
    """Products of the branches, summed over the letters that the output lacks.

    `bij,bjk->bik` is a matrix product for each b. Without an arrow the output has the letters that come
    once, in the order of the alphabet; `...` stands for any axes, which are broadcast. Source: torch.einsum.
    """

    function = "einsum"
    equation = Text()
    example = example((2, 16, 8), (2, 24, 8), equation="bqd,bkd->bqk")

    def check(self) -> None:
        parse(self.equation)

    def plan(self, xs: Sequence[Tensor]) -> Plan:
        return plan(parse(self.equation), xs)

    def output(self, x: Tensor, *others: Tensor) -> Tensor:
        xs = (x, *others)
        operands = len(parse(self.equation).operands)
        if operands != len(xs):
            raise _wrong(f"equation has {operands} operands, and there are {len(xs)} branches")
        for operand in xs:
            check_floating(operand)
        planned = self.plan(xs)
        if planned.summed:
            self.check_contraction(planned, xs)
        return Tensor(planned.shape, reduce(promote, [operand.dtype for operand in xs]))

    def check_contraction(self, planned: Plan, xs: Sequence[Tensor]) -> None:
        """Sums of products are matrix products, which are of two tensors of one dtype."""
        if len(xs) > 2:
            listed = ", ".join(map(_name, planned.summed))
            raise _wrong(
                f"equation sums over {listed} in {len(xs)} operands: in which order, and so by how many"
                " products, is torch's choice",
                hint="an einsum of two operands after another one fixes the order",
            )
        dtypes = {x.dtype for x in xs}
        if len(dtypes) > 1 and planned.length != 1:
            raise ArchitectureError(f"branches of one dtype are needed, not {' and '.join(sorted(dtypes))}")

    def macs(self, x: Tensor, *others: Tensor, y: Tensor) -> Dim:
        """As many products for each output element as are summed; none where each stands alone.

        A letter that only one operand has is summed before, which takes no products.
        """
        length = self.plan((x, *others)).length
        return y.elements * length if not_one(length, "products are summed") else 0

    def ops(self, x: Tensor, *others: Tensor, y: Tensor) -> Operations | None:
        """Products that nothing sums; not counted are sums within one operand, and products of several."""
        planned = self.plan((x, *others))
        alone = {label for label, count in Counter(chain(*planned.operands)).items() if count == 1}
        if alone - {*planned.output} or len(others) > 1:
            return None
        if not others or not_one(planned.length, "products are summed"):
            return NOTHING
        return Operations(mul=y.elements)

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        if len(xs) > 2:
            reason = "torch takes them in an order that depends on whether opt_einsum is installed"
            raise UnknownError(f"einsum of {len(xs)} branches: {reason}")
        equation, tensors = parse(self.equation), [x.tensor for x in xs]
        planned = plan(equation, tensors)
        pairs = zip(equation.operands, tensors, strict=True)
        labels = [_labels(tokens, x, number) for number, (tokens, x) in enumerate(pairs)]
        summed = sorted(
            {*chain(*labels)} - {*planned.output}, key=lambda label: (isinstance(label, str), label)
        )
        operands = trace.cast("einsum", *xs)
        del xs
        with trace.within_operation():
            return (contract(trace, operands, labels, planned.output, summed),)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return self.equation, *xs

    def keywords(self) -> dict[str, Any]:
        return {}
