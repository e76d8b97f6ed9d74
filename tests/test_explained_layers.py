"""What `explain` says of layers whose axes are not batch, channels and space, or whose rules have a catch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shapecalc.layers import LAYERS
from shapecalc.symbolic import symbol
from shapecalc.tensors import Tensor
from tests.command import Command

CASES = {
    "columns of an image": (
        "2x3x11x10",
        "Unfold: {kernel_size: 3, stride: 2, padding: 1}",
        ["K' = 9⋅C = 9⋅3 = 27", "L' = ⌈H/2⌉⋅⌈W/2⌉ = ⌈11/2⌉⋅⌈10/2⌉ = 30"],
    ),
    "columns of an image without a batch axis": (
        "3x11x10",
        "Unfold: {kernel_size: 3, stride: 2, padding: 1}",
        ["K' = 9⋅C = 9⋅3 = 27", "L' = ⌈H/2⌉⋅⌈W/2⌉ = ⌈11/2⌉⋅⌈10/2⌉ = 30"],
    ),
    "an image of columns": (
        "2x27x30",
        "Fold: {output_size: [11, 10], kernel_size: 3, stride: 2, padding: 1}",
        ["C' = ⌊K/kernel_size²⌋ = ⌊27/3²⌋ = 3", "K divisible by kernel_size²: 27 divisible by 9"],
    ),
    "channels second": ("2x3x7", "Upsample: {scale_factor: 1.5}", ["L' = L + ⌊L/2⌋ = 7 + ⌊7/2⌋ = 10"]),
    "a rounded product": (
        "1x1x100",
        "Upsample: {scale_factor: 0.29}",
        ["Output      1×1×28", "a size is n · scale_factor, first rounded to float64, then rounded down"],
    ),
    "the last axes": (
        "2x3x4",
        "LayerNorm: {normalized_shape: [3, 4]}",
        ["LayerNorm, normalized_shape [3, 4]", "weight  L⋅F = 3⋅4 = 12"],
    ),
    "the last axis": ("2x3x4", "LayerNorm", ["LayerNorm, normalized_shape 4", "weight  F = 4"]),
    "a batch of one": (
        "1x3",
        "BatchNorm1d",
        ["torch trains it on no batch of one value for each channel"],
    ),
    "an image of one": (
        "2x3x1x1",
        "InstanceNorm2d: {affine: true, track_running_stats: true}",
        ["torch trains it on no image of one value for each channel"],
    ),
    "some of the last axes": (
        "2x3x4x5",
        "pad: {pad: [1, 2, 0, 3]}",
        ["H' = H + 3 = 4 + 3 = 7", "W' = W + 3 = 5 + 3 = 8"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_layer_is_explained_in_these_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shape, step, expected = CASES[case]
    file = tmp_path / "one.yaml"
    file.write_text(f"input: {shape}\nlayers:\n  - {step}\n", encoding="utf-8")
    finished = Command(monkeypatch, capsys)("explain", str(file), columns=120)
    assert finished.code == 0, finished.err
    assert [line for line in expected if line not in finished.out] == [], finished.out


@given(st.integers(1, 30), st.integers(1, 12))
def test_the_windows_of_an_adaptive_pooling_are_those_of_torch(n: int, m: int) -> None:
    """Element i of the input is read by the windows that give something for the i-th unit vector."""
    windows = torch.nn.functional.adaptive_avg_pool1d(torch.eye(n)[:, None], m)[:, 0]
    reads = {int(count) for count in (windows > 0).sum(0)}
    pooling = LAYERS["AdaptiveAvgPool1d"](output_size=m)
    remark = pooling.remark(Tensor((1, 1, n)))
    assert remark
    assert {int(number) for number in re.findall(r"\d+", remark)} == {min(reads), max(reads)}
    assert ("all" in remark) is (m == 1)
    assert reads <= {-(-n // m), -(-n // m) + 1}  # as is said of a formula
    by_formula = pooling.remark(Tensor((1, 1, symbol("L"))))
    assert (
        by_formula == f"each window reads {'all L' if m == 1 else f'⌈L/{m}⌉ or one more'} elements of an axis"
    )
