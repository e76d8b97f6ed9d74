"""Networks as Keras code: every layer's shape, all weights and the values are the network's own."""

from __future__ import annotations

import ast
import os

import pytest

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.exporting.keras import keras_source
from tests.exporting.keras_running import built, check_equal
from tests.networks import EVERY_TYPE, settings_of, short

os.environ["KERAS_BACKEND"] = "torch"

TAUGHT = {
    "alexnet": "1x1x67x67",
    "cnn3d": None,
    "dcgan": None,
    "densenet": "1x1x64x64",
    "googlenet": "1x1x64x64",
    "imagenet/googlenet": "1x3x64x64",
    "imagenet/mobilenet_v2": "1x3x64x64",
    "imagenet/mobilenet_v3_small": "1x3x64x64",
    "lenet": None,
    "lenet-batchnorm": None,
    "lenet-maxpool": None,
    "mobilenet-v1": "1x3x64x64",
    "nin": None,
    "resnet18": "1x1x64x64",
    "unet": "1x3x32x32",
    "vgg11-small": None,
}
"""The taught networks, at the sizes that they are run at."""


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", TAUGHT)
def test_a_taught_network_is_equal(name: str) -> None:
    check_equal(*built(shapecalc.load(name), TAUGHT[name], settings_of(name)[1]))


LAYERS = {
    "2x5:int64": ["Embedding: {num_embeddings: 7, embedding_dim: 3}"],
    "2x3x1x4": ["squeeze: 2", "squeeze: -2", "matmul: [[], [transpose: [2, 3]]]"],
    "2x4x9": [
        "Conv1d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 2, groups: 2}",
        "Conv1d: {out_channels: 8, kernel_size: 4, padding: same}",
        "ConvTranspose1d: {out_channels: 3, kernel_size: 4, stride: 2, bias: false}",
        "MaxPool1d: {kernel_size: 3, stride: 2, padding: 1}",
        "AvgPool1d: {kernel_size: 3, stride: 1, padding: 1, count_include_pad: false}",
        "Linear: 5",
        "LayerNorm",
        "LayerNorm: {normalized_shape: [4, 9], eps: 0.01}",
        "RMSNorm: {eps: 0.01}",
        "transpose: [1, 2]",
        "permute: [0, 2, 1]",
        "softmax: 1",
        "sum: {dim: 1, keepdim: true}",
        "unsqueeze: 1",
        "ReflectionPad1d: 2",
    ],
    "1x4x8x9": [
        "Conv2d: {out_channels: 6, kernel_size: [3, 5], padding: [1, 2]}",
        "Conv2d: {out_channels: 6, kernel_size: 3, stride: 2, padding: 1, bias: false}",
        "Conv2d: {out_channels: 6, kernel_size: [2, 4], dilation: [3, 1], padding: same}",
        "Conv2d: {out_channels: 8, kernel_size: 3, dilation: 2, padding: 1, groups: 4}",
        "Conv2d: {out_channels: 6, kernel_size: 3, padding: 1, padding_mode: reflect}",
        "ConvTranspose2d: {out_channels: 6, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}",
        "ConvTranspose2d: {out_channels: 6, kernel_size: 4, stride: 2, padding: [1, 0]}",
        "BatchNorm2d: {eps: 0.1, momentum: 0.3}",
        "BatchNorm2d: {affine: false}",
        "GroupNorm: 2",
        "MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}",
        "MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}",
        "MaxPool2d: {kernel_size: [3, 2], stride: [2, 3], padding: [1, 0]}",
        "AvgPool2d: {kernel_size: 3, stride: 2, padding: 1}",
        "AvgPool2d: {kernel_size: 3, stride: 2, padding: 1, count_include_pad: false}",
        "AdaptiveAvgPool2d: [2, 3]",
        "AdaptiveMaxPool2d: 1",
        "ZeroPad2d: [0, 1, 2, 3]",
        "ZeroPad2d: [-1, 2, 1, -2]",
        "ConstantPad2d: {padding: 1, value: 2.5}",
        "Upsample: {scale_factor: 2}",
        "Upsample: {scale_factor: 3, mode: bilinear}",
        "interpolate: {size: [20, 5], mode: bilinear}",
        "ChannelShuffle: 2",
        "chunk: {chunks: 2, dim: 1}",
        "split: {split_size_or_sections: [1, 3], dim: 1}",
        "Flatten",
        "Flatten: {start_dim: 2}",
        "mean: [2, 3]",
        "amax: {dim: 1}",
        "PReLU",
        "PReLU: 4",
        "Dropout2d: 0.3",
        "concat: [[ReLU], [Sigmoid], [Tanh]]",
        "mul: [[ReLU], [AdaptiveAvgPool2d: 1]]",
        "sub: [[], [SiLU]]",
        *["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish"],
        *["Hardswish", "Hardsigmoid", "Hardtanh", "LogSigmoid"],
        *["Softsign", "Tanhshrink", "Identity", "Dropout", "relu", "sigmoid", "tanh", "silu"],
        *["exp", "log", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "neg", "abs", "square"],
        *["exp2", "expm1", "log2", "log10", "log1p", "erf", "tan", "sinh", "cosh", "asin", "acos", "atan"],
        *["asinh", "acosh", "atanh", "floor", "ceil", "round", "trunc", "sign"],
    ],
    "1x2x4x5x6": [
        "Conv3d: {out_channels: 4, kernel_size: [1, 2, 3], stride: [1, 2, 1], padding: [0, 1, 1]}",
        "ConvTranspose3d: {out_channels: 2, kernel_size: 2, stride: 2}",
        "MaxPool3d: {kernel_size: 2, padding: 1}",
        "AvgPool3d: 2",
        "AdaptiveAvgPool3d: 1",
    ],
}
"""By the shape of the input, layers."""


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("input", "layer"), [(x, layer) for x, some in LAYERS.items() for layer in some])
def test_a_layer_is_equal(input: str, layer: str) -> None:
    check_equal(*built(shapecalc.parse(f"input: {input}\nlayers:\n- {layer}\n")))


def exported(text: str) -> str:
    """The code after the docstring and the imports."""
    text = keras_source(shapecalc.analyse(shapecalc.parse(text))).text
    return text[text.index("def ") :]


def test_a_block_is_a_function_whose_parameters_are_what_its_uses_differ_in() -> None:
    text = """
name: Units
input: 1x8x32x32
blocks:
  unit(out, stride=1):
    - add:
      - [Conv2d: {out_channels: out, kernel_size: 3, stride: stride, padding: 1, bias: false}, BatchNorm2d]
      - [Conv2d: {out_channels: out, kernel_size: 1, stride: stride}]
    - ReLU
layers:
  - unit: {out: 16, stride: 2}
  - unit: {out: 32, stride: 4}
  - mean: [2, 3]
  - Linear: 10
"""
    assert (
        exported(text)
        == """def unit(x, out, stride=1):
    y = layers.ZeroPadding2D(1, data_format="channels_first")(x)
    y = layers.Conv2D(
        out, 3, strides=stride, use_bias=False, data_format="channels_first"
    )(y)
    y = layers.BatchNormalization(axis=1, momentum=0.9, epsilon=1e-05)(y)
    x = layers.Conv2D(out, 1, strides=stride, data_format="channels_first")(x)
    x = y + x
    x = layers.ReLU()(x)
    return x


def units():
    inputs = x = keras.Input((8, 32, 32))
    x = unit(x, 16, stride=2)
    x = unit(x, 32, stride=4)
    x = ops.mean(x, axis=(2, 3))
    x = layers.Dense(10)(x)
    return keras.Model(inputs, x, name="units")
"""
    )


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        ("Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, dilation: 2}", "no strides beside a dilation"),
        (
            "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, padding_mode: circular}",
            "not by mode circular",
        ),
        ("ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 3}", "smaller than its stride"),
        ("ConvTranspose2d: {out_channels: 4, kernel_size: 4, groups: 2}", "have no groups"),
        (
            "ConvTranspose2d: {out_channels: 4, kernel_size: 4, stride: 2, output_padding: 1}",
            "beyond the padding",
        ),
        ("MaxPool2d: {kernel_size: 2, dilation: 2}", "no dilation"),
        ("AvgPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}", "reach beyond the input"),
        ("AdaptiveAvgPool2d: 3", "3 do not fill an axis of 8 alike"),
        ("BatchNorm2d: {track_running_stats: false}", "running statistics"),
        ("LPPool2d: {norm_type: 2, kernel_size: 2}", "no layer of Keras is known to give the same"),
        ("LayerNorm: {normalized_shape: [2, 4, 8, 8]}", "no weights along the batch axis"),
        ("to: float16", "and this is float16"),
        ("LSTM: {hidden_size: 3, proj_size: 2}", "have no projection"),
        ("MultiheadAttention: {num_heads: 2, add_zero_attn: true, batch_first: true}", "adds no keys"),
        ("LeakyReLU: -1.0", "no negative slope"),
    ],
)
def test_what_keras_does_not_have_is_refused(layer: str, why: str) -> None:
    shape = {"LSTM": "2x4x8", "Mult": "2x4x8"}.get(layer[:4], "2x4x8x8")
    with pytest.raises(ArchitectureError) as error:
        exported(f"input: {shape}\nlayers:\n- ReLU\n- {layer}\n")
    assert why in str(error.value)
    assert error.value.path == f"{layer.partition(':')[0]}[0]"


def test_experts_are_refused() -> None:
    text = "input: 1x4x8\nlayers:\n- experts: {num_experts: 4, top_k: 2, expert: [Linear: 8]}\n"
    with pytest.raises(ArchitectureError, match="Keras has no module that routes tokens") as error:
        exported(text)
    assert error.value.path == "experts[0]"


def test_inputs_are_named_where_there_are_several() -> None:
    steps = "- Embedding: {num_embeddings: 9, embedding_dim: 3}\n  from: b\n- mean: 1\n- concat: [[], a]\n"
    text = f"input: {{a: 1x4, b: '1x4:int64'}}\nlayers:\n{steps}"
    assert 'b = keras.Input((4,), dtype="int64", name="b")' in exported(text)
    assert "keras.Model([a, b], x, name=" in exported(text)


def test_a_letter_stays_free() -> None:
    text = "input: Nx3xHxW\nlayers:\n- Conv2d: {out_channels: 4, kernel_size: 3}\n- ReLU\n"
    assert "keras.Input((3, None, None))" in exported(text)
    flat = "input: Nx3xHx4\nlayers:\n- AdaptiveAvgPool2d: 2\n"
    with pytest.raises(ArchitectureError, match="do not fill an axis of H alike"):
        exported(flat)


def test_copies_in_a_row_are_a_loop() -> None:
    text = "input: 1x4\nblocks:\n  unit:\n  - Linear: 4\n  - ReLU\nlayers:\n- unit times 3\n- Linear: 2\n"
    assert "    for _ in range(3):\n        x = unit(x)\n    x = layers.Dense(2)(x)\n" in exported(text)


@pytest.mark.parametrize("name", [*EVERY_TYPE])
def test_a_network_is_written_unless_it_has_experts(name: str) -> None:
    analysis = short(name)
    if any(row.layer.routed for row in analysis.rows):
        with pytest.raises(ArchitectureError, match="routes tokens to experts"):
            keras_source(analysis)
        return
    source = keras_source(analysis)
    assert len(source.statements) == len(analysis.rows)
    assert max(map(len, source.text.splitlines())) <= 110
    ast.parse(source.text)


def test_a_function_is_not_called_as_a_tensor_is() -> None:
    blocks = "blocks:\n  unit:\n  - Linear: 4\n  - Tanh\n"
    text = f"input: 1x4\n{blocks}layers:\n- unit:\n  as: unit\n- ReLU\n- add: [[], unit]\n"
    assert "    unit = unit_block(x)\n" in exported(text)


def test_frozen_layers_are_not_trainable() -> None:
    conv = "ConvTranspose2d: {out_channels: 2, kernel_size: 3, padding: 1}\n  frozen: true"
    text = exported(f"input: 1x4x8x8\nlayers:\n- {conv}\n")
    assert "Conv2DTranspose(" in text
    assert text.count("trainable=False") == 1
    assert "trainable=False" in text[: text.index("Cropping2D")]
    with pytest.raises(ArchitectureError, match="freezes its running statistics too"):
        exported("input: 1x4x8x8\nlayers:\n- BatchNorm2d:\n  frozen: true\n")


def test_a_weight_of_no_known_size_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="the shape of its weights has a letter") as error:
        exported("input: 1x4xH\nlayers:\n- Flatten\n- Linear: 3\n")
    assert error.value.path == "Linear[0]"
