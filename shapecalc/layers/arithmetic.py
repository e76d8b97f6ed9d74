"""Functions of two tensors, element by element, whose order matters; sums and products are joins."""

from __future__ import annotations

from typing import Any

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, check_numbers, example
from shapecalc.layers.fields import Choice
from shapecalc.layers.joins import combine
from shapecalc.operations import Operations
from shapecalc.tensors import Tensor, is_floating


class sub(Layer):
    """The first branch minus the second, element by element, with torch's broadcasting.

    Source: torch.sub.
    """

    function = "sub"
    each = Operations(add=1)
    branching = True
    example = example((2, 8, 4), (2, 1, 4))

    def output(self, x: Tensor, other: Tensor) -> Tensor:
        check_numbers(x, other)
        return combine(x, other)


class div(Layer):
    """The first branch divided by the second, element by element, with torch's broadcasting.

    Whole numbers give float32. Source: torch.div.
    """

    function = "div"
    each = Operations(divide=1)
    branching = True
    rounding_mode = Choice("trunc", "floor", optional=True)
    example = example((2, 8, 4), (2, 1, 4))

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

    def keywords(self) -> dict[str, Any]:
        return {"rounding_mode": self.rounding_mode}
