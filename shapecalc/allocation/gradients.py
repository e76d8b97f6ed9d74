"""How gradients are made on the way back through a kernel: rules that run on a trace of their own.

A rule is given the gradients of a kernel's outputs and makes those of its inputs, as torch's code does
(tools/autograd/derivatives.yaml, FunctionsManual.cpp), with the same local tensors alive at the same time.
Of a tensor that autograd keeps, a rule knows shape, dtype and strides (`Look`), which is all that it needs.
A gradient in another shape than its tensor's is summed to it when the rule is done, and converted after that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeAlias

from shapecalc.allocation.strides import dense
from shapecalc.allocation.values import Look
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition, not_one
from shapecalc.tensors import Shape, Tensor

if TYPE_CHECKING:
    from shapecalc.allocation.trace import Trace
    from shapecalc.allocation.values import Value


Gradients: TypeAlias = "Sequence[Value | None]"
"""The gradients of a kernel's inputs, None where an input needs none."""

Back: TypeAlias = "Callable[..., Gradients]"
"""How gradients are made: a trace, and the gradients of a kernel's outputs → those of its inputs."""

_Known = ParamSpec("_Known")


def rule(make: Callable[Concatenate[Trace, Value, _Known], Gradients]) -> Callable[_Known, Back]:
    """Makes a `Back` of a function that is also given what is known of tensors, once that is known."""

    @wraps(make)
    def known(*of: _Known.args, **also: _Known.kwargs) -> Back:
        return lambda trace, grad: make(trace, grad, *of, **also)

    return known


class NewGradient(NamedTuple):
    """A gradient that a rule makes, or hands on."""

    storage: int
    look: Look
    same: int
    """Which of the gradients that arrive it is; −1 of another tensor."""


class Way(NamedTuple):
    """What one run of a rule comes to: the bytes it needs, and where the gradients lie that it makes.

    Storages are numbered: first those of the gradients that arrive, then those of `sizes`.
    """

    rises: tuple[Dim, ...]
    """The most bytes alive at once beyond those before; of formulas those that may be the most."""
    sizes: tuple[Dim, ...]
    """The bytes of each new storage in which a gradient lies."""
    gradients: tuple[NewGradient | None, ...]
    """Of each input that needs one; None where there is none to hand on, as of a count."""
    conditions: tuple[Condition, ...] = ()
    """What symbols must satisfy for all of this."""
    late: tuple[Dim, ...] = ()
    """As `rises`, where gradients are summed or converted to fit: what was computed again is gone by then."""


def each(inputs: Iterable[Look], gradient: Callable[[Look], Value]) -> list[Value | None]:
    """The gradients of those inputs that need one."""
    return [gradient(x) if x.tracked else None for x in inputs]


def anew(*inputs: Look) -> Back:
    """Each gradient in a storage of its own, in a row."""
    return lambda trace, _: each(inputs, lambda x: trace.new(x.tensor))


def nothing(*_: object) -> Sequence[Value | None]:
    """No gradient, as of a count; autograd goes on without one."""
    return ()


@rule
def of_row(trace: Trace, grad: Value, *inputs: Look) -> Gradients:
    """Each in a storage of its own, made of a gradient that is put in a row first."""
    _row = trace.contiguous(grad)
    return each(inputs, lambda x: trace.new(x.tensor))


@rule
def of_norm(trace: Trace, _: Value, x: Look, *weights: Look) -> Gradients:
    """Of a norm whose input's gradient is made with those of the weights, whether it is needed or not."""
    own = trace.new(x.tensor, x.strides)
    return [own if x.tracked else None, *each(weights, lambda w: trace.new(w.tensor))]


def passed(*inputs: Look) -> Back:
    """The gradient of the output is that of each input."""
    return lambda _, grad: each(inputs, lambda _: grad)


def of_difference(x: Look, other: Look) -> Back:
    """Of x − y: the gradient of the output is that of x, and its negative that of y."""
    return lambda trace, grad: [*each([x], lambda _: grad), *each([other], lambda _: trace.elementwise(grad))]


def of_rounded(*inputs: Look) -> Back:
    """Of what is rounded after it is made: zeros for each, like the gradient, of the input's own dtype.

    Source: torch::autograd::generated::details::div_tensor_self_backward.
    """
    return lambda trace, grad: each(inputs, lambda x: trace.elementwise(grad, dtype=x.dtype))


def of_matrices(*inputs: Look) -> Back:
    """Of a product of matrices: column by column where a factor lies so. Source: torch's mm_mat1_backward."""

    def like_factor(trace: Trace, x: Look) -> Value:
        by_columns = len(x.shape) == 2 and x.strides == (1, x.shape[0])
        return trace.new(x.tensor, x.strides if by_columns else None)

    return lambda trace, _: each(inputs, lambda x: like_factor(trace, x))


def looked_at(x: Look) -> Back:
    """Of a view of all of it: a view of the gradient."""
    return lambda trace, grad: [trace.part(grad, x.shape, grad.all_strides)]


def like(*others: Look) -> Back:
    """An operation on the elements of the gradient, in whose order they stay, and of what autograd keeps."""
    return lambda trace, grad: [trace.elementwise(grad, *others)]


def led_by(x: Look) -> Back:
    """As `like`, but the kept tensor `x` comes first, and the gradient lies in its order."""
    return lambda trace, grad: [trace.elementwise(x, grad)]


def seen_as(x: Look) -> Back:
    """Of a view in another shape: a view of the gradient, or a copy where its strides allow no view."""
    return lambda trace, grad: [trace.reshape(grad, x.shape)]


def permuted(order: Sequence[int]) -> Back:
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return lambda trace, grad: [trace.permute(grad, inverse)]


def of_sum(x: Look, gone: Collection[int]) -> Back:
    """Of sums along axes: the gradient, repeated along these."""
    return lambda trace, grad: [along(trace, grad, x, gone)]


def of_mean(x: Look, gone: Collection[int]) -> Back:
    """Of means along axes: the same, divided."""
    return lambda trace, grad: [trace.elementwise(along(trace, grad, x, gone))]


def cast_back(x: Look, back: Back) -> Back:
    """The same gradient, in the dtype of x, whose elements were taken for another.

    Source: torch::autograd::validate_outputs.
    """

    def cast(trace: Trace, grad: Value) -> Gradients:
        (found,) = back(trace, grad)
        return [found if found is None or found.dtype == x.dtype else trace.elementwise(found, dtype=x.dtype)]

    return cast


@rule
def of_running_sum(trace: Trace, grad: Value, length: Dim, x: Look) -> Gradients:
    """Of sums carried along an axis: turned round, summed in the same way, and turned back.

    Source: torch::autograd::generated::details::cumsum_backward.
    """
    if grad.dtype != x.dtype:
        grad = trace.elementwise(grad, dtype=x.dtype)
    if not not_one(length, "a sum of one element is that element"):
        return [grad]
    turned = trace.elementwise(grad)
    sums = trace.elementwise(turned)
    return [trace.elementwise(sums)]


def along(trace: Trace, grad: Value, x: Look, gone: Collection[int]) -> Value:
    """A view, in the shape of x, of a gradient that has lost axes or has 1 in their place."""
    axes = range(len(x.shape))
    stays = [axis for axis in axes if axis not in gone]
    steps = grad.all_strides
    own = dict(zip(stays, steps if len(steps) == len(stays) else [steps[i] for i in stays], strict=True))
    return trace.part(grad, x.shape, tuple([own.get(axis, 0) for axis in axes]))


@rule
def of_extreme(trace: Trace, grad: Value, x: Look, kept: Shape) -> Gradients:
    """Of the greatest or least: shared by all that are as great; `kept` has 1 for axes that are gone.

    Source: torch::autograd::generated::details::scale_grad_by_count.
    """
    restored = trace.reshape(grad, kept)
    mask = trace.new(Tensor(x.shape, "bool"), x.strides and dense(x.shape, x.strides))
    count = trace.new(Tensor(kept, "int64"))
    share = trace.elementwise(restored, count)
    return [trace.elementwise(share, mask)]


@rule
def of_repetition(trace: Trace, grad: Value, x: Look, repeats: Shape) -> Gradients:
    """Of copies: sums over the new axes, one after another, then over the copies along the old ones at once.

    Source: torch::autograd::generated::details::repeat_backward.
    """
    if 0 in repeats:
        return [trace.new(x.tensor)]
    new = len(repeats) - len(x.shape)
    for _ in range(new):
        grad = trace.new(Tensor(grad.shape[1:], grad.dtype))
    pairs = list(zip(repeats[new:], x.shape, strict=True))
    apart = tuple([n for times, size in pairs for n in ((times, size) if times != 1 else (size,))])
    if len(apart) == len(pairs):
        return [grad]
    _copies = trace.reshape(grad, apart)
    return [trace.new(x.tensor)]


def summed(x: Look) -> Back:
    """Of a tensor with axes of 1 repeated: the sum over these, and of a single number a sum in any case.

    Source: at::sum_to.
    """
    return lambda trace, grad: [
        trace.summed_to(grad, x.shape) if x.shape else trace.new(Tensor((), grad.dtype))
    ]


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
    """Of parts without an axis: theirs side by side, a zero that is repeated where there is none.

    Source: torch::autograd::generated::details::unbind_backward.
    """

    def back(trace: Trace, *grads: Value | None) -> Sequence[Value]:
        _zeros = [trace.new(Tensor((), x.dtype)) for grad in grads if grad is None]
        return [trace.new(x.tensor)]

    return back


def narrowed(*inputs: Look) -> Back:
    """Of tensors one after another along an axis: parts of the gradient."""
    return lambda trace, grad: each(inputs, lambda x: trace.part(grad, x.shape, grad.all_strides))


@rule
def chosen(trace: Trace, grad: Value, axis: int, *inputs: Look) -> Gradients:
    """Of tensors side by side along a new axis: parts of the gradient without it."""
    strides = grad.all_strides
    own = (*strides[:axis], *strides[axis + 1 :])
    return each(inputs, lambda x: trace.part(grad, x.shape, own))


@rule
def written_into(trace: Trace, _: Value, base: Look, part: Look, inner: Back) -> Gradients:
    """Of a tensor whose part is written over: a copy of its gradient, and in it that of what was there.

    Source: torch::autograd::CopySlices.
    """
    whole = trace.new(base.tensor, base.strides)
    inner(trace, trace.new(part.tensor))
    return [whole]


@rule
def seen_again(trace: Trace, grad: Value, base: Look, part: Look) -> Gradients:
    """Of any view of a tensor, by strides: zeros in its size, into which the gradient goes.

    Along axes that are repeated it is summed before. Source: at::as_strided_backward.
    """
    shape = list(part.shape)
    for axis in reversed(range(len(shape))):
        if part.all_strides[axis] == 0 and not_one(shape[axis], "an axis of 1 is repeated"):
            shape.pop(axis)
            grad = trace.new(Tensor(tuple(shape), part.dtype))
    whole = trace.new(Tensor((base.tensor.elements,), part.dtype))
    del grad
    return [trace.part(whole, base.shape, base.all_strides)]
