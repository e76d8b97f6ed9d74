"""thop.profile: a number for each module whose class it has an entry for.

Read from thop 0.1.1, thop/profile.py: `register_hooks`; thop/vision/basic_hooks.py and calc_func.py;
thop/rnn_hooks.py.
"""

from __future__ import annotations

import math
from typing import Any

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Beside, Convention
from shapecalc.engine.results import Row
from shapecalc.layers.adaptive import AdaptiveLogSoftmaxWithLoss
from shapecalc.layers.adaptive_pooling import AdaptiveAvgPool
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.floating_activation import PReLU
from shapecalc.layers.linear import Linear
from shapecalc.layers.normalization import BatchNorm, InstanceNorm
from shapecalc.layers.normalization_within import LayerNorm
from shapecalc.layers.pooling import AvgPool
from shapecalc.layers.recurrent import Recurrent
from shapecalc.layers.recurrent_cell import RecurrentCell
from shapecalc.layers.softmax import Softmax, rows
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.upsampling import Resize
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, number
from shapecalc.tensors import product


def _by_output_positions(row: Row, products: Dim) -> Beside:
    """A transposed convolution as if its kernels were at the places of the output."""
    layer: Any = row.layer
    kernel = product(row.weights["weight"].shape[2:])
    counted = row.output.elements * (row.inputs[0].shape[1] // layer.groups) * kernel
    return {f"{layer.family}, by output": counted - products}


def _softmax(row: Row, products: Dim) -> Beside:
    """n exponentials, n − 1 additions and n divisions for each row."""
    layer: Any = row.layer
    if layer.dim is None:
        return Unknown("it needs the dim of Softmax")
    return {"Softmax": 3 * row.output.elements - rows(row.output, layer.dim)}


def _adaptive_average(row: Row, products: Dim) -> Beside:
    """The elements of a window, in floating-point numbers, and one division, for each output."""
    inputs, outputs = row.inputs[0], row.output
    pairs = list(zip(inputs.shape[2:], outputs.shape[2:], strict=True))
    if all(m in (1, n) for n, m in pairs):
        counted: Dim = inputs.elements + outputs.elements
    elif any(isinstance(size, Expr) for size in (*inputs.shape, *outputs.shape)):
        return Unknown("it divides sizes as floating-point numbers: no formula of this kind gives that")
    else:
        window = math.prod([number(n) / number(m) for n, m in pairs])
        counted = int((window + 1) * number(outputs.elements))
    return {f"{row.layer.family}, in and out": counted}


def _gates(row: Row, products: Dim) -> Beside:
    """Those of each layer and direction, in each step of each sample."""
    layer: Any = row.layer
    if row.inputs[0].rank == 2:
        return Unknown(rules.NO_BATCH)
    directions: int = len(layer.directions)
    inputs = [row.inputs[0].shape[-1], *[layer.hidden_size * directions] * (layer.num_layers - 1)]
    each = sum([_of_step(layer, size) for size in inputs])
    return _beside_gates(row, product(row.inputs[0].shape[:-1]) * directions * each - products)


def _gates_of_cell(row: Row, products: Dim) -> Beside:
    counted = row.inputs[0].shape[0] * _of_step(row.layer, row.inputs[0].shape[-1])
    return _beside_gates(row, counted - products)


def _of_step(layer: Any, inputs: Dim) -> Dim:
    """Each gate a matrix of H rows, H additions, 2·H more with biases; then what joins the gates."""
    h, joined = layer.hidden_size, {1: 0, 3: 4, 4: 4}[layer.gates]
    size: Dim = layer.gates * (h * (inputs + h) + h + (2 * h if layer.bias else 0)) + joined * h
    return size


def _beside_gates(row: Row, counted: Dim) -> Beside:
    return {f"gates and biases of {row.layer.family}": counted}


CONVENTION = Convention(
    name="thop",
    unit="MACs",
    about="MACs, 4 for each BatchNorm input, average pooling, softmax, gates",
    source="thop.profile",
    of_modules=True,
    table={
        Convolution: rules.with_batch(rules.nothing),
        TransposedConvolution: rules.with_batch(_by_output_positions),
        Linear: rules.nothing,
        **dict.fromkeys((BatchNorm, LayerNorm, InstanceNorm), rules.by_affine(4, 2)),
        PReLU: rules.per_input(1),
        Softmax: _softmax,
        AvgPool: rules.per_output(1),
        AdaptiveAvgPool: rules.with_batch(_adaptive_average),
        Resize: rules.upsampled({"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}),
        Recurrent: _gates,
        RecurrentCell: _gates_of_cell,
        AdaptiveLogSoftmaxWithLoss: rules.undecided,
    },
    rest=rules.unseen,
    faults=(
        "transposed convolutions are counted at the places of their output",
        "attention and functions are not seen",
    ),
)
