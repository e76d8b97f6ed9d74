"""How the way back through a kernel makes gradients: rules that are run on a trace of their own.

A rule is given the gradients of a kernel's outputs and makes those of its inputs, as torch's code does
(tools/autograd/derivatives.yaml, FunctionsManual.cpp): what a local name holds is alive until it goes.
Of the tensors that autograd keeps a rule knows how they look, which is all that it needs.
A gradient in another shape than its tensor's is summed to it when the rule is done, and converted after that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shapecalc.allocation.strides import dense
from shapecalc.allocation.values import Look
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition, not_one
from shapecalc.tensors import Shape, Tensor

if TYPE_CHECKING:
    from shapecalc.allocation.trace import Trace
    from shapecalc.allocation.values import Value


Back: TypeAlias = "Callable[..., Sequence[Value | None]]"
"""A trace and the gradients of the outputs (None where one has none) → those of the inputs that need one."""


class Way(NamedTuple):
    """What going back through a kernel comes to.

    Storages have the numbers of the gradients that arrive, and from there on those of `sizes`.
    """

    rises: tuple[Dim, ...]
    """The most bytes alive at once beyond those before; of formulas those that may be the most."""
    sizes: tuple[Dim, ...]
    """The bytes of each new storage in which a gradient lies."""
    gradients: tuple[tuple[int, Look, int] | None, ...]
    """Of each input that needs one, its storage, how it lies, and which of those that arrive it is, or −1.

    None where there is none to hand on, as of a count.
    """
    conditions: tuple[Condition, ...] = ()
    """What symbols must satisfy for all of this."""


def anew(*inputs: Look) -> Back:
    """Each gradient in a storage of its own, in a row."""
    return lambda trace, _: [trace.new(x.tensor) if x.tracked else None for x in inputs]


def nothing(*_: object) -> Sequence[Value | None]:
    """No gradient, as of a count; autograd goes on without one."""
    return ()


def of_row(*inputs: Look) -> Back:
    """The same, of a gradient that is put in a row first."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        _row = trace.contiguous(grad)
        return [trace.new(x.tensor) if x.tracked else None for x in inputs]

    return back


def of_norm(x: Look, *weights: Look) -> Back:
    """Of a norm whose input's gradient is made with those of the weights, whether it is needed or not."""

    def back(trace: Trace, _: Value) -> Sequence[Value | None]:
        own = trace.new(x.tensor, x.strides)
        others = [trace.new(w.tensor) if w.tracked else None for w in weights]
        return [own if x.tracked else None, *others]

    return back


def passed(*inputs: Look, passes: Sequence[bool] | None = None) -> Back:
    """The gradient of the output is that of each input, or of those that `passes` names."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        known = [True] * len(inputs) if passes is None else passes
        return [
            (grad if passed else trace.elementwise(grad)) if x.tracked else None
            for x, passed in zip(inputs, known, strict=True)
        ]

    return back


def of_matrices(*inputs: Look) -> Back:
    """Of a product of matrices: column by column where a factor lies so. Source: torch's mm_mat1_backward."""

    def back(trace: Trace, _: Value) -> Sequence[Value | None]:
        return [
            trace.new(x.tensor, x.strides if by_columns(x) else None) if x.tracked else None for x in inputs
        ]

    return back


def by_columns(x: Look) -> bool:
    return x.strides is not None and len(x.shape) == 2 and x.strides == (1, x.shape[0])


def looked_at(x: Look) -> Back:
    """Of a look at all of it: a look at the gradient."""
    return lambda trace, grad: [trace.part(grad, x.shape, grad.all_strides)]


def like(*others: Look) -> Back:
    """An operation on the elements of the gradient and of what autograd keeps."""
    return lambda trace, grad: [trace.elementwise(grad, *others)]


def led_by(x: Look) -> Back:
    """The same, of what autograd keeps and of the gradient: the order of the first one counts."""
    return lambda trace, grad: [trace.elementwise(x, grad)]


def seen_as(x: Look) -> Back:
    """Of another look at the same elements: a look at the gradient, or a copy where there is none."""
    return lambda trace, grad: [trace.reshape(grad, x.shape)]


def permuted(order: Sequence[int]) -> Back:
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return lambda trace, grad: [trace.permute(grad, inverse)]


def of_sum(x: Look, gone: Collection[int]) -> Back:
    """Of sums along axes: the gradient, repeated along these."""
    return lambda trace, grad: [along(trace, grad, x, gone)]


def of_mean(x: Look, gone: Collection[int]) -> Back:
    """Of means: the same, divided."""
    return lambda trace, grad: [trace.elementwise(along(trace, grad, x, gone))]


def along(trace: Trace, grad: Value, x: Look, gone: Collection[int]) -> Value:
    """A look at what has lost axes, or has 1 in their place, in the size of what it is made of."""
    axes = range(len(x.shape))
    stays = [axis for axis in axes if axis not in gone]
    steps = grad.all_strides
    own = dict(zip(stays, steps if len(steps) == len(stays) else [steps[i] for i in stays], strict=True))
    return trace.part(grad, x.shape, tuple([own.get(axis, 0) for axis in axes]))


def of_extreme(x: Look, kept: Shape) -> Back:
    """Of the greatest or least: shared by all that are as great; `kept` has 1 for axes that are gone.

    Source: torch::autograd::generated::details::scale_grad_by_count.
    """

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        restored = trace.reshape(grad, kept)
        mask = trace.new(Tensor(x.shape, "bool"), x.strides and dense(x.shape, x.strides))
        count = trace.new(Tensor(kept, "int64"))
        share = trace.elementwise(restored, count)
        return [trace.elementwise(share, mask)]

    return back


def of_repetition(x: Look, repeats: Shape) -> Back:
    """Of copies: sums over the new axes, one after another, then over the copies along the old ones at once.

    Source: torch::autograd::generated::details::repeat_backward.
    """
    new = len(repeats) - len(x.shape)
    pairs = list(zip(repeats[new:], x.shape, strict=True))
    apart = tuple([n for times, size in pairs for n in ((times, size) if times != 1 else (size,))])

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        if 0 in repeats:
            return [trace.new(x.tensor)]
        for _ in range(new):
            grad = trace.new(Tensor(grad.shape[1:], grad.dtype))
        if len(apart) == len(pairs):
            return [grad]
        _copies = trace.reshape(grad, apart)
        return [trace.new(x.tensor)]

    return back


def summed(x: Look) -> Back:
    """Of a tensor with axes of 1 repeated: the sum over these."""
    return lambda trace, grad: [trace.summed_to(grad, x.shape)]


def in_zeros(x: Look) -> Back:
    """Of a part: zeros in the whole's size, into which the gradient is copied."""
    return lambda trace, _: [trace.new(x.tensor)]


def joined(x: Look, parts: Sequence[Look]) -> Back:
    """Of parts that make up the whole: theirs one after another, zeros where there is none."""

    def back(trace: Trace, *grads: Value | None) -> Sequence[Value]:
        _all = [trace.new(y.tensor) if grad is None else grad for y, grad in zip(parts, grads, strict=True)]
        return [trace.new(x.tensor)]

    return back


def side_by_side(x: Look) -> Back:
    """Of parts without an axis: theirs side by side, a zero that is repeated where there is none."""

    def back(trace: Trace, *grads: Value | None) -> Sequence[Value]:
        _zeros = [trace.new(Tensor((), x.dtype)) for grad in grads if grad is None]
        return [trace.new(x.tensor)]

    return back


def narrowed(*inputs: Look) -> Back:
    """Of tensors one after another along an axis: parts of the gradient."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        return [trace.part(grad, x.shape, grad.all_strides) if x.tracked else None for x in inputs]

    return back


def chosen(axis: int, *inputs: Look) -> Back:
    """Of tensors side by side along a new axis: parts of the gradient without it."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        strides = grad.all_strides
        own = (*strides[:axis], *strides[axis + 1 :])
        return [trace.part(grad, x.shape, own) if x.tracked else None for x in inputs]

    return back


def written_into(base: Look, part: Look, inner: Back) -> Back:
    """Of a tensor whose part is written over: a copy of its gradient, and in it that of what was there.

    Source: torch::autograd::CopySlices.
    """

    def back(trace: Trace, _: Value) -> Sequence[Value | None]:
        whole = trace.new(base.tensor, base.strides)
        inner(trace, trace.new(part.tensor))
        return [whole]

    return back


def seen_again(base: Look, part: Look) -> Back:
    """Of any look at a tensor, by strides: zeros in its size, into which the gradient goes.

    Along axes that are repeated it is summed before. Source: at::as_strided_backward.
    """

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        shape = list(part.shape)
        for axis in reversed(range(len(shape))):
            if part.all_strides[axis] == 0 and not_one(shape[axis], "an axis of 1 is repeated"):
                shape.pop(axis)
                grad = trace.new(Tensor(tuple(shape), part.dtype))
        whole = trace.new(Tensor((base.tensor.elements,), part.dtype))
        del grad
        return [trace.part(whole, base.shape, base.all_strides)]

    return back
