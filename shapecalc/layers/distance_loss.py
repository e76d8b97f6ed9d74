"""Losses of vectors that are compared with each other (torch.nn, "Loss Functions")."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.allocation.choices import at_least_zero, chosen_by, lesser, raised_to_zero
from shapecalc.allocation.gradients import repeated
from shapecalc.allocation.kernels import converted, sum_of, times_number
from shapecalc.allocation.trace import Tape, Value
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import check_numbers, example
from shapecalc.layers.distance import PairwiseDistance, quotient
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.joins import operation
from shapecalc.layers.loss import Loss, Reduction, check_ranks, combined, floating
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
    reduction = Reduction()
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

    def run(self, tape: Tape, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::cosine_embedding_loss."""
        first, second, target = tape.cast("cosine_embedding_loss", *inputs)
        del inputs
        product = summed(tape, operation(tape, first, second, factors=True))
        squares = [square(tape, x) for x in (first, second)]
        length = root_in_place(tape, operation(tape, *squares, factors=True))
        cosine = quotient(tape, product, length)
        zeros = tape.new(cosine.tensor)
        near, far = times_number(tape, cosine), raised_to_zero(tape, moved(tape, cosine))
        of_alike = chosen_by(tape, target, near, zeros)
        of_others = chosen_by(tape, target, far, zeros)
        return (self.reduce(tape, sum_of(tape, of_alike, of_others)),)


def square(tape: Tape, x: Value) -> Value:
    """The sum of squares along the last axis, and a little more."""
    squares = operation(tape, x, x, factors=True)
    total = summed(tape, squares)
    return moved(tape, total)


def summed(tape: Tape, x: Value) -> Value:
    """The sum along the last axis; that of whole numbers is one of many of them."""
    dtype = x.dtype if is_floating(x.dtype) else "int64"
    return tape.kernel(Tensor(x.shape[:-1], dtype), x, back=repeated(x.look, [x.rank - 1]))


def moved(tape: Tape, x: Value) -> Value:
    """x and a floating-point number, added."""
    return converted(tape, x, floating(x.tensor).dtype)


def root_in_place(tape: Tape, x: Value) -> Value:
    """√x, in place of x. Source: at::sqrt_."""
    look = x.look

    def back(tape: Tape, grad: Value) -> Sequence[Value | None]:
        double = tape.elementwise(look)
        return [tape.elementwise(grad, double)]

    return tape.in_place(x, keeps_output=True, back=back)


class TripletLoss(Loss, abstract=True):
    """What the losses of triplets have in common.

    max(0, d(anchor, positive) − d(anchor, negative) + margin), all of (N, D) or (D), d the distance along
    the last axis; with `swap`, the negative's distance is that to the nearer of anchor and positive.
    """

    margin: Real
    swap: Flag

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

    margin = Real(1.0)
    p = Real(2.0)
    eps = Real(1e-6)
    swap = Flag(False)
    reduction = Reduction()
    example = example((8, 16), (8, 16), (8, 16))

    def run(self, tape: Tape, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::triplet_margin_loss."""
        anchor, positive, negative = tape.cast("triplet_margin_loss", *inputs)
        del inputs
        near, far = apart(tape, anchor, positive, self.p), apart(tape, anchor, negative, self.p)
        if self.swap:
            far = lesser(tape, far, apart(tape, positive, negative, self.p))
        with_margin = moved(tape, near)
        losses = at_least_zero(tape, operation(tape, with_margin, far, negates=True))
        del with_margin
        return (self.reduce(tape, losses),)


class TripletMarginWithDistanceLoss(TripletLoss):
    """TripletMarginLoss with the Euclidean distance, its default; others are functions, which no file holds.

    Source: torch.nn.TripletMarginWithDistanceLoss.
    """

    margin = Real(1.0)
    swap = Flag(False)
    reduction = Reduction()
    example = example((8, 16), (8, 16), (8, 16))

    def run(self, tape: Tape, *inputs: Value) -> tuple[Value, ...]:
        """Source: torch.nn.functional.triplet_margin_with_distance_loss."""
        anchor, positive, negative = inputs
        near, far = apart(tape, anchor, positive), apart(tape, anchor, negative)
        nearer = apart(tape, positive, negative) if self.swap else far
        if self.swap:
            far = lesser(tape, far, nearer)
        return (
            self.reduce(tape, at_least_zero(tape, operation(tape, moved(tape, near), far, negates=True))),
        )


def apart(tape: Tape, first: Value, second: Value, p: float = 2.0) -> Value:
    (y,) = PairwiseDistance(p=p).run(tape, first, second)
    return y
