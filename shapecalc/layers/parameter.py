"""Tensors that the network owns and that come from nowhere: class tokens, position embeddings, indices."""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.fields import Choice, Sizes
from shapecalc.layers.weights import Weight, Weights
from shapecalc.tensors import BYTES, Tensor, is_differentiable


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
