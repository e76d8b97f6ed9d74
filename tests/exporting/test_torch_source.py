"""Networks as torch's source: every figure is the analysis', the text is a person's."""

from __future__ import annotations

import ast
import subprocess
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.engine.results import Analysis
from shapecalc.exporting.literals import identifier
from shapecalc.exporting.torch_source import TorchSource, torch_source
from shapecalc.importing.network import imported
from shapecalc.importing.torch_module import read_module
from shapecalc.torch_check.network import Network, from_left_to_right, sample
from tests.dice import DRAWS
from tests.exporting.running import counted, fill, flat, module_of, namespace, tensors_of
from tests.networks import EVERY_TYPE, ROUTED, settings_of, short

ZOO = shapecalc.zoo.names() if DRAWS == "long" else sorted({*EVERY_TYPE, *ROUTED})
BY_VALUE = {
    "lenet": None,
    "dla34": "1x3x64x64",
    "unet": "1x3x32x32",
    "seq2seq-gru": None,
    "imagenet/mobilenet_v3_small": "1x3x64x64",
    "imagenet/shufflenet_v2_x0_5": "1x3x64x64",
    "detection/yolov8n": "1x3x64x64",
    "imagenet/swin_t": None,
}
"""Networks that are run with weights, at the sizes that they are run at."""
THERE_AND_BACK = ["nin", "lenet", "dcgan", "densenet", "unet", "imagenet/resnet18", "imagenet/squeezenet1_0"]


def exported(text: str) -> TorchSource:
    return torch_source(shapecalc.analyse(shapecalc.parse(text)))


def body(source: TorchSource) -> str:
    """The code after the docstring."""
    return source.text.split('"""', 2)[2].strip() + "\n"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ZOO)
def test_every_figure_is_that_of_the_analysis(name: str, tmp_path: Path) -> None:
    analysis = short(name)
    if analysis.active_params is not None:
        with pytest.raises(ArchitectureError, match="torch has no module that routes tokens to experts"):
            torch_source(analysis)
        return
    source = torch_source(analysis)
    with torch.device("meta"):
        module = module_of(source)
        inputs = [sample(x, "meta") for x in analysis.inputs.values()]
    assert weights_of(module) == expected_weights(analysis, source)
    with torch.inference_mode(), counted() as counter:
        outputs = [*flat(module.requires_grad_(False)(*inputs))]
    assert [tuple(y.shape) for y in outputs] == [y.shape for y in analysis.outputs]
    assert [str(y.dtype) for y in outputs] == [f"torch.{y.dtype}" for y in analysis.outputs]
    assert counter.get_total_flops() == 2 * analysis.totals.macs
    check_text(source, tmp_path)


def weights_of(module: nn.Module) -> dict[str, tuple[object, ...]]:
    return {
        name: (tuple(tensor.shape), str(tensor.dtype), isinstance(tensor, nn.Parameter), tensor.requires_grad)
        for name, tensor in tensors_of(module).items()
    }


def expected_weights(analysis: Analysis, source: TorchSource) -> dict[str, tuple[object, ...]]:
    return {
        source.keys[row.path, name]: (
            *(w.shape, f"torch.{w.dtype}"),
            *(not w.buffer, not w.buffer and name not in row.frozen),
        )
        for row in analysis.rows
        for name, w in row.own_weights.items()
    }


def check_text(source: TorchSource, folder: Path) -> None:
    """It is laid out as ruff does, by its defaults, and imports torch alone; warnings are errors here."""
    file = folder / "network.py"
    file.write_text(source.text, encoding="utf-8")
    command = ["ruff", "format", "--isolated", "--diff", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    names = namespace(source)
    tree = ast.walk(ast.parse(source.text))
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    assert modules <= {"torch", "typing"}
    assert source.name in names


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", BY_VALUE)
def test_the_same_weights_give_the_same_values(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.load(name), BY_VALUE[name], settings_of(name)[1])
    source = torch_source(analysis)
    module, network = module_of(source), Network(analysis).eval()
    module.to(torch.float64)
    network.converted("float64")
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), from_left_to_right():
        fill(network, module, source.keys, analysis)
        inputs = [sample(x, "cpu", "float64") for x in analysis.inputs.values()]
        expected = network(*inputs, observe=lambda *_: None)
        found = [*flat(module(*inputs))]
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", THERE_AND_BACK)
def test_what_is_exported_is_imported_with_the_same_figures(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.load(name))
    source = torch_source(analysis)
    with torch.device("meta"):
        module = module_of(source)
        inputs = [sample(x, "meta") for x in analysis.inputs.values()]
    back = imported(read_module(module, inputs, {}, source.name))
    assert back.differences == ()
    assert back.totals == analysis.totals
    assert shapecalc.analyse(back.architecture).outputs == analysis.outputs


def test_a_block_is_a_class_and_its_parameters_are_arguments() -> None:
    source = exported(
        """
name: Two
input: 1x3x8x8
blocks:
  unit(out, kernel=3):
    - add:
      - [Conv2d: {out_channels: out, kernel_size: kernel, padding: kernel//2}, ReLU]
      - [Conv2d: {out_channels: out, kernel_size: 1}]
layers: [unit: 8, unit: {out: 2*channels, kernel: 5}, mean: [2, 3]]
"""
    )
    assert body(source) == (
        """\
import torch
from torch import Tensor, nn


class Unit(nn.Module):
    def __init__(self, in_channels: int, out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out, kernel, padding=kernel // 2)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(in_channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)
        y = self.relu(y)
        x = self.conv2(x)
        return y + x


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit1 = Unit(3, 8)
        self.unit2 = Unit(8, 16, kernel=5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.unit1(x)
        x = self.unit2(x)
        return torch.mean(x, dim=(2, 3))
"""
    )


def test_shared_and_frozen_weights_are_those_of_other_attributes() -> None:
    source = exported(
        """
input: 1x9:int64
layers:
- Embedding as tokens frozen: {num_embeddings: 20, embedding_dim: 8}
- Linear as first: 8
- Linear share first: 8
- Linear share tokens: {out_features: 20, bias: false}
"""
    )
    assert "self.linear2.weight = self.tokens.weight" not in source.text
    assert "self.linear.weight = self.tokens.weight" in source.text
    assert "x = self.first(first)" in source.text
    assert "self.tokens.requires_grad_(False)" in source.text
    module = module_of(source)
    assert not module.linear.weight.requires_grad
    assert {*tensors_of(module)} == {"tokens.weight", "first.weight", "first.bias"}


def test_copies_that_hand_several_tensors_on_are_a_loop() -> None:
    source = exported(
        """
input: {a: 1x8, b: 1x8}
blocks:
  cell(x, y;) -> z, x:
    - add: [x, y]
    - Linear as z: 8
layers:
- cell from a, b times 4
"""
    )
    assert (
        """\
        for cell in self.cell:
            a, b = cell(a, b), a
        return a, b
"""
        in source.text
    )


def test_states_come_as_torch_gives_them() -> None:
    text = "input: 5x1x4\nlayers:\n- LSTM as y, h, c: 8\n- concat: {branches: [h, c], dim: 0}"
    assert "_, (h, c) = self.lstm(x)" in exported(text).text


def test_tensors_of_nothing_lie_where_the_input_does() -> None:
    text = "input: 1x8\nlayers: [arange as n: {end: 8, dtype: float32}, add: [input, n]]"
    assert "torch.arange(end=8, start=0, dtype=torch.float32, device=x.device)" in exported(text).text


WITHOUT_TENSORS = """
input: 1x8
blocks:
  positions(n): [arange: {end: n, dtype: float32}, unsqueeze: 0]
  deep: [positions: 8, Linear: 8]
  deeper: [deep, ReLU]
  weight: [parameter: {shape: [1, 8]}]
layers:
  - Linear as a: 8
  - deeper as t
  - weight as w
  - deep as c.i for i in range(2)
  - add: [t, a, w, c.0, c.1]
"""


def test_a_block_that_takes_no_tensor_is_told_by_one_where_its_own_are_to_lie() -> None:
    """On `meta`, where the others lie, a tensor that was made on the CPU can't be added to them."""
    source = exported(WITHOUT_TENSORS)
    module = module_of(source).to("meta").requires_grad_(False)
    y = module(torch.zeros(1, 8, device="meta"))
    assert (y.device.type, tuple(y.shape)) == ("meta", (1, 8))
    assert "class Deep(nn.Sequential)" in source.text
    assert sum(tensor.numel() for tensor in tensors_of(module).values()) == 4 * 72 + 8


def test_a_size_that_is_a_formula_is_refused() -> None:
    file = shapecalc.parse("input: 1x3x8x8\nlayers: [Flatten, Linear: 2]")
    analysis = shapecalc.analyse(file, "Nx3x8xW")
    with pytest.raises(ArchitectureError) as caught:
        torch_source(analysis)
    assert "in_features depends on W, and code has numbers" in caught.value.message
    assert caught.value.path == "Linear[0]"


def test_a_batch_may_be_a_letter() -> None:
    source = torch_source(shapecalc.analyse(shapecalc.load("lenet"), "Nx1x28x28"))
    assert "Input: N×1×28×28 float32. Output: N×10." in source.text


@pytest.mark.parametrize("kind", [nn.Module(), nn.Sequential(), nn.ModuleList()])
def test_no_attribute_hides_what_modules_have(kind: nn.Module) -> None:
    names = [name for name in dir(kind) if not name.startswith("_")]
    assert [name for name in names if identifier(name) == name] == []


def test_blocks_may_be_called_as_what_is_imported() -> None:
    text = """
name: 'a "quoted" \\ name'
input: {nn: 1x8, torch: 1x8}
blocks:
  f(self): [Linear: self, gelu]
  Tensor(range): [Linear times 2: range, relu]
layers: [f: 8, Tensor as train: 4, Tensor as forward: 8, add: [[], torch]]
"""
    module = module_of(exported(text))
    assert {*tensors_of(module)} >= {"f.linear.weight", "train_.linear.1.bias", "forward_.linear.0.weight"}
    assert module(torch.ones(1, 8), torch.ones(1, 8)).shape == (1, 8)
