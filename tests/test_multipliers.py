"""Families by their multipliers: the channels, parameters and MACs that papers and frameworks publish."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
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
    "0.5": ([(224, 149), (192, 110), (160, 77), (128, 49)], "1.3"),
    "0.25": ([(224, 41), (160, 21), (128, 14)], "0.5"),
}
"""Million multiply-adds at a size, and million parameters: the paper's tables 6 and 7, and TensorFlow's
research/slim/nets/mobilenet_v1.md.

The paper has 290 for the 290.7 million at 160 pixels. Left out are cells of mobilenet_v1.md that contradict
the paper or each other: those of 0.75, whose 317 is the paper's 325, 150 for 0.5 at 224 pixels, the paper's
149, and 34 for 0.25 at 192 pixels, which is 41 at 224.
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


REGNET = {
    "X": {
        "200MF": (13, 24, "36.44", "2.49", 8, "0.2", "2.7", [24, 56, 152, 368], [1, 1, 4, 7]),
        "400MF": (22, 24, "24.48", "2.54", 16, "0.4", "5.2", [32, 64, 160, 384], [1, 2, 7, 12]),
        "600MF": (16, 48, "36.97", "2.24", 24, "0.6", "6.2", [48, 96, 240, 528], [1, 3, 5, 7]),
        "800MF": (16, 56, "35.73", "2.28", 16, "0.8", "7.3", [64, 128, 288, 672], [1, 3, 7, 5]),
        "1.6GF": (18, 80, "34.01", "2.25", 24, "1.6", "9.2", [72, 168, 408, 912], [2, 4, 10, 2]),
        "3.2GF": (25, 88, "26.31", "2.25", 48, "3.2", "15.3", [96, 192, 432, 1008], [2, 6, 15, 2]),
        "4.0GF": (23, 96, "38.65", "2.43", 40, "4.0", "22.1", [80, 240, 560, 1360], [2, 5, 14, 2]),
        "6.4GF": (17, 184, "60.83", "2.07", 56, "6.5", "26.2", [168, 392, 784, 1624], [2, 4, 10, 1]),
        "8.0GF": (23, 80, "49.56", "2.88", 120, "8.0", "39.6", [80, 240, 720, 1920], [2, 5, 15, 1]),
        "12GF": (19, 168, "73.36", "2.37", 112, "12.1", "46.1", [224, 448, 896, 2240], [2, 5, 11, 1]),
        "16GF": (22, 216, "55.59", "2.1", 128, "15.9", "54.3", [256, 512, 896, 2048], [2, 6, 13, 1]),
        "32GF": (23, 320, "69.86", "2.0", 168, "31.7", "107.8", [336, 672, 1344, 2520], [2, 7, 13, 1]),
    },
    "Y": {
        "200MF": (13, 24, "36.44", "2.49", 8, "0.2", "3.2", [24, 56, 152, 368], [1, 1, 4, 7]),
        "400MF": (16, 48, "27.89", "2.09", 8, "0.4", "4.3", [48, 104, 208, 440], [1, 3, 6, 6]),
        "600MF": (15, 48, "32.54", "2.32", 16, "0.6", "6.1", [48, 112, 256, 608], [1, 3, 7, 4]),
        "800MF": (14, 56, "38.84", "2.4", 16, "0.8", "6.3", [64, 128, 320, 768], [1, 3, 8, 2]),
        "1.6GF": (27, 48, "20.71", "2.65", 24, "1.6", "11.2", [48, 120, 336, 888], [2, 6, 17, 2]),
        "3.2GF": (21, 80, "42.63", "2.66", 24, "3.2", "19.4", [72, 216, 576, 1512], [2, 5, 13, 1]),
        "4.0GF": (22, 96, "31.41", "2.24", 64, "4.0", "20.6", [128, 192, 512, 1088], [2, 6, 12, 2]),
        "6.4GF": (25, 112, "33.22", "2.27", 72, "6.4", "30.6", [144, 288, 576, 1296], [2, 7, 14, 2]),
        "8.0GF": (17, 192, "76.82", "2.19", 56, "8.0", "39.2", [168, 448, 896, 2016], [2, 4, 10, 1]),
        "12GF": (19, 168, "73.36", "2.37", 112, "12.1", "51.8", [224, 448, 896, 2240], [2, 5, 11, 1]),
        "16GF": (18, 200, "106.23", "2.48", 112, "15.9", "83.6", [224, 448, 1232, 3024], [2, 4, 11, 1]),
        "32GF": (20, 232, "115.89", "2.53", 232, "32.3", "145.0", [232, 696, 1392, 3712], [2, 5, 12, 1]),
    },
}
"""The paper's d, w_0, w_a, w_m and group width, and what it prints of them: billions of MACs, millions of
parameters, the widths and the depths. Figures are also in MODEL_ZOO.md of github.com/facebookresearch/pycls.
"""


@pytest.mark.parametrize(("kind", "size"), [(kind, size) for kind in REGNET for size in REGNET[kind]])
def test_figures_of_regnet(kind: str, size: str) -> None:
    d, w_0, w_a, w_m, group, macs, params, widths, depths = REGNET[kind][size]
    values: dict[str, Any] = {"d": d, "w_0": w_0, "w_a": w_a, "w_m": w_m, "group": group}
    found = analyse("imagenet/regnet", **values, nearest=True, excites=kind == "Y")
    assert f"{number(found.totals.macs) / 10**9:.1f}" == macs
    assert f"{number(found.totals.params) / 10**6:.1f}" == params
    blocks = [number(node.output.shape[1]) for node in found.tree if node.type == "block"]
    assert [(width, len([*same])) for width, same in groupby(blocks)] == [*zip(widths, depths, strict=True)]


EFFICIENTNET_PUBLISHED = {
    0: (224, "0.39", "5.3"),
    1: (240, None, "7.8"),
    2: (260, "1.0", None),
    3: (300, "1.8", "12"),
    4: (380, None, "19"),
    5: (456, None, "30"),
    6: (528, "19", "43"),
    7: (600, None, "66"),
}
"""By φ: the size of the image, billions of MACs and millions of parameters, in the digits of
the paper's table 2.

Left out is what the network that torchvision has does not give, either: 9.2 million parameters for the 9.11
of φ = 2, and 0.70, 4.2, 9.9 and 37 billion MACs for the 0.687, 4.39, 10.27 and 37.7 of φ = 1, 4, 5 and 7.
"""


@pytest.mark.parametrize("phi", EFFICIENTNET_PUBLISHED)
def test_figures_of_efficientnet(phi: int) -> None:
    size, macs, params = EFFICIENTNET_PUBLISHED[phi]
    totals = analyse(f"efficientnet_b{phi}", size).totals
    for count, unit, printed in ((totals.macs, 10**9, macs), (totals.params, 10**6, params)):
        digits = len((printed or "").partition(".")[2])
        assert printed is None or f"{number(count) / unit:.{digits}f}" == printed


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
