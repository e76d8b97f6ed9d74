"""What torch's FlopCounterMode counts of a training step: the products forward, and those of the gradients.

A product of two factors has a gradient for each of them, which is as many products again. Weights need
theirs; another factor does where a parameter lies before it, which none does before the first convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from shapecalc.analysis.liveness import needed
from shapecalc.layers import Layer
from shapecalc.operations import Unknown
from shapecalc.results import Analysis, Edge
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, is_floating, product

Inputs: TypeAlias = "tuple[Tensor, ...]"
Gradients: TypeAlias = "Callable[[Any, Inputs, Sequence[bool]], Dim]"
"""The products of a layer's gradients, given its inputs and which of them need one."""


def training_products(analysis: Analysis) -> Dim | Unknown:
    """The products of a forward pass, and of the gradients of all parameters that an output depends on."""
    live = needed(analysis)
    differentiable: set[Edge] = set()
    total: Dim = 0
    for number, row in enumerate(analysis.rows):
        total = total + row.macs
        wanted = [edge in differentiable for edge in row.edges]
        if not any(wanted) and all(weight.buffer for weight in row.weights.values()):
            continue
        made = {Edge(number, port): tensor for port, tensor in enumerate(row.outputs)}
        differentiable |= {edge for edge, tensor in made.items() if is_floating(tensor.dtype)}
        if number in live:
            gradients = _products(row.layer, row.inputs, wanted)
            if isinstance(gradients, Unknown):
                return Unknown(f"{row.path}: {gradients.reason}")
            total = total + gradients
    return total


def _products(layer: Layer, inputs: Inputs, wanted: Sequence[bool]) -> Dim | Unknown:
    """Of a layer that is made of others, those of all; there, every input comes after a parameter."""
    rule = _RULES.get(layer.type)
    if rule:
        return rule(layer, inputs, wanted)
    parts = layer.parts(*inputs)
    if parts and all(wanted):
        return sum([part.times * _known(part.layer, part.inputs) for part in parts])
    if layer.figures(inputs).macs == 0:
        return 0
    return Unknown(f"the products of the gradients of {layer.type} have not been measured")


def _known(layer: Layer, inputs: Inputs) -> Dim:
    rule = _RULES.get(layer.type)
    return rule(layer, inputs, [True] * len(inputs)) if rule else 0


def _macs(layer: Layer, inputs: Inputs) -> Dim:
    return layer.figures(inputs).macs


def _of_weight(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    """A matrix, and what it is multiplied with."""
    return _macs(layer, inputs) * (1 + wanted[0])


def _of_convolution(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    """torch counts the gradient of the weights as if each group saw all channels."""
    groups: Dim = layer.groups
    return _macs(layer, inputs) * (groups + wanted[0])


def _of_factors(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    return _macs(layer, inputs) * sum(wanted)


def _of_attention(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    """All but the maps of inputs that need no gradient, which have one factor that does."""
    queries, keys, values = layer.sequences(*inputs)
    needs = layer.feed(*wanted)
    lengths = queries.length * queries.features, keys.length * keys.features, values.length * values.features
    maps = [queries.samples * queries.features * size for size in lengths]
    unneeded: list[Dim] = [size for size, need in zip(maps, needs, strict=True) if not need]
    return 2 * _macs(layer, inputs) - sum(unneeded)


def _of_recurrent(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    """The states before the first step, unless they are given and need one, have no gradient."""
    samples = product(inputs[0].shape[:-1])
    steps = inputs[0].shape[1 if layer.batch_first and inputs[0].rank == 3 else 0]
    gates = layer.gates * layer.hidden_size * len(layer.directions)
    total = 2 * _macs(layer, inputs)
    if not wanted[0]:
        total = total - samples * gates * inputs[0].shape[-1]
    if not any(wanted[1:2]):
        total = total - samples // steps * gates * layer.features * layer.num_layers
    return total


def _of_cell(layer: Any, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
    gates: Dim = product(inputs[0].shape[:-1]) * layer.gates * layer.hidden_size
    state = any(wanted[1:2])
    total: Dim = gates * (inputs[0].shape[-1] * (1 + wanted[0]) + layer.hidden_size * (1 + state))
    return total


_RULES: Mapping[str, Gradients] = {
    **dict.fromkeys([f"Conv{axes}d" for axes in (1, 2, 3)], _of_convolution),
    **dict.fromkeys([f"ConvTranspose{axes}d" for axes in (1, 2, 3)], _of_convolution),
    "Linear": _of_weight,
    "matmul": _of_factors,
    "bmm": _of_factors,
    "MultiheadAttention": _of_attention,
    "InnerAttention": _of_attention,
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _of_recurrent),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _of_cell),
}
