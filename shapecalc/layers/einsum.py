"""Sums of products in Einstein's notation: a letter for each axis of each operand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import accumulate, chain
from operator import or_
from typing import Any, NamedTuple, TypeAlias

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.contraction import contract
from shapecalc.errors import ArchitectureError, quoted
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Text
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim, joined
from shapecalc.symbolic.conditions import equal, not_one
from shapecalc.tensors import Shape, Tensor, is_complex, product, promote

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


class PairProduct(NamedTuple):
    """Two operands that are multiplied: the elements of the result, and how many products make each."""

    elements: Dim
    length: Dim

    @property
    def sums(self) -> bool:
        """Whether products are summed, which is a product of matrices."""
        return not_one(self.length, "products are summed")


def widest(first: Mapping[Label, Dim], second: Mapping[Label, Dim]) -> dict[Label, Dim]:
    """The size of each label in two operands together: one that is not 1, if there is one."""
    return {**first, **{label: n for label, n in second.items() if n != 1 or label not in first}}


class Plan(NamedTuple):
    """An equation put to operands: the size of each label in each of them, and together."""

    operands: tuple[Mapping[Label, Dim], ...]
    sizes: Mapping[Label, Dim]
    output: tuple[Label, ...]

    @property
    def shape(self) -> Shape:
        return tuple(self.sizes[label] for label in self.output)

    def steps(self) -> Iterator[PairProduct]:
        """The products of two operands, from left to right, each of the one before and the next.

        A letter that the output lacks is summed where the last two operands meet that have it, or by itself
        where one alone does. One of size 1 is repeated, and no sum.
        """
        first, *others = self.operands
        gone = {*self.sizes} - {*self.output}
        left = Counter([a for sizes in self.operands for a, n in sizes.items() if a in gone and n != 1])
        for second in others:
            common = [a for a in first if a in gone and a in second and 1 not in (first[a], second[a])]
            left.subtract(common)
            together = {a: 1 if n == 1 else self.sizes[a] for a, n in widest(first, second).items()}
            first = {a: n for a, n in together.items() if a not in gone or n == 1 or left[a] > 1}
            summed = [self.sizes[a] for a in common if a not in first]
            yield PairProduct(product(tuple(first.values())), product(tuple(summed)))


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


def check_dtypes(planned: Plan, dtypes: Sequence[str]) -> None:
    """Refuse sums of products of two dtypes: they are matrix products."""
    first, *others = dtypes
    for step, second in zip(planned.steps(), others, strict=True):
        if first != second and step.length != 1:
            found = " and ".join(sorted({first, second}))
            raise ArchitectureError(f"branches of one dtype are needed, not {found}")
        first = promote(first, second)


class einsum(Layer):
    """Products of the branches from left to right, summed over the letters that the output lacks.

    `bij,bjk->bik` is a matrix product for each b. Without an arrow the output has the letters that come
    once, in the order of the alphabet; `...` stands for any axes, which are broadcast. The order of several
    products is torch's own; with the package opt_einsum it looks for another. Source: torch.einsum.
    """

    takes_complex = True
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
            if not is_complex(operand.dtype):
                check_floating(operand)
        planned = self.plan(xs)
        check_dtypes(planned, [operand.dtype for operand in xs])
        return Tensor(planned.shape, reduce(promote, [operand.dtype for operand in xs]))

    def macs(self, x: Tensor, *others: Tensor, y: Tensor) -> Dim:
        """For each element of a product of two operands as many as are summed; none where one stands alone.

        A letter that only one operand has is summed before, which takes no products.
        """
        return sum(self.products((x, *others)))

    def products(self, xs: Sequence[Tensor]) -> list[Dim]:
        """The multiply-accumulates of each product of two operands."""
        return [step.elements * step.length if step.sums else 0 for step in self.plan(xs).steps()]

    def gradient_macs(self, x: Tensor, *others: Tensor, wanted: Wanted) -> Dim:
        """The first factor of each product is made of all branches before the second one."""
        needs, products = wanted.inputs, self.products((x, *others))
        pairs = zip(products, accumulate(needs, or_), needs[1:], strict=False)
        total: Dim = sum([macs * (before + own) for macs, before, own in pairs])
        return total

    def remark(self, *xs: Tensor) -> str | None:
        if len(xs) < 3:
            return None
        return "products are taken from left to right; with opt_einsum installed torch may take another order"

    def ops(self, x: Tensor, *others: Tensor, y: Tensor) -> Operations | None:
        """Products that nothing sums; not counted are sums within one operand."""
        planned = self.plan((x, *others))
        counts = Counter(label for sizes in planned.operands for label, n in sizes.items() if n != 1)
        if any(count == 1 and label not in planned.output for label, count in counts.items()):
            return None
        return Operations(mul=sum([step.elements for step in planned.steps() if not step.sums]))

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        equation, tensors = parse(self.equation), [x.tensor for x in xs]
        planned = plan(equation, tensors)
        pairs = zip(equation.operands, tensors, strict=True)
        labels = [_labels(tokens, x, number) for number, (tokens, x) in enumerate(pairs)]
        summed = sorted(
            {*chain(*labels)} - {*planned.output}, key=lambda label: (isinstance(label, str), label)
        )
        operands = trace.cast("einsum", *xs)
        with trace.within_operation():
            return (contract(trace, operands, labels, planned.output, summed),)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return self.equation, *xs

    def keywords(self) -> dict[str, Any]:
        return {}
