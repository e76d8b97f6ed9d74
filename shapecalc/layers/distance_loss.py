"""Losses of vectors that are compared with each other (torch.nn, "Loss Functions")."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import check_numbers, example
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.loss import Loss, Reduction, check_ranks, combined, floating
from shapecalc.tensors import Tensor


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


class TripletMarginWithDistanceLoss(TripletLoss):
    """TripletMarginLoss with the Euclidean distance, its default; others are functions, which no file holds.

    Source: torch.nn.TripletMarginWithDistanceLoss.
    """

    margin = Real(1.0)
    swap = Flag(False)
    reduction = Reduction()
    example = example((8, 16), (8, 16), (8, 16))
