"""Losses that ask for a margin between what is right and what is wrong (torch.nn, "Loss Functions")."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.choices import chosen_by, raised_to_zero
from shapecalc.allocation.gradients import of_sum
from shapecalc.allocation.kernels import converted, product_of_two, sum_of, times_number
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_numbers, check_rank
from shapecalc.layers.fields import Real
from shapecalc.layers.floating_activation import LogSigmoid
from shapecalc.layers.joins import operation
from shapecalc.layers.loss import (
    Loss,
    check_classed,
    check_classes,
    check_keeps_dtype,
    check_ranks,
    check_shape,
    check_wide,
    combined,
    floating,
)
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.rules import Keeps, Saved
from shapecalc.symbolic.conditions import equal
from shapecalc.tensors import Tensor, check_equal


class HingeEmbeddingLoss(Loss):
    """input where target is 1, max(0, margin − input) where it is −1. Source: torch.nn.HingeEmbeddingLoss."""

    margin = Real(1.0)
    without_gradient = (1,)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_numbers(input)
        check_fits(float(self.margin), input.dtype, "margin")
        return self.reduced(Tensor(combined(input, target).shape, input.dtype))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::hinge_embedding_loss."""
        x, target = trace.cast("hinge_embedding_loss", *inputs)
        zeros = trace.new(x.tensor, x.strides)
        missing = raised_to_zero(trace, times_number(trace, x))
        of_margin = chosen_by(trace, target, missing, zeros)
        of_input = chosen_by(trace, target, x, zeros)
        return (self.reduce(trace, sum_of(trace, of_margin, of_input)),)


class SoftMarginLoss(Loss):
    """log(1 + exp(−target · input)); the target may be repeated to the input, not the input.

    Source: torch.nn.SoftMarginLoss.
    """

    keeps = Keeps.INPUTS
    operation = "soft_margin_loss"

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        losses = combined(input, target)
        pairs = zip(losses.shape, input.shape, strict=False)
        if losses.rank != input.rank or not all(equal(n, m, "the target fits the input") for n, m in pairs):
            raise ArchitectureError(f"target {target} can't be repeated to the input's {input}")
        check_keeps_dtype(losses, input)
        return self.reduced(losses)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        check_fixed(trace, inputs[1])
        return super().run(trace, *inputs)


def check_fixed(trace: Trace, target: Value) -> None:
    """torch has no gradient for the target of some losses."""
    if target.tracked:
        hint = "a target is an input of the network, or comes from layers without gradients"
        trace.refuse("no gradient flows back to the target", hint)


class MarginRankingLoss(Loss):
    """max(0, margin − target · (input1 − input2)), the target 1 or −1. Source: torch.nn.MarginRankingLoss."""

    margin = Real(0.0)
    example = example((8,), (8,), (8,))

    def output(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        check_ranks(input1, input2, target)
        check_numbers(input1, input2, target)
        return self.reduced(floating(combined(target, input1, input2)))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::margin_ranking_loss."""
        input1, input2, target = trace.cast("margin_ranking_loss", *inputs)
        apart = operation(trace, input1, input2, negates=True)
        negative = times_number(trace, target)
        product = product_of_two(trace, negative, apart)
        moved = converted(trace, product, floating(product.tensor).dtype)
        del apart, negative, product
        return (self.reduce(trace, raised_to_zero(trace, moved)),)


class MultiMarginLoss(Loss):
    """The mean over other classes of max(0, margin − input at the target's class + input at theirs)ᵖ.

    Input (N, C) and target (N), or (C) and (). Source: torch.nn.MultiMarginLoss.
    """

    keeps = Keeps.INPUTS
    operation = "multi_margin_loss"
    p = Real(1, low=1, high=2)
    margin = Real(1.0)
    example = example((8, 10), Tensor((8,), "int64"))

    def check(self) -> None:
        if self.p not in (1, 2):
            raise ArchitectureError(f"p must be 1 or 2, not {self.p:g}", argument="p")

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_rank(input, 0, 1, 2)
        check_wide(input)
        check_fits(float(self.margin), input.dtype, "margin")
        check_classes(target)
        if target.rank > 1:
            raise ArchitectureError(f"a target of N is needed, not {target}")
        rows = input.shape[0] if input.rank == 2 else 1
        message = f"target is {target}, but the input {input} has {{1}} rows"
        check_equal(target.elements, rows, message, why="each row has a class")
        check_batch_axis(self, target)
        return self.reduced(Tensor(target.shape, input.dtype))


class MultiLabelMarginLoss(Loss):
    """The mean of max(0, 1 − input at a target's class + input at another), over both.

    Input (N, C), and of the same shape a target that lists classes and is filled up with −1; or both (C).
    Source: torch.nn.MultiLabelMarginLoss.
    """

    operation = "multilabel_margin_loss"
    example = example((8, 10), Tensor((8, 10), "int64"))

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_rank(input, 0, 1, 2)
        check_wide(input)
        check_classes(target)
        check_shape(target, input.shape, "target")
        rows = Tensor(input.shape[:-1], input.dtype)
        check_batch_axis(self, rows)
        return self.reduced(rows)

    def saved(self, input: Value, target: Value) -> Saved:
        """Both, and which classes are targets, as numbers."""
        return (input, target, input.tensor)


def check_batch_axis(loss: Loss, losses: Tensor) -> None:
    """Refuse losses without a batch axis where they are not reduced."""
    if loss.reduction == "none" and not losses.rank:
        raise ArchitectureError(
            "reduction: none needs a batch axis, torch's kernels differ on what they give without one",
            hint="a batch of 1 has one",
            argument="reduction",
        )


class MultiLabelSoftMarginLoss(Loss):
    """The mean over the input's last axis of BCEWithLogitsLoss, with torch's broadcasting.

    Input and target (N, C) give (N). Source: torch.nn.MultiLabelSoftMarginLoss.
    """

    example = example((8, 10), (8, 10))

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        check_numbers(target)
        check_classed(input)
        losses = combined(input, target)
        # A target of more axes moves the others, but torch counts the input's from the first.
        axis = input.rank - 1
        return self.reduced(Tensor((*losses.shape[:axis], *losses.shape[axis + 1 :]), losses.dtype))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """−(y · log σ(x) + (1 − y) · log σ(−x)). Source: torch.nn.functional.multilabel_soft_margin_loss."""
        losses = times_number(trace, self.likelihoods(trace, *inputs))
        axis = inputs[0].rank - 1
        made = Tensor((*losses.shape[:axis], *losses.shape[axis + 1 :]), losses.dtype)
        total = trace.kernel(trace.made_by("sum", made, losses), losses, back=of_sum(losses.look, [axis]))
        mean = times_number(trace, total)
        del losses, total
        return (self.reduce(trace, mean),)

    def likelihoods(self, trace: Trace, input: Value, target: Value) -> Value:
        found = product_of_two(trace, target, log_sigmoid(trace, input))
        rest = times_number(trace, target)
        others = product_of_two(trace, rest, log_sigmoid(trace, times_number(trace, input)))
        del rest
        return operation(trace, found, others)


def log_sigmoid(trace: Trace, x: Value) -> Value:
    (y,) = LogSigmoid().run(trace, x)
    return y
