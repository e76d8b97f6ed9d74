"""Tensors that are learned and come from nowhere: class tokens, position embeddings."""

from __future__ import annotations

from shapecalc.layers.base import Rearranging, Weight, Weights, example
from shapecalc.layers.fields import Sizes
from shapecalc.tape import Tape, Value
from shapecalc.tensors import Tensor


class parameter(Rearranging):
    """A learned tensor of a given shape; it takes no input. Source: torch.nn.Parameter."""

    function = "nn.Parameter"
    shape = Sizes()
    example = example(shape=(1, 16, 8))

    def output(self) -> Tensor:
        return Tensor(self.shape)

    def weights(self) -> Weights:
        return {"weight": Weight(self.shape)}

    def run(self, tape: Tape) -> tuple[Value, ...]:
        return (tape.parameter("weight", self.shape),)
