"""Draws for `shapecalc/layers/computed_convolution.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import SIZES, Stricter, drawn, rarely, spoilt
from tests.families.products import of_dtypes


def image_and_kernel(axes: int) -> Callable[[], st.SearchStrategy[tuple[Tensor, ...]]]:
    """An image with or without a batch axis, a kernel for it, maybe a bias; seldom spoilt."""

    @st.composite
    def draws(draw: st.DrawFn) -> tuple[Tensor, ...]:
        out, own = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
        groups = draw(st.sampled_from([g for g in (1, 1, 2, 4, 3) if out % g == 0]))
        kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
        space = [draw(st.integers(4, 9)) for _ in range(axes)]
        batch = [] if rarely(draw, 5) else [draw(st.sampled_from(SIZES))]
        shapes: list[Shape] = [(*batch, own * groups, *space), (out, own, *kernel)]
        if draw(st.booleans()):
            shapes.append((out,))
        if rarely(draw, 3):
            place = draw(st.integers(0, len(shapes) - 1))
            shapes[place] = draw(spoilt(shapes[place]))
        return draw(of_dtypes(shapes))

    return draws


@st.composite
def windows(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """As many groups as the two have channels for, seldom others; windows that mostly fit."""
    shapes = [[*map(number, y.shape)] for y in inputs]
    axes = max(len(shapes[1]) - 2, 1) if len(shapes) > 1 else 1
    divided = len(shapes) > 1 and len(shapes[0]) > axes and len(shapes[1]) > 1 and not rarely(draw, 6)
    groups = max(1, shapes[0][-axes - 1] // shapes[1][1]) if divided else draw(st.integers(1, 3))
    stride = draw(st.sampled_from([1, 1, 2, 3]))
    words = ["same"] if stride == 1 or rarely(draw, 6) else ["valid"]
    return {
        "stride": stride,
        "padding": draw(st.sampled_from([0, 1, 2, *words])),
        "dilation": draw(st.sampled_from([1, 1, 2])),
        "groups": groups,
    }


INPUTS = {f"conv{axes}d": image_and_kernel(axes) for axes in (1, 2, 3)}

ARGUMENTS = {f"conv{axes}d": windows for axes in (1, 2, 3)}

IMAGE = Tensor((2, 4, 5, 5))

STRICTER = (
    Stricter(
        "conv.d",
        "a floating-point input is needed, not u?int",
        "whole numbers are convolved where torch's kernels for a size of the image have their dtype",
        drawn("conv2d", Tensor((2, 4, 5, 5), "int16"), Tensor((6, 4, 3, 3), "int16")),
    ),
    Stricter(
        "conv.d",
        "branches of one dtype are needed, not",
        "torch looks at the dtype of a bias in some of its kernels only",
        drawn(
            *("conv1d", Tensor((4, 4, 4)), Tensor((4, 4, 1)), Tensor((4,), "bfloat16")),
            padding="same",
        ),
    ),
)

RARE = (
    drawn("conv2d", IMAGE, Tensor((6, 2, 3, 3)), Tensor((6,)), groups=2),
    drawn("conv2d", IMAGE, Tensor((6, 2, 3, 3)), Tensor((3,)), groups=2),
    drawn("conv2d", IMAGE, Tensor((6, 2, 4, 2)), padding="same", groups=2),
    drawn("conv2d", IMAGE, Tensor((3, 2, 3, 3)), groups=2),
    drawn("conv2d", IMAGE, Tensor((6, 4, 3))),
    drawn("conv2d", IMAGE, Tensor((6, 4, 3, 3)), Tensor((6, 1))),
    drawn("conv2d", Tensor((4, 5, 5)), Tensor((6, 4, 6, 6)), padding=1),
)
