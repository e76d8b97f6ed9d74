"""The rules of counting tools for attention, products of factors, and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.analysis.counting.rules import NO_BATCH, Beside, family, per_mac
from shapecalc.engine.results import Row
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import product


def by_first_factor(row: Row, products: Dim) -> Beside:
    """A matrix product by the elements of the first factor: where that is repeated, too few."""
    first, second = row.inputs
    if second.rank < 2:
        return Unknown("it can't count a product with a vector")
    counted = per_mac(row, products) * first.elements * second.shape[-1]
    return {f"{row.type}, repeated": counted - products}


def by_query(row: Row, products: Dim) -> Beside:
    """Attention by the axes of the query alone: where that is repeated, too few."""
    query, key, value = row.inputs
    pairs = product(query.shape[:-1]) * key.shape[-2]
    return {"attention, repeated": 2 * pairs * (query.shape[-1] + value.shape[-1]) - products}


def rounded(row: Row, products: Dim) -> Beside:
    return Unknown("it takes the count of einsum from a number that numpy has rounded")


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
    counted = 2 * per_mac(row, products) * pairs * (queries.features // heads)
    return {"attention, not seen": -counted}


def shares_of_heads(row: Row, products: Dim) -> Beside:
    return {"softmax of attention": scores(row)}


def attention_of_ptflops(row: Row, products: Dim) -> Beside:
    """Scaling, the maps with biases, each head's products and softmax; keys as wide as themselves."""
    layer: Any = row.layer
    if row.inputs[0].rank == 2:
        return Unknown(NO_BATCH)
    queries, keys, values = layer.sequences(*row.inputs)
    t, s, e, k, v = queries.length, keys.length, queries.features, keys.features, values.features
    maps = t * e + t * e * e + s * k * k + s * v * v + ((t + 2 * s) * e if layer.bias else 0)
    heads = layer.num_heads * t * s * (e // layer.num_heads + 1 + v // layer.num_heads)
    counted = queries.samples * (maps + heads + t * v * (v + 1))
    return {"attention: biases, softmax": counted - products}


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
    if row.inputs[0].rank == 2 and not row.type.endswith("Cell"):
        return Unknown(NO_BATCH)
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
    if row.inputs[0].rank < 2:
        return Unknown(NO_BATCH)
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
