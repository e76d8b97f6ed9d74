"""Draws for `shapecalc/layers/deformable_convolution.py`."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, drawn, rarely, spoilt


class Along(NamedTuple):
    """A window along an axis."""

    kernel_size: int
    stride: int
    padding: int
    dilation: int

    def size(self, n: int) -> int:
        return (n + 2 * self.padding - self.dilation * (self.kernel_size - 1) - 1) // self.stride + 1


WINDOWS = [Along(*each) for each in product((1, 2, 3), (1, 2), (0, 1), (1, 2))]


@st.composite
def bent(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """An image, offsets for windows that fit, maybe a mask; seldom spoilt."""
    batch, channels, groups = (draw(st.sampled_from(SIZES)) for _ in range(3))
    groups = draw(st.sampled_from([1, 1, groups]))
    space = [draw(st.integers(3, 7)) for _ in range(2)]
    windows = [draw(st.sampled_from([w for w in WINDOWS if w.size(n) > 0])) for n in space]
    taps = windows[0].kernel_size * windows[1].kernel_size * groups
    sizes = [w.size(n) for w, n in zip(windows, space, strict=True)]
    moved: list[Shape] = [(batch, 2 * taps, *sizes), (batch, taps, *sizes)]
    shapes = [(batch, channels * groups, *space), *moved[: draw(st.integers(1, 2))]]
    dtypes = ["float32"] * len(shapes)
    if rarely(draw, 3):
        place = draw(st.integers(0, len(shapes) - 1))
        if draw(st.booleans()):
            shapes[place] = draw(spoilt(shapes[place]))
        else:
            dtypes[place] = draw(st.sampled_from(DTYPES))
    return tuple(Tensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))


@st.composite
def windows(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Windows that the offsets fit, where there are any."""
    x, offset = ([*map(number, y.shape), 1, 1, 1, 1][:4] for y in inputs[:2])
    pairs = [
        (a, b)
        for a, b in product(WINDOWS, WINDOWS)
        if (a.size(x[2]), b.size(x[3])) == (offset[2], offset[3])
        and offset[1] % (2 * a.kernel_size * b.kernel_size) == 0
    ]
    pair = draw(st.sampled_from(pairs or [(WINDOWS[0], WINDOWS[0])]))
    found: dict[str, Any] = {name: [getattr(w, name) for w in pair] for name in Along._fields}
    groups = draw(st.sampled_from([g for g in (1, 1, 1, 2, 3, x[1]) if rarely(draw, 8) or x[1] % g == 0]))
    return {
        **found,
        "out_channels": groups * draw(st.sampled_from(SIZES)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }


INPUTS = {"DeformConv2d": bent}

ARGUMENTS = {"DeformConv2d": windows}

IMAGE = Tensor((2, 4, 5, 5))

RARE = tuple(
    drawn("DeformConv2d", IMAGE, *moved, out_channels=4, kernel_size=3, groups=2)
    for moved in (
        (Tensor((2, 18, 3, 3)),),
        (Tensor((2, 36, 3, 3)), Tensor((2, 18, 3, 3))),
        (Tensor((2, 36, 3, 3)), Tensor((2, 9, 3, 3))),
        (Tensor((2, 54, 3, 3)),),
        (Tensor((2, 18, 3, 4)),),
        (Tensor((1, 18, 3, 3)),),
        (Tensor((2, 9, 3, 3)),),
    )
)
