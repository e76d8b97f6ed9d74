"""The rules of counting tools for convolutions, pooling and resizing that are like no other's."""

from __future__ import annotations

import math
from typing import Any

from shapecalc.analysis.counting.rules import Beside, Rule, family, per_input
from shapecalc.engine.results import Row
from shapecalc.layers.softmax import rows
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, number
from shapecalc.tensors import product
from shapecalc.window import Window

# thop.


def by_output_positions(row: Row, products: Dim) -> Beside:
    """A transposed convolution as if its kernels were at the places of the output."""
    layer: Any = row.layer
    kernel = product(row.weights["weight"].shape[2:])
    counted = row.output.elements * (row.inputs[0].shape[1] // layer.groups) * kernel
    return {f"{family(row)}, by output": counted - products}


def softmax_of_thop(row: Row, products: Dim) -> Beside:
    """n exponentials, n − 1 additions and n divisions for each row."""
    layer: Any = row.layer
    if layer.dim is None:
        return Unknown("it needs the dim of Softmax")
    return {"Softmax": 3 * row.output.elements - rows(row.output, layer.dim)}


def adaptive_average_of_thop(row: Row, products: Dim) -> Beside:
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
    return {f"{family(row)}, in and out": counted}


# ptflops, calflops and DeepSpeed.


def upsampled_first_sample(row: Row, products: Dim) -> Beside:
    """The outputs of one sample."""
    return {f"{family(row)}, 1 an output of one sample": product(row.output.shape[1:])}


def resized_of_calflops(by_scale: bool) -> Rule:
    """The inputs, or by scale the outputs as numbers with a point; of a size, without batch and channels."""

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        x, axes = row.inputs[0], row.output.rank - 2
        if layer.size is not None:
            sizes = layer.size if isinstance(layer.size, tuple) else (layer.size,)
            return {f"{family(row)}, sizes alone": product(sizes)}
        if not by_scale:
            return per_input(1)(row, products)
        factors = (
            layer.scale_factor if isinstance(layer.scale_factor, tuple) else (layer.scale_factor,) * axes
        )
        if all(factor == int(factor) for factor in factors):
            counted = x.elements * math.prod([int(factor) for factor in factors])
        elif isinstance(x.elements, Expr):
            return Unknown("it multiplies sizes by factors that are no whole numbers, and rounds")
        else:
            counted = int(x.elements * math.prod(map(float, factors)))
        return {f"{family(row)}, by scale": counted}

    return rule


def powers_of_calflops(row: Row, products: Dim) -> Beside:
    """The average pooling inside, a relu and a product."""
    return {f"{family(row)}, in and 2 an output": row.inputs[0].elements + 2 * row.output.elements}


def response_of_calflops(row: Row, products: Dim) -> Beside:
    """Three products and sums, and the average pooling inside, of channels that are padded."""
    layer: Any = row.layer
    n, channels, *space = row.inputs[0].shape
    padded = product((n, channels + layer.size - 1, *space))
    return {f"{family(row)}, 3 an input, padded": 3 * row.inputs[0].elements + padded}


def transposed_of_calflops(row: Row, products: Dim) -> Beside:
    """Groups divide the products twice; biases are at as many places as a convolution would have."""
    layer: Any = row.layer
    channels = row.weights["weight"].shape[1]
    axes = zip(layer.kernel_size, layer.stride, layer.padding, layer.dilation, strict=True)
    windows = [Window(k, s, p, p, d) for k, s, p, d in axes]
    places = [window.windows_on(n) for window, n in zip(windows, row.inputs[0].shape[2:], strict=True)]
    added = channels * row.inputs[0].shape[0] * product(tuple(places)) if layer.bias else 0
    lost = products // layer.groups - products
    return {"biases, at other places": added, "groups of ConvTranspose": lost}


def places_of_calflops(row: Row, products: Dim) -> Beside:
    """A convolution whose padding of `same` is odd is taken for one with less padding."""
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
