"""Softmax over so many classes that the rare ones get smaller vectors (torch.nn, "Loss Functions")."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Flag, Inferred, Real, Size, Sizes
from shapecalc.layers.rules import Wanted
from shapecalc.layers.weights import Weight, Weights
from shapecalc.symbolic import Dim
from shapecalc.tensors import LARGEST, Tensor, check_at_least, check_equal


class AdaptiveLogSoftmaxWithLoss(Layer):
    """The log-probabilities of the targets' classes, and their negative mean.

    Classes from 0 are sorted by how frequent they are: those below the first of `cutoffs` are scored by the
    head, those up to each next one by a cluster whose vectors have in_features // div_valueⁱ elements, the
    i-th. Input (N, in_features) and target (N) give (N) and (); or (in_features) and () give () and ().
    Source: Grave et al. 2016, arXiv:1609.04309; torch.nn.AdaptiveLogSoftmaxWithLoss.
    """

    lettered = ("N",)
    reads_values = True
    undecided = "is decided by the values of the target: a cluster scores the rows that are in it"
    in_features = Inferred(axis=-1)
    n_classes = Size()
    cutoffs = Sizes()
    div_value = Real(4.0)
    head_bias = Flag(False)
    quantized = ("weight",)
    example = example((8, 64), Tensor((8,), "int64"), n_classes=1000, cutoffs=(100, 500))

    def check(self) -> None:
        if self.div_value <= 0:
            raise ArchitectureError(
                f"div_value must be above 0, not {self.div_value:g}", argument="div_value"
            )
        for before, after in pairwise((*self.cutoffs, self.n_classes)):
            message = "cutoffs must rise and stay below n_classes: {0} comes after " + str(before)
            check_at_least(after, before + 1, message, why="cutoffs rise")

    def output(self, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        check_floating(input, "float32")
        if target.dtype not in ("int32", "int64"):
            raise ArchitectureError(f"a target of classes is int64 or int32, not {target.dtype}")
        if target.rank > 1 or input.rank != target.rank + 1:
            raise ArchitectureError(
                f"an input of N×in_features and a target of N are needed, not {input} and {target}",
                hint="or a single vector and a target without axes",
            )
        for size, rows in zip(target.shape, input.shape, strict=False):
            message = f"the target has {{0}} classes, but the input {{1}} rows ({input})"
            check_equal(size, rows, message, why="each row has a class")
        return Tensor(target.shape, input.dtype), Tensor((), input.dtype)

    def clusters(self, input: Tensor) -> Iterator[tuple[Dim, Dim]]:
        """The elements of the vectors of each cluster, and its classes."""
        for power, (start, end) in enumerate(pairwise((*self.cutoffs, self.n_classes)), start=1):
            yield self.width(input.shape[-1], power), end - start

    def width(self, in_features: Dim, power: int) -> Dim:
        """The vector elements of a cluster, in_features // div_value**power; refuses 0."""
        divisor = self.divisor(power)
        if isinstance(in_features, int):
            width: Dim = int(in_features // divisor)
        elif divisor % 1 == 0:
            width = in_features // int(divisor)
        else:
            raise ArchitectureError(f"{in_features} // {divisor:g}: no formula of this kind gives that")
        message = f"cluster {power} has in_features // {divisor:g} = {{0}} elements"
        check_at_least(
            width, 1, message, "a smaller div_value, or fewer cutoffs", why="a cluster has elements"
        )
        return width

    def divisor(self, power: int) -> float:
        """div_value**power; refuses a divisor that is infinite or next to 0."""
        try:
            divisor = self.div_value**power
        except OverflowError:
            divisor = math.inf
        if not 1 / LARGEST < divisor < math.inf:
            raise ArchitectureError(
                f"div_value {self.div_value:g} to the power of {power} is no divisor", argument="div_value"
            )
        return divisor

    def weights(self, input: Tensor, target: Tensor) -> Weights:
        features = input.shape[-1]
        weights = {"head.weight": Weight((self.head_size, features))}
        if self.head_bias:
            weights["head.bias"] = Weight((self.head_size,))
        for i, (width, classes) in enumerate(self.clusters(input)):
            weights[f"tail.{i}.0.weight"] = Weight((width, features))
            weights[f"tail.{i}.1.weight"] = Weight((classes, width))
        return weights

    @property
    def head_size(self) -> Dim:
        """The classes of the head: the frequent ones, and one for each cluster."""
        return self.cutoffs[0] + len(self.cutoffs)

    def macs(self, input: Tensor, target: Tensor, y: Tensor) -> Dim:
        """The head's. Which rows a cluster scores depends on the values of the target."""
        return input.elements * self.head_size

    def gradient_macs(self, input: Tensor, target: Tensor, wanted: Wanted) -> Dim:
        raise UnknownError(f"how many products the gradients of {self.type} are made of {self.undecided}")

    def remark(self, input: Tensor, target: Tensor) -> str:
        return "MACs are the head's: a row whose target is in a cluster adds that cluster's weights to them"
