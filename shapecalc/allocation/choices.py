"""Kernels that losses choose elements with: the greater one, the lesser one, one where a mask says so."""

from __future__ import annotations

from shapecalc.allocation.gradients import Back, Gradients, each, rule
from shapecalc.allocation.strides import elementwise_strides
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Look, Value
from shapecalc.tensors import Tensor, broadcast, result_dtype


def at_least_zero(trace: Trace, x: Value) -> Value:
    """max(x, 0). Source: at::clamp_min."""
    return trace.kernel(x.tensor, x, keeps=(x,), back=of_bounds(x.look, 1), strides=x.strides)


def raised_to_zero(trace: Trace, x: Value) -> Value:
    """The same in place, for which autograd keeps a copy of what was there. Source: at::clamp_min_."""
    copies = [trace.new(x.tensor, x.strides)] if x.tracked else []
    return trace.in_place(x, keeps=copies, back=of_bounds(x.look, 1))


@rule
def of_bounds(trace: Trace, grad: Value, x: Look, bounds: int) -> Gradients:
    """The gradient where x is between one or two bounds, and a zero elsewhere. Source: at::clamp_backward."""
    zero = trace.new(Tensor((), grad.dtype))
    masks = [trace.elementwise(x, dtype="bool") for _ in range(bounds)]
    return [trace.elementwise(masks[0], grad, zero)]


def chosen_by(trace: Trace, target: Value, x: Value, zeros: Value) -> Value:
    """x where the target has a value, and zeros elsewhere. Source: at::where."""
    mask = trace.elementwise(target, dtype="bool")
    shape = broadcast(mask.shape, x.shape)
    strides = elementwise_strides(shape, *[(y.shape, y.strides) for y in (mask, x, zeros)])
    return trace.kernel(Tensor(shape, x.dtype), x, keeps=(mask,), back=of_choice(mask.look), strides=strides)


@rule
def of_choice(trace: Trace, grad: Value, mask: Look) -> Gradients:
    """The gradient where the mask says so, and a zero elsewhere."""
    zero = trace.new(Tensor((), grad.dtype))
    return [trace.elementwise(mask, grad, zero)]


@rule
def of_either(trace: Trace, grad: Value, mask: Look, x: Look, other: Look) -> Gradients:
    """Of x where a mask is true, else the other: the gradient there, zeros elsewhere. Source: at::where."""
    return each([x, other], lambda _: trace.elementwise(mask, grad, trace.new(Tensor((), grad.dtype))))


def of_filled(mask: Look) -> Back:
    """The gradient with zeros where a mask is true. Source: at::masked_fill."""
    return lambda trace, grad: [trace.new(Tensor(broadcast(grad.shape, mask.shape), grad.dtype))]


def lesser(trace: Trace, x: Value, other: Value) -> Value:
    """The lesser of two. Source: at::minimum."""
    shape = broadcast(x.shape, other.shape)
    back = of_lesser(x.look, other.look)
    made = Tensor(shape, result_dtype(x.tensor, other.tensor))
    return trace.kernel(made, x, other, keeps=(x, other), back=back)


@rule
def of_lesser(trace: Trace, grad: Value, x: Look, other: Look) -> Gradients:
    """The gradient for the lesser, half of it where both are equal, and 0 for the greater."""

    def share(_: Look) -> Value:
        half = trace.elementwise(grad)
        equal = trace.elementwise(x, other, dtype="bool")
        own = trace.elementwise(equal, half, grad)
        _greater = trace.elementwise(x, other, dtype="bool")
        return own

    return each([x, other], share)
