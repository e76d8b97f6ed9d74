"""Losses of vectors that are compared with each other (torch.nn, "Loss Functions")."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.choices import at_least_zero, chosen_by, lesser, raised_to_zero
from shapecalc.allocation.gradients import of_sum
from shapecalc.allocation.kernels import converted, product_of_two, quotient, sum_of, times_number
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_numbers
from shapecalc.layers.distance import PairwiseDistance
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.joins import operation
from shapecalc.layers.loss import Loss, check_ranks, combined, floating
from shapecalc.tensors import Tensor, is_floating


def distance(first: Tensor, second: Tensor) -> Tensor:
    """A norm of the difference along the last axis."""
    check_numbers(first, second)
    difference = floating(combined(first, second))
    return Tensor(difference.shape[:-1], difference.dtype)


class CosineEmbeddingLoss(Loss):
    """1 − cos(input1, input2) where the target is 1, max(0, cos(input1, input2) − margin) where it is −1.

    Two inputs (N, D) and a target (N), or (D) and (). Source: torch.nn.CosineEmbeddingLoss.
    """

    margin = Real(0.0)
    without_gradient = (2,)
    example = example((8, 16), (8, 16), (8,))

    def output(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        if target.rank > 1 or input1.rank != target.rank + 1 or input2.rank != target.rank + 1:
            raise ArchitectureError(
                f"two inputs of N×D and a target of N are needed, not {input1}, {input2} and {target}",
                hint="or two vectors and a target without axes",
            )
        product = combined(floating(input1), floating(input2))
        cosine = Tensor(product.shape[:-1], product.dtype)
        return self.reduced(Tensor(combined(cosine, target).shape, cosine.dtype))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::cosine_embedding_loss."""
        first, second, target = trace.cast("cosine_embedding_loss", *inputs)
        product = sum_along_last(trace, product_of_two(trace, first, second))
        squares = [square(trace, x) for x in (first, second)]
        length = root_in_place(trace, product_of_two(trace, *squares))
        cosine = quotient(trace, product, length)
        zeros = trace.new(cosine.tensor)
        near, far = times_number(trace, cosine), raised_to_zero(trace, moved(trace, cosine))
        of_alike = chosen_by(trace, target, near, zeros)
        of_others = chosen_by(trace, target, far, zeros)
        return (self.reduce(trace, sum_of(trace, of_alike, of_others)),)


def square(trace: Trace, x: Value) -> Value:
    """The sum of squares along the last axis, plus a small number against a division by 0."""
    squares = product_of_two(trace, x, x)
    total = sum_along_last(trace, squares)
    return moved(trace, total)


def sum_along_last(trace: Trace, x: Value) -> Value:
    """The sum along the last axis; whole numbers are summed in int64."""
    dtype = x.dtype if is_floating(x.dtype) else "int64"
    return trace.kernel(Tensor(x.shape[:-1], dtype), x, back=of_sum(x.look, [x.rank - 1]))


def moved(trace: Trace, x: Value) -> Value:
    """x plus a number, which makes it floating-point."""
    return converted(trace, x, floating(x.tensor).dtype)


def root_in_place(trace: Trace, x: Value) -> Value:
    """√x, in place of x. Source: at::sqrt_."""
    look = x.look

    def back(trace: Trace, grad: Value) -> Sequence[Value | None]:
        double = trace.elementwise(look)
        return [trace.elementwise(grad, double)]

    return trace.in_place(x, keeps=(OUTPUT,), back=back)


class TripletLoss(Loss, abstract=True):
    """What the losses of triplets have in common.

    max(0, d(anchor, positive) − d(anchor, negative) + margin), all of (N, D) or (D), d the distance along
    the last axis; with `swap`, the negative's distance is that to the nearer of anchor and positive.
    """

    margin = Real(1.0)
    swap = Flag(False)
    last_fields = ("swap", "reduction")
    example = example((8, 16), (8, 16), (8, 16))

    def check(self) -> None:
        if self.margin <= 0:
            raise ArchitectureError(f"margin must be above 0, not {self.margin:g}", argument="margin")

    def output(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        check_ranks(anchor, positive, negative)
        near, far = distance(anchor, positive), distance(anchor, negative)
        if self.swap:
            far = combined(far, distance(positive, negative))
        return self.reduced(combined(near, far))


class TripletMarginLoss(TripletLoss):
    """A positive has to be nearer to the anchor than a negative, by a margin, in the p-norm.

    Source: Balntas et al. 2016, BMVC; torch.nn.TripletMarginLoss.
    """

    p = Real(2.0)
    eps = Real(1e-6)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::triplet_margin_loss."""
        anchor, positive, negative = trace.cast("triplet_margin_loss", *inputs)
        near, far = apart(trace, anchor, positive, self.p), apart(trace, anchor, negative, self.p)
        if self.swap:
            far = lesser(trace, far, apart(trace, positive, negative, self.p))
        with_margin = moved(trace, near)
        losses = at_least_zero(trace, operation(trace, with_margin, far, negates=True))
        del with_margin
        return (self.reduce(trace, losses),)


class TripletMarginWithDistanceLoss(TripletLoss):
    """TripletMarginLoss with the Euclidean distance, its default; others are functions, which no file holds.

    Source: torch.nn.TripletMarginWithDistanceLoss.
    """

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: torch.nn.functional.triplet_margin_with_distance_loss."""
        anchor, positive, negative = inputs
        near, far = apart(trace, anchor, positive), apart(trace, anchor, negative)
        nearer = apart(trace, positive, negative) if self.swap else far
        if self.swap:
            far = lesser(trace, far, nearer)
        return (
            self.reduce(trace, at_least_zero(trace, operation(trace, moved(trace, near), far, negates=True))),
        )


def apart(trace: Trace, first: Value, second: Value, p: float = 2.0) -> Value:
    (y,) = PairwiseDistance(p=p).run(trace, first, second)
    return y
