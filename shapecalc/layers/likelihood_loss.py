"""Losses of elements, predictions that are distributions (torch.nn, "Loss Functions"): likelihoods."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import (
    of_likelihood,
    of_logits,
    of_own_logarithm,
    of_power,
)
from shapecalc.allocation.gradients import Back, like, passed
from shapecalc.allocation.kernels import product_of_two, quotient, times_number
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_numbers
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.joins import operation
from shapecalc.layers.loss import Loss, Reduction, check_shape, check_target, combined, floating
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.rules import Keeps
from shapecalc.tensors import Shape, Tensor, is_floating


class BCELoss(Loss):
    """−(target · log(input) + (1 − target) · log(1 − input)), of probabilities. Source: torch.nn.BCELoss."""

    keeps = Keeps.INPUTS
    reads_values = True

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        if target.dtype != input.dtype:
            raise ArchitectureError(
                f"a target of {input.dtype} is needed, like the input, not {target.dtype}"
            )
        check_shape(target, input.shape, "target")
        return self.reduced(input)

    def back(self, input: Value, target: Value) -> Back:
        return of_likelihood(input.look, target.look)


class BCEWithLogitsLoss(Loss):
    """BCELoss of sigmoid(input). Source: torch.nn.BCEWithLogitsLoss."""

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        check_target(target)
        check_shape(target, input.shape, "target")
        return self.reduced(target)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Of the dtype of the target. Source: at::binary_cross_entropy_with_logits."""
        scores, target = trace.cast("binary_cross_entropy_with_logits", *inputs)
        made, back = self.reduced(target.tensor), of_logits(scores.look, target.look)
        return (trace.kernel(made, scores, target, keeps=(scores, target), back=back),)


def exponential(trace: Trace, x: Value) -> Value:
    return trace.kernel(floating(x.tensor), x, keeps=(OUTPUT,), back=like(x.look), strides=x.strides)


def own_logarithm(trace: Trace, x: Value) -> Value:
    """x · log(x): torch.xlogy, called with the same tensor twice."""
    keeps = [x] if x.tracked else []
    return trace.kernel(x.tensor, x, x, keeps=keeps, back=of_own_logarithm(x.look), strides=x.strides)


class KLDivLoss(Loss):
    """target · (log(target) − input), of log-probabilities; `batchmean` divides the sum by the batch.

    Source: Kullback & Leibler 1951, Annals of Mathematical Statistics 22; torch.nn.KLDivLoss.
    """

    reduction = Reduction("batchmean")
    last_fields = ()
    log_target = Flag(False)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        check_target(target)
        return self.reduced(combined(input, target))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::kl_div."""
        scores, target = trace.cast("kl_div", *inputs)
        if self.log_target:
            apart = operation(trace, target, scores, negates=True)
            losses = product_of_two(trace, exponential(trace, target), apart)
            del apart
        else:
            crossed = product_of_two(trace, target, scores)
            own = own_logarithm(trace, target)
            losses = operation(trace, own, crossed, negates=True)
            del crossed, own
        y = self.reduce(trace, losses)
        del losses  # at::kl_div is done; its sum is divided in Python
        return (times_number(trace, y) if self.reduction == "batchmean" and scores.rank else y,)


class PoissonNLLLoss(Loss):
    """exp(input) − target · input, or without `log_input` input − target · log(input + eps).

    `full` adds Stirling's approximation of log(target!). Source: torch.nn.PoissonNLLLoss.
    """

    log_input = Flag(True)
    full = Flag(False)
    eps = Real(1e-8)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        self.check_subtraction(input, target)
        if self.log_input:
            return self.reduced(combined(floating(input), combined(target, input)))
        return self.reduced(combined(target, floating(input)))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        """Source: at::poisson_nll_loss."""
        scores, target = trace.cast("poisson_nll_loss", *inputs)
        if self.log_input:
            crossed = product_of_two(trace, target, scores)
            losses = operation(trace, exponential(trace, scores), crossed, negates=True)
        else:
            raised = floating(scores.tensor)
            above = trace.kernel(raised, scores, back=passed(scores.look), strides=scores.strides)
            logarithm = logarithm_of(trace, above)
            crossed = product_of_two(trace, target, logarithm)
            losses = operation(trace, scores, crossed, negates=True)
            del above, logarithm
        del crossed
        if self.full:
            filled = approximation(trace, target)
            trace.record((losses,), (losses, filled), back=passed(losses.look, filled.look))
            del filled
        return (self.reduce(trace, losses),)

    def check_subtraction(self, input: Tensor, target: Tensor) -> None:
        """Refuse bool where it is subtracted, or subtracted from."""
        if self.full:
            check_numbers(target)
        if not self.log_input or target.dtype == "bool":
            check_numbers(input)


def logarithm_of(trace: Trace, x: Value) -> Value:
    return trace.kernel(floating(x.tensor), x, keeps=(x,), back=like(x.look), strides=x.strides)


def approximation(trace: Trace, target: Value) -> Value:
    """t · log(t) − t + log(2πt)/2, and 0 where t is at most 1."""
    stirling = stirling_of(trace, target)
    small = trace.elementwise(target, dtype="bool")
    return trace.kernel(stirling.tensor, stirling, keeps=(small,), back=like(), strides=stirling.strides)


def stirling_of(trace: Trace, target: Value) -> Value:
    circle = trace.kernel(floating(target.tensor), target, back=like(), strides=target.strides)
    correction = logarithm_of(trace, circle)
    half = times_number(trace, correction)
    logarithm = logarithm_of(trace, target)
    product = product_of_two(trace, target, logarithm)
    difference = operation(trace, product, target, negates=True)
    return operation(trace, difference, half)


def square_of(trace: Trace, x: Value) -> Value:
    (cast,) = trace.cast("pow", x)
    return trace.kernel(cast.tensor, cast, keeps=(cast,), back=of_power(cast.look), strides=cast.strides)


def look_for_negatives(trace: Trace, x: Value) -> None:
    """Whether one element is below 0, which torch refuses."""
    _masks = trace.elementwise(x, dtype="bool")
    trace.new(Tensor((), "bool"))


class GaussianNLLLoss(Loss):
    """(log(var) + (input − target)²/var)/2; `var` is like the input, or has its last axis as 1 or not at all.

    Source: Nix & Weigend 1994, ICNN; torch.nn.GaussianNLLLoss.
    """

    reads_values = True
    full = Flag(False)
    eps = Real(1e-6)
    example = example((8, 4), (8, 4), (8, 1))

    def output(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        check_numbers(input, target)
        if not is_floating(var.dtype):
            raise ArchitectureError(f"a floating-point var is needed, not {var.dtype}")
        check_fits(self.eps, var.dtype, "eps")
        if var.rank == input.rank - 1:
            check_shape(var, input.shape[:-1], "var")
            var = Tensor((*var.shape, 1), var.dtype)
        else:
            check_shape(var, self.shape_of_var(input, var), "var")
        return self.reduced(combined(var, combined(input, target)))

    def run(self, trace: Trace, input: Value, target: Value, var: Value) -> tuple[Value, ...]:
        """`var` is clamped to eps in a copy without gradient. Source: torch.nn.functional."""
        look_for_negatives(trace, var)
        if var.rank == input.rank - 1:
            var = trace.view(var, (*var.shape, 1), (*var.all_strides, 1))
        var = trace.kernel(var.tensor, var, back=passed(var.look), strides=var.strides)
        losses = times_number(trace, self.doubled(trace, input, target, var))
        if self.full:
            losses = trace.in_place(losses, back=passed(losses.look))
        del var
        return (self.reduce(trace, losses),)

    def doubled(self, trace: Trace, input: Value, target: Value, var: Value) -> Value:
        """log(var) + (input − target)²/var."""
        logarithm = logarithm_of(trace, *trace.cast("log", var))
        share = quotient(trace, square_of(trace, operation(trace, input, target, negates=True)), var)
        return operation(trace, logarithm, share)

    def shape_of_var(self, input: Tensor, var: Tensor) -> Shape:
        """The input's shape, with 1 on one axis where `var` has 1."""
        single = [i for i, (n, m) in enumerate(zip(input.shape, var.shape, strict=False)) if m == 1 != n]
        return tuple(1 if single[:1] == [i] else n for i, n in enumerate(input.shape))
