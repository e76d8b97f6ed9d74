"""calflops.calculate_flops: a number for each call of the functions of torch that it replaces by its own.

Read from calflops 0.3.2, calflops/pytorch_ops.py: `_patch_functionals`, `_patch_tensor_ops`; `_rnn_flops`.
It is the profiler of DeepSpeed, taken over with changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Beside, Convention, Rule
from shapecalc.engine.results import Analysis, Row
from shapecalc.layers import Layer
from shapecalc.layers.activation import ReLU
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.adaptive_pooling import AdaptivePool
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.class_loss import LinearCrossEntropyLoss
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.deformable_convolution import DeformConv2d
from shapecalc.layers.einsum import einsum
from shapecalc.layers.floating_activation import ELU, GELU, LeakyReLU, PReLU, SiLU, silu
from shapecalc.layers.linear import Bilinear, Linear
from shapecalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm
from shapecalc.layers.normalization_within import LayerNorm, LocalResponseNorm
from shapecalc.layers.pooling import AvgPool, MaxPool
from shapecalc.layers.power_pooling import LPPool
from shapecalc.layers.products import bmm, matmul
from shapecalc.layers.recurrent import Recurrent
from shapecalc.layers.recurrent_cell import RecurrentCell
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.layers.selective_scan import selective_scan
from shapecalc.layers.softmax import Softmax, Softmax2d
from shapecalc.layers.transformer_parts import InnerAttention, kept_gelu
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.upsampling import Resize
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr
from shapecalc.tensors import product
from shapecalc.window import windows_of


def _convolution(row: Row, products: Dim) -> Beside:
    """The biases; a convolution whose padding of `same` is odd is taken for one with less padding."""
    layer: Any = row.layer
    extra = {"biases": row.output.elements} if layer.bias else {}
    if layer.padding != "same" or layer.padding_mode != "zeros":
        return extra
    halves = [w._replace(after=w.before) for w in layer.window]
    places = [w.windows_on(n) for w, n in zip(halves, row.inputs[0].shape[-layer.axes :], strict=True)]
    if places == list(row.output.shape[-layer.axes :]):
        return extra
    outputs = product(row.output.shape[: -layer.axes]) * product(tuple(places))
    counted = 2 * outputs * product(row.weights["weight"].shape[1:])
    added = {"biases": outputs} if layer.bias else {}
    return {**added, "odd padding: same": counted - products}


def _transposed(row: Row, products: Dim) -> Beside:
    """Groups divide the products twice; biases are at as many places as a convolution would have."""
    layer: Any = row.layer
    channels = row.weights["weight"].shape[1]
    windows = windows_of(layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    places = [window.windows_on(n) for window, n in zip(windows, row.inputs[0].shape[2:], strict=True)]
    added = channels * row.inputs[0].shape[0] * product(tuple(places)) if layer.bias else 0
    lost = products // layer.groups - products
    return {"biases, at other places": added, "groups of ConvTranspose": lost}


def resized(by_scale: bool) -> Rule:
    """The inputs, or by scale the outputs as numbers with a point; of a size, without batch and channels."""

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        x, axes = row.inputs[0], row.output.rank - 2
        if layer.size is not None:
            sizes = layer.size if isinstance(layer.size, tuple) else (layer.size,)
            return {f"{layer.family}, sizes alone": product(sizes)}
        if not by_scale:
            return rules.per_input(1)(row, products)
        factors = (
            layer.scale_factor if isinstance(layer.scale_factor, tuple) else (layer.scale_factor,) * axes
        )
        if all(factor == int(factor) for factor in factors):
            counted = x.elements * math.prod([int(factor) for factor in factors])
        elif isinstance(x.elements, Expr):
            return Unknown("it multiplies sizes by factors that are no whole numbers, and rounds")
        else:
            counted = int(x.elements * math.prod(map(float, factors)))
        return {f"{layer.family}, by scale": counted}

    return rule


def _powers(row: Row, products: Dim) -> Beside:
    """The average pooling inside, a relu and a product."""
    return {f"{row.layer.family}, in and 2 an output": row.inputs[0].elements + 2 * row.output.elements}


def _response(row: Row, products: Dim) -> Beside:
    """Three products and sums, and the average pooling inside, of channels that are padded."""
    layer: Any = row.layer
    n, channels, *space = row.inputs[0].shape
    padded = product((n, channels + layer.size - 1, *space))
    return {f"{layer.family}, 3 an input, padded": 3 * row.inputs[0].elements + padded}


def _attention(row: Row, products: Dim) -> Beside:
    return {**rules.unseen_scores(row, products), **rules.shares_of_heads(row, products)}


def _of_matrix(size: Dim, rows: Dim) -> Dim:
    """Of each sum of n products, n − 1 additions."""
    return 2 * size - rows


def _thrice(analysis: Analysis, forward: Dim) -> Dim:
    """The backward pass taken for twice as much as the forward one, whatever the network is."""
    return 3 * forward


TABLE: Mapping[type[Layer], Rule] = {
    Convolution: rules.with_batch(_convolution),
    TransposedConvolution: rules.with_batch(_transposed),
    **dict.fromkeys((Linear, LinearCrossEntropyLoss), rules.nothing),
    **dict.fromkeys((Bilinear, DeformConv2d, bmm, scaled_dot_product_attention), rules.unseen),
    matmul: rules.by_first_factor,
    einsum: rules.rounded,
    AdaptiveLogSoftmaxWithLoss: rules.undecided,
    BatchNorm: rules.by_statistics,
    **dict.fromkeys((LayerNorm, GroupNorm, InstanceNorm), rules.by_affine(5, 4)),
    **dict.fromkeys((ReLU, PReLU, ELU, LeakyReLU, GELU, SiLU, silu), rules.per_input(1)),
    kept_gelu: rules.nothing,
    **dict.fromkeys((MaxPool, AvgPool, AdaptivePool, Softmax, Softmax2d), rules.per_input(1)),
    LPPool: _powers,
    LocalResponseNorm: _response,
    Recurrent: rules.by_weights(2, _of_matrix),
    RecurrentCell: rules.by_weights(1, _of_matrix),
    Resize: resized(by_scale=False),
    MultiheadAttention: _attention,
    InnerAttention: rules.unseen_scores,
    selective_scan: rules.unseen_scan,
}

CONVENTION = Convention(
    name="calflops",
    unit="FLOPs",
    about="2 for each MAC, biases of convolutions, 2 for each BatchNorm input, 1 for activations and pooling",
    source="calflops.calculate_flops",
    table=TABLE,
    rest=rules.unmeasured,
    training=_thrice,
    faults=(
        "attention's products of queries, keys and values are not seen",
        "groups of transposed convolutions are divided by twice, their biases taken for a convolution's",
    ),
)
