"""Draws for `shapecalc/layers/fold.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import drawn, rarely, tensors_of

Inputs = st.SearchStrategy[tuple[Tensor, ...]]


def columns() -> Inputs:
    """Columns of windows: more channels than most have, and few columns."""
    channels, count = (12, 36, 9, 8, 6, 4), (1, 2, 3, 4, 6, 9, 12, 16)
    return st.tuples(tensors_of((3, 3, 2), channels, count, channel_axis=-2))


def shuffled() -> Inputs:
    """Images whose channels squares divide."""
    return st.tuples(tensors_of((4, 3, 5), (36, 64, 4, 576, 1, 6), (1, 2, 3), channel_axis=-3))


def pixels() -> Inputs:
    """Images whose height and width have many divisors."""
    return st.tuples(tensors_of((4, 3, 5), space=(24, 12, 6, 8, 5), channel_axis=-3))


def images() -> Inputs:
    return st.tuples(tensors_of((4, 3, 5), space=(1, 2, 3)))


def starts(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many windows there are, by where each of them starts."""
    return len(range(-padding, size + padding - dilation * (kernel - 1), stride))


@st.composite
def fold(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Windows that the columns have room for, of an image that has as many; seldom any others."""
    shape = (*inputs[0].shape, 1)[:3] if inputs[0].rank == 1 else inputs[0].shape
    channels, count = map(number, shape[-2:])
    pairs = [(a, b) for a in range(1, 4) for b in range(1, 4) if channels % (a * b) == 0]
    kernel = draw(st.sampled_from(pairs))
    stride, padding, dilation = (
        draw(st.tuples(*2 * [st.sampled_from(values)])) for values in ((1, 2, 3), (0, 0, 1, 2), (1, 1, 2))
    )
    sizes = [_fitting(count, kernel, stride, padding, dilation), [(4, 4), (3, 5), (0, 2)]]
    given: dict[str, Any] = {
        "output_size": draw(st.sampled_from(sizes[1] if rarely(draw, 8) or not sizes[0] else sizes[0])),
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
    }
    if rarely(draw, 8):
        given[draw(st.sampled_from(sorted(given)))] = draw(st.sampled_from([0, 1, 2, -1, (1, 2, 3), (2,)]))
    return given


def _fitting(count: int, *windows: Sequence[int]) -> list[tuple[int, int]]:
    """The sizes of images that have so many windows."""
    first, second = zip(*windows, strict=True)
    return [
        (h, w) for h in range(1, 18) for w in range(1, 18) if starts(h, *first) * starts(w, *second) == count
    ]


INPUTS = {
    "Fold": columns,
    "PixelShuffle": shuffled,
    "PixelUnshuffle": pixels,
    "ChannelShuffle": images,
}
ARGUMENTS = {"Fold": fold}

RARE = (
    # Windows in padding alone are columns too.
    drawn("Unfold", Tensor((2, 3, 2, 2)), kernel_size=1, padding=3, stride=2),
    drawn("ChannelShuffle", Tensor((2, 4)), groups=2),
    drawn("Fold", Tensor((12, 1)), output_size=2, kernel_size=(1, 3)),
    drawn("Fold", Tensor((2, 3, 16)), output_size=2, kernel_size=1, padding=3, stride=2),
)
