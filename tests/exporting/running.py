"""Exported sources as modules, and verify's module of the same network beside them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.engine.results import Analysis
from shapecalc.exporting.torch_source import TorchSource
from shapecalc.torch_check.network import Network, from_left_to_right
from shapecalc.torch_check.uncounted import UNCOUNTED


def namespace(source: TorchSource) -> dict[str, Any]:
    """What the source defines."""
    names: dict[str, Any] = {"__name__": source.name}
    exec(compile(source.text, f"{source.name}.py", "exec"), names)
    return names


def module_of(source: TorchSource) -> Any:
    """The network's module, in evaluation."""
    with warnings.catch_warnings(action="ignore"):
        return namespace(source)[source.name]().eval()


def tensors_of(module: Any) -> dict[str, Any]:
    """The weights of a module by their names, each once."""
    return dict(chain(module.named_parameters(), module.named_buffers()))


def flat(outputs: Any) -> Iterator[Any]:
    if isinstance(outputs, tuple):
        for output in outputs:
            yield from flat(output)
    elif outputs is not None:
        yield outputs


@contextmanager
def counted() -> Iterator[FlopCounterMode]:
    """torch's counter, with what it does not know."""
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter, from_left_to_right():
        yield counter


def fill(network: Network, module: Any, keys: Mapping[tuple[str, str], str], analysis: Analysis) -> None:
    """Give both the same weights, drawn; whole numbers are 0, which index anything."""
    own = tensors_of(module)
    with torch.no_grad():
        for row, layer in zip(analysis.rows, network.layers, strict=True):
            theirs = tensors_of(layer)
            for name in row.own_weights:
                tensor = theirs[name]
                tensor.copy_(
                    torch.rand_like(tensor) if tensor.is_floating_point() else torch.zeros_like(tensor)
                )
                own[keys[row.path, name]].copy_(tensor)
