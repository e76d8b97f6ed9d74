"""The bytes that a step of training needs at once, in networks where one layer decides, against torch."""

from __future__ import annotations

import pytest
import torch

import shapecalc
from shapecalc.allocation.mode import TRAINING
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.memory import memory
from shapecalc.torch_check.memory import compare, run
from shapecalc.torch_check.network import build
from tests.dice import one_way


def differences(text: str) -> list[object]:
    analysis = shapecalc.analyse(shapecalc.parse(text))
    return [found for found in compare(analysis) if not found.agrees]


OTHERS = {
    "a learned tensor": "parameter: {shape: [16, 1, 1]}",
    "a mean": "AdaptiveAvgPool2d: 1",
    "a tensor of its size": "Conv2d: {out_channels: 16, kernel_size: 1}",
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div", "remainder", "fmod"])
def test_what_is_repeated_has_a_gradient_that_is_summed(operation: str, other: str) -> None:
    """That of a factor is first as large as the product: squeeze and excitation, the scale of a layer."""
    for branches in one_way((operation, other), [f"[{OTHERS[other]}], []", f"[], [{OTHERS[other]}]"]):
        text = f"""
            input: 2x8x32x32
            layers:
              - Conv2d: {{out_channels: 16, kernel_size: 1}}
              - {operation}: [{branches}]
              - Conv2d: {{out_channels: 4, kernel_size: 1}}
        """
        assert differences(text) == []


@pytest.mark.parametrize("norm", ["LayerNorm", "GELU"])
@pytest.mark.parametrize(
    "convolution",
    [
        "Conv2d: {out_channels: 600, kernel_size: 3}",
        "Conv2d: {out_channels: 600, kernel_size: [1, 3]}",
        "Conv2d: {out_channels: 600, kernel_size: 1}",
        "Conv2d: {out_channels: 640, kernel_size: 3, groups: 4}",
        "Conv2d: {out_channels: 640, kernel_size: 3, groups: 16}",
        "Conv2d: {out_channels: 600, kernel_size: 3, padding: 1, padding_mode: reflect}",
        "ConvTranspose2d: {out_channels: 600, kernel_size: 3}",
        "ConvTranspose2d: {out_channels: 16, kernel_size: 3, groups: 16}",
    ],
)
def test_gradients_of_weights_are_copied_after_channels_last(convolution: str, norm: str) -> None:
    """A norm of the last axis makes a tensor that lies so; an activation keeps the order of its input."""
    text = f"""
        input: 2x8x5x6
        layers:
          - Conv2d: {{out_channels: 16, kernel_size: 1}}
          - permute: [0, 2, 3, 1]
          - {norm}
          - permute: [0, 3, 1, 2]
          - {convolution}
    """
    assert differences(text) == []


@pytest.mark.parametrize(
    ("shape", "there", "back", "convolution"),
    [("2x8x5", [0, 2, 1], [0, 2, 1], "Conv1d"), ("2x8x5x4x4", [0, 2, 3, 4, 1], [0, 4, 1, 2, 3], "Conv3d")],
)
def test_in_one_and_in_three_dimensions(
    shape: str, there: list[int], back: list[int], convolution: str
) -> None:
    steps = (
        f"permute: {there}, LayerNorm, permute: {back}, {convolution}: {{out_channels: 600, kernel_size: 3}}"
    )
    assert differences(f"{{input: {shape}, layers: [{steps}]}}") == []


@pytest.mark.parametrize(
    "steps",
    [
        "reshape: [20, 6, 2, 4], permute: [0, 2, 1, 3], reshape: [40, 24]",
        "permute: [0, 2, 1], reshape: [20, 48]",
        "permute: [1, 0, 2], sum: {dim: 1}",
        "add: [[sum: {dim: 1, keepdim: true}], [permute: [0, 1, 2]]], permute: [0, 2, 1], Flatten",
    ],
)
def test_a_gradient_that_lies_otherwise_is_copied_to_be_seen_as_its_tensor(steps: str) -> None:
    assert differences(f"{{input: 20x6x8, layers: [Linear: 8, {steps}]}}") == []


@pytest.mark.parametrize("uses", [2, 3])
@pytest.mark.parametrize("size", ["3x16", "300x16", "2x3x16"])
def test_gradients_of_a_shared_bias_are_summed_before_those_of_its_matrix(size: str, uses: int) -> None:
    again = ", {Linear: 16, share: l}" * (uses - 1)
    assert differences(f"{{input: {size}, layers: [{{Linear: 16, as: l}}{again}]}}") == []


@pytest.mark.parametrize("layer", ["RNN", "GRU", "LSTM"])
def test_recurrent_layers_sum_in_the_order_of_the_arguments(layer: str) -> None:
    assert differences(f"{{input: 2x3x2, layers: [{{{layer}: 5}}]}}") == []


KEEPERS = [
    "Linear: 8",
    "ReLU",
    "Sigmoid",
    "Tanh",
    "GELU",
    "Softmax: -1",
    "LayerNorm",
    "Dropout",
    "ReLU6",
    "ELU",
]


@pytest.mark.parametrize("writer", ["ReLU: {inplace: true}", "Dropout: {inplace: true}"])
@pytest.mark.parametrize("keeper", KEEPERS)
@pytest.mark.parametrize("between", ["", "Flatten, ", "unsqueeze: 0, "])
def test_what_is_written_over_is_refused_where_torch_refuses(keeper: str, between: str, writer: str) -> None:
    text = f"{{input: 4x8, layers: [Linear: 8, {keeper}, {between}{writer}]}}"
    analysis = shapecalc.analyse(shapecalc.parse(text))
    refusal = Backward(Forward(analysis, TRAINING)).refusal
    if refusal is None:
        run(build(analysis), TRAINING)
    else:
        assert f"what {keeper.partition(':')[0]}[" in str(refusal)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            run(build(analysis), TRAINING)


def test_a_branch_that_no_output_needs_may_be_written_over() -> None:
    steps = "{Linear: 8, as: a}, Sigmoid, {ReLU: {inplace: true}}, {Tanh: , from: a}"
    assert differences(f"{{input: 4x8, layers: [{steps}]}}") == []


@pytest.mark.parametrize(
    "refused",
    ["remainder: {input: 2}, from: a", "HuberLoss: , from: [a, t]", "{remainder: {input: 2}, from: a}, Tanh"],
)
def test_what_torch_has_no_gradient_of_may_be_where_no_output_needs_one(refused: str) -> None:
    step = refused if refused.startswith("{") else f"{{{refused}}}"
    text = f"{{input: {{x: 4x8, t: 4x8:float16}}, layers: [{{Linear: 8, from: x, as: a}}, {step}"
    assert memory(shapecalc.analyse(shapecalc.parse(f"{text}]}}"))).refusal
    assert differences(f"{text}, {{Tanh: , from: a}}]}}") == []


@pytest.mark.parametrize("loss", ["HuberLoss", "MSELoss", "SmoothL1Loss", "L1Loss"])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float16", "float32"])
def test_targets_of_another_dtype_are_trained_with_as_in_torch(loss: str, dtype: str) -> None:
    """torch's HuberLoss takes them in prediction, and refuses on the way back."""
    steps = f"{{Linear: 8, from: x, as: y}}, {{{loss}: , from: [y, t]}}"
    text = f"{{input: {{x: 4x8, t: 4x8:{dtype}}}, layers: [{steps}]}}"
    module = getattr(torch.nn, loss)()
    target = torch.zeros(4, 8, dtype=getattr(torch, dtype))
    try:
        module(torch.nn.Linear(8, 8)(torch.zeros(4, 8)), target).backward()
        refused = None
    except RuntimeError as error:
        refused = str(error)
    refusal = memory(shapecalc.analyse(shapecalc.parse(text))).refusal
    assert bool(refusal) is bool(refused), (refusal, refused)


@pytest.mark.parametrize("branch", ["[ReLU]", "[Linear: 8, ReLU]", "[LayerNorm, Linear: 8, {PReLU: 8}]"])
def test_a_count_hands_no_gradient_on(branch: str) -> None:
    """With p of 0 the way is gone back, and no weight before the distance alone has a gradient."""
    text = f"""
        input: 4x8
        layers:
          - Linear: 8
            as: x
          - seq: {branch}
            as: y
          - Linear: 8
            from: x
          - PairwiseDistance: {{p: 0, keepdim: true}}
            from: [y, x]
          - concat: [[], x]
          - Linear: 3
    """
    assert differences(text) == []
