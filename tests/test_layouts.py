"""How tensors lie in memory, row by row against torch on `meta`: whether a look is possible hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import INFERENCE, TRAINING, Mode
from shapecalc.allocation.strides import in_a_row
from shapecalc.analysis.memory.forward import Forward
from shapecalc.errors import UnknownError
from shapecalc.tensors import Shape
from shapecalc.torch_check.network import BuildError, Network, build, sample
from shapecalc.torch_check.startup import without_compiler
from tests.dice import SEED, count, one_way
from tests.graphs import random_networks
from tests.kernels import compiled_kernels

OFTEN = {"views": 10, "padding": 4, "resizing": 4, "places": 4, "pooling": 3, "norms of images": 1}
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, of what it will refuse one day


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def steps(shape: Shape, strides: Sequence[Any] | None) -> list[Any]:
    """The strides that say something: those of axes of more than 1."""
    strides = in_a_row(shape) if strides is None else strides
    return [step for size, step in zip(shape, strides, strict=True) if size != 1]


def executed(network: Network, device: str) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Row and port of each output, and the output, until torch refuses."""
    analysis = network.analysis
    made: dict[tuple[int, int], Any] = {
        (-1, port): sample(x, device) for port, x in enumerate(analysis.inputs.values())
    }
    for number, (row, module) in enumerate(zip(analysis.rows, network.layers, strict=True)):
        try:
            outputs = network.run(row, module, [made[edge] for edge in row.edges])
        except (BuildError, RuntimeError):
            return
        for port, y in enumerate(outputs):
            made[number, port] = y
            yield number, port, y


def differences(analysis: Analysis, mode: Mode, device: str = "meta") -> Iterator[str]:
    """Where a row's output lies otherwise than in torch."""
    try:
        flows = Forward(analysis, mode, [()] * len(analysis.rows)).flows
        network = build(analysis).to_empty(device=device).train(mode.training)
    except (UnknownError, ArchitectureError, BuildError):
        return
    with torch.set_grad_enabled(mode.grad):
        for row, port, y in executed(network, device):
            ours = flows[row, port].given.strides
            if steps(tuple(y.shape), ours) != steps(tuple(y.shape), y.stride()):
                yield f"{analysis.rows[row].path}: {ours} | {y.stride()}"


def test_random_networks() -> None:
    """Of views, and of layers that keep an order or don't: as on `meta`, or as on a CPU where it differs."""
    for seed, text in random_networks(SEED, count(200, 20_000), weights=OFTEN).items():
        for mode in one_way(text, (INFERENCE, TRAINING)):
            analysis = shapecalc.analyse(shapecalc.parse(text))
            found = list(differences(analysis, mode))
            assert not found or not list(differences(analysis, mode, "cpu")), f"{seed}: {found}\n{text}"


ONE_POSITION = "input: 6x1x1x4, layers: [permute: [0, 3, 1, 2]"
IMAGES = "input: 2x3x5x4, layers: [permute: [0, 3, 1, 2]"
TURNED = "input: 3x5x4, layers: [permute: [2, 0, 1]"

CASES = {
    "images of one position, joined": f"{ONE_POSITION}, {{concat: {{branches: [[], []], dim: 2}}}}",
    "images of one position, pooled": f"{ONE_POSITION}, MaxPool2d: {{kernel_size: 2, padding: 1, stride: 1}}",
    "images of one position, resized": f"{ONE_POSITION}, Upsample: {{scale_factor: 2}}",
    "images of one position, padded": f"{ONE_POSITION}, ZeroPad2d: 1",
    "images of one position, padded by nothing": f"{ONE_POSITION}, ZeroPad2d: 0, ZeroPad2d: 1",
    "a row of one position, pooled": """
        input: 6x1x4, layers: [permute: [0, 2, 1], MaxPool1d: {kernel_size: 2, padding: 1, stride: 1}
        """,
    "a row of one position, averaged": """
        input: 6x1x4, layers: [permute: [0, 2, 1], AvgPool1d: {kernel_size: 2, padding: 1, stride: 1}
        """,
    "powers of images of one row": """
        input: 2x8x4x1, layers: [permute: [0, 2, 1, 3], LPPool2d: {norm_type: 2, kernel_size: [2, 1]}
        """,
    "images with their channels last, resized": f"{IMAGES}, Upsample: {{scale_factor: 2, mode: bilinear}}",
    "images with their channels last, averaged": f"{IMAGES}, AvgPool2d: 2",
    "images with their channels last, mirrored": f"{IMAGES}, ReflectionPad2d: 1",
    "images with their channels last, cut": f"{IMAGES}, ZeroPad2d: -1",
    "volumes with their channels last, averaged": """
        input: 2x3x5x4x2, layers: [permute: [0, 4, 1, 2, 3], AdaptiveAvgPool3d: 2
        """,
    "turned, resized": f"{TURNED}, Upsample: {{scale_factor: 2}}",
    "turned, padded": f"{TURNED}, ConstantPad1d: {{padding: 1, value: 2}}",
    "turned, padded by nothing": f"{TURNED}, ConstantPad1d: {{padding: 0, value: 2}}",
    "turned, cut": f"{TURNED}, ConstantPad1d: {{padding: -1, value: 2}}",
    "turned, averaged": f"{TURNED}, AdaptiveAvgPool2d: 2",
    "height and width exchanged, averaged": "input: 2x3x5x4, layers: [transpose: [2, 3], AvgPool2d: 2",
    "repeated channels, shuffled in a single group": """
        input: 1x4x5, layers: [expand: [2, 4, 5], ChannelShuffle: 1
        """,
    "repeated channels, shuffled": "input: 2x1x5, layers: [expand: [2, 4, 5], ChannelShuffle: 2",
    "channels before batches, shuffled in groups of one": """
        input: 4x2x5, layers: [transpose: [0, 1], ChannelShuffle: 4
        """,
}
"""Networks of two or three steps, the last of which keeps the order of what it is given, or doesn't."""


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.parse("{" + CASES[name].strip() + "]}"))
    for mode in (INFERENCE, TRAINING):
        assert not list(differences(analysis, mode))


def test_images_of_one_column_lie_as_on_a_cpu() -> None:
    """Of these `meta` gives BatchNorm's output other strides than its kernels do, by which one resizes."""
    text = (
        "{input: 4x1x4x4, layers: [transpose: [1, 3], BatchNorm2d, UpsamplingNearest2d: {scale_factor: 2}]}"
    )
    analysis = shapecalc.analyse(shapecalc.parse(text))
    for mode in (INFERENCE, TRAINING):
        assert not list(differences(analysis, mode, "cpu"))
