"""What a file computes with a module's weights, beside what the module computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

import shapecalc
from shapecalc.importing.network import Imported
from shapecalc.torch_check.network import build


def stirred(module: Any) -> Any:
    """The module in float64, with weights and statistics by chance: none of them is 0, 1 or like another."""
    module = module.double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.02)
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer), alpha=0.5)
    return module


def computed(found: Imported, module: Any, inputs: Mapping[str, Any]) -> list[Any]:
    """The outputs of a file's network with the module's weights, put where the names say."""
    shapes = {name: shapecalc.Tensor(tuple(x.shape), _dtype(x)) for name, x in inputs.items()}
    given = dict(zip(found.architecture.inputs, shapes.values(), strict=True))
    analysis = shapecalc.analyse(found.architecture, given)
    network = build(analysis).to_empty(device="cpu").double().eval()
    layers = {row.path: layer for row, layer in zip(analysis.rows, network.layers, strict=True)}
    state = dict(
        [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    )
    with torch.no_grad():
        for ours, theirs in found.names.items():
            path, _, weight = ours.rpartition(".")
            own = dict([*layers[path].named_parameters(), *layers[path].named_buffers()])
            own[weight].copy_(state[theirs])
        return [*network(*inputs.values(), observe=lambda *_: None)]


def outputs(module: Any, inputs: Mapping[str, Any]) -> list[Any]:
    """All tensors that a module gives; an input without name is the first one."""
    alone = [inputs[""]] if "" in inputs else []
    with torch.no_grad():
        result = module(*alone, **{name: x for name, x in inputs.items() if name})
    return [x for x in tree_leaves(result) if isinstance(x, torch.Tensor)]


def _dtype(x: Any) -> str:
    found = str(x.dtype).removeprefix("torch.")
    return "float32" if found == "float64" else found
