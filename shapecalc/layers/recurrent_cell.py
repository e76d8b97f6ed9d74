"""Recurrent layers, one step at a time: from an input and a state to the next state."""

from __future__ import annotations

from typing import ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Choice, Flag, Inferred, Size
from shapecalc.layers.recurrent import (
    GatedSteps,
    MemorySteps,
    SimpleSteps,
    Steps,
    check_both,
    check_state,
    gate_weights,
    matrices_of,
)
from shapecalc.layers.rules import Wanted
from shapecalc.layers.weights import Weights
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, product


class RecurrentCell(Steps, abstract=True):
    """One step: (N, input_size) and a state (N, hidden_size) → the next state; or the same without N."""

    num_layers: ClassVar[int] = 1
    directions: ClassVar[tuple[str, ...]] = ("",)
    input_size = Inferred(axis=-1)
    hidden_size = Size()
    bias = Flag(True)

    def output(self, x: Tensor, h: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        state = self.next_state(x)
        if h is not None:
            check_state("h", h, state)
        return state

    def next_state(self, x: Tensor) -> Tensor:
        check_rank(x, 1, 2)
        check_floating(x, "float32")
        return Tensor((*x.shape[:-1], self.hidden_size))

    def weights(self, x: Tensor, *states: Tensor) -> Weights:
        return gate_weights(self.gates * self.hidden_size, x.shape[-1], self.hidden_size, self.bias)

    def macs(self, x: Tensor, *states: Tensor, y: Tensor) -> Dim:
        """Both matrices once for each sample."""
        return y.elements * self.gates * (x.shape[-1] + self.hidden_size)

    def gradient_macs(self, x: Tensor, *states: Tensor, wanted: Wanted) -> Dim:
        """Each matrix, and what it is multiplied with."""
        gates = product(x.shape[:-1]) * self.gates * self.hidden_size
        of_input = x.shape[-1] * (("weight_ih" in wanted.weights) + wanted.inputs[0])
        of_state = self.hidden_size * (("weight_hh" in wanted.weights) + any(wanted.inputs[1:2]))
        return gates * (of_input + of_state)

    states: ClassVar[int] = 1

    def run(self, trace: Trace, x: Value, *states: Value) -> tuple[Value, ...]:
        self.check_followed(trace)
        batched = x.rank == 2
        if not batched:
            x = trace.seen_as(x, (1, *x.shape))
            states = tuple([trace.seen_as(h, (1, *h.shape)) for h in states])
        given = states or (trace.new(Tensor((x.shape[0], self.hidden_size))),) * self.states
        made = type(self).cell(trace, x, given, matrices_of(trace, self.weights(x.tensor)))
        return made if batched else tuple([trace.seen_as(y, y.shape[1:]) for y in made])

    def ops(self, x: Tensor, *states: Tensor, y: Tensor) -> Operations:
        return self.step() * y.elements


class RNNCell(SimpleSteps, RecurrentCell):
    """One step of an RNN. Source: torch.nn.RNNCell."""

    nonlinearity = Choice("tanh", "relu")
    example = example((2, 16), hidden_size=32)


class GRUCell(GatedSteps, RecurrentCell):
    """One step of a GRU. Source: torch.nn.GRUCell."""

    example = example((2, 16), hidden_size=32)


class LSTMCell(MemorySteps, RecurrentCell):
    """One step of an LSTM; outputs: the next h, and the next c. Source: torch.nn.LSTMCell."""

    states = 2
    example = example((2, 16), hidden_size=32)

    def output(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        check_both(h, c)
        state = self.next_state(x)
        if h is not None and c is not None:
            check_state("h", h, state)
            check_state("c", c, state)
        return state, state
