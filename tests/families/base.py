"""A layer with its inputs, as the property tests draw it, and what is written about such draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from shapecalc.layers import LAYERS, Layer
from shapecalc.tensors import BYTES, Shape, Tensor

SIZES = (4, 2, 8, 1, 6, 3)
"""Channels, features and groups: sizes that often divide each other."""

LONGEST = 14
"""The longest spatial axis, just above the longest span of a drawn window."""

DTYPES = sorted(BYTES)


class Drawn(NamedTuple):
    """A layer as a file may write it, and the tensors that come to it."""

    layer_type: type[Layer]
    arguments: Mapping[str, Any]
    inputs: tuple[Tensor, ...]

    def __repr__(self) -> str:
        written = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        inputs = ", ".join(f"{'x'.join(map(str, x.shape))}:{x.dtype}" for x in self.inputs)
        return f"{self.layer_type.__name__}({written}) on {inputs}"


class Stricter(NamedTuple):
    """A refusal of shapecalc's own: the types and the messages of it, why, and a case of it."""

    types: str
    message: str
    reason: str
    case: Drawn


def drawn(name: str, *inputs: Tensor, **arguments: Any) -> Drawn:
    return Drawn(LAYERS[name], arguments, inputs)


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
