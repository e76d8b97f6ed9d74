"""What torch's FlopCounterMode counts of a training step: the products forward, and those of the gradients.

A product of two factors has a gradient for each of them, which is as many products again. Weights need
theirs unless they are frozen; another factor does where a trained parameter lies before it, which none does
before the first convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import or_
from typing import Any, TypeAlias

from shapecalc.analysis.counting.attention_gradients import (
    PARTLY_FROZEN,
    Inputs,
    Trained,
    of_attention,
    of_transformer,
)
from shapecalc.analysis.memory.liveness import needed
from shapecalc.engine.results import Analysis, Edge
from shapecalc.layers import Layer
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, summed
from shapecalc.tensors import is_floating, product

Gradients: TypeAlias = "Callable[[Any, Inputs, Sequence[bool], Trained], Dim | Unknown]"
"""The products of a layer's gradients, given its inputs and which of them, and of its weights, need one."""


def forward_and_backward(analysis: Analysis, forward: Dim) -> Dim | Unknown:
    """FLOPs of a training step, of which `forward` are those of its forward pass."""
    gradients = gradient_products(analysis)
    return gradients if isinstance(gradients, Unknown) else forward + 2 * gradients


def thrice(analysis: Analysis, forward: Dim) -> Dim | Unknown:
    """The backward pass taken for twice as much as the forward one, whatever the network is."""
    return 3 * forward


def too_many(analysis: Analysis) -> Dim:
    """FLOPs that torch counts and there are not: of weights in groups, as if each saw all channels."""
    counted, real = gradient_products(analysis), gradient_products(analysis, _in_groups)
    if isinstance(counted, Unknown) or isinstance(real, Unknown):
        return 0
    return 2 * (counted - real)


def gradient_products(analysis: Analysis, products: Gradients | None = None) -> Dim | Unknown:
    """The products of the gradients of all trained parameters that an output depends on, as torch counts."""
    products = products or _products
    live = needed(analysis)
    read = {*analysis.output_edges, *(edge for n in live for edge in analysis.rows[n].edges)}
    differentiable: set[Edge] = set()
    found: list[Dim] = []
    for number, row in enumerate(analysis.rows):
        wanted = [edge in differentiable for edge in row.edges]
        trained = frozenset(row.learned) - row.frozen
        if not any(wanted) and not trained:
            continue
        made = {Edge(number, port): tensor for port, tensor in enumerate(row.outputs)}
        differentiable |= {edge for edge, tensor in made.items() if is_floating(tensor.dtype)}
        if number in live:
            if isinstance(row.layer, MultiheadAttention) and Edge(number, 0) not in read:
                return Unknown(f"{row.path}: the products for the weights of keys alone are not known")
            gradients = products(row.layer, row.inputs, wanted, trained)
            if isinstance(gradients, Unknown):
                return Unknown(f"{row.path}: {gradients.reason}")
            found.append(analysis.times[number] * gradients)
    if differentiable.isdisjoint(analysis.output_edges):
        return Unknown("no output depends on a trainable parameter: torch has no way back")
    return summed(found)


def _products(layer: Layer, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim | Unknown:
    if rule := _RULES.get(layer.type):
        return rule(layer, inputs, wanted, trained)
    if layer.figures(inputs).macs == 0:
        return 0
    return Unknown(f"the products of the gradients of {layer.type} have not been measured")


def _in_groups(layer: Layer, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim | Unknown:
    """The products that there are: each group reads its own channels."""
    rule = _of_weight if _RULES.get(layer.type) is _of_convolution else _products
    return rule(layer, inputs, wanted, trained)


def _macs(layer: Layer, inputs: Inputs) -> Dim:
    return layer.figures(inputs).macs


def _of_weight(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """A matrix, and what it is multiplied with."""
    learning = not trained.isdisjoint(("weight", "linear.weight"))
    return _macs(layer, inputs) * (learning + wanted[0])


def _of_convolution(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """torch counts the gradient of the weights as if each group saw all channels."""
    groups: Dim = layer.groups if "weight" in trained else 0
    return _macs(layer, inputs) * (groups + wanted[0])


def _of_factors(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    return _macs(layer, inputs) * sum(wanted)


def _of_einsum(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """From left to right: the first factor of each product is made of all branches before the second one."""
    pairs = zip(layer.products(inputs), accumulate(wanted, or_), wanted[1:], strict=False)
    total: Dim = sum([macs * (before + own) for macs, before, own in pairs])
    return total


def _of_product(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """A matrix times a vector is not seen, nor are its gradients."""
    return 0 if inputs[1].rank == 1 else _of_factors(layer, inputs, wanted, trained)


def _of_pairs(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """The trilinear form of Bilinear is not seen, nor are its gradients, which are such forms too."""
    return 0


def _of_scores(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """The gradients of queries and keys go through those of the scores, which need the values."""
    means: Dim = layer.figures(inputs).outputs[0].elements * inputs[1].shape[-2]
    scores = _macs(layer, inputs) - means
    query, key, value = wanted
    return scores * (query + key) + means * (value + (query or key))


def _of_recurrent(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim | Unknown:
    """The states before the first step, unless they are given and need one, have no gradient."""
    matrices = [name for name, weight in layer.figures(inputs).weights.items() if len(weight.shape) == 2]
    learning = sum([name in trained for name in matrices])
    if learning not in (0, len(matrices)):
        return PARTLY_FROZEN
    samples = product(inputs[0].shape[:-1])
    steps = inputs[0].shape[1 if layer.batch_first and inputs[0].rank == 3 else 0]
    gates = layer.gates * layer.hidden_size * len(layer.directions)
    total = _macs(layer, inputs) * (1 + bool(learning))
    if not wanted[0]:
        total = total - samples * gates * inputs[0].shape[-1]
    if not any(wanted[1:2]):
        total = total - samples // steps * gates * layer.features * layer.num_layers
    return total


def _of_cell(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    gates: Dim = product(inputs[0].shape[:-1]) * layer.gates * layer.hidden_size
    of_input = inputs[0].shape[-1] * (("weight_ih" in trained) + wanted[0])
    of_state = layer.hidden_size * (("weight_hh" in trained) + any(wanted[1:2]))
    total: Dim = gates * (of_input + of_state)
    return total


_RULES: Mapping[str, Gradients] = {
    **dict.fromkeys([f"Conv{axes}d" for axes in (1, 2, 3)], _of_convolution),
    **dict.fromkeys([f"ConvTranspose{axes}d" for axes in (1, 2, 3)], _of_convolution),
    "Linear": _of_weight,
    "LinearCrossEntropyLoss": _of_weight,
    "matmul": _of_product,
    "einsum": _of_einsum,
    "scaled_dot_product_attention": _of_scores,
    "Bilinear": _of_pairs,
    "bmm": _of_factors,
    "MultiheadAttention": of_attention,
    **dict.fromkeys(("Transformer", "TransformerEncoder", "TransformerDecoder"), of_transformer),
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer"), of_transformer),
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _of_recurrent),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _of_cell),
}
