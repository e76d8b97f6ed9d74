"""Losses of scores for classes (torch.nn, "Loss Functions"): axis 1 has the classes, targets name them.

A class that is out of range is no matter of shapes: torch finds it when it runs.
"""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import like, of_sum
from shapecalc.allocation.kernels import converted, linear, product_of_two, sum_of, times_number
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Flag, Inferred, Real, Size, Sizes, Whole
from shapecalc.layers.loss import Loss, check_classed, check_classes, check_shape, check_target
from shapecalc.layers.rules import Saved, Wanted
from shapecalc.layers.softmax import LogSoftmax
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, product, result_dtype


def without_classes(scores: Tensor) -> Shape:
    """(N, C, *d) → (N, *d), and (C) → ()."""
    return (*scores.shape[:1], *scores.shape[2:]) if scores.rank > 1 else ()


def negative_log_likelihood(scores: Tensor, target: Tensor) -> Tensor:
    """The losses of scores (N, C, *d) for classes (N, *d), or of (C) for a single class ()."""
    check_classed(scores)
    check_floating(scores)
    check_classes(target)
    check_shape(target, without_classes(scores), "target")
    return Tensor(target.shape, scores.dtype)


def cross_entropy(scores: Tensor, target: Tensor, ignore_index: int | None) -> Tensor:
    """The losses of scores for classes, or for probabilities, which are of the same shape as the scores."""
    check_classed(scores)
    if target.rank != scores.rank:
        return negative_log_likelihood(scores, target)
    check_floating(scores)
    check_target(target)
    check_shape(target, scores.shape, "target")
    if ignore_index is not None and ignore_index >= 0:
        raise ArchitectureError(
            f"ignore_index {ignore_index} is a class, but the target has probabilities",
            argument="ignore_index",
        )
    return Tensor(without_classes(scores), result_dtype(scores, target))


class LikelihoodLoss(Loss, abstract=True):
    """−input at the target's class: input (N, C, *d) and target (N, *d), or (C) and ()."""

    operation = "nll_loss"
    ignore_index = Whole(-100)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        return self.reduced(negative_log_likelihood(input, target))

    def saved(self, input: Value, target: Value) -> Saved:
        """Scores and target, and the total weight of the classes, a scalar."""
        return (input, target, Tensor((), input.dtype))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Scores of 3 axes, or of 5 and more, become (N, C, 1, positions). Source: at::nll_loss_nd."""
        scores, target = inputs
        if scores.rank in (1, 2, 4):
            return super().run(trace, *inputs)
        n, classes, *space = scores.shape
        places = (1, product(tuple(space)))
        scores, target = trace.contiguous(scores), trace.contiguous(target)
        (y,) = super().run(trace, trace.view(scores, (n, classes, *places)), trace.view(target, (n, *places)))
        return (trace.view(y, (n, *space)) if y.rank else y,)


class NLLLoss(LikelihoodLoss):
    """−input at the target's class, of log-probabilities: input (N, C, *d) and target (N, *d), or (C) and ().

    Source: torch.nn.NLLLoss.
    """

    example = example((8, 10), Tensor((8,), "int64"))


class NLLLoss2d(LikelihoodLoss):
    """The old name of NLLLoss. Source: torch.nn.NLLLoss2d."""

    example = example((2, 10, 16, 16), Tensor((2, 16, 16), "int64"))


def logarithms_of(trace: Trace, scores: Value, axis: int) -> Value:
    """LogSoftmax that is told its dtype, that of the scores: autocast leaves it alone."""
    with trace.within_operation():
        return LogSoftmax(dim=axis).run(trace, scores)[0]


class CrossEntropyLoss(Loss):
    """−log(softmax(input)) at the target's class, or its mean over the target's probabilities.

    Input (N, C, *d) with classes (N, *d) or probabilities (N, C, *d); or (C) with () or (C).
    `label_smoothing` mixes an equal share of all classes in (Szegedy et al. 2015, arXiv:1512.00567).
    Source: torch.nn.CrossEntropyLoss.
    """

    ignore_index = Whole(-100)
    label_smoothing = Real(0.0, low=0, high=1)
    last_fields = ("reduction", "label_smoothing")
    example = example((8, 10), Tensor((8,), "int64"))

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        return self.reduced(cross_entropy(input, target, self.ignore_index))

    def run(self, trace: Trace, input: Value, target: Value) -> tuple[Value, ...]:
        """LogSoftmax, then NLLLoss; torch has other kernels for probabilities and for smoothed labels."""
        if input.rank == target.rank:
            return (self.of_probabilities(trace, input, target),)
        axis = min(1, input.rank - 1)
        logarithms = logarithms_of(trace, input, axis)
        (y,) = NLLLoss(reduction=self.reduction).run(trace, logarithms, target)
        if self.label_smoothing:
            losses, ignored = self.of_all_classes(trace, logarithms, target, axis)
            mean = self.of_counted(trace, losses, ignored)
            share = times_number(trace, mean)
            y = sum_of(trace, times_number(trace, y), share)
        return (y,)

    def of_all_classes(
        self, trace: Trace, logarithms: Value, target: Value, axis: int
    ) -> tuple[Value, Value]:
        """The losses if all classes were equally likely, and which of them are ignored.

        Source: at::cross_entropy_loss_label_smoothing.
        """
        made = trace.made_by("sum", Tensor(without_classes(logarithms.tensor), logarithms.dtype), logarithms)
        total = trace.kernel(made, logarithms, back=of_sum(logarithms.look, [axis]))
        losses = times_number(trace, total)
        del total
        ignored = trace.new(Tensor(target.shape, "bool"))
        return trace.in_place(losses, keeps=(ignored,), back=like()), ignored

    def of_counted(self, trace: Trace, losses: Value, ignored: Value) -> Value:
        """The losses reduced; a mean is taken over those whose class is not ignored."""
        if self.reduction == "none":
            return losses
        made, back = Tensor((), losses.dtype), of_sum(losses.look, range(losses.rank))
        if self.reduction == "sum":
            return trace.kernel(made, losses, back=back)
        _counted = trace.new(ignored.tensor)
        count = trace.new(Tensor((), "int64"))
        return trace.kernel(made, trace.kernel(made, losses, back=back), keeps=(count,), back=like())

    def of_probabilities(self, trace: Trace, input: Value, target: Value) -> Value:
        """−target · log(softmax(input)), summed. Source: at::cross_entropy_loss_prob_target."""
        axis = min(1, input.rank - 1)
        logarithms = logarithms_of(trace, input, axis)
        if self.label_smoothing:
            target = times_number(trace, target)
            target = converted(trace, target, target.dtype)
        shares = product_of_two(trace, logarithms, target)
        gone = [axis] if self.reduction == "none" else list(range(input.rank))
        made = Tensor(without_classes(input.tensor) if self.reduction == "none" else (), shares.dtype)
        total = trace.kernel(trace.made_by("sum", made, shares), shares, back=of_sum(shares.look, gone))
        negative = times_number(trace, total)
        return times_number(trace, negative) if self.reduction == "mean" else negative


class LinearCrossEntropyLoss(Loss):
    """CrossEntropyLoss of a Linear, whose output (N, C, *out_features) need not be kept.

    Input (N, in_features) with classes (N, *out_features) or probabilities (N, C, *out_features), or
    (in_features) with () or (C). The `options` of its chunks are left out. Source:
    torch.nn.LinearCrossEntropyLoss.
    """

    in_features = Inferred(axis=-1)
    num_classes = Size()
    out_features = Sizes(())
    bias = Flag(False)
    ignore_index = Whole(None)
    label_smoothing = Real(0.0, low=0, high=1)
    last_fields = ("reduction", "ignore_index", "label_smoothing")
    quantized = ("weight",)
    example = example((8, 16), Tensor((8,), "int64"), num_classes=10)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_rank(input, 1, 2)
        check_floating(input, "float32")
        if self.out_features and input.rank == 1:
            raise ArchitectureError(
                f"out_features need a batch axis, which the input {input} lacks", argument="out_features"
            )
        scores = Tensor((*input.shape[:-1], self.num_classes, *self.out_features), input.dtype)
        if self.ignore_index is not None and target.rank == scores.rank:
            raise ArchitectureError(
                "ignore_index is for classes, but the target has probabilities", argument="ignore_index"
            )
        return self.reduced(cross_entropy(scores, target, self.ignore_index))

    def run(self, trace: Trace, input: Value, target: Value) -> tuple[Value, ...]:
        """Linear, whose output is then seen as scores. Source: torch.nn.functional.linear_cross_entropy."""
        weights = owned(trace, self.weights(input.tensor, target.tensor))
        if trace.autocast:  # of these looks at the weights no copy stays, as one would of the weights
            weights = [trace.view(w, w.shape) for w in weights]
        y = linear(trace, input, weights)
        scores = trace.view(y, (*input.shape[:-1], self.num_classes, *self.out_features))
        loss = CrossEntropyLoss(reduction=self.reduction, label_smoothing=self.label_smoothing)
        return loss.run(trace, scores, target)

    @property
    def scores(self) -> Dim:
        """How many scores one input gets."""
        return self.num_classes * product(self.out_features)

    def weights(self, input: Tensor, target: Tensor) -> Weights:
        weights = {"linear.weight": Weight((self.scores, input.shape[-1]))}
        return {**weights, "linear.bias": Weight((self.scores,))} if self.bias else weights

    def macs(self, input: Tensor, target: Tensor, y: Tensor) -> Dim:
        """One dot product over the input features for each score."""
        return input.elements * self.scores

    def gradient_macs(self, input: Tensor, target: Tensor, wanted: Wanted) -> Dim:
        """Those of the Linear, which never sees the target."""
        return super().gradient_macs(input, target, wanted=wanted._replace(inputs=wanted.inputs[:1]))
