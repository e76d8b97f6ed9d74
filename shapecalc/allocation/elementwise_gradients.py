"""Gradients of operations on elements, each with the intermediate tensors that torch's formula makes."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.allocation.gradients import Back, each
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Look, Value


def of_factors(first: Look, second: Look) -> Back:
    """The gradient of each factor is that of the product times the other."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        of_first = trace.elementwise(grad, second) if first.tracked else None
        return of_first, trace.elementwise(grad, first) if second.tracked else None

    return back


def of_quotient(x: Look, other: Look) -> Back:
    """Of a quotient x / y: −g · ((x / y) / y) for y, and g / y for x."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        of_other = of_divisor(trace, grad) if other.tracked else None
        return trace.elementwise(grad, other) if x.tracked else None, of_other

    def of_divisor(trace: Trace, grad: Value) -> Value:
        quotient = trace.elementwise(x, other)
        again = trace.elementwise(quotient, other)
        negative = trace.elementwise(grad)
        return trace.elementwise(negative, again)

    return back


def of_power(x: Look) -> Back:
    """Of xᵖ: g · (p · xᵖ⁻¹); and as well of 1/√x, whose result autograd keeps."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        power = trace.elementwise(x)
        scaled = trace.elementwise(power)
        return [trace.elementwise(grad, scaled)]

    return back


def of_absolute(x: Look) -> Back:
    """Of |x|: the gradient times the sign."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        sign = trace.elementwise(x)
        return [trace.elementwise(grad, sign)]

    return back


def of_mish(x: Look) -> Back:
    """Of x · tanh(softplus(x)): g · (t + x · σ(x) · (1 − t²)). Source: at::math_mish_backward."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        softplus = trace.elementwise(x)
        bent = trace.elementwise(softplus)
        del softplus
        _share = trace.elementwise(x)
        _terms = [trace.elementwise(x) for _ in range(4)]
        inner = trace.elementwise(x)
        return [trace.elementwise(grad, bent, inner)]

    return back


def of_distance(x: Look, other: Look) -> Back:
    """Of a function of the difference of two tensors: each made of both, one kernel each."""
    return lambda trace, grad: [
        *each([x], lambda _: trace.elementwise(grad, x, other)),
        *each([other], lambda _: trace.elementwise(grad, other, x)),
    ]


def of_likelihood(x: Look, target: Look) -> Back:
    """Of the logarithm of a probability; for the target log(x / (1 − x)) times the gradient."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        own = trace.elementwise(grad, x, target) if x.tracked else None
        if not target.tracked:
            return own, None
        logit = trace.elementwise(x)
        return own, trace.elementwise(logit, grad)

    return back


def of_logits(x: Look, target: Look) -> Back:
    """The same of a sigmoid: (σ(x) − t) · g, and −x · g for the target."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        return of_x(trace, grad) if x.tracked else None, of_target(trace, grad) if target.tracked else None

    def of_x(trace: Trace, grad: Value) -> Value:
        share = trace.elementwise(x)
        apart = trace.elementwise(share, target)
        del share
        return trace.elementwise(apart, grad)

    def of_target(trace: Trace, grad: Value) -> Value:
        negative = trace.elementwise(x)
        return trace.elementwise(negative, grad)

    return back


def of_own_logarithm(x: Look) -> Back:
    """Of x · log(y), y the same: g · x / y for y, then g · log(y), 0 where both are."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        product = trace.elementwise(grad, x)
        of_other = trace.elementwise(product, x)
        del product
        logarithm = trace.elementwise(grad, x)
        _masks = [trace.elementwise(x, dtype="bool") for _ in range(3)]
        return trace.elementwise(logarithm), of_other

    return back


def of_length(x: Look, y: Look) -> Back:
    """Of a Euclidean norm y: x / y, masked where that is 0, times the gradient."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        direction = trace.elementwise(x, y)
        _mask = trace.elementwise(y, dtype="bool")
        return [trace.elementwise(trace.reshape(grad, y.shape), direction)]

    return back


def of_absolute_sum(x: Look, y: Look) -> Back:
    """Of a sum y of absolute values: the signs times the gradient."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        sign = trace.elementwise(x)
        return [trace.elementwise(sign, trace.reshape(grad, y.shape))]

    return back


def in_pairs(x: Look, other: Look) -> Back:
    """Of a function whose two gradients are made at once, in the size of its output, whichever is needed."""

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        pair = [trace.elementwise(x, other, grad) for _ in range(2)]
        return [y if look.tracked else None for y, look in zip(pair, (x, other), strict=True)]

    return back
