"""Recurrent layers, one step at a time: from an input and a state to the next state.

In all of them a matrix for the input and one for the state make the gates of a step: one in a plain
network, three in a gated recurrent unit, four in a long short-term memory.
"""

from __future__ import annotations

from typing import ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.recurrence import Cell, Matrices, gated_step, memory_step, simple_step
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Choice, Flag, Inferred, Size
from shapecalc.layers.rules import Wanted
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_equal, product


def gate_weights(gates: Dim, inputs: Dim, state: Dim, bias: bool, place: str = "") -> dict[str, Weight]:
    """Matrices and biases of all gates; in a stack, their names end in a `place`: `_l0_reverse`."""
    weights = {f"weight_ih{place}": Weight((gates, inputs)), f"weight_hh{place}": Weight((gates, state))}
    if bias:
        weights |= {f"bias_ih{place}": Weight((gates,)), f"bias_hh{place}": Weight((gates,))}
    return weights


def matrices_of(trace: Trace, weights: Weights, place: str = "") -> Matrices:
    """The weights of one layer and direction, whose names end in `place`."""
    kinds = (("weight_ih", "bias_ih"), ("weight_hh", "bias_hh"), ("weight_hr",))
    places = [[name + place for name in names if name + place in weights] for names in kinds]
    return Matrices(*(owned(trace, weights, *names) if names else [] for names in places))


def check_state(name: str, found: Tensor, needed: Tensor) -> None:
    """Refuse an initial state that is not of the needed shape."""
    message = f"the state {name} is {found}, and {needed} is needed"
    if found.dtype != needed.dtype:
        raise ArchitectureError(f"the state {name} has to be of {needed.dtype}, not {found.dtype}")
    if found.rank != needed.rank:
        raise ArchitectureError(message)
    for size, wanted in zip(found.shape, needed.shape, strict=True):
        check_equal(size, wanted, message, why=f"{name} is {needed}")


def check_both(h: Tensor | None, c: Tensor | None) -> None:
    """Refuse the one state without the other."""
    if h is not None and c is None:
        raise ArchitectureError("2 inputs: the states h and c are given together, or both left out")


_SIGMOID = Operations(add=1, divide=1, exp=1)
_FUNCTION = Operations(exp=1)  # tanh


def gate(bias: bool) -> Operations:
    """W_ih·x + b_ih + W_hh·h + b_hh, for one row of the matrices."""
    return Operations(add=3 if bias else 1)


class Steps(Layer, abstract=True):
    """What stacks and single steps have in common: the gates, each of hidden_size rows of the matrices."""

    gates: ClassVar[int]
    """The gates of a step."""
    cell: ClassVar[Cell]
    """What one step does, on a trace."""
    input_size = Inferred(axis=-1)
    hidden_size = Size()
    bias = Flag(True)

    def step(self) -> Operations:
        """The operations of one unit in one step."""
        raise NotImplementedError

    def check_followed(self, trace: Trace) -> None:
        """Raises UnknownError in training where gates are single columns, which lie in a way of their own."""
        trace.refuse_autocast()
        if trace.grad and self.gates == 3 and self.hidden_size == 1:
            raise UnknownError(f"{self.type}: how gradients of gates of one unit lie is not followed")


class SimpleSteps(Steps, abstract=True):
    """tanh or relu of the gate."""

    gates = 1
    cell = simple_step
    nonlinearity = Choice("tanh", "relu")

    def step(self) -> Operations:
        return gate(self.bias) + (_FUNCTION if self.nonlinearity == "tanh" else Operations(compare=1))


class GatedSteps(Steps, abstract=True):
    """r, z = σ(…), n = tanh(W·x + b + r·(W·h + b)), h' = (1 − z)·n + z·h."""

    gates = 3
    cell = gated_step

    def step(self) -> Operations:
        return gate(self.bias) * 3 + _SIGMOID * 2 + Operations(mul=1) + _FUNCTION + Operations(add=2, mul=2)


class MemorySteps(Steps, abstract=True):
    """i, f, o = σ(…), g = tanh(…), c' = f·c + i·g, h' = o·tanh(c')."""

    gates = 4
    cell = memory_step

    def feed(self, x: object, *states: object) -> tuple[object, ...]:
        return (x, states[:2], *states[2:]) if states else (x,)

    def step(self) -> Operations:
        cell = Operations(add=1, mul=2) + _FUNCTION + Operations(mul=1)
        return gate(self.bias) * 4 + _SIGMOID * 3 + _FUNCTION + cell


class RecurrentCell(Steps, abstract=True):
    """One step: (N, input_size) and a state (N, hidden_size) → the next state; or the same without N."""

    num_layers: ClassVar[int] = 1
    directions: ClassVar[tuple[str, ...]] = ("",)
    example = example((2, 16), hidden_size=32)

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


class GRUCell(GatedSteps, RecurrentCell):
    """One step of a GRU. Source: torch.nn.GRUCell."""


class LSTMCell(MemorySteps, RecurrentCell):
    """One step of an LSTM; outputs: the next h, and the next c. Source: torch.nn.LSTMCell."""

    states = 2

    def output(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        check_both(h, c)
        state = self.next_state(x)
        if h is not None and c is not None:
            check_state("h", h, state)
            check_state("c", c, state)
        return state, state
