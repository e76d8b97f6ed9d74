"""Numbers that count what is done with them, and what layers are, as textbooks write it, for such numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any, TypeAlias

Counts: TypeAlias = "Counter[str]"


class Number:
    """A number; each operation on it is counted. Signs and absolute values are free."""

    def __init__(self, value: float, counts: Counts) -> None:
        self.value = value
        self.counts = counts

    def made(self, kind: str, value: float) -> Number:
        self.counts[kind] += 1
        return Number(value, self.counts)

    def __add__(self, other: Number | float) -> Number:
        return self.made("add", self.value + _value(other))

    def __sub__(self, other: Number | float) -> Number:
        return self.made("add", self.value - _value(other))

    def __mul__(self, other: Number | float) -> Number:
        return self.made("mul", self.value * _value(other))

    def __truediv__(self, other: Number | float) -> Number:
        return self.made("divide", self.value / _value(other))

    def __radd__(self, other: float) -> Number:
        return self + other

    def __rsub__(self, other: float) -> Number:
        return self.made("add", other - self.value)

    def __rmul__(self, other: float) -> Number:
        return self * other

    def __rtruediv__(self, other: float) -> Number:
        return self.made("divide", other / self.value)

    def __neg__(self) -> Number:
        return Number(-self.value, self.counts)

    def __abs__(self) -> Number:
        return Number(abs(self.value), self.counts)

    def __gt__(self, other: Number | float) -> bool:
        self.counts["compare"] += 1
        return self.value > _value(other)

    def of(self, function: Callable[[float], float]) -> Number:
        """A function of the number alone."""
        return self.made("exp", function(self.value))


def _value(number: Number | float) -> float:
    return number.value if isinstance(number, Number) else number


Row: TypeAlias = "Sequence[Number]"


def greater(a: Number, b: Number | float) -> Number:
    a.counts["compare"] += 1
    return Number(max(a.value, _value(b)), a.counts)


def lesser(a: Number, b: Number | float) -> Number:
    return -greater(-a, -b)


def total(row: Row) -> Number:
    return reduce(lambda a, b: a + b, row)


def running_sums(row: Row) -> list[Number]:
    return list(accumulate(row, lambda a, b: a + b))


def normalized(row: Row) -> list[Number]:
    length = greater(root(total([x * x for x in row])), 1e-12)
    return [x / length for x in row]


def mean(row: Row) -> Number:
    return total(row) / len(row)


def greatest(row: Row) -> Number:
    return reduce(greater, row)


def exp(x: Number) -> Number:
    return x.of(math.exp)


def log(x: Number) -> Number:
    return x.of(math.log)


def root(x: Number) -> Number:
    return x.of(math.sqrt)


def tanh(x: Number) -> Number:
    return x.of(math.tanh)


def sigmoid(x: Number) -> Number:
    return 1 / (1 + exp(-x))


def softmax(row: Row) -> list[Number]:
    powers = [exp(x) for x in row]
    whole = total(powers)
    return [power / whole for power in powers]


def log_softmax(row: Row) -> list[Number]:
    whole = log(total([exp(x) for x in row]))
    return [x - whole for x in row]


def standardised(row: Row, eps: float) -> list[Number]:
    middle = mean(row)
    apart = [x - middle for x in row]
    deviation = root(mean([x * x for x in apart]) + eps)
    return [x / deviation for x in apart]


def known(row: Row, middle: float, variance: float, eps: float) -> list[Number]:
    """Standardised by statistics that are given."""
    deviation = root(Number(variance, row[0].counts) + eps)
    return [(x - middle) / deviation for x in row]


def dot(weights: Sequence[float], row: Row) -> Number:
    """A sum of products, which are multiply-accumulates."""
    counts = row[0].counts
    counts["macs"] += len(row)
    return Number(sum(w * x.value for w, x in zip(weights, row, strict=True)), counts)


def gelu(x: Number) -> Number:
    return x * 0.5 * (1 + (x * (1 / math.sqrt(2))).of(math.erf))


def gelu_by_tanh(x: Number) -> Number:
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * 0.5 * (1 + tanh(inner))


SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)

FUNCTIONS: dict[str, Callable[[Number], Any]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "exp": exp,
    "log": log,
    "sqrt": root,
    "rsqrt": lambda x: 1 / root(x),
    "reciprocal": lambda x: 1 / x,
    "sin": lambda x: x.of(math.sin),
    "cos": lambda x: x.of(math.cos),
    "tan": lambda x: x.of(math.tan),
    "asin": lambda x: x.of(math.asin),
    "acos": lambda x: x.of(math.acos),
    "atan": lambda x: x.of(math.atan),
    "sinh": lambda x: x.of(math.sinh),
    "cosh": lambda x: x.of(math.cosh),
    "asinh": lambda x: x.of(math.asinh),
    "atanh": lambda x: x.of(math.atanh),
    "exp2": lambda x: x.of(math.exp2),
    "expm1": lambda x: exp(x) - 1,
    "log2": lambda x: x.of(math.log2),
    "log10": lambda x: x.of(math.log10),
    "log1p": lambda x: log(1 + x),
    "erf": lambda x: x.of(math.erf),
    "floor": lambda x: Number(math.floor(x.value), x.counts),
    "ceil": lambda x: Number(math.ceil(x.value), x.counts),
    "round": lambda x: Number(round(x.value), x.counts),
    "trunc": lambda x: Number(math.trunc(x.value), x.counts),
    "sign": lambda x: Number(math.copysign(1, x.value), x.counts),
    "square": lambda x: x * x,
    "clamp: {min: 0.7, max: 0.9}": lambda x: lesser(greater(x, 0.7), 0.9),
    "clamp: {max: 0.9}": lambda x: lesser(x, 0.9),
    "gt: 0.75": lambda x: x > 0.75,
    "masked_fill: {branches: [[], [gt: 0.75]], value: 0.5}": lambda x: 0.5 if x.value > 0.75 else x,
    "where: [[gt: 0.75], [], 0]": lambda x: x if x.value > 0.75 else 0.0,
}
"""Of numbers above 0."""

ACTIVATIONS: dict[str, Callable[[Number], Any]] = {
    "ReLU": lambda x: greater(x, 0),
    "ReLU6": lambda x: lesser(greater(x, 0), 6),
    "Hardtanh": lambda x: lesser(greater(x, -1), 1),
    "Threshold: {threshold: 0.1, value: 3}": lambda x: x if x > 0.1 else 3.0,
    "Sigmoid": sigmoid,
    "Tanh": tanh,
    "Softsign": lambda x: x / (1 + abs(x)),
    "Tanhshrink": lambda x: x - tanh(x),
    "Hardsigmoid": lambda x: lesser(greater(x + 3, 0), 6) / 6,
    "LogSigmoid": lambda x: log(1 / (1 + exp(-x))),
    "Softplus: {beta: 2}": lambda x: x if (s := x * 2) > 20 else log(1 + exp(s)) / 2,
    "Hardshrink": lambda x: x if x > 0.5 or -x > 0.5 else 0.0,
    "Softshrink": lambda x: x - 0.5 if x > 0.5 else x + 0.5 if -x > 0.5 else 0.0,
    "LeakyReLU": lambda x: x if x > 0 else x * 0.01,
    "RReLU": lambda x: x if x > 0 else x * ((1 / 8 + 1 / 3) / 2),
    "ELU: {alpha: 2}": lambda x: x if x > 0 else 2 * (exp(x) - 1),
    "CELU: {alpha: 2}": lambda x: greater(x, 0) + lesser(2 * (exp(x / 2) - 1), 0),
    "SELU": lambda x: SELU[0] * x if x > 0 else SELU[0] * (SELU[1] * (exp(x) - 1)),
    "GELU": gelu,
    "GELU: {approximate: tanh}": gelu_by_tanh,
    "SiLU": lambda x: x / (1 + exp(-x)),
    "Mish": lambda x: x * tanh(log(1 + exp(x))),
    "Hardswish": lambda x: x * lesser(greater(x + 3, 0), 6) / 6,
    "PReLU": lambda x: x if x > 0 else x * 0.25,
    "relu": lambda x: greater(x, 0),
    "sigmoid": sigmoid,
    "tanh": tanh,
    "gelu": gelu,
    "silu": lambda x: x / (1 + exp(-x)),
}
"""A layer → what it makes of one number; of negative ones, what costs most."""
