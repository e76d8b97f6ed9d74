"""Attention in several heads as the layers that it comes to, between which keys and values are tensors."""

from __future__ import annotations

from shapecalc.layers.base import Layer
from shapecalc.layers.linear import Linear
from shapecalc.layers.parting import chunk
from shapecalc.layers.rearrange import transpose
from shapecalc.layers.reshaping import Flatten, Unflatten
from shapecalc.layers.rules.serving import Opened
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.symbolic import Dim


def in_heads(size: Dim, heads: Dim, bias: bool, own_keys: bool) -> tuple[Opened, ...]:
    """The layers of attention in heads, each with its inputs; `own_keys`: keys and values come by an input.

    In torch one matrix makes queries, keys and values.
    """
    names = {"weight": "in_proj_weight", **({"bias": "in_proj_bias"} if bias else {})}
    steps: list[Opened] = []

    def add(label: str, layer: Layer, *sources: tuple[int, int], **weights: str) -> tuple[int, int]:
        steps.append(Opened(label, layer, sources, weights))
        return len(steps) - 1, 0

    def by_head(label: str, source: tuple[int, int]) -> tuple[int, int]:
        apart = add(f"{label}.heads", Unflatten(dim=-1, unflattened_size=(heads, size // heads)), source)
        return add(label, transpose(dim0=1, dim1=2), apart)

    if own_keys:
        q = add("query", Linear(out_features=size, bias=bias), (-1, 0), **names)
        both, _ = add("in_proj", Linear(out_features=2 * size, bias=bias), (-1, 1), **names)
        number, _ = add("parts", chunk(chunks=2, dim=-1), (both, 0))
        parts = [q, (number, 0), (number, 1)]
    else:
        add("in_proj", Linear(out_features=3 * size, bias=bias), (-1, 0), **names)
        number, _ = add("parts", chunk(chunks=3, dim=-1), (0, 0))
        parts = [(number, port) for port in range(3)]
    q, k, v = (by_head(label, x) for label, x in zip(("query", "key", "value"), parts, strict=True))
    y = add("attention", scaled_dot_product_attention(is_causal=not own_keys), q, k, v)
    y = add("together", Flatten(start_dim=2), add("tokens", transpose(dim0=1, dim1=2), y))
    out = {"weight": "out_proj.weight", **({"bias": "out_proj.bias"} if bias else {})}
    add("out_proj", Linear(out_features=size, bias=bias), y, **out)
    return tuple(steps)
