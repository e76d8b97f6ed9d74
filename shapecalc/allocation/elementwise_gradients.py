"""Gradients of operations on elements, each with the intermediate tensors that torch's formula makes."""

from __future__ import annotations

from shapecalc.allocation.gradients import Back, Gradients, each, rule
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Look, Value
from shapecalc.tensors import Tensor, as_scalar


@rule
def of_factors(trace: Trace, grad: Value, first: Look, second: Look) -> Gradients:
    """The gradient of each factor is that of the product times the other."""
    of_first = trace.elementwise(grad, second) if first.tracked else None
    return of_first, trace.elementwise(grad, first) if second.tracked else None


@rule
def of_added_product(
    trace: Trace, grad: Value, x: Look, first: Look, second: Look, value: float
) -> Gradients:
    """Of x + v · a · b: the gradient itself, and for each factor the other times v times the gradient."""

    def times_other(other: Look) -> Value:
        return trace.elementwise(grad, trace.elementwise(other, dtype=as_scalar(value, other.dtype).dtype))

    of_first = times_other(second) if first.tracked else None
    of_second = times_other(first) if second.tracked else None
    return grad if x.tracked else None, of_first, of_second


@rule
def of_quotient(trace: Trace, grad: Value, x: Look, other: Look) -> Gradients:
    """Of a quotient x / y: −g · ((x / y) / y) for y, and g / y for x."""

    def of_divisor() -> Value:
        quotient = trace.elementwise(x, other)
        again = trace.elementwise(quotient, other)
        negative = trace.elementwise(grad)
        return trace.elementwise(negative, again)

    of_other = of_divisor() if other.tracked else None
    return trace.elementwise(grad, other) if x.tracked else None, of_other


@rule
def of_remainder(trace: Trace, grad: Value, x: Look, other: Look) -> Gradients:
    """Of x − ⌊x / y⌋ · y: the gradient itself for x, and −g · ⌊x / y⌋ for y."""

    def of_divisor() -> Value:
        negative = trace.elementwise(grad)
        quotient = trace.elementwise(x, other)
        return trace.elementwise(negative, quotient)

    return grad if x.tracked else None, of_divisor() if other.tracked else None


@rule
def of_factor(trace: Trace, grad: Value, x: Look, kernels: int) -> Gradients:
    """The gradient times a factor that so many kernels make of what autograd keeps, one of the other."""
    made: list[Value | Look] = [x]
    for _ in range(kernels):
        made.append(trace.elementwise(made[-1]))
    return [trace.elementwise(grad, made[-1])]


def of_power(x: Look) -> Back:
    """Of xᵖ: g · (p · xᵖ⁻¹); and as well of 1/√x, whose result autograd keeps."""
    return of_factor(x, 2)


def of_powers(x: Look, exponent: Look, y: Look) -> Back:
    """Of a power y = xᵖ of two tensors; where one is a number, `of_power` and `of_exponential` are shorter.

    Source: at::pow_backward_exponent, at::pow_backward_self.
    """

    def back(trace: Trace, grad: Value) -> Gradients:
        of_exponent = _of_exponent(trace, grad, x, exponent, y) if exponent.tracked else None
        return _of_base(trace, grad, x, exponent) if x.tracked else None, of_exponent

    return back


def _of_exponent(trace: Trace, grad: Value, x: Look, exponent: Look, y: Look) -> Value:
    """y · log(x) · g, with 0 where x is 0 and the exponent is not below it."""
    mask = trace.elementwise(*[trace.elementwise(y, dtype="bool") for y in (exponent, x)])
    base = x if x.dtype == y.dtype else trace.elementwise(x, dtype=y.dtype)
    logarithm = trace.elementwise(base)
    product = trace.elementwise(y, logarithm)
    zero = trace.new(Tensor((), grad.dtype))
    chosen = trace.elementwise(mask, zero, product)
    return trace.elementwise(grad, chosen)


def _of_base(trace: Trace, grad: Value, x: Look, exponent: Look) -> Value:
    """p · xᵖ⁻¹ · g, with 0 where p is."""
    less = trace.elementwise(exponent, dtype=as_scalar(1, exponent.dtype).dtype)
    power = trace.elementwise(x, less)
    factor = trace.elementwise(exponent, power)
    product = trace.elementwise(grad, factor)
    zero = trace.new(Tensor((), grad.dtype))
    is_zero = trace.elementwise(exponent, dtype="bool")
    return trace.elementwise(is_zero, zero, product)


@rule
def of_exponential(trace: Trace, grad: Value, y: Look, base: float) -> Gradients:
    """Of a number to the power of a tensor: y · log(base) · g; of 0 with 0 where that power is one."""
    factor = chosen = trace.elementwise(y)
    if base == 0:
        zero = trace.new(Tensor((), grad.dtype))
        mask = trace.elementwise(y, dtype="bool")
        chosen = trace.elementwise(mask, zero, factor)
    return [trace.elementwise(grad, chosen)]


def of_absolute(x: Look) -> Back:
    """Of |x|: the gradient times the sign."""
    return of_factor(x, 1)


@rule
def of_mish(trace: Trace, grad: Value, x: Look) -> Gradients:
    """Of x · tanh(softplus(x)): g · (t + x · σ(x) · (1 − t²)). Source: at::math_mish_backward."""
    softplus = trace.elementwise(x)
    bent = trace.elementwise(softplus)
    del softplus
    _share = trace.elementwise(x)
    _terms = [trace.elementwise(x) for _ in range(4)]
    inner = trace.elementwise(x)
    return [trace.elementwise(grad, bent, inner)]


def of_distance(x: Look, other: Look) -> Back:
    """Of a function of the difference of two tensors: each made of both, one kernel each."""
    return lambda trace, grad: [
        *each([x], lambda _: trace.elementwise(grad, x, other)),
        *each([other], lambda _: trace.elementwise(grad, other, x)),
    ]


@rule
def of_likelihood(trace: Trace, grad: Value, x: Look, target: Look) -> Gradients:
    """Of the logarithm of a probability; for the target log(x / (1 − x)) times the gradient."""
    own = trace.elementwise(grad, x, target) if x.tracked else None
    if not target.tracked:
        return own, None
    logit = trace.elementwise(x)
    return own, trace.elementwise(logit, grad)


@rule
def of_logits(trace: Trace, grad: Value, x: Look, target: Look) -> Gradients:
    """The same of a sigmoid: (σ(x) − t) · g, and −x · g for the target."""

    def of_x() -> Value:
        share = trace.elementwise(x)
        apart = trace.elementwise(share, target)
        del share
        return trace.elementwise(apart, grad)

    def of_target() -> Value:
        negative = trace.elementwise(x)
        return trace.elementwise(negative, grad)

    return of_x() if x.tracked else None, of_target() if target.tracked else None


@rule
def of_own_logarithm(trace: Trace, grad: Value, x: Look) -> Gradients:
    """Of x · log(y), y the same: g · x / y for y, then g · log(y), 0 where both are."""
    product = trace.elementwise(grad, x)
    of_other = trace.elementwise(product, x)
    del product
    logarithm = trace.elementwise(grad, x)
    _masks = [trace.elementwise(x, dtype="bool") for _ in range(3)]
    return trace.elementwise(logarithm), of_other


@rule
def of_length(trace: Trace, grad: Value, x: Look, y: Look) -> Gradients:
    """Of a Euclidean norm y: x / y, masked where that is 0, times the gradient."""
    direction = trace.elementwise(x, y)
    _mask = trace.elementwise(y, dtype="bool")
    return [trace.elementwise(trace.reshape(grad, y.shape), direction)]


@rule
def of_absolute_sum(trace: Trace, grad: Value, x: Look, y: Look) -> Gradients:
    """Of a sum y of absolute values: the signs times the gradient."""
    sign = trace.elementwise(x)
    return [trace.elementwise(sign, trace.reshape(grad, y.shape))]


@rule
def in_pairs(trace: Trace, grad: Value, x: Look, other: Look) -> Gradients:
    """Of a function whose two gradients are made at once, in the size of its output, whichever is needed."""
    pair = [trace.elementwise(x, other, grad) for _ in range(2)]
    return [y if look.tracked else None for y, look in zip(pair, (x, other), strict=True)]
