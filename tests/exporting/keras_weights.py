"""Weights of torch's modules as Keras has them: kernels are transposed, gates and heads lie otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shapecalc.engine.results import Row

PLAIN = {
    **dict.fromkeys(("kernel", "gamma", "scale", "alpha", "embeddings", "weight"), "weight"),
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""By Keras' name of a weight, torch's."""
_PARTS = {"query": 0, "key": 1, "value": 2}


def copy(row: Row, theirs: Mapping[str, Any], own: Any) -> None:
    """Give a layer of Keras' the weights of a module of torch's; all of them, each once."""
    used: set[str] = set()
    for weight in own.weights:
        parts = weight.path.split("/")[1:]
        if PLAIN.get(weight.name) in row.shared:
            continue
        names, tensor = _of(parts, theirs)
        used |= names
        weight.assign(tensor.reshape(tuple(weight.shape)))
    assert used == row.own_weights.keys() - {"num_batches_tracked"}


def _of(parts: list[str], theirs: Mapping[str, Any]) -> tuple[set[str], Any]:
    """The names of torch's weights that one of Keras' is made of, and its value."""
    *inside, layer, name = ["", *parts]
    inside = [re.sub(r"^layers_", "layers.", part) for part in inside if part and "_attention" not in part]
    prefix = "".join(f"{part}." for part in inside)
    if layer in _PARTS:
        return _projection(prefix, layer, name, theirs)
    if layer == "attention_output":
        layer = "out_proj"
    if layer in ("ih", "hh"):
        return _plain(f"{PLAIN[name]}_{layer}{_place(inside)}", name, theirs)
    if layer.endswith("gru_cell") or re.match(r"gru_cell_\d+", layer):
        return _gated(_place(inside), name, theirs)
    return _plain(f"{prefix}{layer + '.' if layer in _LAYERS else ''}{PLAIN[name]}", name, theirs)


_LAYERS = ("out_proj", "linear1", "linear2", "norm1", "norm2", "norm3")


def _place(inside: list[str]) -> str:
    """The end of the names in a stack, `_l0_reverse`; of a single cell there is none."""
    return f"_{inside[0]}" if inside and re.match(r"l\d", inside[0]) else ""


def _plain(key: str, name: str, theirs: Mapping[str, Any]) -> tuple[set[str], Any]:
    tensor = theirs[key]
    return {key}, tensor.permute(*range(2, tensor.ndim), 1, 0) if name == "kernel" else tensor


def _projection(prefix: str, layer: str, name: str, theirs: Mapping[str, Any]) -> tuple[set[str], Any]:
    """Of queries, keys or values: a third of the packed matrix, or a matrix of its own."""
    key = f"{prefix}{layer[0]}_proj_weight"
    if name == "bias" or key not in theirs:
        key = f"{prefix}in_proj_{PLAIN[name]}"
        tensor = theirs[key].chunk(3)[_PARTS[layer]]
    else:
        tensor = theirs[key]
    return {key}, tensor.T if name == "kernel" else tensor


def _gated(place: str, name: str, theirs: Mapping[str, Any]) -> tuple[set[str], Any]:
    """Keras' gates are update, reset and candidate; torch's begin with reset."""
    if name == "bias":
        keys = [f"bias_{kind}{place}" for kind in ("ih", "hh")]
        return {*keys}, _reordered(keys, theirs)
    key = f"weight_{'hh' if name == 'recurrent_kernel' else 'ih'}{place}"
    return {key}, _reordered([key], theirs)[0].T


def _reordered(keys: list[str], theirs: Mapping[str, Any]) -> Any:
    import torch

    found = []
    for key in keys:
        reset, update, candidate = theirs[key].chunk(3)
        found.append(torch.cat([update, reset, candidate]))
    return torch.stack(found)
