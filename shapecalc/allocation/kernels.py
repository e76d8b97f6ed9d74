"""Functions of torch's that several layer types are made of, as kernels and views on a trace.

Each is written after torch's code of the same name, with the same local tensors alive at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.allocation.elementwise_gradients import of_factors, of_quotient
from shapecalc.allocation.gradients import Back, each, like, of_matrices, passed
from shapecalc.allocation.mode import STATISTIC
from shapecalc.allocation.strides import (
    Strides,
    channels_last,
    elementwise_strides,
    is_scattered,
    seem_channels_last,
    strides_as,
)
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import OUTPUT, Value, looks
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic.conditions import differ, not_one
from shapecalc.tensors import Shape, Tensor, broadcast, is_floating, product, result_dtype

_REPEATED = "a matrix is repeated"
CONVERT = "leave it out, or put an Embedding or another layer that gives floating-point numbers before it"


def suggested(shape: Shape, x: Value) -> Strides | None:
    """Those of images of this shape made of others: channels last where torch takes these to lie so.

    Source: at::TensorBase::suggest_memory_format.
    """
    return channels_last(shape) if seem_channels_last(x.shape, x.strides) else None


def convolution_back(x: Value, matrix: Value, *bias: Value) -> Back:
    """The gradients of a convolution; those of image and weight lie channels last where the image seems to.

    An image without a batch axis is seen with one. Source: at::convolution_backward.
    """
    image, weight, *others = looks([x, matrix, *bias])
    lead = (1,) * (matrix.rank - x.rank)
    steps = tuple([x.shape[0] * x.all_strides[0] for _ in lead])
    last = seem_channels_last((*lead, *x.shape), x.strides and (*steps, *x.strides))

    def laid(shape: Shape) -> Strides | None:
        missing = matrix.rank - len(shape)
        return channels_last((1,) * missing + shape)[missing:] if last else None

    def back(trace: Trace, _: Value) -> Sequence[Value | None]:
        firsts = each([image, weight], lambda y: trace.new(y.tensor, laid(y.shape)))
        return [*firsts, *each(others, lambda y: trace.new(y.tensor))]

    return back


def linear(trace: Trace, x: Value, weights: Sequence[Value]) -> Value:
    """x·Wᵀ + b; `weights` are W and, if there is one, b. Source: at::linear.

    An input of other than two axes is seen as rows; where it does not lie in a row, by a copy if it must, and
    the bias is then added by a kernel of its own. With a frozen W it is not copied, but multiplied matrix by
    matrix: no gradient of W would be made for each of them (at::matmul, should_fold).
    """
    x, *weights = trace.cast("linear", x, *weights)
    matrix, *bias = weights
    made = (*x.shape[:-1], matrix.shape[0])
    if x.rank == 2:
        return affine(trace, x, made, trace.transpose(matrix, 0, 1), bias)
    rows = (x.elements // x.shape[-1], x.shape[-1])
    folded = (rows[0], matrix.shape[0])
    if bias and not is_scattered(x.shape, x.strides):
        seen = trace.view(x, rows)
        return trace.view(affine(trace, seen, folded, trace.transpose(matrix, 0, 1), bias), made)
    turned = trace.transpose(matrix, 0, 1)  # before x is seen as rows: that order the way back has too
    if matrix.frozen and is_scattered(x.shape, x.strides):
        return plus_bias(trace, matmul(trace, x, turned), bias)
    y = affine(trace, trace.reshape(x, rows), folded, turned, ())
    return plus_bias(trace, trace.unsafe(trace.view(y, made)), bias)


def affine(trace: Trace, x: Value, shape: Shape, turned: Value, bias: Sequence[Value]) -> Value:
    """As the arguments of addmm: the gradient of the bias is summed when those of both factors are there."""
    # Each factor is kept for the gradient of the other; a matrix that is no copy takes no bytes.
    kept = [*([x] if turned.tracked else []), *([turned] if x.tracked else [])]
    own, added = of_matrices(x.look, turned.look), passed(*looks(bias))

    def back(trace: Trace, grad: Value) -> list[Value | None]:
        return [*added(trace, grad), *own(trace, grad)]

    return trace.kernel(Tensor(shape, x.dtype), *bias, x, turned, keeps=kept, back=back)


def plus_bias(trace: Trace, y: Value, bias: Sequence[Value]) -> Value:
    """The bias, if there is one, is added by a kernel of its own."""
    return trace.kernel(y.tensor, y, *bias, back=passed(y.look, *looks(bias))) if bias else y


def bmm(trace: Trace, x: Value, other: Value) -> Value:
    """Products of as many matrices: (B, n, k) and (B, k, m) → (B, n, m)."""
    x, other = trace.cast("bmm", x, other)
    return product_of(trace, x, other, (*x.shape[:-1], other.shape[-1]))


def softmax(trace: Trace, x: Value) -> Value:
    y = trace.made_by("softmax", x.tensor, x)
    return trace.kernel(y, x, keeps=(OUTPUT,))


def dropout(trace: Trace, x: Value, p: float) -> Value:
    return noisy(trace, x, p) if trace.training else x


def noisy(trace: Trace, x: Value, p: float) -> Value:
    """Noise is made, which autograd keeps, and multiplied with. Source: at::dropout."""
    if p == 0:
        return x
    check_noise(trace, x, p)
    if trace.mode.cuda and p < 1:
        return trace.kernel(x.tensor, x, keeps=(Tensor(x.shape, "bool"),), strides=x.strides)
    noise = trace.new(x.tensor if p < 1 else Tensor((), x.dtype))
    return trace.kernel(x.tensor, x, keeps=(noise,), back=like(noise.look), strides=x.strides)


def check_noise(trace: Trace, x: Value, p: float) -> None:
    """torch scales noise of the input's dtype in place, unless all of it is zero."""
    if p < 1 and not is_floating(x.dtype):
        trace.refuse(f"in training it drops out of floating-point numbers alone, not of {x.dtype}", CONVERT)


def widened(trace: Trace, x: Value) -> Value:
    """Short floats are made float32 on the way."""
    if trace.bytes[x.dtype] >= 4:
        return x
    return converted(trace, x, STATISTIC)


def converted(trace: Trace, x: Value, dtype: str) -> Value:
    return trace.kernel(Tensor(x.shape, dtype), x, back=passed(x.look), strides=x.strides)


def times_number(trace: Trace, x: Value) -> Value:
    return trace.kernel(x.tensor, x, back=like(), strides=x.strides)


def product_of_two(trace: Trace, x: Value, other: Value) -> Value:
    """x ⊙ y, of which autograd keeps what the gradient of the other factor is made of."""
    shape = broadcast(x.shape, other.shape)
    dtype = STATISTIC if STATISTIC in (x.dtype, other.dtype) else result_dtype(x.tensor, other.tensor)
    keeps = [*([x] if other.tracked else []), *([other] if x.tracked else [])]
    strides = elementwise_strides(shape, (x.shape, x.strides), (other.shape, other.strides))
    back = of_factors(x.look, other.look)
    return trace.kernel(Tensor(shape, dtype), x, other, keeps=keeps, back=back, strides=strides)


def quotient(trace: Trace, x: Value, y: Value) -> Value:
    """x / y, with torch's broadcasting."""
    made = Tensor(broadcast(x.shape, y.shape), result_dtype(x.tensor, y.tensor))
    strides = elementwise_strides(made.shape, (x.shape, x.strides), (y.shape, y.strides))
    keeps = (x, y) if y.tracked else (y,)
    return trace.kernel(made, x, y, keeps=keeps, back=of_quotient(x.look, y.look), strides=strides)


def sum_of(trace: Trace, x: Value, other: Value) -> Value:
    """The sum of two tensors of one shape."""
    back = passed(x.look, other.look)
    return trace.kernel(trace.made_by("add", x.tensor, x, other), x, other, back=back, strides=x.strides)


def layer_norm(trace: Trace, x: Value, weights: Sequence[Value]) -> Value:
    """Over the last axis; the mean and the deviation of each position are kept."""
    x, *weights = trace.cast("layer_norm", x, *weights)
    statistics = Tensor((*x.shape[:-1], 1), STATISTIC)
    return trace.kernel(x.tensor, x, *weights, keeps=(x, statistics, statistics))


def matmul(trace: Trace, x: Value, other: Value) -> Value:
    """The product of the last two axes, or of the only one, others broadcast. Source: at::matmul."""
    x, other = trace.cast("matmul", x, other)
    if x.rank <= 2 and other.rank <= 2:
        columns = other.shape[1:] if other.rank == 2 else ()
        return product_of(trace, x, other, (*x.shape[:-1], *columns))
    if x.rank == other.rank == 3 and x.shape[0] != other.shape[0]:
        if x.shape[0] == 1 and x.tracked and not_one(other.shape[0], _REPEATED):
            return matmul(trace, trace.seen_as(x, x.shape[1:]), other)
        if other.shape[0] == 1 and other.tracked and not_one(x.shape[0], _REPEATED):
            return matmul(trace, x, trace.seen_as(other, other.shape[1:]))
    if folds(x, other):
        return folded(trace, x, other)
    rows, columns = x.shape[-2:-1] if x.rank > 1 else (), other.shape[-1:] if other.rank > 1 else ()
    lead = broadcast(x.shape[:-2], other.shape[:-2])
    first = trace.seen_as(x, (1, *x.shape)) if x.rank == 1 else x
    second = trace.seen_as(other, (*other.shape, 1)) if other.rank == 1 else other
    first, second = (batched(trace, y, lead) for y in (first, second))
    return trace.unsafe(trace.seen_as(bmm(trace, first, second), (*lead, *rows, *columns)))


def product_of(trace: Trace, x: Value, other: Value, shape: Shape) -> Value:
    """A kernel that multiplies; the gradient of each factor is made of the other."""
    keeps = [*([x] if other.tracked else []), *([other] if x.tracked else [])]
    return trace.kernel(Tensor(shape, x.dtype), x, other, keeps=keeps)


def folds(x: Value, other: Value) -> bool:
    """Whether the axes before the last of the larger one are seen as one, for a product of two matrices."""
    large, small = (x, other) if x.rank >= other.rank else (other, x)
    if large.rank < 3 or small.rank > 2:
        return False
    if small.tracked:
        return True
    steps, sizes = list(large.all_strides), list(large.shape)
    if large is not x:
        if x.rank == 2:
            return False
        for each in (steps, sizes):
            each[-2:] = reversed(each[-2:])
    pairs = [(steps[i], steps[i + 1] * sizes[i + 1]) for i in range(large.rank - 2)]
    apart = next((pair for pair in pairs if pair[0] != pair[1]), None)
    is_scattered(large.shape, large.strides)  # recorded: elsewhere these are not its steps
    return not (apart and differ(*apart, "matrices are apart"))


def folded(trace: Trace, x: Value, other: Value) -> Value:
    """With the larger one on the right both are transposed, and the product is transposed back."""
    turned = other.rank > x.rank
    large, small = (x, other)
    if turned:
        large = trace.transpose(other, other.rank - 2, other.rank - 1)
        small = trace.transpose(x, 0, 1) if x.rank == 2 else x
    *lead, length = large.shape
    rows = trace.reshape(large, (product(tuple(lead)), length))
    columns = small.shape[1:]
    y = trace.unsafe(
        trace.seen_as(product_of(trace, rows, small, (rows.shape[0], *columns)), (*lead, *columns))
    )
    if turned and columns:
        y = trace.contiguous(trace.transpose(y, y.rank - 2, y.rank - 1))
    return y


def batched(trace: Trace, x: Value, lead: Shape) -> Value:
    """A matrix for each index of the axes before, which become one."""
    x = trace.expand(x, (*lead, *x.shape[-2:]))
    return trace.reshape(x, (product(lead), *x.shape[-2:]))


def check_view(x: Value, shape: Shape, hint: str) -> None:
    """Refuse a tensor that `Tensor.view` would have to copy, to see it as another shape."""
    if strides_as(x.shape, x.all_strides, shape) is None:
        wanted, strides = ("×".join(map(str, sizes)) for sizes in (shape, x.all_strides))
        message = f"torch can't see {x.tensor} of strides {strides} as {wanted} without a copy"
        raise ArchitectureError(message, hint=hint)
