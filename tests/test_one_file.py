"""A layer type is one file: this one is written, imported, and complete; nothing else knows of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator

import shapecalc
from shapecalc import Analysis
from shapecalc.allocation.mode import INFERENCE, TRAINING
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.explain.explain import explain, of_type
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.receptive.field import receptive
from shapecalc.language.schema import schema
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import number
from shapecalc.symbolic.notation import UNICODE
from shapecalc.tensors import Tensor
from shapecalc.torch_check.startup import without_compiler
from shapecalc.torch_check.verify import verify
from tests.command import Command
from tests.families.base import Drawn
from tests.strategies import each_layer
from tests.test_frozen_layers import flops
from tests.test_layers import agree
from tests.test_saved import computed, in_torch

FILE = '''
"""A convolution of each channel by itself."""

from typing import Any

from shapecalc.allocation.gradients import Back
from shapecalc.allocation.kernels import convolution_back
from shapecalc.allocation import Trace, Value
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Channels, Flag, PerAxis
from shapecalc.layers.rules import Saved
from shapecalc.layers.weights import Weight, Weights
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, product
from shapecalc.window import Window


class ChannelwiseConv1d(Layer, axes=1):
    """A learned kernel slides along each channel: (N, C, L) → (N, C, L'), or the same without N."""

    operation = "conv1d"
    channels = Channels()
    kernel_size = PerAxis()
    stride = PerAxis(1)
    bias = Flag(True)
    example = example((2, 6, 20), kernel_size=3, stride=2)

    @property
    def window(self) -> tuple[Window, ...]:
        return (Window(*self.kernel_size, *self.stride),)

    def output(self, x: Tensor) -> Tensor:
        check_rank(x, 2, 3)
        check_floating(x, "float32")
        return Tensor((*x.shape[:-1], self.window[0].size(x.shape[-1])), x.dtype)

    def weights(self, x: Tensor) -> Weights:
        weights = {"weight": Weight((x.shape[-2], 1, *self.kernel_size))}
        return {**weights, "bias": Weight((x.shape[-2],))} if self.bias else weights

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        return y.elements * product(self.kernel_size)

    def ops(self, x: Tensor, y: Tensor) -> Operations:
        return Operations(add=y.elements if self.bias else 0)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        (y,) = super().run(trace, x)
        return (y if x.rank == 3 else trace.looked_at(y),)

    def saved(self, x: Value) -> Saved:
        return (x,)

    def back(self, x: Value, *weights: Value) -> Back:
        return convolution_back(x, *weights)
'''

TEXT = """
name: one file
input: 2x6x20
layers:
  - ReLU
  - ChannelwiseConv1d: {kernel_size: 3, stride: 2}
  - ChannelwiseConv1d: {kernel_size: 5, bias: false}
"""


def in_torch_of_that_name(channels: int, kernel_size: Any, stride: Any = 1, bias: bool = True) -> Any:
    """The module that torch would have."""
    return torch.nn.Conv1d(channels, channels, kernel_size, stride, groups=channels, bias=bias)


@pytest.fixture(scope="module", autouse=True)
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Layer]]:
    """The file, imported, and a module in torch to judge it; both are gone afterwards."""
    path = tmp_path_factory.mktemp("layers") / "channelwise.py"
    path.write_text(FILE, encoding="utf-8")
    with LAYERS.restored(), pytest.MonkeyPatch.context() as patch, without_compiler():
        patch.setattr(torch.nn, "ChannelwiseConv1d", in_torch_of_that_name, raising=False)
        load(path)
        yield LAYERS["ChannelwiseConv1d"]


def load(path: Path) -> None:
    found = util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    found.loader.exec_module(util.module_from_spec(found))
    assert path.stem not in sys.modules


def network(text: str = TEXT) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text))


def test_it_is_given_back() -> None:
    with LAYERS.restored():
        del LAYERS["ChannelwiseConv1d"]
        assert "ChannelwiseConv1d" not in LAYERS
    assert "ChannelwiseConv1d" in LAYERS


def test_shapes_weights_and_products() -> None:
    analysis = network()
    _, first, second = analysis.rows
    assert [row.output.shape for row in (first, second)] == [(2, 6, 9), (2, 6, 5)]
    assert {name: weight.shape for name, weight in first.weights.items()} == {
        "weight": (6, 1, 3),
        "bias": (6,),
    }
    assert [row.macs for row in (first, second)] == [2 * 6 * 9 * 3, 2 * 6 * 5 * 5]
    assert [row.ops for row in (first, second)] == [Operations(add=2 * 6 * 9), Operations()]
    assert verify(analysis, torch.device("cpu"), "one file").mismatches == ()


@pytest.mark.parametrize("weights", [{"weight", "bias"}, {"bias"}, set()])
@pytest.mark.parametrize("tracked", [True, False])
def test_gradient_products(weights: set[str], tracked: bool) -> None:
    """Those of the weight and those of the input are as many as those of the output; a bias takes none."""
    x = Tensor((2, 6, 20))
    layer = LAYERS["ChannelwiseConv1d"](kernel_size=3, stride=2)
    found = layer.gradient_macs(x, wanted=Wanted((tracked,), weights))
    assert found == layer.figures((x,)).macs * (tracked + ("weight" in weights))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_counts_it_or_says_why_not(name: str) -> None:
    analysis = network()
    for found in (count(CONVENTIONS[name], analysis).total, training(CONVENTIONS[name], analysis)):
        if isinstance(found, Unknown):
            assert "ChannelwiseConv1d" in found.reason
        elif found is not None:
            assert number(found) >= 0


def test_products_of_gradients() -> None:
    """As torch counts them of one channel: of several it does not divide by the groups."""
    analysis = network(TEXT.replace("2x6x20", "2x1x20"))
    assert training(CONVENTIONS["torch"], analysis) == flops(analysis)[1]


def test_memory() -> None:
    found = memory(network()).to_dict()
    assert found["inference_peak_status"] == found["training_peak_status"] == "exact"
    case = Drawn(LAYERS["ChannelwiseConv1d"], {"kernel_size": 3, "stride": 2}, (Tensor((2, 6, 20)),))
    for mode in (INFERENCE, TRAINING):
        assert computed(case, mode) == in_torch(case, mode)


def test_receptive_field() -> None:
    last = receptive(network()).to_dict()["layers"][-1]
    assert (last["size"], last["stride"], last["start"], last["status"]) == ([11], [2], [0], "exact")


def test_schema() -> None:
    validator = Draft202012Validator(schema())
    step = {"ChannelwiseConv1d": {"kernel_size": 3}}
    assert validator.is_valid({"input": "2x6x20", "layers": [step]})
    assert not validator.is_valid({"input": "2x6x20", "layers": [{"ChannelwiseConv1d": {"kernel": 3}}]})


def test_explanation(declared: type[Layer]) -> None:
    of_example, (own,) = of_type(declared), explain(network(), network().tree[1], None)
    for explanation in (of_example, own):
        (length,) = explanation.output
        assert length.chain(UNICODE) == ["L'", "⌊(n − k + p + s)/s⌋", "⌊(20 − 3 + 0 + 2)/2⌋", "9"]
        assert explanation.macs is not None


def test_reference(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = Command(monkeypatch, capsys)("layers", "ChannelwiseConv1d").out
    assert "A learned kernel slides along each channel" in printed


def test_torch_agrees_on_drawn_arguments(declared: type[Layer]) -> None:
    found: list[bool] = []

    def check(drawn: Drawn, every_judge: Sequence[bool]) -> None:
        found.extend(agree(drawn, every) for every in every_judge)

    each_layer(declared, (True, False), 60, check)
    assert any(found)
