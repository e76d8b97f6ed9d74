"""Formulas for numbers that differ from run to run: the network at letters, and its sizes as expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from shapecalc.errors import ArchitectureError
from shapecalc.importing.program import Call, Text, Value
from shapecalc.importing.reshaping import axes
from shapecalc.layers import LAYERS
from shapecalc.symbolic import Dim, Expr, lone_symbol, symbol, symbols_in
from shapecalc.symbolic.notation import PLAIN, text
from shapecalc.tensors import Tensor

_FACTORS = (*range(2, 65), 128, 256)
"""Numbers by which a size may be multiplied or divided."""

_TRIED = 5
"""Formulas for a number of which one may be short."""
_LONGEST = 250
"""Characters of an expression that a person reads; what is longer is a number that holds at one size."""

Sizes = tuple[int, ...]
"""A size in each of the runs."""

_IN_A_FILE = replace(PLAIN, floor="({0}//{1})", power=lambda base, n: f"({'*'.join([base] * n)})")


def expression(size: Dim, values: Sizes) -> Text:
    """A formula as a file has it, which has these values in the runs."""
    found = text(size, _IN_A_FILE)
    if found.startswith("(") and _closes(found) == len(found) - 1:
        found = found[1:-1]
    return Text(found, values)


def _closes(text: str) -> int:
    """Where the first bracket of a text is closed."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place
    return len(text)


class Formulas:
    """The shapes of a program's values at letters, and what was found for numbers."""

    def __init__(self, inputs: Mapping[str, Value], letters: Mapping[Value, Sequence[str | None]]) -> None:
        self.shapes: dict[Value, tuple[Dim, ...]] = {}
        self.known: dict[Sizes, Expr] = {}
        """By a size in each of the runs, its formula."""
        self.used: set[str] = set()
        self.written: dict[Text, Expr] = {}
        self.lacking: dict[Expr, tuple[Expr, int, int]] = {}
        """Of formulas of what a size lacks to a multiple, the size, of what, and how many more."""
        self.inputs = [*inputs.values()]
        self.batches = {letters[value][0] for value in self.inputs if letters[value]} - {None}
        for value in inputs.values():
            sizes = zip(value.known.shape, letters[value], strict=True)
            self.learn(value, [symbol(letter) if letter else size for size, letter in sizes])

    def learn(self, value: Value, shape: Sequence[Dim]) -> None:
        self.shapes[value] = tuple(shape)
        for formula, sizes in zip(shape, axes(value) or (), strict=False):
            if isinstance(formula, Expr):
                self.known.setdefault(sizes, formula)

    def follow(self, call: Call) -> None:
        """Learn the shapes of what a call gives: by its rules or, where they refuse letters, by its sizes."""
        for value, shape in zip(call.outputs, self.made(call), strict=False):
            self.learn(value, shape)

    def made(self, call: Call) -> Iterator[Sequence[Dim]]:
        """The shapes of what a call gives; of nothing that is not known."""
        try:
            given = [Tensor(self.shapes[x], _dtype(x)) for x in call.inputs]
            arguments = {name: self.formula(value) for name, value in call.arguments.items()}
            if call.type == "pad":
                yield _padded(given[0].shape, arguments["pad"])
                return
            for tensor in LAYERS[call.type](**arguments).figures(tuple(given)).outputs:
                yield tensor.shape
        except (ArchitectureError, KeyError, TypeError):
            yield from self.seen(call)

    def seen(self, call: Call) -> Iterator[Sequence[Dim]]:
        """The shapes of what a call gives, where each size is fixed or one that is known."""
        for value in call.outputs:
            found = [sizes[0] if len({*sizes}) == 1 else self.known.get(sizes) for sizes in axes(value) or ()]
            known = [size for size in found if size is not None]
            if len(known) < len(found):
                return
            yield known

    def formula(self, value: Any) -> Any:
        if isinstance(value, list):
            return tuple([self.formula(item) for item in value])
        return self.written[value] if isinstance(value, Text) else value

    def expression(self, call: Call, numbers: Sequence[Any], place: int = 0) -> Text | None:
        """The expression that has these values in the runs, if there is one.

        `place`: which item of a list the numbers are.
        """
        if not all(type(number) is int for number in numbers):
            return None
        for found in islice(self.candidates(call, tuple(numbers), place), _TRIED):
            written = self.text(found, tuple(numbers))
            if len(written) <= _LONGEST:
                self.used |= symbols_in(found)
                self.known.setdefault(tuple(numbers), found)
                self.written[written] = found
                return written
        return None

    def text(self, found: Expr, values: Sizes) -> Text:
        """A formula as a file has it; what a size lacks to a multiple as a remainder."""
        if found not in self.lacking:
            return expression(found, values)
        size, k, more = self.lacking[found]
        inner = expression(size, ())
        lack = f"-{inner} % {k}" if inner.isidentifier() else f"-({inner}) % {k}"
        return Text(f"{lack} + {more}" if more else lack, values)

    def candidates(self, call: Call, numbers: tuple[int, ...], place: int) -> Iterator[Expr]:
        """Formulas that have these values, the likeliest first: sizes at hand, then what is made of them."""
        own = self.near(call, place)
        if call.type == "pad":
            yield from self.padding(own, numbers)
        near = [*own, *(pair for value in self.inputs for pair in self.sizes(value))]
        for sizes, formula in near:
            if sizes == numbers:
                yield formula
        if numbers in self.known:
            yield self.known[numbers]
        for sizes, formula in near:
            if lone_symbol(formula) not in self.batches:
                yield from _made_of_one(sizes, formula, numbers)
        for sizes, formula in near:
            for others, other in near:
                yield from _made_of_two(sizes, formula, others, other, numbers)
        for sizes, formula in near:  # of a batch, as by heads, only what more than two runs show
            if lone_symbol(formula) in self.batches and len({*numbers}) > 2:
                yield from _multiples(sizes, formula, numbers)

    def padding(self, own: Sequence[tuple[Sizes, Expr]], numbers: Sizes) -> Iterator[Expr]:
        """What sizes lack to other ones and to multiples; of two values alone, these may be so by chance."""
        others = [*self.to_others(own, numbers)]
        if len({*numbers}) < 3:
            yield from others
        for sizes, formula in own:
            yield from self.lacks(sizes, formula, numbers, 0)
        yield from others
        for sizes, formula in own:  # as what a kernel of 5 with a stride of 2 needs on both sides
            for more in range(1, min(numbers) + 1):
                yield from self.lacks(sizes, formula, numbers, more)

    def lacks(self, sizes: Sizes, formula: Expr, numbers: Sizes, more: int) -> Iterator[Expr]:
        """What a size lacks to multiples, and so many more."""
        for k in _missing(sizes, [number - more for number in numbers]):
            for lack in _formula(-(-formula // k) * k - formula + more):
                self.lacking[lack] = formula, k, more
                yield lack

    def to_others(self, own: Sequence[tuple[Sizes, Expr]], numbers: Sizes) -> Iterator[Expr]:
        """What sizes lack to others that are known, and half of that, rounded down or up."""
        for sizes, formula in own:
            for other, known in self.known.items():
                lacks = [a - b for a, b in zip(other, sizes, strict=True)]
                if lacks == [*numbers]:
                    yield from _formula(known - formula)
                elif [n // 2 for n in lacks] == [*numbers]:
                    yield from _formula((known - formula) // 2)
                elif [n - n // 2 for n in lacks] == [*numbers]:
                    yield from _formula(known - formula - (known - formula) // 2)

    def near(self, call: Call, place: int) -> list[tuple[Sizes, Expr]]:
        """The sizes that differ of what a call reads, those of the axis in question first."""
        own = [pair for value in call.inputs for pair in self.sizes(value)]
        axis = call.arguments.get("dim")
        if call.inputs and call.type == "pad":  # two numbers for each axis, the last axis first
            axis = len(axes(call.inputs[0]) or ()) - 1 - place // 2
        if call.inputs and isinstance(axis, int):
            shape = [*zip(axes(call.inputs[0]) or (), self.shapes.get(call.inputs[0], ()), strict=False)]
            meant = shape[axis : axis + 1 or None]
            own = [*((sizes, size) for sizes, size in meant if isinstance(size, Expr)), *own]
        return own

    def sizes(self, value: Value) -> list[tuple[Sizes, Expr]]:
        """The sizes of a value that differ from run to run, and their formulas."""
        pairs = zip(axes(value) or (), self.shapes.get(value, ()), strict=False)
        return [(sizes, formula) for sizes, formula in pairs if isinstance(formula, Expr)]


def _dtype(value: Value) -> str:
    return value.tensor.dtype if value.tensor else "float32"


def _padded(shape: Sequence[Dim], pads: Sequence[Dim]) -> Sequence[Dim]:
    """A shape with what is added before and after its axes, the last axis first."""
    both = [before + after for before, after in zip(pads[::2], pads[1::2], strict=True)][::-1]
    lead = len(shape) - len(both)
    return [*shape[:lead], *(n + more for n, more in zip(shape[lead:], both, strict=True))]


def _missing(sizes: Sequence[int], numbers: Sequence[int]) -> Iterator[int]:
    """Numbers to whose multiples sizes lack these."""
    for k in _FACTORS:
        if all(-s % k == v for s, v in zip(sizes, numbers, strict=True)):
            yield k


def _made_of_one(sizes: Sequence[int], formula: Expr, numbers: Sequence[int]) -> Iterator[Expr]:
    """Neighbours, multiples and quotients of a size, and the multiples beside it."""
    pairs = [*zip(sizes, numbers, strict=True)]
    gaps = {v - s for s, v in pairs}
    if len(gaps) == 1:
        yield from _formula(formula + gaps.pop())
    for k in _FACTORS:
        if all(s // k == v for s, v in pairs):
            yield from _formula(formula // k)
        if all(-(-s // k) == v for s, v in pairs):
            yield from _formula(-(-formula // k))
        if all(s * k == v for s, v in pairs):
            yield from _formula(formula * k)
        if all(-(-s // k) * k == v for s, v in pairs):
            yield from _formula(-(-formula // k) * k)
        if all(s // k * k == v for s, v in pairs):
            yield from _formula(formula // k * k)
    for k in _missing(sizes, numbers):
        yield from _formula(-(-formula // k) * k - formula)


def _multiples(sizes: Sequence[int], formula: Expr, numbers: Sequence[int]) -> Iterator[Expr]:
    """A size so many times."""
    factors = {v // s if v % s == 0 else 0 for s, v in zip(sizes, numbers, strict=True)}
    if len(factors) == 1 and 0 not in factors:
        yield from _formula(formula * factors.pop())


def _made_of_two(
    sizes: tuple[int, ...], first: Expr, others: tuple[int, ...], second: Expr, numbers: tuple[int, ...]
) -> Iterator[Expr]:
    """Products, sums, differences and quotients of two sizes."""
    triples = [*zip(sizes, others, numbers, strict=True)]
    if all(a * b == v for a, b, v in triples):
        yield from _formula(first * second)
    if all(a * b + 1 == v for a, b, v in triples):
        yield from _formula(first * second + 1)
    if all(a + b == v for a, b, v in triples):
        yield from _formula(first + second)
    if all(a - b == v for a, b, v in triples):
        yield from _formula(first - second)
    if all(a // b == v and a % b == 0 for a, b, v in triples):
        yield from _formula(first // second)


def _formula(found: Dim) -> Iterator[Expr]:
    if isinstance(found, Expr):
        yield found
