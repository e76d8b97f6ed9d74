"""The small examples that textbooks begin with, each a few lines of YAML with its published result."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError


def analyse(input_shape: str, *layers: str) -> Analysis:
    """The analysis of a chain of layers, each as it is written after its dash."""
    steps = "\n".join(f"  - {layer}" for layer in layers)
    return shapecalc.analyse(shapecalc.parse(f"input: {input_shape}\nlayers:\n{steps}\n"))


CONV = "Conv2d: {{out_channels: 1, {}}}"


@pytest.mark.parametrize(
    ("input_shape", "arguments", "output"),
    [
        # d2l.ai 6.2, convolutions without padding: (n_h − k_h + 1) × (n_w − k_w + 1).
        ("1x1x3x3", "kernel_size: 2", "1×1×2×2"),
        ("1x1x6x8", "kernel_size: [1, 2]", "1×1×6×7"),
        # d2l.ai 6.3, padding and stride on 8×8.
        ("1x1x8x8", "kernel_size: 3, padding: 1", "1×1×8×8"),
        ("1x1x8x8", "kernel_size: [5, 3], padding: [2, 1]", "1×1×8×8"),
        ("1x1x8x8", "kernel_size: 3, padding: 1, stride: 2", "1×1×4×4"),
        ("1x1x8x8", "kernel_size: [3, 5], padding: [0, 1], stride: [3, 4]", "1×1×2×2"),
        # d2l.ai 7.6 and 7.1, the first layers of ResNet and AlexNet.
        ("1x1x224x224", "kernel_size: 7, stride: 2, padding: 3", "1×1×112×112"),
        ("1x1x224x224", "kernel_size: 11, stride: 4", "1×1×54×54"),
        ("1x1x224x224", "kernel_size: 11, stride: 4, padding: 1", "1×1×54×54"),
        # `same` keeps the size, whatever the dilation and the parity of the kernel.
        ("1x1x8x9", "kernel_size: [4, 3], padding: same, dilation: [1, 2]", "1×1×8×9"),
        ("1x1x8x9", "kernel_size: 3, padding: valid", "1×1×6×7"),
    ],
)
def test_convolution_sizes(input_shape: str, arguments: str, output: str) -> None:
    assert str(analyse(input_shape, CONV.format(arguments)).outputs[0]) == output


@pytest.mark.parametrize(
    ("input_shape", "pooling", "output"),
    [
        # d2l.ai 6.5; a stride that is not written is the kernel's size.
        ("1x1x3x3", "MaxPool2d: {kernel_size: 2, stride: 1}", "1×1×2×2"),
        ("1x1x4x4", "MaxPool2d: 3", "1×1×1×1"),
        ("1x1x4x4", "MaxPool2d: {kernel_size: 3, padding: 1, stride: 2}", "1×1×2×2"),
        ("1x1x4x4", "MaxPool2d: {kernel_size: [2, 3], stride: [2, 3], padding: [0, 1]}", "1×1×2×2"),
        ("1x2x4x4", "MaxPool2d: {kernel_size: 3, padding: 1, stride: 2}", "1×2×2×2"),
        ("1x2x4x4", "MaxPool2d: {kernel_size: 3, padding: 1, stride: [2, 1]}", "1×2×2×4"),
        ("1x64x112x112", "MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}", "1×64×56×56"),
        ("1x6x28x28", "AvgPool2d: {kernel_size: 2, stride: 2}", "1×6×14×14"),
        # AlexNet and NiN lose a row of the border at each pooling, unless the quotient is rounded up.
        ("1x96x54x54", "MaxPool2d: {kernel_size: 3, stride: 2}", "1×96×26×26"),
        ("1x256x26x26", "MaxPool2d: {kernel_size: 3, stride: 2}", "1×256×12×12"),
        ("1x384x12x12", "MaxPool2d: {kernel_size: 3, stride: 2}", "1×384×5×5"),
        ("1x96x54x54", "MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}", "1×96×27×27"),
        ("1x256x26x26", "MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}", "1×256×13×13"),
        ("1x384x12x12", "MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}", "1×384×6×6"),
        # Global pooling, whatever the size.
        ("1x10x5x5", "AdaptiveAvgPool2d: 1", "1×10×1×1"),
        ("1x10x7x9", "AdaptiveAvgPool2d: [1, 1]", "1×10×1×1"),
    ],
)
def test_pooling_sizes(input_shape: str, pooling: str, output: str) -> None:
    analysis = analyse(input_shape, pooling)
    assert str(analysis.outputs[0]) == output
    totals = analysis.totals
    assert (totals.params, totals.buffers, totals.macs) == (0, 0, 0)


def test_several_channels() -> None:
    """d2l.ai 6.4.2: an input of 2×3×3 and a kernel of 3×2×2×2 give 3×2×2."""
    (row,) = analyse("1x2x3x3", "Conv2d: {out_channels: 3, kernel_size: 2, bias: false}").rows
    assert row.weights["weight"].shape == (3, 2, 2, 2)
    assert row.output.shape == (1, 3, 2, 2)
    assert (row.params, row.macs) == (24, 96)  # 12 output elements of 2·2·2 products each


def test_convolution_from_two_channels_to_three() -> None:
    layer = "Conv2d: {out_channels: 3, kernel_size: [3, 5], stride: 1, padding: [1, 2]}"
    (row,) = analyse("4x2x3x5", layer).rows
    assert {name: weight.shape for name, weight in row.weights.items()} == {
        "weight": (3, 2, 3, 5),
        "bias": (3,),
    }
    assert (row.params, row.buffers) == (93, 0)
    assert row.output.shape == (4, 3, 3, 5)


def test_two_small_kernels_reach_as_far_as_one_larger() -> None:
    """d2l.ai 6.2.6: two stacked 2×2 kernels see 3×3 elements."""
    two = analyse("1x1x3x3", CONV.format("kernel_size: 2"), CONV.format("kernel_size: 2"))
    one = analyse("1x1x3x3", CONV.format("kernel_size: 3"))
    assert two.outputs == one.outputs
    assert two.outputs[0].shape == (1, 1, 1, 1)


def test_weights_are_shared_over_positions() -> None:
    """A larger image needs more MACs and no more parameters."""
    layer = "Conv2d: {out_channels: 6, kernel_size: 5}"
    small, large = analyse("1x1x28x28", layer).totals, analyse("1x1x52x52", layer).totals
    assert small.params == large.params == 156
    assert (small.macs, large.macs) == (86_400, 4 * 86_400)  # 24×24 positions and 48×48


def test_fully_connected_instead_of_convolution() -> None:
    """A fully connected layer between the same tensors has c1·c2·h1·w1·h2·w2 weights."""
    layers = ("Flatten", "Linear: {out_features: 6*24*24, bias: false}")
    totals = analyse("1x1x28x28", *layers, "Unflatten: {dim: 1, unflattened_size: [6, 24, 24]}").totals
    assert totals.params == totals.macs == 1 * 6 * 28 * 28 * 24 * 24


def test_batch_normalisation_keeps_running_statistics() -> None:
    """Scale and shift are trained; mean, variance and a counter are not: 2·C + 1 elements."""
    (row,) = analyse("1x6x24x24", "BatchNorm2d").rows
    assert (row.params, row.buffers, row.macs) == (12, 13, 0)
    assert row.output.shape == (1, 6, 24, 24)


POINTWISE = "Conv2d: {out_channels: 2, kernel_size: 1}"


def test_pointwise_convolution_is_a_linear_layer_at_each_position() -> None:
    """d2l.ai 6.4.3: a 1×1 kernel of 2×3 on 3×3×3."""
    (convolution,) = analyse("1x3x3x3", POINTWISE).rows
    (linear,) = analyse("1x3", "Linear: 2").rows
    assert convolution.weights["weight"].shape == (2, 3, 1, 1)
    assert linear.weights["weight"].shape == (2, 3)
    assert convolution.output.shape == (1, 2, 3, 3)
    assert convolution.params == linear.params == 8
    assert convolution.macs == 9 * linear.macs == 54


def test_pointwise_convolution_equals_linear_in_torch() -> None:
    """With the same weights torch gives the same numbers, and counts the MACs that shapecalc does."""
    (row,) = analyse("2x3x4x5", POINTWISE).rows
    x = torch.arange(120.0).reshape(2, 3, 4, 5) % 7  # whole numbers: sums are exact in any order
    convolution, linear = torch.nn.Conv2d(3, 2, 1), torch.nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, -2.0, 3.0], [0.0, 4.0, -5.0]]))
        linear.bias.copy_(torch.tensor([7.0, -6.0]))
        convolution.weight.copy_(linear.weight.reshape(2, 3, 1, 1))
        convolution.bias.copy_(linear.bias)
        with FlopCounterMode(display=False) as counter:
            y = convolution(x)
        by_position = linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert torch.equal(y, by_position)
    assert row.output.shape == tuple(y.shape)
    assert 2 * row.macs == counter.get_total_flops()
    assert row.params == sum(p.numel() for p in linear.parameters())


@pytest.mark.parametrize(
    ("input_shape", "layer", "message"),
    [
        ("1x1x3x3", CONV.format("kernel_size: 5"), "Conv2d: the kernel of 5 does not fit on an input of 3"),
        (
            "1x1x8x8",
            CONV.format("kernel_size: 3, stride: 2, padding: same"),
            "Conv2d: padding: same needs a stride of 1",
        ),
        (
            "1x96x54x54",
            "Conv2d: {in_channels: 966, out_channels: 256, kernel_size: 5}",  # a misprint seen on the web
            "Conv2d: in_channels is written as 966, but the input has 96 (1×96×54×54)",
        ),
    ],
)
def test_refusals(input_shape: str, layer: str, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        analyse(input_shape, layer)
    assert caught.value.message == message
