"""Recurrent layers step by step, as kernels on a trace.

Written after torch's code for devices without a fused kernel (aten/src/ATen/native/RNN.cpp), with the same
local tensors alive at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from shapecalc.allocation.gradients import chosen, narrowed, of_difference, passed, side_by_side
from shapecalc.allocation.kernels import dropout, linear, product_of
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import OUTPUT, Value, looks
from shapecalc.errors import UnknownError
from shapecalc.tensors import Tensor

State: TypeAlias = tuple[Value, ...]
"""The hidden state, and in an LSTM that of the cell."""


class Matrices(NamedTuple):
    """The weights of one layer and direction, each with its bias."""

    inputs: Sequence[Value]
    state: Sequence[Value]
    projection: Sequence[Value] = ()


Cell: TypeAlias = Callable[[Trace, Value, State, Matrices], State]


def gates_of(trace: Trace, gates: Value, count: int) -> tuple[Value, ...]:
    """Gates that lie side by side."""
    return trace.parts(gates, [(gates.shape[0], gates.shape[1] // count)] * count, unsafe=True)


def simple_step(trace: Trace, x: Value, state: State, weights: Matrices) -> State:
    """h' = tanh(W·x + b + U·h + c); relu keeps as much."""
    (h,) = state
    y = linear(trace, h, weights.state)
    of_input = linear(trace, x, weights.inputs)
    y = add_(trace, y, of_input)
    return (trace.kernel(y.tensor, y, keeps=(OUTPUT,)),)


def add_(trace: Trace, y: Value, other: Value) -> Value:
    z = Value(y.tensor, y.storage, y.strides, y.tracked or other.tracked)
    trace.record((z,), (y, other), back=passed(y.look, other.look))
    return z


def mul_(trace: Trace, y: Value, other: Value) -> Value:
    """In place: autograd keeps a copy of what is written over, where the other factor's gradient needs it."""
    copy = [trace.new(y.tensor)] if other.tracked else []
    z = Value(y.tensor, y.storage, y.strides, y.tracked or other.tracked)
    trace.record((z,), (y, other), [*copy, *([other] if y.tracked else [])])
    return z


def gated_step(trace: Trace, x: Value, state: State, weights: Matrices) -> State:
    """A gated recurrent unit: reset, update and candidate, h' = (h − n) ⊙ z + n."""
    (h,) = state
    resets, updates, inputs = gates_of(trace, linear(trace, x, weights.inputs), 3)
    reset, update, remembered = gates_of(trace, linear(trace, h, weights.state), 3)
    reset = trace.in_place(add_(trace, reset, resets), keeps=(OUTPUT,))
    update = trace.in_place(add_(trace, update, updates), keeps=(OUTPUT,))
    remembered = mul_(trace, remembered, reset)
    candidate = trace.kernel(h.tensor, inputs, remembered, back=passed(inputs.look, remembered.look))
    candidate = trace.in_place(candidate, keeps=(OUTPUT,))
    back = of_difference(h.look, candidate.look)
    y = trace.kernel(h.tensor, h, candidate, back=back)
    y = mul_(trace, y, update)
    return (add_(trace, y, candidate),)


def memory_step(trace: Trace, x: Value, state: State, weights: Matrices) -> State:
    """A long short-term memory: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c'), which may be projected."""
    h, c = state
    gates = linear(trace, h, weights.state)
    gates = add_(trace, gates, linear(trace, x, weights.inputs))
    i, f, g, o = (trace.in_place(gate, keeps=(OUTPUT,)) for gate in gates_of(trace, gates, 4))
    c = product_of(trace, f, c, c.shape)
    c = add_(trace, c, product_of(trace, i, g, c.shape))
    h = product_of(trace, o, trace.kernel(c.tensor, c, keeps=(OUTPUT,)), c.shape)
    if weights.projection:
        h = linear(trace, h, weights.projection)
    return h, c


def run_steps(
    trace: Trace, cell: Cell, inputs: Sequence[Value], state: State, weights: Matrices
) -> tuple[list[Value], State]:
    """One layer in one direction: the outputs of all steps, and the last state."""
    outputs = []
    for x in inputs:
        state = cell(trace, x, state, weights)
        outputs.append(state[0])
    return outputs, state


def stacked(trace: Trace, values: Sequence[Value]) -> Value:
    first = values[0]
    made = Tensor((len(values), *first.shape), first.dtype)
    return trace.kernel(made, *values, back=chosen(0, *looks(values)))


def run_layer(
    trace: Trace, cell: Cell, x: Value, states: Sequence[State], weights: Sequence[Matrices]
) -> tuple[Value, list[State]]:
    """One layer in one direction or in both: (L, N, features) and the last state of each."""
    inputs = steps(trace, x)
    outputs, last = run_steps(trace, cell, inputs, states[0], weights[0])
    y = stacked(trace, outputs)
    if len(states) == 1:
        return y, [last]
    backwards, first = run_steps(trace, cell, inputs[::-1], states[1], weights[1])
    z = stacked(trace, backwards)
    both = Tensor((*y.shape[:-1], 2 * y.shape[-1]), y.dtype)
    return trace.kernel(both, y, z, back=narrowed(*looks([y, z]))), [last, first]


def steps(trace: Trace, x: Value) -> tuple[Value, ...]:
    """Views of each step."""
    length = x.shape[0]
    if not isinstance(length, int):
        raise UnknownError(
            f"a recurrent layer is followed step by step, and {length} are not a number of steps",
            hint="give numbers",
        )
    views = tuple(
        [Value(Tensor(x.shape[1:], x.dtype), x.storage, x.all_strides[1:], x.tracked) for _ in range(length)]
    )
    trace.record(views, (x,), back=side_by_side(x.look))
    return views


def run_stack(
    trace: Trace,
    cell: Cell,
    x: Value,
    states: Sequence[Sequence[State]],
    weights: Sequence[Sequence[Matrices]],
    p: float,
) -> tuple[Value, list[State]]:
    """All layers, with dropout between them: the output of the last, and the last states of all."""
    lasts: list[State] = []
    for number, (state, matrices) in enumerate(zip(states, weights, strict=True)):
        y, last = run_layer(trace, cell, x, state, matrices)
        lasts += last
        del last
        x = y
        if number < len(states) - 1:
            x = dropout(trace, x, p)
        del y
    return x, lasts
