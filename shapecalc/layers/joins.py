"""Joins: several branches become one tensor, by torch's functions of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from itertools import accumulate
from typing import Any

from shapecalc.conditions import equal
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, Rearranging, check_axis, check_new_axis, example
from shapecalc.layers.fields import Axis
from shapecalc.layers.sight import Merged, Sights, but, placed, repeated
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tape import Tape, Value
from shapecalc.tensors import Tensor, broadcast, promote, result_dtype


def combine(first: Tensor, second: Tensor) -> Tensor:
    """Shape and dtype of an elementwise operation on two tensors."""
    return Tensor(broadcast(first.shape, second.shape), result_dtype(first, second))


def check_same(first: Tensor, x: Tensor, number: int, hint: str | None = None, besides: int = -1) -> None:
    """Refuse branch `number` where it has not the shape of the first one, but for the axis `besides`."""
    if x.rank != first.rank:
        raise ArchitectureError(
            f"branch {number} has {x.rank} axes ({x}), branch 0 has {first.rank} ({first})"
        )
    for i, (a, b) in enumerate(zip(first.shape, x.shape, strict=True)):
        if i != besides and not equal(a, b, "the branches agree"):
            message = f"branches 0 and {number} differ on axis {i}: {a} and {b} ({first} and {x})"
            raise ArchitectureError(message, hint=hint)


def addition(tape: Tape, first: Value, second: Value) -> Value:
    """A sum on the tape; the gradient of what is not repeated is that of the sum."""
    return operation(tape, first, second, summands=(first, second))


def product(tape: Tape, first: Value, second: Value) -> Value:
    """A product on the tape; autograd keeps each factor for the gradient of the other."""
    keeps = [other for x, other in ((first, second), (second, first)) if x.tracked]
    return operation(tape, first, second, keeps=keeps)


def operation(
    tape: Tape,
    first: Value,
    second: Value,
    *,
    keeps: Sequence[Value] = (),
    summands: Sequence[Value] = (),
    spare: int = 0,
) -> Value:
    """An elementwise operation on the tape; gradients of `summands` are the result's, or sums of it."""
    made = combine(first.tensor, second.tensor)
    like = first if first.shape == made.shape else second
    strides = like.strides if like.shape == made.shape else None
    return tape.kernel(
        made,
        first,
        second,
        keeps=keeps,
        passes=[x for x in summands if x.shape == made.shape],
        whole=[x for x in (first, second) if x not in summands and x.shape != made.shape],
        spare=spare,
        strides=strides,
    )


def made(xs: tuple[Tensor, ...]) -> Dim:
    """The elements of all results, where the first two tensors are joined, then each next one to these."""
    _, *results = accumulate(xs, combine)
    return sum([y.elements for y in results])


class add(Layer):
    """The sum of the branches, element by element, with torch's broadcasting. Source: torch.add."""

    function = "add"
    folds = True
    example = example((2, 8, 4, 4), (2, 8, 4, 4))

    def output(self, *xs: Tensor) -> Tensor:
        return reduce(combine, xs)

    def run(self, tape: Tape, *xs: Value) -> tuple[Value, ...]:
        return (reduce(partial(addition, tape), xs),)

    def sees(self, *xs: Tensor, y: Tensor, **_: Any) -> tuple[Sights, ...]:
        return tuple(repeated(x, y) for x in xs)

    def ops(self, *xs: Tensor, y: Tensor) -> Operations:
        return Operations(add=made(xs))


class mul(Layer):
    """The product of the branches, element by element, with torch's broadcasting. Source: torch.mul."""

    function = "mul"
    folds = True
    example = example((2, 8, 4, 4), (2, 8, 4, 4))

    def output(self, *xs: Tensor) -> Tensor:
        return reduce(combine, xs)

    def run(self, tape: Tape, *xs: Value) -> tuple[Value, ...]:
        return (reduce(partial(product, tape), xs),)

    def sees(self, *xs: Tensor, y: Tensor, **_: Any) -> tuple[Sights, ...]:
        return tuple(repeated(x, y) for x in xs)

    def ops(self, *xs: Tensor, y: Tensor) -> Operations:
        return Operations(mul=made(xs))


class concat(Rearranging):
    """The branches one after another along `dim`, the channels unless written. Source: torch.concat."""

    function = "concat"
    dim = Axis(1)
    example = example((2, 8, 4, 4), (2, 16, 4, 4))

    def output(self, *xs: Tensor) -> Tensor:
        first, *others = xs
        axis = check_axis(self.dim, first, "dim")
        total: Dim = first.shape[axis]
        dtype = first.dtype
        for number, x in enumerate(others, start=1):
            hint = f"along dim {axis} they may differ, on every other axis they must agree"
            check_same(first, x, number, hint, besides=axis)
            total = total + x.shape[axis]
            dtype = promote(dtype, x.dtype)
        return Tensor((*first.shape[:axis], total, *first.shape[axis + 1 :]), dtype)

    def sees(self, *xs: Tensor, **_: Any) -> tuple[Sights, ...]:
        """The branch that the element is of; along `dim` each has places of its own in a longer axis."""
        axis = check_axis(self.dim, xs[0], "dim")
        joined = Merged(axis, "the branches stand one after another")
        return tuple(but(x, axis, sight=joined) for x in xs)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return (xs,)

    def run(self, tape: Tape, *xs: Value) -> tuple[Value, ...]:
        return (tape.kernel(self.output(*[x.tensor for x in xs]), *xs, passes=True),)


class stack(Rearranging):
    """The branches, all of one shape, side by side along a new axis `dim`. Source: torch.stack."""

    function = "stack"
    dim = Axis(0)
    example = example((2, 8, 4), (2, 8, 4))

    def output(self, *xs: Tensor) -> Tensor:
        first, *others = xs
        axis = check_new_axis(self.dim, first)
        dtype = first.dtype
        for number, x in enumerate(others, start=1):
            check_same(first, x, number)
            dtype = promote(dtype, x.dtype)
        return Tensor((*first.shape[:axis], len(xs), *first.shape[axis:]), dtype)

    def sees(self, *xs: Tensor, y: Tensor, **_: Any) -> tuple[Sights, ...]:
        new = self.dim % y.rank
        return tuple(placed(axis for axis in range(y.rank) if axis != new) for _ in xs)

    def feed(self, *xs: object) -> tuple[object, ...]:
        return (xs,)

    def run(self, tape: Tape, *xs: Value) -> tuple[Value, ...]:
        return (tape.kernel(self.output(*[x.tensor for x in xs]), *xs, passes=True),)
