"""What counting tools count of a layer: the rules that the tables of conventions are made of.

A rule takes a row and its products, as the tool weighs them, and gives by name what the tool counts beside
them; what it does not see of them is negative.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from shapecalc.layers.softmax import rows
from shapecalc.operations import Unknown
from shapecalc.results import Row
from shapecalc.symbolic import Dim, Expr, number
from shapecalc.tensors import Window, product

Beside: TypeAlias = "Mapping[str, Dim] | Unknown"
Rule: TypeAlias = Callable[[Row, Dim], Beside]


def nd(name: str) -> tuple[str, ...]:
    """The types of that name for one, two and three axes."""
    return tuple(f"{name}{axes}d" for axes in (1, 2, 3))


def of_each(types: tuple[str, ...], rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(types, rule)


def family(row: Row) -> str:
    """A type without its number of axes: BatchNorm of BatchNorm2d."""
    return "MultiheadAttention" if row.type == "InnerAttention" else re.sub(r"[123]d$", "", row.type)


# Rules for any type.


def nothing(row: Row, products: Dim) -> Beside:
    return {}


def unseen(row: Row, products: Dim) -> Beside:
    """A type that the tool has no rule for, or whose products it overlooks."""
    return {f"{family(row)}, not seen": -products}


def unmeasured(row: Row, products: Dim) -> Beside:
    """Nothing of what has no products; what the tool makes of other types is not known."""
    if products == 0:
        return {}
    return Unknown(f"what it counts of {row.type} has not been measured")


def per_input(times: int) -> Rule:
    """So many for each element of the first input."""
    return lambda row, _: {f"{family(row)}, {times} an input": times * row.inputs[0].elements}


def per_output(times: int) -> Rule:
    """So many for each element of the output."""
    return lambda row, _: {f"{family(row)}, {times} an output": times * row.output.elements}


def by_affine(learned: int, plain: int) -> Rule:
    """So many for each input of a normalisation with a weight, and of one without."""
    return lambda row, _: per_input(learned if "weight" in row.weights else plain)(row, 0)


def by_training(learned: int, plain: int) -> Rule:
    """BatchNorm; without running statistics torch calls it as in training, which counts 5 or 4."""

    def rule(row: Row, products: Dim) -> Beside:
        tracked = "running_mean" in row.weights
        return (by_affine(learned, plain) if tracked else by_affine(5, 4))(row, products)

    return rule


def biases(row: Row, products: Dim) -> Beside:
    """An addition for each output of a layer with a bias."""
    return {"biases": row.output.elements} if "bias" in row.weights else {}


def with_batch(rule: Rule) -> Rule:
    """For a tool that takes the first axis for the batch, the second for the channels."""

    def checked(row: Row, products: Dim) -> Beside:
        if row.inputs[0].rank != row.layer.axes + 2:
            return Unknown("it takes the first axis for the batch, and this input has none")
        return rule(row, products)

    return checked


# torch.utils.flop_counter.


def unseen_vectors(row: Row, products: Dim) -> Beside:
    """A matrix times a vector is no operation that the counter knows."""
    return unseen(row, products) if any(x.rank == 1 for x in row.inputs) else {}


# XLA.


def padding_left_out(row: Row, products: Dim) -> Beside:
    if isinstance(row.taps, Unknown):
        return row.taps
    return {"zeros of padding": row.taps - row.macs}


# torchinfo.


def by_module_parameters(row: Row, products: Dim) -> Beside:
    """Each parameter once for each sample: of convolutions and recurrent layers, for each place as well."""
    if row.layer.function:
        return unseen(row, products)
    counted = {name: size * _places(row, name) for name, size in _parameters(row)}
    if products == 0:
        return {f"{family(row)} parameters": sum(counted.values())}
    added = sum(size for name, size in counted.items() if "bias" in name)
    matrices = sum(size for name, size in counted.items() if "bias" not in name)
    places = "at output places" if "Conv" in row.type else "once a sample"
    return {"biases": added, f"{family(row)}, {places}": matrices - products}


def table_by_sample(row: Row, products: Dim) -> Beside:
    """The whole table of an embedding for each sample."""
    (_, size), *_ = _parameters(row)
    return {"elements of embedding tables": row.output.shape[0] * size}


def _parameters(row: Row) -> Iterator[tuple[str, Dim]]:
    return ((name, weight.elements) for name, weight in row.weights.items() if not weight.buffer)


def _places(row: Row, name: str) -> Dim:
    """How often torchinfo counts a parameter: by its name, and the class's."""
    sizes = row.output.shape
    if name not in ("weight", "bias"):
        return product(sizes[:2])
    return product((*sizes[:1], *sizes[2:])) if "Conv" in row.type else product(sizes[:1])


# fvcore.


def unless_named_padding(row: Row, products: Dim) -> Beside:
    """A padding of `same` or `valid` makes the convolution another operation, which has no entry."""
    layer: Any = row.layer
    return unseen(row, products) if isinstance(layer.padding, str) and layer.padding_mode == "zeros" else {}


def of_axes(fewest: int, most: int, rule: Rule) -> Rule:
    """For a tool that stops where an input has fewer or more axes."""

    def checked(row: Row, products: Dim) -> Beside:
        if not fewest <= row.inputs[0].rank <= most:
            return Unknown(f"it stops where the input has not {fewest} to {most} axes")
        return rule(row, products)

    return checked


def upsampled(times: Mapping[str, int]) -> Rule:
    """So many for each output, by the mode and the number of axes: nearest2, bilinear2."""

    def rule(row: Row, products: Dim) -> Beside:
        layer: Any = row.layer
        mode = getattr(layer, "mode", "bilinear" if "Bilinear" in row.type else "nearest")
        number = times.get(f"{mode}{row.output.rank - 2}", times.get(mode, 0))
        return per_output(number)(row, 0) if number else {}

    return rule


# Attention.


def scores(row: Row) -> Dim:
    """Each head's score of each query with each key."""
    layer: Any = row.layer
    queries, keys, _ = layer.sequences(*row.inputs)
    found: Dim = layer.num_heads * queries.samples * queries.length * (keys.length + layer.more_keys)
    return found


def unseen_scores(row: Row, products: Dim) -> Beside:
    """The products of queries, keys and values, which one operation without an entry makes."""
    layer: Any = row.layer
    queries, _, _ = layer.sequences(*row.inputs)
    heads, pairs = layer.num_heads, scores(row)
    counted = 2 * (2 if products == 2 * row.macs else 1) * pairs * (queries.features // heads)
    return {"attention, not seen": -counted}


def shares_of_heads(row: Row, products: Dim) -> Beside:
    return {"softmax of attention": scores(row)}


def attention_of_ptflops(row: Row, products: Dim) -> Beside:
    """Scaling, the maps with biases, each head's products and softmax; keys as wide as themselves."""
    layer: Any = row.layer
    queries, keys, values = layer.sequences(*row.inputs)
    t, s, e, k, v = queries.length, keys.length, queries.features, keys.features, values.features
    maps = t * e + t * e * e + s * k * k + s * v * v + ((t + 2 * s) * e if layer.bias else 0)
    heads = layer.num_heads * t * s * (e // layer.num_heads + 1 + v // layer.num_heads)
    counted = queries.samples * (maps + heads + t * v * (v + 1))
    return {"biases and softmax of attention": counted - products}


# Recurrent layers.


def _stacked(row: Row, of_layer: Callable[[Dim], Dim]) -> Dim:
    """The sum over layers and directions of what is counted of one with so many inputs, for each step."""
    layer: Any = row.layer
    directions: int = len(layer.directions)
    inputs = [row.inputs[0].shape[-1], *[layer.hidden_size * directions] * (layer.num_layers - 1)]
    return product(row.inputs[0].shape[:-1]) * directions * sum(map(of_layer, inputs))


def gates_of_thop(row: Row, products: Dim) -> Beside:
    """Each gate a matrix of H rows, H additions, 2·H more with biases; then what joins the gates."""
    layer: Any = row.layer
    h, joined = layer.hidden_size, {1: 0, 3: 4, 4: 4}[layer.gates]

    def of_layer(inputs: Dim) -> Dim:
        size: Dim = layer.gates * (h * (inputs + h) + h + (2 * h if layer.bias else 0)) + joined * h
        return size

    if row.type.endswith("Cell"):
        counted = row.inputs[0].shape[0] * of_layer(row.inputs[0].shape[-1])
    else:
        counted = _stacked(row, of_layer)
    return {f"gates and biases of {family(row)}": counted - products}


def recurrent_by_weights(row: Row, products: Dim, of_matrix: Callable[[Dim, Dim], Dim]) -> Beside:
    """Of each layer its two matrices, its biases and what joins the gates; twice with two directions."""
    layer: Any = row.layer
    joined = {1: 1, 3: 7, 4: 10}[layer.gates]
    total: Dim = 0
    for name, weight in row.weights.items():
        if "reverse" in name or "hr" in name:
            continue
        total = total + (weight.elements if "bias" in name else of_matrix(weight.elements, weight.shape[0]))
    if row.type.endswith("Cell"):
        counted = row.inputs[0].shape[0] * (total + joined * layer.hidden_size)
    else:
        each = total + layer.num_layers * joined * layer.hidden_size
        counted = product(row.inputs[0].shape[:2]) * each * len(layer.directions)
    return {f"gates and biases of {family(row)}": counted - products}


def gates_of_ptflops(row: Row, products: Dim) -> Beside:
    return recurrent_by_weights(row, products, lambda size, _: size)


def gates_of_calflops(row: Row, products: Dim) -> Beside:
    """Of each sum of n products, n − 1 additions."""
    return recurrent_by_weights(row, products, lambda size, rows: 2 * size - rows)


# Others of thop.


def by_output_positions(row: Row, products: Dim) -> Beside:
    """A transposed convolution as if its kernels were at the places of the output."""
    layer: Any = row.layer
    kernel = product(row.weights["weight"].shape[2:])
    counted = row.output.elements * (row.inputs[0].shape[1] // layer.groups) * kernel
    return {f"{family(row)}, at output places": counted - products}


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


# Others of ptflops, calflops and DeepSpeed.


def upsampled_first_sample(row: Row, products: Dim) -> Beside:
    """The outputs of one sample."""
    return {f"{family(row)}, 1 an output of one sample": product(row.output.shape[1:])}


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


def both(first: Rule, second: Rule) -> Rule:
    """Both rules, one after the other."""

    def rule(row: Row, products: Dim) -> Beside:
        found: dict[str, Dim] = {}
        for part in (first(row, products), second(row, products)):
            if isinstance(part, Unknown):
                return part
            found.update(part)
        return found

    return rule
