"""Draws for `shapecalc/layers/recurrent.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, Stricter, drawn, rarely

STATES = {"RNN": 1, "GRU": 1, "LSTM": 2}
"""How many states a type has."""

small = st.integers(1, 4)
few = st.sampled_from([1, 2, 1, 2, 3, 4])


@st.composite
def dtype(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(DTYPES)) if rarely(draw, 16) else "float32"


@st.composite
def spoilt(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, seldom with a size that is another, or with an axis less or more."""
    if not rarely(draw, 8):
        return shape
    axis = draw(st.integers(0, len(shape) - 1))
    middle = draw(st.sampled_from([(), (1,), (shape[axis] + 1,), (shape[axis], 2)]))
    return (*shape[:axis], *middle, *shape[axis + 1 :]) or (3,)


@st.composite
def sequences(draw: st.DrawFn, states: int) -> tuple[Tensor, ...]:
    """A sequence, and mostly all of the states of some stack that it fits."""
    length, batch, features, hidden = draw(st.tuples(few, few, small, small))
    batched = draw(st.sampled_from([True, True, False]))
    x = draw(st.permutations([length, batch])) if batched else [length]
    inputs = [draw(spoilt((*x, features)))]
    depth, between = draw(few), [batch] * batched
    given = 0 if draw(st.booleans()) else states
    if rarely(draw, 16):
        given = draw(st.integers(0, states + 1))
    carried = draw(st.integers(1, hidden)) if states == 2 else hidden
    for size in [carried, hidden, hidden][:given]:
        inputs.append(draw(spoilt((depth, *between, size))))
    return tuple(Tensor(shape, draw(dtype())) for shape in inputs)


@st.composite
def fitted(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """The arguments of the stack whose states are among the inputs; seldom not all of them."""
    if len(inputs) < 2:
        return {}
    x, h, *others = (tuple(map(number, x.shape)) for x in inputs)
    arguments: dict[str, Any] = {"hidden_size": (others[0] if others else h)[-1]}
    both = h[0] % 2 == 0 and draw(st.booleans())
    arguments["bidirectional"] = both
    arguments["num_layers"] = h[0] // 2 if both else h[0]
    if len(x) == len(h) == 3:
        arguments["batch_first"] = x[0] == h[1] if rarely(draw, 2) else x[1] != h[1]
    if others and h[-1] != others[0][-1]:
        arguments["proj_size"] = h[-1]
    if rarely(draw, 8):
        del arguments[draw(st.sampled_from(sorted(arguments.keys() - {"hidden_size"})))]
    return arguments


@st.composite
def steps(draw: st.DrawFn, states: int) -> tuple[Tensor, ...]:
    """One step's input, and mostly the states of a cell that it fits."""
    batch = [draw(small)] if draw(st.booleans()) else []
    hidden = draw(small)
    shapes = [(*batch, draw(small))]
    given = states if draw(st.booleans()) else draw(st.integers(0, states + 1))
    shapes.extend([(*batch, hidden)] * given)
    return tuple(Tensor(draw(spoilt(shape)), draw(dtype())) for shape in shapes)


@st.composite
def fitted_cell(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    return {"hidden_size": inputs[1].shape[-1]} if len(inputs) > 1 and not rarely(draw, 8) else {}


def _of(strategy: Callable[[int], st.SearchStrategy[Any]], states: int) -> Callable[[], Any]:
    return lambda: strategy(states)


INPUTS = {
    **{name: _of(sequences, states) for name, states in STATES.items()},
    **{f"{name}Cell": _of(steps, states) for name, states in STATES.items()},
}
FITTED = {**dict.fromkeys(STATES, fitted), **{f"{name}Cell": fitted_cell for name in STATES}}

STRICTER = (
    Stricter(
        "(RNN|GRU|LSTM)Cell",
        "hidden_size must be a whole number of at least 1, not 0",
        "a cell without features has nothing to carry on",
        drawn("GRUCell", Tensor((2, 3)), hidden_size=0),
    ),
    Stricter(
        "LSTM|LSTMCell",
        "the state c has to be of float32, not",
        "torch mixes dtypes in the cell where no matrix meets it, and refuses that elsewhere",
        drawn("LSTMCell", Tensor((2, 3)), Tensor((2, 4)), Tensor((2, 4), "float64"), hidden_size=4),
    ),
    Stricter(
        "(RNN|GRU|LSTM)Cell",
        "the state . is (\\d+)×\\d+, and \\1 is needed",
        "for an input without a batch torch takes a matrix as a state, as long as it can be broadcast",
        drawn("RNNCell", Tensor((3,)), Tensor((4, 4)), hidden_size=4),
    ),
)

RARE = (
    drawn("LSTM", Tensor((3, 2, 4)), hidden_size=3, proj_size=3),
    drawn("LSTM", Tensor((3, 2, 4)), hidden_size=3, proj_size=2, bidirectional=True, num_layers=3),
    drawn("LSTM", Tensor((3, 2, 4)), hidden_size=3, proj_size=-1),
    drawn("LSTM", Tensor((3, 4)), Tensor((1, 3)), Tensor((1, 3)), hidden_size=3, batch_first=True),
    drawn("RNN", Tensor((3, 2, 4)), hidden_size=3, num_layers=2, nonlinearity="relu", dropout=1.0),
)
