"""Recurrent layers (torch.nn, "Recurrent Layers"): a state is carried from each step to the next."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.recurrence import Matrices, run_stack, stacked, steps
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import example
from shapecalc.layers.fields import FixedSize, Flag, Real
from shapecalc.layers.reads import ALL, AxisReads, Pattern, Reads
from shapecalc.layers.recurrent_cell import (
    GatedSteps,
    MemorySteps,
    SimpleSteps,
    Steps,
    check_both,
    check_state,
    gate_weights,
    matrices_of,
)
from shapecalc.layers.rules import PARTLY_FROZEN, Wanted
from shapecalc.layers.sequences import layer_count, sequence
from shapecalc.layers.weights import Weight, Weights
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor, product


class Recurrent(Steps, abstract=True):
    """A stack of recurrent layers, each with one direction or two.

    (L, N, input_size) → (L, N, D·R), of D directions with states of R features, and the last states
    (D·num_layers, N, R). With `batch_first` the sequences are (N, L, …), the states stay; without a batch
    the axis N is missing. L steps of N samples go through each matrix.
    """

    num_layers = layer_count(1)
    batch_first = Flag(False)
    dropout = Real(0.0, low=0, high=1)
    bidirectional = Flag(False)
    last_fields: ClassVar[tuple[str, ...]] = ("bias", "batch_first", "dropout", "bidirectional")
    example = example((7, 2, 16), hidden_size=32)

    @property
    def directions(self) -> tuple[str, ...]:
        """The ends of the names of each direction's weights."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def features(self) -> Dim:
        """The features that a state carries on, and that each direction gives out."""
        return self.hidden_size

    def output(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, ...]:
        y, state = self.sequence_out(x), self.state(x, self.features)
        if h is not None:
            check_state("h", h, state)
        return y, state

    def reads(self, x: Tensor, *states: Tensor, port: int, **_: Any) -> tuple[Reads, ...]:
        """The last states read all steps, as does each step of two directions; of one, those up to itself."""
        before: AxisReads = Unknown("a step of one direction sees itself and all steps before it")
        steps = ALL if port or self.bidirectional else before
        if x.rank == 2:
            return ((steps, ALL), *[(ALL, ALL)] * len(states))
        batch = Pattern(1 if port or not self.batch_first else 0)
        own: Reads = (batch, steps, ALL) if self.batch_first else (steps, batch, ALL)
        return (own, *[(ALL, batch, ALL)] * len(states))

    def sequence_out(self, x: Tensor) -> Tensor:
        sequence(x, self.batch_first)
        return Tensor((*x.shape[:-1], len(self.directions) * self.features))

    def state(self, x: Tensor, features: Dim) -> Tensor:
        """The states of all layers and directions, of that many features."""
        batch = sequence(x, self.batch_first).batch
        return Tensor((len(self.directions) * self.num_layers, *batch, features))

    def weights(self, x: Tensor, *states: Tensor) -> Weights:
        weights: dict[str, Weight] = {}
        for layer in range(self.num_layers):
            inputs = len(self.directions) * self.features if layer else x.shape[-1]
            for direction in self.directions:
                weights |= self.layer_weights(inputs, f"_l{layer}{direction}")
        return weights

    def layer_weights(self, inputs: Dim, place: str) -> Weights:
        """What one layer owns for one direction."""
        return gate_weights(self.gates * self.hidden_size, inputs, self.features, self.bias, place)

    def macs(self, x: Tensor, *states: Tensor, y: Tensor) -> Dim:
        """Each matrix once for each step of each sample."""
        matrices = [w.elements for w in self.weights(x).values() if len(w.shape) == 2]
        return product(x.shape[:-1]) * sum(matrices[1:], matrices[0])

    def gradient_macs(self, x: Tensor, *states: Tensor, wanted: Wanted) -> Dim:
        """Each matrix and what it is multiplied with, but for inputs and first states that need none."""
        figures = self.figures((x, *states))
        matrices = [name for name, weight in figures.weights.items() if len(weight.shape) == 2]
        learning = sum([name in wanted.weights for name in matrices])
        if learning not in (0, len(matrices)):
            raise UnknownError(PARTLY_FROZEN)
        samples = product(x.shape[:-1])
        steps = x.shape[1 if self.batch_first and x.rank == 3 else 0]
        gates = self.gates * self.hidden_size * len(self.directions)
        total = figures.macs * (1 + bool(learning))
        if not wanted.inputs[0]:
            total = total - samples * gates * x.shape[-1]
        if not any(wanted.inputs[1:2]):
            total = total - samples // steps * gates * self.features * self.num_layers
        return total

    def run(self, trace: Trace, x: Value, *states: Value) -> tuple[Value, ...]:
        """All layers step by step, from states of zeros unless they are given."""
        self.check_followed(trace)
        batched = x.rank == 3
        if not batched:
            x = trace.seen_as(x, (1, *x.shape) if self.batch_first else (x.shape[0], 1, x.shape[1]))
            states = tuple([trace.seen_as(h, (h.shape[0], 1, h.shape[1])) for h in states])
        given = states or self.zeros(trace, x)
        if self.batch_first:
            x = trace.transpose(x, 0, 1)
        pairs = list(zip(*(steps(trace, h) for h in given), strict=True))
        each = len(self.directions)
        grouped = [pairs[i : i + each] for i in range(0, len(pairs), each)]
        del pairs
        y, lasts = run_stack(trace, type(self).cell, x, grouped, self.matrices(trace, x.tensor), self.dropout)
        ends = [stacked(trace, values) for values in zip(*lasts, strict=True)]
        if batched and self.batch_first:
            y = trace.unsafe(trace.transpose(y, 0, 1))
        if batched:
            return (y, *ends)
        return tuple([trace.seen_as(z, (z.shape[0], z.shape[2])) for z in (y, *ends)])

    def zeros(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        """The states that a batch starts from."""
        batch = x.shape[0 if self.batch_first else 1]
        each = len(self.directions) * self.num_layers
        return tuple([trace.new(Tensor((each, batch, features))) for features in self.state_features])

    @property
    def state_features(self) -> tuple[Dim, ...]:
        return (self.features,)

    def matrices(self, trace: Trace, x: Tensor) -> list[list[Matrices]]:
        """The weights, by layer and direction."""
        weights = self.weights(x)
        return [
            [matrices_of(trace, weights, f"_l{layer}{direction}") for direction in self.directions]
            for layer in range(self.num_layers)
        ]

    def ops(self, x: Tensor, *states: Tensor, y: Tensor) -> Operations:
        """The operations of a step, for each unit of each layer and direction."""
        units = self.num_layers * len(self.directions) * self.hidden_size
        return self.step() * (product(x.shape[:-1]) * units)


class RNN(SimpleSteps, Recurrent):
    """h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh) at each step, or with relu in place of tanh.

    Outputs: the sequence, and the last states. Source: torch.nn.RNN; Elman 1990, Cognitive Science 14.
    """

    last_fields = ("nonlinearity", *Recurrent.last_fields)


class GRU(GatedSteps, Recurrent):
    """A gated recurrent unit: a reset gate, an update gate, and a candidate for the next state.

    Outputs: the sequence, and the last states. Source: torch.nn.GRU; Cho et al. 2014, arXiv:1406.1078.
    """


class LSTM(MemorySteps, Recurrent):
    """A long short-term memory: gates for input, forgetting and output, and a candidate for the cell.

    Beside the state h there is that of the cell, c, of hidden_size features; with `proj_size` a matrix more
    makes proj_size features of h. Outputs: the sequence, the last h, and the last c.
    Source: torch.nn.LSTM; Hochreiter & Schmidhuber 1997; Sak et al. 2014, arXiv:1402.1128.
    """

    proj_size = FixedSize(0, minimum=0)
    last_fields = (*Recurrent.last_fields, "proj_size")
    example = example((7, 2, 16), hidden_size=32, num_layers=2)

    def check(self) -> None:
        if not at_least(self.hidden_size, self.proj_size + 1, "a projection makes the state smaller"):
            raise ArchitectureError(
                f"proj_size {self.proj_size} has to be smaller than hidden_size {self.hidden_size}",
                argument="proj_size",
            )

    @property
    def features(self) -> Dim:
        return self.proj_size or self.hidden_size

    def returned(self, *outputs: Any) -> Any:
        """The states are a pair."""
        y, *states = outputs
        return y, tuple(states)

    def output(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> tuple[Tensor, ...]:
        check_both(h, c)
        y, state, cell = self.sequence_out(x), self.state(x, self.features), self.state(x, self.hidden_size)
        if h is not None and c is not None:
            check_state("h", h, state)
            check_state("c", c, cell)
        return y, state, cell

    @property
    def state_features(self) -> tuple[Dim, ...]:
        return (self.features, self.hidden_size)

    def layer_weights(self, inputs: Dim, place: str) -> Weights:
        weights = super().layer_weights(inputs, place)
        if not self.proj_size:
            return weights
        return {**weights, f"weight_hr{place}": Weight((self.proj_size, self.hidden_size))}
