"""Losses of elements (torch.nn, "Loss Functions"): predictions against targets that are numbers."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_absolute, of_distance
from shapecalc.allocation.gradients import Back
from shapecalc.errors import ArchitectureError
from shapecalc.layers.checks import check_floating, check_numbers
from shapecalc.layers.fields import Real
from shapecalc.layers.joins import operation
from shapecalc.layers.loss import (
    Loss,
    broadcast_together,
    check_keeps_dtype,
    check_some_floating,
    expanded_together,
)
from shapecalc.layers.rules import Keeps
from shapecalc.tensors import Tensor, is_floating


class SymmetricLoss(Loss, abstract=True):
    """One kernel of two inputs that are broadcast first; the gradient of each is made of both."""

    last_fields = ()
    keeps = Keeps.INPUTS

    def back(self, input: Value, target: Value) -> Back:
        return of_distance(input.look, target.look)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        return super().run(trace, *broadcast_together(trace, *inputs))


class L1Loss(Loss):
    """|input − target|, with torch's broadcasting. Source: torch.nn.L1Loss."""

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        return (absolute_difference(trace, self, *broadcast_together(trace, *inputs)),)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_numbers(input, target)
        return self.reduced(expanded_together(input, target))


def absolute_difference(trace: Trace, loss: Loss, *xs: Value) -> Value:
    """|x − y|, reduced. Source: at::l1_loss."""
    xs = tuple(trace.cast("l1_loss", *xs))  # the copies are there until the loss is
    apart = operation(trace, *xs, negates=True)
    far = trace.kernel(
        apart.tensor, apart, keeps=(apart,), back=of_absolute(apart.look), strides=apart.strides
    )
    return loss.reduce(trace, far)


class MSELoss(SymmetricLoss):
    """(input − target)², with torch's broadcasting. Source: torch.nn.MSELoss."""

    operation = "mse_loss"

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_some_floating(input, target)
        return self.reduced(expanded_together(input, target))


class SmoothL1Loss(SymmetricLoss):
    """(input − target)²/(2·beta) where the difference is below beta, else its absolute value − beta/2.

    Source: Girshick 2015, arXiv:1504.08083; torch.nn.SmoothL1Loss.
    """

    operation = "smooth_l1_loss"
    beta = Real(1.0, low=0)

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        if self.beta == 0:  # torch's L1Loss, whose kernel takes other dtypes
            check_numbers(input, target)
        else:
            check_some_floating(input, target)
        return self.reduced(expanded_together(input, target))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        if self.beta:
            return super().run(trace, *inputs)
        return (absolute_difference(trace, self, *broadcast_together(trace, *inputs)),)


class HuberLoss(SymmetricLoss):
    """(input − target)²/2 where the difference is below delta, else delta · (its absolute value − delta/2).

    Source: Huber 1964, Annals of Mathematical Statistics 35; torch.nn.HuberLoss.
    """

    operation = "huber_loss"
    delta = Real(1.0)

    def check(self) -> None:
        if self.delta <= 0:
            raise ArchitectureError(f"delta must be above 0, not {self.delta:g}", argument="delta")

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        check_floating(input)
        losses = expanded_together(input, target)
        check_keeps_dtype(losses, input)
        return self.reduced(losses)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        made = super().run(trace, *inputs)
        check_trainable(trace, *inputs)
        return made


def check_trainable(trace: Trace, input: Value, target: Value) -> None:
    """The kernel of HuberLoss's gradients takes one dtype; autocast gives both that, if they are floats."""
    cast = trace.autocast and is_floating(target.dtype)
    if input.dtype != target.dtype and not cast and (input.tracked or target.tracked):
        message = f"in training it takes a target of {input.dtype}, like the input, not of {target.dtype}"
        trace.refuse_back(message, "MSELoss and SmoothL1Loss take targets of other dtypes")
