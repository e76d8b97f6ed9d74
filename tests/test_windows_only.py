"""Fields by windows alone: those of the same network without its gates."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.analysis.receptive.field import Field, receptive
from tests.command import Command
from tests.networks import analysed

GATED = """
input: 1x3x64x64
blocks:
  gate:
    - mul: [[AdaptiveAvgPool2d: 1, Conv2d: {{out_channels: channels, kernel_size: 1}}, Sigmoid], []]
layers:
  - Conv2d as a: {{out_channels: 8, kernel_size: 3, stride: 2, padding: 1}}
  {gate}
  - add: [[Conv2d: {{out_channels: 8, kernel_size: 5, padding: 2}}], []]
  {gate}
  - Conv2d as b: {{out_channels: 8, kernel_size: 3, dilation: 2}}
  - AdaptiveAvgPool2d as pool: 1
"""


def fields(gate: str, windows_only: bool) -> dict[str, Field]:
    text = GATED.format(gate=gate) if gate else GATED.replace("  {gate}\n", "").format()
    found = receptive(shapecalc.analyse(shapecalc.parse(text)), windows_only=windows_only)
    return {field.row.path: field for field in found.fields}


def test_they_are_those_without_gates() -> None:
    gated, plain = fields("- gate", windows_only=True), fields("", windows_only=False)
    for path, field in plain.items():
        assert (gated[path].axes, gated[path].status) == (field.axes, field.status), path
    assert fields("- gate", windows_only=False)["b"].status == "whole input"
    assert gated["pool"].status == "whole input"


@pytest.mark.parametrize("name", ["nin", "resnet18", "googlenet", "unet"])
def test_without_gates_nothing_is_left_out(name: str) -> None:
    analysis = analysed(name)
    assert receptive(analysis).fields == receptive(analysis, windows_only=True).fields


def test_it_is_said(run: Command) -> None:
    words = ("receptive", "imagenet/mobilenet_v3_small", "--windows-only")
    assert "By windows  what sees the whole input is left out beside what does not" in run(*words).out
    assert '"windows_only": true' in run(*words, "--format", "json").out
