"""Normalisation (torch.nn, "Normalization Layers") of each position, over its axes or its channels."""

from __future__ import annotations

from shapecalc.conditions import equal
from shapecalc.errors import ArchitectureError, written
from shapecalc.layers.base import (
    Elementwise,
    Layer,
    Weight,
    Weights,
    check_floating,
    check_least_rank,
    check_rank,
    example,
)
from shapecalc.layers.fields import Flag, Real, Size, Trailing
from shapecalc.layers.normalization import learned
from shapecalc.operations import Operations, averaged, scaled_down, standardised
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, Tensor, product


class TrailingNorm(Layer, abstract=True):
    """What normalisations over the last axes have in common: the last one, unless several are written."""

    normalized_shape = Trailing()

    def inferred(self, inputs: tuple[Tensor, ...]) -> dict[str, Dim | Shape]:
        return {"normalized_shape": self.normalized(inputs[0])}

    def normalized(self, x: Tensor) -> Shape:
        """The sizes of the axes that are normalised over, checked against those written, if any."""
        given = self.normalized_shape
        if given is None:
            check_least_rank(x, 1)
            return x.shape[-1:]
        found = x.shape[-len(given) :]
        why = f"normalized_shape is {written(given)}"
        fits = len(found) == len(given) and all(equal(a, b, why) for a, b in zip(given, found, strict=True))
        if not fits:
            raise ArchitectureError(
                f"{why}, but the last sizes of the input {x} are {written(found)}",
                hint="left out, it is the size of the last axis",
                argument="normalized_shape",
            )
        return found

    def positions(self, x: Tensor) -> Dim:
        """How many normalisations there are."""
        return product(x.shape[: x.rank - len(self.normalized(x))])


class LayerNorm(TrailingNorm):
    """Each position to zero mean and unit variance over the last axes.

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450; torch.nn.LayerNorm.
    """

    eps = Real(1e-5)
    elementwise_affine = Flag(True)
    bias = Flag(True)
    example = example((2, 16, 64))

    def output(self, x: Tensor) -> Tensor:
        check_floating(x, "float32" if self.elementwise_affine else None)
        return x

    def weights(self, x: Tensor) -> Weights:
        names = ("weight", "bias") if self.bias else ("weight",)
        return {name: Weight(self.normalized(x)) for name in names} if self.elementwise_affine else {}

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """(x − mean) / √(variance + ε) · weight + bias."""
        return learned(x.elements, self.weights(x)) + standardised(x.elements, self.positions(x))


class RMSNorm(TrailingNorm):
    """Each position to a root mean square of 1 over the last axes.

    Source: Zhang & Sennrich 2019, arXiv:1910.07467; torch.nn.RMSNorm.
    """

    eps = Real(None)
    elementwise_affine = Flag(True)
    example = example((2, 16, 64))

    def output(self, x: Tensor) -> Tensor:
        check_floating(x)
        return x

    def weights(self, x: Tensor) -> Weights:
        return {"weight": Weight(self.normalized(x))} if self.elementwise_affine else {}

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        """x / √(the mean of x² + ε) · weight."""
        positions = self.positions(x)
        mean_square = Operations(mul=x.elements) + averaged(x.elements, positions)
        return learned(x.elements, self.weights(x)) + mean_square + scaled_down(x.elements, positions)


class LocalResponseNorm(Layer):
    """Each element of (N, C, *) divided by a power of the mean square of `size` channels around its own.

    Source: Krizhevsky, Sutskever & Hinton 2012, NIPS 25; torch.nn.LocalResponseNorm.
    """

    size = Size()
    alpha = Real(1e-4)
    beta = Real(0.75)
    k = Real(1.0)
    example = example((2, 16, 8, 8), size=5)

    def letters(self, x: Tensor, made: bool) -> str | None:
        return "NCL" if x.rank == 3 else None

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 3)
        if x.dtype == "int64":  # the one integer that torch averages
            return Tensor(x.shape, "float32")
        if x.rank > 3 and x.dtype in ("float16", "bfloat16"):
            raise ArchitectureError(f"an input of float32 or float64 is needed, not {x.dtype}")
        check_floating(x)
        return x

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return response_of_one(self.size) * x.elements


def response_of_one(size: Dim) -> Operations:
    """x / (k + alpha · m)^beta, m the mean of the squares of so many channels."""
    return Operations(mul=1) + averaged(size, 1) + Operations(add=1, mul=1, divide=1, exp=1)


class CrossMapLRN2d(Elementwise):
    """LocalResponseNorm of (N, C, H, W), as Caffe has it. Source: torch.nn.CrossMapLRN2d."""

    size = Size()
    alpha = Real(1e-4)
    beta = Real(0.75)
    k = Real(1)
    example = example((2, 16, 8, 8), size=5)

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 4)
        check_floating(x)
        return x

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return response_of_one(self.size) * x.elements
