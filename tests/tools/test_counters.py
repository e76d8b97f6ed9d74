"""The counting tools say of ImageNet's ResNet-18 what is known of them, and leave torch as it was."""

from __future__ import annotations

import pytest
import torch

import shapecalc
from shapecalc.engine.results import Analysis
from shapecalc.torch_check.network import build
from tests.tools.counters import COUNTERS, Count, ptflops_twice
from tests.tools.model import Model, samples
from tests.tools.xla import xla

RESNET18 = {
    "torch": 3_628_146_688,
    "torch, backward": 10_648_412_160,
    "torchinfo": 1_814_083_944,
    "fvcore": 1_819_065_856,
    "thop": 1_824_033_792,
    "ptflops": 1_822_177_768,
    "calflops": 3_636_250_112,
    "deepspeed": 3_636_250_112,
}


def of(text: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text))


@pytest.fixture(scope="module")
def resnet18() -> Analysis:
    return shapecalc.analyse(shapecalc.load("imagenet/resnet18"))


def test_every_tool_is_known() -> None:
    assert RESNET18.keys() == COUNTERS.keys()


@pytest.mark.parametrize("tool", COUNTERS)
def test_resnet18(tool: str, resnet18: Analysis) -> None:
    count = COUNTERS[tool](resnet18)
    assert count.total == RESNET18[tool]
    assert count.layers is None or sum(count.layers.values()) == count.total


def test_resnet18_in_xla(resnet18: Analysis) -> None:
    assert xla(resnet18).total == 1_680_390_912


def test_ptflops_counts_what_modules_call_twice_by_default(resnet18: Analysis) -> None:
    relus = 64 * 112**2 + 4 * 64 * 56**2 + 4 * 128 * 28**2 + 4 * 256 * 14**2 + 4 * 512 * 7**2
    pools = 64 * 112**2 + 512 * 7**2
    assert ptflops_twice(resnet18).total == RESNET18["ptflops"] + relus + pools


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_convolution_padded_in_words_is_missing_in_fvcore(padding: str) -> None:
    layer = f"Conv2d: {{out_channels: 6, kernel_size: 3, padding: {padding}}}"
    analysis = of(f"input: 2x4x9x9\nlayers: [{layer}]")
    assert analysis.totals.macs != 0
    assert COUNTERS["fvcore"](analysis) == Count(0, {0: 0})
    assert COUNTERS["thop"](analysis).total == analysis.totals.macs


@pytest.mark.parametrize("tool", COUNTERS)
def test_a_tool_leaves_torch_as_it_was(tool: str) -> None:
    analysis = of("input: 2x3x8x8\nlayers: [{Conv2d: {out_channels: 4, kernel_size: 3}}, ReLU, MaxPool2d: 2]")
    functions = [(owner, dict(vars(owner))) for owner in (torch, torch.nn.functional)]
    first = COUNTERS[tool](analysis)
    assert [
        name
        for owner, kept in functions
        for name, function in kept.items()
        if callable(function) and getattr(owner, name) is not function
    ] == []
    assert COUNTERS[tool](analysis) == first


def test_the_model_computes_what_the_network_computes() -> None:
    """Learned tensors, joins, shared weights and functions included."""
    analysis = of(SMALL)
    model, network = Model(analysis).to_empty(device="cpu"), build(analysis).to_empty(device="cpu")
    theirs = dict(network.layers.named_parameters())
    for name, parameter in model.named_parameters():
        value = torch.rand(parameter.shape)
        parameter.data.copy_(value)
        theirs[LEARNED.get(name, name)].data.copy_(value)
    inputs = samples(analysis, "cpu")
    (expected,) = network(*inputs.values(), observe=lambda *_: None)
    assert torch.equal(model(**inputs), expected)
    assert torch.equal(model(*inputs.values()), expected)


LEARNED = {"learned3": "3.weight"}
SMALL = """
input: {a: 2x3x4, b: 2x3x4}
layers:
  - {Linear: 4, from: a, as: first}
  - {Linear: 4, from: b, share: first}
  - add: [first, []]
  - mul: [[], [parameter: {shape: [4]}]]
  - {transpose: {dim0: 1, dim1: 2}}
  - Flatten
"""
