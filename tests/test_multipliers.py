"""Families by their multipliers: the channels, parameters and MACs that papers and frameworks publish."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis
from shapecalc.language.expressions import parse_expression
from shapecalc.symbolic import number


def analyse(name: str, size: int = 224, **parameters: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.load(name), f"1x3x{size}x{size}", parameters)


def channels(analysis: Analysis, type: str) -> list[int]:
    """The output channels of the first row, and of the nodes of a type at the top of the tree."""
    outputs = [analysis.rows[0].output, *[node.output for node in analysis.tree if node.type == type]]
    return [number(output.shape[1]) for output in outputs]


V2_CHANNELS = {
    "1.4": [48, 24, 32, 48, 88, 136, 224, 448],
    "1.0": [32, 16, 24, 32, 64, 96, 160, 320],
    "0.75": [24, 16, 24, 24, 48, 72, 120, 240],
    "0.5": [16, 8, 16, 16, 32, 48, 80, 160],
    "0.35": [16, 8, 8, 16, 24, 32, 56, 112],
}
"""Those of the published checkpoints mobilenet_v2_1.4_224 and so on: the stem, then each stage."""

V2_PUBLISHED = {
    "1.4": ([(224, 582)], "6.06"),
    "1.3": ([(224, 509)], "5.34"),
    "1.0": ([(224, 300), (192, 221), (160, 154), (128, 99), (96, 56)], "3.47"),
    "0.75": ([(224, 209), (192, 153), (160, 107), (128, 69), (96, 39)], "2.61"),
    "0.5": ([(224, 97), (192, 71), (160, 50), (128, 32), (96, 18)], "1.95"),
    "0.35": ([(224, 59), (192, 43), (160, 30), (128, 20), (96, 11)], "1.66"),
}
"""By the multiplier: the whole millions of MACs at a size, and millions of parameters that normalise nothing.

github.com/tensorflow/models, research/slim/nets/mobilenet/README.md.
"""


@pytest.mark.parametrize("width", V2_CHANNELS)
def test_channels_of_mobilenet_v2(width: str) -> None:
    assert channels(analyse("mobilenet_v2", width=width), "bottleneck") == V2_CHANNELS[width]


@pytest.mark.parametrize("width", V2_PUBLISHED)
def test_figures_of_mobilenet_v2(width: str) -> None:
    macs, params = V2_PUBLISHED[width]
    for size, millions in macs:
        assert number(analyse("mobilenet_v2", size, width=width).totals.macs) // 10**6 == millions
    rows = analyse("mobilenet_v2", width=width).rows
    own = sum(number(row.params) for row in rows if row.type != "BatchNorm2d")
    assert f"{own / 10**6:.2f}" == params


V1_PUBLISHED = {
    "1.0": ([(224, 569), (192, 418), (160, 291), (128, 186)], "4.2"),
    "0.75": ([(224, 325)], "2.6"),
    "0.5": ([(224, 149)], "1.3"),
    "0.25": ([(224, 41)], "0.5"),
}
"""Million multiply-adds at a size, and million parameters: the paper's tables 6 and 7.

At 160 pixels the paper has 290; it is the 291 of TensorFlow's mobilenet_v1.md, 290.7 million.
"""


@pytest.mark.parametrize("width", V1_PUBLISHED)
def test_figures_of_mobilenet_v1(width: str) -> None:
    macs, params = V1_PUBLISHED[width]
    for size, millions in macs:
        assert round(number(analyse("mobilenet-v1", size, width=width).totals.macs) / 10**6) == millions
    assert f"{number(analyse('mobilenet-v1', width=width).totals.params) / 10**6:.1f}" == params


@pytest.mark.parametrize(
    ("name", "width", "macs", "params"),
    [
        ("mobilenet_v3_large", 1.0, 217, "5.48"),
        ("mobilenet_v3_large", 0.75, 155, "3.99"),
        ("mobilenet_v3_small", 1.0, 57, "2.54"),
        ("mobilenet_v3_small", 0.75, 43, "2.04"),
        ("mobilenet_v3_small", 0.5, 21, "1.59"),
    ],
)
def test_figures_of_mobilenet_v3(name: str, width: float, macs: int, params: str) -> None:
    """Those of timm; for the large one the authors' README has 155 million and 4.0 million as well."""
    totals = analyse(name, width=width).totals
    assert round(number(totals.macs) / 10**6) == macs
    assert f"{number(totals.params) / 10**6:.2f}" == params


MNASNET = {
    "0.5": [16, 8, 16, 24, 40, 48, 96, 160],
    "0.75": [24, 16, 24, 32, 64, 72, 144, 240],
    "1.0": [32, 16, 24, 40, 80, 96, 192, 320],
    "1.3": [40, 24, 32, 56, 104, 128, 248, 416],
}
"""Those of torchvision.models.mnasnet: mnasnet0_5, mnasnet0_75, mnasnet1_0 and mnasnet1_3."""


@pytest.mark.parametrize("width", MNASNET)
def test_channels_of_mnasnet(width: str) -> None:
    analysis = analyse("mnasnet1_0", width=width)
    second = channels(analysis, "conv_bn")[1]
    assert [*channels(analysis, "stage")[:1], second, *channels(analysis, "stage")[1:]] == MNASNET[width]


EFFICIENTNET = {
    "efficientnet_b0": ([32, 16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1]),
    "efficientnet_b1": ([32, 16, 24, 40, 80, 112, 192, 320], [2, 3, 3, 4, 4, 5, 2]),
    "efficientnet_b4": ([48, 24, 32, 56, 112, 160, 272, 448], [2, 4, 4, 6, 6, 8, 2]),
    "efficientnet_b7": ([64, 32, 48, 80, 160, 224, 384, 640], [4, 7, 7, 10, 10, 13, 4]),
}
"""The widths, the stem's first, and the numbers of blocks of torchvision's networks."""


@pytest.mark.parametrize("name", EFFICIENTNET)
def test_widths_and_depths_of_efficientnet(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.load(name))
    depths = [len(node.children) for node in analysis.tree if node.type == "stage"]
    assert (channels(analysis, "stage"), depths) == EFFICIENTNET[name]


def in_floats(v: float, divisor: int) -> int:
    """torchvision.models._utils._make_divisible, which computes in floats."""
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v + divisor if new_v < 0.9 * v else new_v


def test_divisible_is_torchvisions_but_for_the_error_of_floats() -> None:
    """They differ where a float below the exact product falls short of the middle between two multiples."""
    expression = parse_expression("divisible(c*width, d)")
    differ = set()
    for text in (
        "0.25",
        "0.35",
        "0.5",
        "0.75",
        "1.0",
        "1.1",
        "1.2",
        "1.3",
        "1.4",
        "1.6",
        "1.8",
        "2.0",
        "2.2",
    ):
        width = float(text)
        for c in range(1, 1301):
            if expression({"c": c, "width": width, "d": 8}) != in_floats(c * width, 8):
                exact = Fraction(text) * c
                assert Fraction(c * width) < exact
                assert exact % 8 == 4
                differ.add((text, c))
    assert differ == {("0.35", 720), *[("1.4", c) for c in (180, 340, 660, 700, 1300)]}
