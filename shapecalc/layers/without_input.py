"""Tensors that come from no other: learned and stored ones, and those whose elements are known beforehand.

Class tokens, position embeddings and indices belong to the network; positions, masks and zeros nobody stores.
"""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.fields import Choice, Dtype, FixedSize, Number, Size, Sizes
from shapecalc.layers.ranges import check_fits
from shapecalc.layers.weights import Weight, Weights
from shapecalc.symbolic import Dim
from shapecalc.tensors import BYTES, Tensor, as_scalar, check_at_least, is_differentiable


class parameter(Rearranging):
    """A learned tensor of a given shape; it takes no input. Source: torch.nn.Parameter."""

    function = "nn.Parameter"
    shape = Sizes(scalars=True)
    dtype = Choice(*sorted(filter(is_differentiable, BYTES), key=lambda name: name != "float32"))
    example = example(shape=(1, 16, 8))

    def output(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    def weights(self) -> Weights:
        return {"weight": Weight(self.shape, self.dtype)}

    def run(self, trace: Trace) -> tuple[Value, ...]:
        return (trace.parameter("weight", self.shape, self.dtype),)


class buffer(Rearranging):
    """A tensor that is stored with the weights and not learned: indices, masks; it takes no input.

    Source: torch.nn.Buffer.
    """

    function = "nn.Buffer"
    shape = Sizes(scalars=True)
    dtype = Choice(*sorted(BYTES, key=lambda name: name != "float32"))
    example = example(shape=(49, 49), dtype="int64")

    def output(self) -> Tensor:
        return Tensor(self.shape, self.dtype)

    def weights(self) -> Weights:
        return {"weight": Weight(self.shape, self.dtype, buffer=True)}

    def run(self, trace: Trace) -> tuple[Value, ...]:
        return (trace.buffer(self.output()),)


class Constant(Rearranging, abstract=True):
    """A tensor that is made anew each time; it takes no input."""

    def output(self) -> Tensor:
        raise NotImplementedError

    def run(self, trace: Trace) -> tuple[Value, ...]:
        return (trace.new(self.output()),)


class full(Constant):
    """A tensor of a given size, all of whose elements are `fill_value`; it takes no input.

    Its dtype is that of the number, int64 or float32, unless `dtype` says another. Source: torch.full.
    """

    size = Sizes(scalars=True)
    fill_value = Number("a number", infinite=True)
    dtype = Dtype(real=False)
    example = example(size=(1, 16, 8), fill_value=0.5)

    def check(self) -> None:
        if self.fill_value is None:
            message = "fill_value is missing: a number"
            raise ArchitectureError(message, hint=self.synopsis(), argument="fill_value")

    def output(self) -> Tensor:
        value = 0 if self.fill_value is None else self.fill_value
        dtype = self.dtype or as_scalar(value, "bool").dtype
        check_fits(value, dtype, "fill_value")
        return Tensor(self.size, dtype)


class zeros(Constant):
    """A tensor of a given size, all of whose elements are 0; it takes no input. Source: torch.zeros."""

    size = Sizes(scalars=True)
    dtype = Dtype(real=False)
    example = example(size=(1, 16, 8))

    def output(self) -> Tensor:
        return Tensor(self.size, self.dtype or "float32")


class ones(zeros):
    """A tensor of a given size, all of whose elements are 1; it takes no input. Source: torch.ones."""


class arange(Constant):
    """The whole numbers from `start` up to `end`, which is left out, `step` apart; it takes no input.

    They are of int64, unless `dtype` says another. Source: torch.arange.
    """

    own_defaults = frozenset({"start"})  # with step, torch wants it
    end = Size()
    start = FixedSize(0, minimum=0)
    step = FixedSize(1)
    dtype = Dtype()
    example = example(end=16)

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return self.start + self.step * places[0]

    def output(self) -> Tensor:
        beyond: Dim = self.end - self.start
        message = f"end is {self.end}, and start {self.start}: there is no number between them"
        check_at_least(beyond, 1, message, why="there are numbers")
        if self.dtype == "bool":
            raise ArchitectureError("dtype must be one of numbers, not bool", argument="dtype")
        return Tensor((-(-beyond // self.step),), self.dtype or "int64")
