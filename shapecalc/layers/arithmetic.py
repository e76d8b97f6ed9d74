"""Functions of two tensors, element by element, whose order matters; sums and products are joins."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.elementwise_gradients import of_quotient
from shapecalc.allocation.gradients import Back, of_rounded
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_numbers
from shapecalc.layers.fields import Choice
from shapecalc.layers.joins import combine, operation
from shapecalc.layers.rules import Saved
from shapecalc.operations import Operations
from shapecalc.tensors import Tensor, is_floating


class InOrder(Layer, abstract=True):
    """Two branches, element by element, with torch's broadcasting."""

    elementwise = True
    branching = True
    example = example((2, 8, 4), (2, 1, 4))


class sub(InOrder):
    """The first branch minus the second, element by element, with torch's broadcasting.

    Source: torch.sub.
    """

    function = "sub"
    each = Operations(add=1)

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        check_numbers(x, other)
        return combine(x, other)

    def run(self, trace: Trace, x: Value, other: Value) -> tuple[Value, ...]:
        return (operation(trace, x, other, negates=True),)


class div(InOrder):
    """The first branch divided by the second, element by element, with torch's broadcasting.

    Whole numbers give float32. Source: torch.div.
    """

    aligned = True
    function = "div"
    each = Operations(divide=1)
    rounding_mode = Choice("trunc", "floor", optional=True)

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        y = combine(x, other)
        if is_floating(y.dtype):
            return y
        if self.rounding_mode:
            raise ArchitectureError(
                f"rounding_mode needs floating-point numbers, not {x.dtype} and {other.dtype}: whole ones can"
                " be divided where no divisor is 0, which no shape tells",
                argument="rounding_mode",
            )
        return Tensor(y.shape, "float32")

    def saved(self, x: Value, other: Value) -> Saved:
        """The divisor, for the dividend's gradient; and the dividend where the divisor needs a gradient."""
        return (x, other) if other.tracked else (other,)

    def back(self, x: Value, other: Value) -> Back:
        """A rounded quotient is constant between its steps, so its gradients are zeros."""
        sides = x.look, other.look
        return of_rounded(*sides) if self.rounding_mode else of_quotient(*sides)
