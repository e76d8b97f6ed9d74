"""Conversions of a tensor to another dtype."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import converted
from shapecalc.layers.base import Layer, example
from shapecalc.layers.fields import Dtype
from shapecalc.layers.rules import Keeps
from shapecalc.operations import NOTHING
from shapecalc.tensors import Tensor


class to(Layer):
    """The elements in another dtype; as bool, whatever is not 0 is true. Source: torch.Tensor.to."""

    elementwise = True
    aligned = True
    function = "Tensor.to"
    keeps = Keeps.NOTHING
    each = NOTHING
    dtype = Dtype()
    example = example((2, 8, 4), dtype="float64")

    def output(self, x: Tensor) -> Tensor:
        return Tensor(x.shape, self.dtype or x.dtype)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The input itself where it is of that dtype."""
        made = self.output(x.tensor)
        return (x if x.dtype == made.dtype else converted(trace, x, made.dtype),)
