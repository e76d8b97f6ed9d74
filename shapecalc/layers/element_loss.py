"""Losses of elements (torch.nn, "Loss Functions"): predictions against targets that are numbers."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Saved, check_floating, check_numbers, example
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.loss import (
    Loss,
    Reduction,
    check_keeps_dtype,
    check_shape,
    check_some_floating,
    check_target,
    combined,
    expanded,
    floating,
)
from shapecalc.layers.ranges import check_fits
from shapecalc.tape import Value
from shapecalc.tensors import Shape, Tensor, is_floating


class SymmetricLoss(Loss, abstract=True):
    """One kernel, whose gradient is made of both inputs, for the target as for the input."""

    def saved(self, input: Value, target: Value) -> Saved | None:
        """Both; not known where torch repeats or converts one of them."""
        alike = input.shape == target.shape and input.dtype == target.dtype
        return (input, target) if alike else None


class L1Loss(Loss):
    """|input − target|, with torch's broadcasting. Source: torch.nn.L1Loss."""

    reduction = Reduction()

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_numbers(input, target)
        return self.reduced(expanded(input, target))


class MSELoss(SymmetricLoss):
    """(input − target)², with torch's broadcasting. Source: torch.nn.MSELoss."""

    operation = "mse_loss"
    reduction = Reduction()

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_some_floating(input, target)
        return self.reduced(expanded(input, target))


class SmoothL1Loss(SymmetricLoss):
    """(input − target)²/(2·beta) where the difference is below beta, else its absolute value − beta/2.

    Source: Girshick 2015, arXiv:1504.08083; torch.nn.SmoothL1Loss.
    """

    operation = "smooth_l1_loss"
    reduction = Reduction()
    beta = Real(1.0, low=0)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        if self.beta == 0:  # torch's L1Loss, whose kernel takes other dtypes
            check_numbers(input, target)
        else:
            check_some_floating(input, target)
        return self.reduced(expanded(input, target))

    def saved(self, input: Value, target: Value) -> Saved | None:
        return super().saved(input, target) if self.beta else None


class HuberLoss(SymmetricLoss):
    """(input − target)²/2 where the difference is below delta, else delta · (its absolute value − delta/2).

    Source: Huber 1964, Annals of Mathematical Statistics 35; torch.nn.HuberLoss.
    """

    operation = "huber_loss"
    reduction = Reduction()
    delta = Real(1.0)

    def check(self) -> None:
        if self.delta <= 0:
            raise ArchitectureError(f"delta must be above 0, not {self.delta:g}", argument="delta")

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        losses = expanded(input, target)
        check_keeps_dtype(losses, input)
        return self.reduced(losses)


class BCELoss(Loss):
    """−(target · log(input) + (1 − target) · log(1 − input)), of probabilities. Source: torch.nn.BCELoss."""

    reads_values = True
    reduction = Reduction()

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        if target.dtype != input.dtype:
            raise ArchitectureError(
                f"a target of {input.dtype} is needed, like the input, not {target.dtype}"
            )
        check_shape(target, input.shape, "target")
        return self.reduced(input)


class BCEWithLogitsLoss(Loss):
    """BCELoss of sigmoid(input). Source: torch.nn.BCEWithLogitsLoss."""

    reduction = Reduction()

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        check_target(target)
        check_shape(target, input.shape, "target")
        return self.reduced(target)


class KLDivLoss(Loss):
    """target · (log(target) − input), of log-probabilities; `batchmean` divides the sum by the batch.

    Source: Kullback & Leibler 1951, Annals of Mathematical Statistics 22; torch.nn.KLDivLoss.
    """

    reduction = Reduction("batchmean")
    log_target = Flag(False)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        check_target(target)
        return self.reduced(combined(input, target))


class PoissonNLLLoss(Loss):
    """exp(input) − target · input, or without `log_input` input − target · log(input + eps).

    `full` adds Stirling's approximation of log(target!). Source: torch.nn.PoissonNLLLoss.
    """

    log_input = Flag(True)
    full = Flag(False)
    eps = Real(1e-8)
    reduction = Reduction()

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        self.check_subtraction(input, target)
        if self.log_input:
            return self.reduced(combined(floating(input), combined(target, input)))
        return self.reduced(combined(target, floating(input)))

    def check_subtraction(self, input: Tensor, target: Tensor) -> None:
        """Refuse bool where it is subtracted, or subtracted from."""
        if self.full:
            check_numbers(target)
        if not self.log_input or target.dtype == "bool":
            check_numbers(input)


class GaussianNLLLoss(Loss):
    """(log(var) + (input − target)²/var)/2; `var` is like the input, or has its last axis as 1 or not at all.

    Source: Nix & Weigend 1994, ICNN; torch.nn.GaussianNLLLoss.
    """

    reads_values = True
    full = Flag(False)
    eps = Real(1e-6)
    reduction = Reduction()
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

    def shape_of_var(self, input: Tensor, var: Tensor) -> Shape:
        """The input's shape, with 1 on one axis where `var` has 1."""
        single = [i for i, (n, m) in enumerate(zip(input.shape, var.shape, strict=False)) if m == 1 != n]
        return tuple(1 if single[:1] == [i] else n for i, n in enumerate(input.shape))
