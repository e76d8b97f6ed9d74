"""What losses (torch.nn, "Loss Functions") have in common: predictions against targets become a number.

Left out of every loss are torch's arguments that are tensors (`weight`, `pos_weight`) and its deprecated
`size_average` and `reduce`. What torch refuses for the values of its inputs, as a probability beyond 1, is no
matter of shapes.
"""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import of_mean, of_sum
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer
from shapecalc.layers.fields import Choice
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import Shape, Tensor, broadcast, check_equal, is_floating, promote, result_dtype


class Reduction(Choice):
    """What becomes of the losses of the elements: their mean, their sum, or nothing."""

    def __init__(self, *others: str) -> None:
        super().__init__("mean", "none", "sum", *others)


class Loss(Layer, abstract=True):
    """What losses have in common: they become one number, or stay as they are with `reduction: none`."""

    lettered: ClassVar[tuple[str, ...]] = ("N",)
    reduction = Reduction()
    last_fields: ClassVar[tuple[str, ...]] = ("reduction",)

    def reduce(self, trace: Trace, losses: Value) -> Value:
        """What `reduction` makes of the losses of the elements, on a trace."""
        if self.reduction == "none":
            return losses
        back = of_mean if self.reduction == "mean" else of_sum
        axes = range(losses.rank)
        operation = "mean" if self.reduction == "mean" else "sum"
        made = trace.made_by(operation, self.reduced(losses.tensor), losses)
        return trace.kernel(made, losses, back=back(losses.look, axes))

    def reduced(self, losses: Tensor) -> Tensor:
        """What `reduction` makes of the losses of the elements."""
        if self.reduction == "none":
            return losses
        if is_floating(losses.dtype):
            return Tensor((), losses.dtype)
        if self.reduction == "mean":
            raise ArchitectureError(
                "reduction: mean is a quotient, which whole numbers do not have",
                hint="a floating-point input has one",
                argument="reduction",
            )
        return Tensor((), "int64")


def combined(*xs: Tensor) -> Tensor:
    """What an operation on the elements of `xs` gives, by torch's broadcasting."""
    try:
        shape = reduce(broadcast, [x.shape for x in xs])
    except ArchitectureError:
        shapes = " and ".join(map(str, xs))
        hint = "axes are matched from the last one, and agree or are 1"
        raise ArchitectureError(f"the inputs {shapes} can't be broadcast", hint=hint) from None
    return Tensor(shape, result_dtype(*xs))


def expanded_together(*xs: Tensor) -> Tensor:
    """The same where torch repeats the inputs first: then the dtype of a scalar counts in full."""
    return Tensor(combined(*xs).shape, reduce(promote, [x.dtype for x in xs]))


def floating(x: Tensor) -> Tensor:
    """What a function like exp makes of `x`."""
    return x if is_floating(x.dtype) else Tensor(x.shape, "float32")


def broadcast_together(trace: Trace, *xs: Value) -> list[Value]:
    """All in one shape. Source: torch.broadcast_tensors."""
    shape = combined(*[x.tensor for x in xs]).shape
    return [x if x.shape == shape else trace.expand(x, shape) for x in xs]


def check_some_floating(*xs: Tensor) -> None:
    """Refuse inputs that are all whole numbers."""
    if not any(is_floating(x.dtype) for x in xs):
        dtypes = " and ".join(x.dtype for x in xs)
        raise ArchitectureError(f"one of the inputs has to be floating-point, they are {dtypes}")


def check_target(target: Tensor) -> None:
    """Refuse a target that is not floating-point."""
    if not is_floating(target.dtype):
        raise ArchitectureError(f"a floating-point target is needed, not {target.dtype}")


def check_wide(x: Tensor) -> None:
    """Refuse an input that torch has no kernel for."""
    if x.dtype not in ("float32", "float64"):
        raise ArchitectureError(f"an input of float32 or float64 is needed, not {x.dtype}")


def check_shape(x: Tensor, shape: Shape, name: str) -> None:
    """Refuse an input that is not of `shape`."""
    message = f"{name} is {x}, but {shape_text(shape)} is needed"
    if x.rank != len(shape):
        raise ArchitectureError(message)
    for found, needed in zip(x.shape, shape, strict=True):
        check_equal(found, needed, message, why=f"{name} fits the input")


def check_keeps_dtype(losses: Tensor, input: Tensor) -> None:
    """Refuse a target that would widen the input: torch's kernels differ on what that gives."""
    if losses.dtype != input.dtype:
        raise ArchitectureError(
            f"the target widens {input.dtype} to {losses.dtype}, which not all of torch's kernels do",
            hint=f"an input of {losses.dtype} does the same on all of them",
        )


def check_classes(target: Tensor) -> None:
    """Refuse a target that is not of classes."""
    if target.dtype != "int64":
        raise ArchitectureError(f"a target of classes is int64, not {target.dtype}")


def check_classed(scores: Tensor) -> None:
    """Refuse scores without an axis of classes."""
    if not scores.rank:
        raise ArchitectureError("an input of 1 axis or more is needed, not 0 (scalar)")


def check_ranks(*xs: Tensor) -> None:
    """Refuse inputs of different numbers of axes."""
    if len({x.rank for x in xs}) > 1:
        shapes = ", ".join(map(str, xs))
        raise ArchitectureError(f"the inputs need equally many axes, they are {shapes}")
