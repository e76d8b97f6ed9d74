"""Deformable convolution: the module in torchvision's place against the sum that it is, and its figures."""

from __future__ import annotations

import json
import math
from importlib import import_module
from itertools import product
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.counting.gradients import gradient_macs
from shapecalc.analysis.receptive.field import receptive
from shapecalc.layers import LAYERS
from shapecalc.operations import Unknown
from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from shapecalc.torch_check.modules import DeformConv2d
from shapecalc.torch_check.verify import verify
from tests.command import Command
from tests.families.base import drawn
from tests.test_frozen_layers import flops, network_of

MODULATED = """
    name: modulated
    input: 2x4x9x9
    layers:
      - {Conv2d: {out_channels: 27, kernel_size: 3, padding: 1}}
      - {split: {split_size_or_sections: [18, 9], dim: 1}, as: [offset, raw]}
      - {Sigmoid: , from: raw, as: mask}
      - {DeformConv2d: {out_channels: 6, kernel_size: 3, padding: 1, groups: 2}, from: [input, offset, mask]}
"""
"""A deformable convolution of version 2, whose offsets and mask a convolution makes."""


def test_torch_agrees() -> None:
    analysis = shapecalc.analyse(shapecalc.parse(MODULATED))
    last = analysis.rows[-1]
    assert (last.params, last.macs) == (6 * 2 * 9 + 6, 2 * 6 * 9 * 9 * 2 * 9)
    assert verify(analysis, torch.device("cpu"), "modulated").mismatches == ()


# The module.


def read_between(image: Any, y: float, x: float) -> float:
    """The value of an image between its elements, 0 outside of it. Source: equation 3 of arXiv:1703.06211."""
    total = 0.0
    for i, j in product((math.floor(y), math.floor(y) + 1), (math.floor(x), math.floor(x) + 1)):
        if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
            total += (1 - abs(y - i)) * (1 - abs(x - j)) * float(image[i, j])
    return total


def summed(module: DeformConv2d, x: Any, offset: Any, mask: Any) -> Any:
    """Each output as the sum that it is. Sources: equation 2 of arXiv:1703.06211, 1 of arXiv:1811.11168."""
    (kh, sh, ph, dh), (kw, sw, pw, dw) = module.axes
    parts, members = offset.shape[1] // (2 * kh * kw), module.weight.shape[1]
    y = torch.zeros(x.shape[0], module.weight.shape[0], *offset.shape[2:], dtype=x.dtype)
    y += module.bias[:, None, None]
    for n, out, row, column in product(*map(range, y.shape)):
        group = out * module.groups // y.shape[1]
        for member, i, j in product(range(members), range(kh), range(kw)):
            channel = group * members + member
            tap = channel * parts // x.shape[1] * kh * kw + i * kw + j
            down, right = (float(offset[n, 2 * tap + axis, row, column]) for axis in (0, 1))
            at = row * sh - ph + i * dh + down, column * sw - pw + j * dw + right
            read = read_between(x[n, channel], *at) * float(mask[n, tap, row, column])
            y[n, out, row, column] += module.weight[out, member, i, j] * read
    return y


@pytest.mark.parametrize(
    ("parts", "given"),
    [
        (1, {"kernel_size": (3, 3), "padding": (1, 1)}),
        (2, {"kernel_size": (2, 3), "stride": (2, 1), "dilation": (1, 2)}),
        (4, {"kernel_size": (1, 2), "padding": (0, 2), "groups": 2}),
    ],
)
def test_the_module_is_the_sum_of_the_paper(parts: int, given: dict[str, Any]) -> None:
    torch.manual_seed(0)
    module = DeformConv2d(4, 6, **given).double().requires_grad_(False)
    taps = parts * math.prod(given["kernel_size"])
    x = torch.rand(2, 4, 5, 6, dtype=torch.float64)
    space = torch.nn.Conv2d(4, 6, **given)(x.float()).shape[2:]
    offset = 3 * torch.randn(2, 2 * taps, *space, dtype=torch.float64)
    mask = torch.rand(2, taps, *space, dtype=torch.float64)
    assert torch.allclose(module(x, offset, mask), summed(module, x, offset, mask))
    assert torch.allclose(module(x, offset), module(x, offset, torch.ones_like(mask)))
    still = torch.nn.functional.conv2d(
        x, module.weight, module.bias, *list(zip(*module.axes, strict=True))[1:], module.groups
    )
    assert torch.allclose(module(x, torch.zeros_like(offset)), still)


def test_the_module_is_that_of_torchvision() -> None:
    try:
        ops = import_module("torchvision.ops")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision is not installed, or for another torch: {error}")
    module, other = DeformConv2d(4, 6, (3, 2), groups=2), ops.DeformConv2d(4, 6, (3, 2), groups=2)
    other.load_state_dict(module.state_dict())
    x, offset, mask = torch.rand(2, 4, 6, 6), torch.randn(2, 24, 4, 5), torch.rand(2, 12, 4, 5)
    assert torch.allclose(module(x, offset, mask), other(x, offset, mask), atol=1e-5)


# Its figures.


def test_what_it_keeps_is_for_torchvision_to_say(run: Command, tmp_path: Any) -> None:
    file = tmp_path / "modulated.yaml"
    file.write_text(MODULATED, encoding="utf-8")
    found = json.loads(run("memory", str(file), "--format", "json").out)
    assert found["inference_peak_status"] != "exact"
    done = run("memory", str(file), "--train")
    assert done.code == 1
    assert "what it keeps for the backward pass depends on torchvision's kernel" in done.err


def test_the_counter_of_torch_does_not_see_it() -> None:
    """Nor its gradients: of both layers those of the first convolution's weights are left."""
    analysis = shapecalc.analyse(shapecalc.parse(MODULATED))
    first = 2 * analysis.rows[0].macs
    assert count(CONVENTIONS["torch"], analysis).total == first
    assert training(CONVENTIONS["torch"], analysis) == 2 * first
    assert isinstance(count(CONVENTIONS["xla"], analysis).total, Unknown)


@pytest.mark.parametrize("tracked", [*product((True, False), repeat=3)])
@pytest.mark.parametrize("frozen", [frozenset(), frozenset({"weight", "bias"})])
@pytest.mark.filterwarnings("ignore")
def test_products_of_gradients(tracked: tuple[bool, ...], frozen: frozenset[str]) -> None:
    """As the counter of torch has them of the module in its place, forward and back."""
    inputs = (Tensor((2, 4, 5, 5)), Tensor((2, 18, 3, 3)), Tensor((2, 9, 3, 3)))
    case = drawn("DeformConv2d", *inputs, out_channels=6, kernel_size=3, groups=2)
    analysis = network_of(case, list(tracked), frozen)
    found = gradient_macs(analysis)
    if isinstance(found, Unknown):
        assert not any(tracked)
        assert frozen
        return
    goes_back, measured = flops(analysis)
    assert (goes_back, measured) == (True, 2 * (analysis.totals.macs + number(found)))


def test_what_it_sees_is_for_the_offsets_to_say() -> None:
    (field,) = receptive(shapecalc.analyse(shapecalc.parse(MODULATED))).outputs
    assert field.status == "undefined"
    assert "for the values of the offsets to say" in str(field.reason)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (
            [(2, 4, 5, 5), (2, 20, 3, 3)],
            "the offset 2×20×3×3 has 20 channels: y and x for each element of the windows take 18",
        ),
        (
            [(2, 4, 5, 5), (2, 54, 3, 3)],
            "the input's 4 channels are not divisible by the groups of offsets, 3",
        ),
        (
            [(2, 4, 5, 5), (2, 18, 5, 5)],
            "the offset 2×18×5×5 and the output 2×8×3×3 differ on axis 2: 5 and 3",
        ),
        (
            [(2, 4, 5, 5), (2, 18, 3, 3), (2, 18, 3, 3)],
            "the mask 2×18×3×3 has 18 channels, one for each element of the windows are 9",
        ),
        ([(2, 4, 5, 5)], "2 to 3 inputs are needed, not 1"),
    ],
)
def test_errors(shapes: list[Shape], expected: str) -> None:
    layer = LAYERS["DeformConv2d"](out_channels=8, kernel_size=3)
    with pytest.raises(ArchitectureError) as caught:
        layer.figures(tuple(Tensor(shape) for shape in shapes))
    assert caught.value.message == expected
