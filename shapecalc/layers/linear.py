"""Layers that multiply by learned matrices (torch.nn, "Linear Layers")."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import linear, plus_bias
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_least_rank
from shapecalc.layers.fields import Flag, Inferred, Size
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.weights import Weights, owned, weight_and_bias
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_equal, product


class Linear(Layer):
    """An affine map of the last axis: (*, in_features) → (*, out_features). Source: torch.nn.Linear."""

    in_features = Inferred(axis=-1)
    out_features = Size()
    bias = Flag(True)
    quantized = ("weight",)
    example = example((2, 16), out_features=10)

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 1)
        check_floating(x, "float32")
        *lead, _ = x.shape
        return Tensor((*lead, self.out_features), x.dtype)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (except_along(x, -1),)

    def weights(self, x: Tensor) -> Weights:
        return weight_and_bias((self.out_features, x.shape[-1]), self.out_features, self.bias)

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        """One dot product over the input features for each output element."""
        return y.elements * x.shape[-1]

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (linear(trace, x, owned(trace, self.weights(x.tensor))),)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(add=y.elements if self.bias else 0)


def kept(x: Value, *others: Value) -> list[Value]:
    """A factor, where it is for the gradient of another one."""
    return [x] if any(other.tracked for other in others) else []


class Bilinear(Layer):
    """x₁ᵀ·A·x₂ + b, with a matrix A for each output feature.

    (*, in1_features) and (*, in2_features) → (*, out_features). torch's counter knows nothing of it: the
    MACs are those of A with the products of the elements of x₁ and x₂. Source: torch.nn.Bilinear.
    """

    in1_features = Inferred(axis=-1)
    in2_features = Inferred(axis=-1, of=1)
    out_features = Size()
    bias = Flag(True)
    example = example((2, 16), (2, 24), out_features=8)

    def output(self, first: Tensor, second: Tensor) -> Tensor:
        for x in (first, second):
            check_least_rank(x, 1)
            check_floating(x, "float32")
        if first.rank != second.rank:
            ranks = f"{first.rank} and {second.rank} axes"
            raise ArchitectureError(f"the inputs have {ranks} ({first} and {second})")
        message = f"the inputs {first} and {second} differ before their last axis: {{0}} and {{1}}"
        for a, b in zip(first.shape[:-1], second.shape[:-1], strict=True):
            check_equal(a, b, message, why="the inputs agree but for their last axis")
        return Tensor((*first.shape[:-1], self.out_features))

    def reads(self, first: Tensor, second: Tensor, **_: Any) -> tuple[Reads, ...]:
        return except_along(first, -1), except_along(second, -1)

    def weights(self, first: Tensor, second: Tensor) -> Weights:
        shape = (self.out_features, first.shape[-1], second.shape[-1])
        return weight_and_bias(shape, self.out_features, self.bias)

    def macs(self, first: Tensor, second: Tensor, y: Tensor) -> Dim:
        """Each pair of elements of the two inputs for each output element."""
        return y.elements * first.shape[-1] * second.shape[-1]

    def run(self, trace: Trace, first: Value, second: Value) -> tuple[Value, ...]:
        """Of rows; the bias is added by a kernel of its own."""
        made = self.output(trace.declared(first), trace.declared(second))
        weights = owned(trace, self.weights(first.tensor, second.tensor))
        first, second, matrix, *bias = trace.cast("bilinear", first, second, *weights)
        first, second = (trace.reshape(x, (product(x.shape[:-1]), x.shape[-1])) for x in (first, second))
        rows = Tensor((first.shape[0], self.out_features), made.dtype)
        keeps = [*kept(first, second, matrix), *kept(second, first, matrix)]
        y = trace.kernel(rows, first, second, matrix, keeps=keeps)
        return (plus_bias(trace, trace.view(y, made.shape), bias),)

    def ops(self, first: Tensor, second: Tensor, y: Tensor) -> Operations:
        """The products of the pairs, and the biases."""
        return Operations(mul=first.elements * second.shape[-1], add=y.elements if self.bias else 0)
