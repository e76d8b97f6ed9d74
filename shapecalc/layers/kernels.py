"""Functions of torch's that several layer types are made of, as kernels and views on a tape.

Each is written after torch's code of the same name: what a local name holds is alive until it goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.symbolic import Dim
from shapecalc.tape import STATISTIC, Tape, Value
from shapecalc.tensors import Tensor, product


def linear(tape: Tape, x: Value, out_features: Dim, weights: Sequence[Dim]) -> Value:
    """x·Wᵀ + b; `weights` are the elements of W and, if there is one, of b. Source: at::linear.

    An input of three axes or more that does not lie in a row is copied, and the bias then added by a kernel of
    its own.
    """
    made = Tensor((*x.shape[:-1], out_features), x.dtype)
    if x.rank <= 2 or x.strides is None:
        return tape.kernel(made, x, keeps=(x,), weights=weights)
    matrix, *bias = weights
    y = product_of_rows(tape, x, made, matrix)
    return tape.kernel(made, y, weights=bias, passes=True) if bias else y


def product_of_rows(tape: Tape, x: Value, made: Tensor, matrix: Dim) -> Value:
    rows = tape.reshape(x, (x.elements // x.shape[-1], x.shape[-1]))
    return tape.kernel(made, rows, keeps=(rows,), weights=(matrix,))


def bmm(tape: Tape, x: Value, other: Value) -> Value:
    """Products of as many matrices: (*, n, k) and (*, k, m) → (*, n, m)."""
    keeps = [*([x] if other.tracked else []), *([other] if x.tracked else [])]
    return tape.kernel(Tensor((*x.shape[:-1], other.shape[-1]), x.dtype), x, other, keeps=keeps)


def softmax(tape: Tape, x: Value) -> Value:
    return tape.kernel(x.tensor, x, keeps_output=True)


def dropout(tape: Tape, x: Value, p: float) -> Value:
    """In training noise is made, which autograd keeps, and multiplied with. Source: at::dropout."""
    if not tape.training or p == 0:
        return x
    noise = tape.new(x.tensor)
    if p == 1:
        noise = tape.new(Tensor((), x.dtype))
    return tape.kernel(x.tensor, x, keeps=(noise,), strides=x.strides)


def times_number(tape: Tape, x: Value) -> Value:
    return tape.kernel(x.tensor, x, strides=x.strides)


def sum_of(tape: Tape, x: Value, other: Value) -> Value:
    """The sum of two tensors of one shape."""
    return tape.kernel(x.tensor, x, other, passes=True, strides=x.strides)


def layer_norm(tape: Tape, x: Value, weights: Sequence[Dim]) -> Value:
    """Over the last axis; the mean and the deviation of each position are kept."""
    statistics = Tensor((*x.shape[:-1], 1), STATISTIC)
    return tape.kernel(x.tensor, x, keeps=(x, statistics, statistics), weights=weights)


def matmul(tape: Tape, x: Value, other: Value) -> Value:
    """The same of matrices under any axes, which are equal here: seen as one axis, copied where they can't be."""
    made = (*x.shape[:-1], other.shape[-1])
    count = product(x.shape[:-2])
    x, other = (tape.reshape(y, (count, *y.shape[-2:])) for y in (x, other))
    return tape.seen_as(bmm(tape, x, other), made)
