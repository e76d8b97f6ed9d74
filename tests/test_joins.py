"""Joins whose branches have different formulas: as they agree, one of the two goes on."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.symbolic import at

AGGREGATION = """\
name: a small DLA
input: 1x3x224x224
blocks:
  conv_bn(out, kernel=3, stride=1):
    - Conv2d: {out_channels: out, kernel_size: kernel, stride: stride, padding: kernel // 2, bias: false}
    - BatchNorm2d
  basic(out):
    - add:
      - [conv_bn: out, ReLU, conv_bn: out]
      - []
    - ReLU
  strided(out):
    - add:
      - [conv_bn: {out: out, stride: 2}, ReLU, conv_bn: out]
      - [MaxPool2d: 2, conv_bn: {out: out, kernel: 1}]
    - ReLU
  tree1(out):
    - {strided: out, as: one}
    - {basic: out, as: two}
    - concat: [two, one]
    - conv_bn: {out: out, kernel: 1}
    - ReLU
layers:
  - conv_bn: {out: 16, kernel: 7}
  - conv_bn: {out: 16}
  - {conv_bn: {out: 32, stride: 2}, as: l1}
  - {tree1: 64, as: l2}
  - tree1: 128
  - concat: [[], [{MaxPool2d: 2, from: l2}]]
  - {conv_bn: {out: 128, kernel: 1}, as: l3}
  - tree1: 256
  - concat: [[], [{MaxPool2d: 2, from: l3}]]
  - {conv_bn: {out: 256, kernel: 1}, as: l4}
  - tree1: 512
  - concat: [[], [{MaxPool2d: 2, from: l4}]]
  - conv_bn: {out: 512, kernel: 1}
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 1000
"""
"""In the form of DLA-34 (Yu et al. 2018, arXiv:1707.06484): strided convolutions beside maxima."""

CELLS = """\
name: cells whose branches halve in different ways
input: 1x3x331x331
blocks:
  sep(out, kernel, stride=1):
    - ReLU
    - Conv2d: {out_channels: channels, kernel_size: kernel, stride: stride, padding: kernel // 2}
    - Conv2d: {out_channels: out, kernel_size: 1, bias: false}
  reduction(out):
    - add:
      - [sep: {out: out, kernel: 5, stride: 2}]
      - [MaxPool2d: 2, Conv2d: {out_channels: out, kernel_size: 1}]
    - add:
      - [AvgPool2d: {kernel_size: 3, stride: 1, padding: 1}]
      - []
  normal(out):
    - add: [[sep: {out: out, kernel: 3}], []]
    - add: [[sep: {out: out, kernel: 5}], []]
layers:
  - Conv2d: {out_channels: 32, kernel_size: 3, stride: 2}
  - reduction: 44
  - {reduction: 88, as: p}
  - {normal: 88, times: 4}
  - {reduction: 88, as: q}
  - {normal: 88, times: 4}
  - add: [[], [{MaxPool2d: 2, from: p}]]
  - add: [[reduction: 88], [MaxPool2d: 2]]
  - add: [[Upsample: {scale_factor: 2}], q]
"""
"""In the form of NASNet (Zoph et al. 2018, arXiv:1707.07012): every cell halves in two ways."""

RESOLUTIONS = """\
name: a small HRNet
input: 1x3x256x256
blocks:
  down(out): [Conv2d: {out_channels: out, kernel_size: 3, stride: 2, padding: 1}]
  up(out, scale): [Conv2d: {out_channels: out, kernel_size: 1}, Upsample: {scale_factor: scale}]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1}
  - {Conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1}, as: a}
  - {down: 32, as: b}
  - {add: [a, [{up: {out: 16, scale: 2}, from: b}]], as: a1}
  - {add: [b, [{down: 32, from: a}]], as: b1}
  - {down: 64, as: c1}
  - {add: [a1, [{up: {out: 16, scale: 2}, from: b1}], [{up: {out: 16, scale: 4}, from: c1}]], as: a2}
  - {add: [b1, [{down: 32, from: a1}], [{up: {out: 32, scale: 2}, from: c1}]], as: b2}
  - {add: [c1, [{down: 64, from: b1}], [{down: 16, from: a1}, down: 64]], as: c2}
  - {add: [a2, [{up: {out: 16, scale: 2}, from: b2}], [{up: {out: 16, scale: 4}, from: c2}]], as: a3}
  - {add: [b2, [{down: 32, from: a2}], [{up: {out: 32, scale: 2}, from: c2}]], as: b3}
  - {add: [c2, [{down: 64, from: b2}], [{down: 16, from: a2}, down: 64]], as: c3}
  - {add: [a3, [{up: {out: 16, scale: 2}, from: b3}], [{up: {out: 16, scale: 4}, from: c3}]]}
"""
"""In the form of HRNet (Wang et al. 2020, arXiv:1908.07919): each resolution is made of all others."""

NETWORKS = {"aggregation": AGGREGATION, "cells": CELLS, "resolutions": RESOLUTIONS}
WIDTHS = {"aggregation": 64, "cells": 65, "resolutions": 64}
"""One that each of them takes."""

WIDEST = 60
"""Characters of a shape that still leaves room on a screen for its row's other columns."""


def general(name: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(NETWORKS[name]), "1x3xHxW")


@pytest.mark.parametrize("name", NETWORKS)
def test_formulas_do_not_grow_from_join_to_join(name: str) -> None:
    found = general(name)
    assert max(len(str(row.output)) for row in found.rows) <= WIDEST
    assert "max" not in "".join(str(row.output) for row in found.rows)


@pytest.mark.parametrize("name", NETWORKS)
def test_where_the_conditions_hold_the_formulas_are_right(name: str) -> None:
    """Every height up to 120, tried with numbers: the same sizes and MACs in every row."""
    found = general(name)
    architecture = shapecalc.parse(NETWORKS[name])
    taken = 0
    for height in range(1, 121):
        sizes = {"H": height, "W": WIDTHS[name]}
        if not all(condition.permits(sizes) for condition in found.conditions):
            continue
        numbers = shapecalc.analyse(architecture, f"1x3x{height}x{WIDTHS[name]}")
        for row, other in zip(found.rows, numbers.rows, strict=True):
            assert tuple(at(size, sizes) for size in row.output.shape) == other.output.shape
            assert at(row.macs, sizes) == other.macs
        taken += 1
    assert taken > 0


def test_the_heights_that_an_aggregation_takes() -> None:
    """Tried with numbers, one by one; and by the conditions."""
    architecture, found = shapecalc.parse(AGGREGATION), general("aggregation")
    for height in range(1, 130):
        try:
            shapecalc.analyse(architecture, f"1x3x{height}x64")
            taken = True
        except ArchitectureError:
            taken = False
        assert taken == (height >= 31 and height % 32 in (0, 31))
        assert taken == all(c.permits({"H": height, "W": 64}) for c in found.conditions)
