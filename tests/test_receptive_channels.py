"""Receptive fields where channels part and come together: against gradients, and worked out by hand."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.analysis.receptive.field import Field, receptive
from tests.receptive_gradients import prove

C2F = """
input: 1x3x32x32
blocks:
  conv(out, kernel=3): [Conv2d: {out_channels: out, kernel_size: kernel, padding: kernel//2}, SiLU]
layers:
  - {conv: {out: 8, kernel: 1}, as: whole}
  - {chunk: {chunks: 2, dim: 1}, as: [left, right]}
  - {conv: 4, from: right, as: once}
  - {conv: 4, from: once, as: twice}
  - {concat: [whole, once, twice], as: all}
"""
"""The block C2f of YOLOv8 (github.com/ultralytics), of two bottlenecks of one convolution."""

GHOST = """
input: 1x3x32x32
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 1}, as: primary}
  - {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 4}, as: cheap}
  - {concat: [primary, cheap], as: all}
"""
"""A ghost module (Han et al. 2020, arXiv:1911.11907)."""

HALVES = """
input: 1x4x32x32
layers:
  - {concat: [[], [Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}]], as: all}
"""
"""Half of the channels see one element, half of them 3×3."""

TAKEN = [
    (C2F, "narrow: {dim: 1, start: 0, length: 8}", 1),
    (C2F, "narrow: {dim: 1, start: 8, length: 4}", 3),
    (C2F, "narrow: {dim: 1, start: -4, length: 4}", 5),
    (C2F, "narrow: {dim: 1, start: 5, length: 4}", 3),
    (C2F, "slice: {dim: 1, start: 8, end: -4}", 3),
    (C2F, "select: {dim: 1, index: 7}", 1),
    (C2F, "chunk: {chunks: 4, dim: 1}", 1),
    (GHOST, "split: {split_size_or_sections: [4, 4], dim: 1}", 1),
    (GHOST, "narrow: {dim: 1, start: 4, length: 4}", 3),
    (HALVES, "ReLU\n  - BatchNorm2d\n  - MaxPool2d: 3\n  - narrow: {dim: 1, start: 0, length: 4}", 3),
    (HALVES, "Conv2d: {out_channels: 8, kernel_size: 1, groups: 8}\n  - chunk: {chunks: 2, dim: 1}", 1),
    (HALVES, "Conv2d: {out_channels: 4, kernel_size: 1, groups: 2}\n  - chunk: {chunks: 2, dim: 1}", 1),
    (HALVES, "Conv2d: {out_channels: 2, kernel_size: 1}\n  - chunk: {chunks: 2, dim: 1}", 3),
    (
        HALVES,
        "ConvTranspose2d: {out_channels: 8, kernel_size: 1, groups: 4}\n  - chunk: {chunks: 2, dim: 1}",
        1,
    ),
    (HALVES, "ChannelShuffle: 2\n  - chunk: {chunks: 2, dim: 1}", 3),
    (HALVES, "ChannelShuffle: 2\n  - select: {dim: 1, index: 6}", 1),
    (HALVES, "unflatten: {dim: 1, sizes: [2, 4]}\n  - select: {dim: 1, index: 0}", 1),
    (
        HALVES,
        "unflatten: {dim: 1, sizes: [4, 2]}\n  - sum: {dim: 2}\n  - narrow: {dim: 1, start: 0, length: 2}",
        1,
    ),
    (HALVES, "unflatten: {dim: 1, sizes: [2, 4]}\n  - sum: {dim: 1}\n  - select: {dim: 1, index: 0}", 3),
    (HALVES, "pad: [0, 0, 0, 0, 2, 2]\n  - narrow: {dim: 1, start: 1, length: 4}", 1),
    (HALVES, "add: [[], [ChannelShuffle: 2]]\n  - select: {dim: 1, index: 0}", 1),
    (HALVES, "permute: [0, 2, 3, 1]\n  - narrow: {dim: -1, start: 2, length: 2}", 1),
    (HALVES, "stack: {branches: [[], [ReLU]], dim: 1}\n  - select: {dim: 2, index: 1}", 1),
    (HALVES, "PixelShuffle: 2\n  - select: {dim: 1, index: 0}", 1),
]


@pytest.mark.parametrize(("network", "step", "size"), TAKEN)
def test_a_part_of_the_channels_sees_what_it_is_made_of(network: str, step: str, size: int) -> None:
    found = receptive(shapecalc.analyse(shapecalc.parse(f"{network}  - {step}\n")))
    last = found.fields[-1]
    assert (last.status, [axis and axis.size for axis in last.axes]) == ("exact", [size, size])
    assert prove(found) == ()


SHUFFLE = """
input: 1x4x32x32
blocks:
  unit(kernel):
    - {chunk: {chunks: 2, dim: 1}, as: [left, right]}
    - {Conv2d: {out_channels: 2, kernel_size: kernel, padding: kernel//2}, from: right}
    - concat: [left, []]
    - unflatten: {dim: 1, sizes: [2, -1]}
    - transpose: {dim0: 1, dim1: 2}
    - flatten: {start_dim: 1, end_dim: 2}
layers: [unit: 3, unit: 5, select: {dim: 1, index: INDEX}]
"""
"""Units of ShuffleNet v2 (Ma et al. 2018, arXiv:1807.11164), shuffled by hand."""


@pytest.mark.parametrize(("index", "size"), [(0, 1), (1, 7), (2, 3), (3, 7)])
def test_channels_are_followed_through_shuffles(index: int, size: int) -> None:
    """The left half, 1 and 3, stays beside a convolution of the right half, 1 and 3: 3 + 5 − 1."""
    found = receptive(shapecalc.analyse(shapecalc.parse(SHUFFLE.replace("INDEX", str(index)))))
    (last,) = found.outputs
    assert [axis and axis.size for axis in last.axes] == [size, size]
    assert prove(found) == ()


def test_shufflenet_has_a_field_in_every_layer() -> None:
    found = receptive(shapecalc.analyse(shapecalc.load("imagenet/shufflenet_v2_x1_0")))
    assert {field.status for field in found.fields} == {"exact", "whole input"}


PARTLY = [
    "PixelUnshuffle: 2\n  - select: {dim: 1, index: 0}",
    "concat: [[narrow: {dim: 1, start: 0, length: 1}],"
    " [Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}]]\n"
    "  - PixelShuffle: 2",
    "concat: [[], [Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}]]\n"
    "  - GLU: 1\n  - select: {dim: 1, index: 0}",
]


@pytest.mark.parametrize("step", PARTLY)
def test_what_a_part_sees_of_what_differs_is_not_claimed(step: str) -> None:
    """The first of the pixels, one of the channels at each place, both halves together."""
    (last,) = _outputs(f"input: 1x4x8x8\nlayers:\n  - {step}\n")
    assert last.status == "undefined"
    assert "differ in what they see" in str(last.reason)


LETTERS = [
    ("narrow: {dim: 1, start: 0, length: C}", 1),
    ("narrow: {dim: 1, start: C, length: C}", 3),
    ("slice: {dim: 1, start: C}", 3),
    ("chunk: {chunks: 2, dim: 1}", 1),
    ("split: {split_size_or_sections: [C, C], dim: 1}", 1),
    ("narrow: {dim: 1, start: 1, length: 1}\n  - narrow: {dim: 1, start: 0, length: 1}", None),
    ("Conv2d: {out_channels: 2*C, kernel_size: 1, groups: 2*C}\n  - chunk: {chunks: 2, dim: 1}", 1),
    ("Conv2d: {out_channels: 8, kernel_size: 1}\n  - chunk: {chunks: 2, dim: 1}", 3),
]


@pytest.mark.parametrize(("step", "size"), LETTERS)
def test_channels_that_are_letters_are_followed_too(step: str, size: int | None) -> None:
    text = (
        "input: NxCxHxW\nlayers:\n  - concat: [[], [Conv2d: {out_channels: C, kernel_size: 3, padding: 1}]]\n"
    )
    text = text.replace("layers:", "parameters: {C: 4}\nlayers:").replace("NxC", "1xC")
    analysis = shapecalc.analyse(shapecalc.parse(f"{text}  - {step}\n"), "1xKxHxW", {"C": "K"})
    last = receptive(analysis).fields[-1]
    assert [axis and axis.size for axis in last.axes] == [size, size]


def _outputs(text: str) -> tuple[Field, ...]:
    return receptive(shapecalc.analyse(shapecalc.parse(text))).outputs


@pytest.mark.parametrize("step", ["PixelShuffle: r", "PixelUnshuffle: r"])
def test_pixels_shuffled_by_a_letter_are_not_followed(step: str) -> None:
    text = f"input: Nx4xHxW\nparameters: {{r: 2}}\nlayers:\n  - {step}\n"
    (last,) = receptive(shapecalc.analyse(shapecalc.parse(text), None, {"r": "R"})).outputs
    assert last.status == "undefined"
    assert "which is a formula" in str(last.reason)


CROPPED = [
    ("narrow: {dim: 2, start: 0, length: 5}", 5),
    ("narrow: {dim: 2, start: 3, length: 5}", 5),
    ("slice: {dim: 2, start: 1, step: 2}", 11),
    ("slice: {dim: 2, end: -1, step: 3}", 10),
    ("ZeroPad1d: [0, -4]", 8),
]


@pytest.mark.parametrize(("step", "size"), CROPPED)
def test_what_sees_all_that_is_left_does_not_see_what_was_cut_off(step: str, size: int) -> None:
    found = receptive(
        shapecalc.analyse(shapecalc.parse(f"input: 1x1x12\nlayers:\n  - {step}\n  - Linear: 2\n"))
    )
    (last,) = found.outputs
    assert [axis and axis.size for axis in last.axes] == [size]
    assert prove(found) == ()


def test_what_is_left_of_places_that_lie_in_no_order_is_not_known() -> None:
    text = "input: 1x2x12\nlayers: [Flatten, narrow: {dim: 1, start: 0, length: 5}, Linear: 2]\n"
    assert [field.status for field in receptive(shapecalc.analyse(shapecalc.parse(text))).fields] == [
        "undefined",
        "undefined",
        "undefined",
    ]
