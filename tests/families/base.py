"""A layer with its inputs, as the property tests draw it, and what is written about such draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.base import example
from shapecalc.layers.fourier import Transform
from shapecalc.tensors import BYTES, Shape, Tensor
from tests import chance as st

SIZES = (4, 2, 8, 1, 6, 3)
"""Channels, features and groups: sizes that often divide each other."""

LONGEST = 14
"""The longest spatial axis, just above the longest span of a drawn window."""

DTYPES = sorted(BYTES)

NUMBERS = (0, 1, 2, 3, -1, 300, -256, 2**31, 2**63 - 1, 0.5, -0.5, 0.0, 2.0, 7e4, 1e39, 1e300)
"""Numbers beside tensors, some of which not every dtype holds."""


class Drawn(NamedTuple):
    """A layer as a file may write it, and the tensors that come to it."""

    layer_type: type[Layer]
    arguments: Mapping[str, Any]
    inputs: tuple[Tensor, ...]

    def __repr__(self) -> str:
        """As it is written among the cases of a module here."""
        inputs = [f"Tensor({x.shape}{'' if x.dtype == 'float32' else f', {x.dtype!r}'})" for x in self.inputs]
        arguments = [f"{name}={value!r}" for name, value in self.arguments.items()]
        return f"drawn({', '.join([repr(self.layer_type.__name__), *inputs, *arguments])})"


class Stricter(NamedTuple):
    """A refusal of shapecalc's own: the types and the messages of it, why, and a case of it."""

    types: str
    message: str
    reason: str
    case: Drawn


def drawn(name: str, *inputs: Tensor, **arguments: Any) -> Drawn:
    return Drawn(LAYERS[name], arguments, inputs)


def shown(layer_type: type[Layer]) -> Drawn:
    """The example of a type, or small images where any inputs will do."""
    images = [(2, 8, *[6] * (layer_type.axes or 2))] * layer_type.inputs_range[0]
    inputs, arguments = layer_type.example or example(*images)
    return Drawn(layer_type, arguments, inputs)


def says_what_it_allocates(layer_type: type[Layer]) -> bool:
    """Whether a type has a rule of memory: `keeps`, `saved`, or a `run` that does not refuse all."""
    own = layer_type.saved is not Layer.saved or layer_type.run not in (Layer.run, Transform.run)
    return bool(layer_type.keeps) or own


def rarely(draw: st.DrawFn, one_in: int) -> bool:
    return draw(st.sampled_from([False] * (one_in - 1) + [True]))


@st.composite
def spoilt(draw: st.DrawFn, shape: Shape) -> Shape:
    """The shape with one size of another value, or with an axis more or fewer."""
    place = draw(st.integers(0, len(shape) - 1))
    size = draw(st.sampled_from(SIZES))
    match draw(st.sampled_from(["other", "other", "longer", "shorter"])):
        case "longer":
            return (*shape[:place], size, *shape[place:])
        case "shorter" if len(shape) > 1:
            return (*shape[:place], *shape[place + 1 :])
    return (*shape[:place], size, *shape[place + 1 :])


@st.composite
def tensors_of(
    draw: st.DrawFn,
    ranks: Sequence[int],
    channels: Sequence[int] = SIZES,
    space: Sequence[int] = range(1, LONGEST + 1),
    channel_axis: int = 1,
) -> Tensor:
    """A tensor of one of these numbers of axes, the channels counted as `channel_axis`; seldom another."""
    rank = draw(st.integers(1, 6)) if rarely(draw, 12) else draw(st.sampled_from(ranks))
    place = channel_axis % rank if -rank <= channel_axis < rank else -1
    shape = [
        draw(st.sampled_from(channels if axis == place else SIZES if axis < place else space))
        for axis in range(rank)
    ]
    return Tensor(tuple(shape), draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32")
