"""How the way back through a kernel makes gradients: rules that are run on a tape of their own.

A rule is given the gradients of a kernel's outputs and makes those of its inputs, as torch's code does
(tools/autograd/derivatives.yaml, FunctionsManual.cpp): what a local name holds is alive until it goes.
Of the tensors that autograd keeps a rule knows how they look, which is all that it needs.
A gradient in another shape than its tensor's is summed to it when the rule is done, and converted after that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shapecalc.strides import Strides, in_a_row
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor

if TYPE_CHECKING:
    from shapecalc.tape import Tape, Value


class Look(NamedTuple):
    """What a way back knows of a tensor: how it lies, and whether a gradient flows back to it."""

    shape: Shape
    dtype: str
    strides: Strides | None = None
    tracked: bool = False

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    @property
    def all_strides(self) -> Strides:
        return in_a_row(self.shape) if self.strides is None else self.strides


def looks(values: Iterable[Value]) -> list[Look]:
    return [x.look for x in values]


Back: TypeAlias = "Callable[..., Sequence[Value | None]]"
"""A tape and the gradients of the outputs, None for one that has none → those of the inputs that need one."""


class Way(NamedTuple):
    """What going back through a kernel comes to.

    Storages have the numbers of the gradients that arrive, and from there on those of `sizes`.
    """

    rises: tuple[Dim, ...]
    """The most bytes alive at once beyond those before; of formulas those that may be the most."""
    sizes: tuple[Dim, ...]
    """The bytes of each new storage in which a gradient lies."""
    gradients: tuple[tuple[int, Look], ...]
    """Of each input that needs one, its storage and how it lies."""


def anew(*inputs: Look) -> Back:
    """Each gradient in a storage of its own, in a row."""
    return lambda tape, _: [tape.new(x.tensor) if x.tracked else None for x in inputs]


def passed(*inputs: Look, passes: Sequence[bool] | None = None) -> Back:
    """The gradient of the output is that of each input, or of those that `passes` names."""

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        known = [True] * len(inputs) if passes is None else passes
        return [
            (grad if passed else tape.elementwise(grad)) if x.tracked else None
            for x, passed in zip(inputs, known, strict=True)
        ]

    return back


def like(*others: Look) -> Back:
    """An operation on the elements of the gradient and of what autograd keeps."""
    return lambda tape, grad: [tape.elementwise(grad, *others)]


def of_factors(first: Look, second: Look) -> Back:
    """The gradient of each factor is that of the product times the other."""

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        of_first = tape.elementwise(grad, second) if first.tracked else None
        return of_first, tape.elementwise(grad, first) if second.tracked else None

    return back


def seen_as(x: Look) -> Back:
    """Of another look at the same elements: a look at the gradient, or a copy where there is none."""
    return lambda tape, grad: [tape.reshape(grad, x.shape)]


def permuted(order: Sequence[int]) -> Back:
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return lambda tape, grad: [tape.permute(grad, inverse)]


def repeated(x: Look, gone: Collection[int]) -> Back:
    """Of sums along axes: the gradient, repeated along these."""

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        stays = [axis for axis in range(len(x.shape)) if axis not in gone]
        steps = grad.all_strides
        own = dict(zip(stays, steps if len(steps) == len(stays) else [steps[i] for i in stays], strict=True))
        return [tape.part(grad, x.shape, tuple([own.get(axis, 0) for axis in range(len(x.shape))]))]

    return back


def summed(x: Look) -> Back:
    """Of a tensor with axes of 1 repeated: the sum over these."""
    return lambda tape, grad: [tape.fitted(grad, x)]


def in_zeros(x: Look) -> Back:
    """Of a part: zeros in the whole's size, into which the gradient is copied."""
    return lambda tape, _: [tape.new(x.tensor)]


def joined(x: Look, parts: Sequence[Look]) -> Back:
    """Of parts that make up the whole: theirs one after another, zeros where there is none."""

    def back(tape: Tape, *grads: Value | None) -> Sequence[Value]:
        _all = [tape.new(y.tensor) if grad is None else grad for y, grad in zip(parts, grads, strict=True)]
        return [tape.new(x.tensor)]

    return back


def side_by_side(x: Look) -> Back:
    """Of parts without an axis: theirs side by side, a zero that is repeated where there is none."""

    def back(tape: Tape, *grads: Value | None) -> Sequence[Value]:
        _zeros = [tape.new(Tensor((), x.dtype)) for grad in grads if grad is None]
        return [tape.new(x.tensor)]

    return back


def narrowed(*inputs: Look) -> Back:
    """Of tensors one after another along an axis: parts of the gradient."""

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        return [tape.part(grad, x.shape, grad.all_strides) if x.tracked else None for x in inputs]

    return back


def chosen(axis: int, *inputs: Look) -> Back:
    """Of tensors side by side along a new axis: parts of the gradient without it."""

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        strides = grad.all_strides
        own = (*strides[:axis], *strides[axis + 1 :])
        return [tape.part(grad, x.shape, own) if x.tracked else None for x in inputs]

    return back
