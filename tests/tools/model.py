"""An analysis as the model that a user of a counting tool would have: layers are modules that are called."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch

from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers.experts import OfExperts
from shapecalc.torch_check.experts import Parts
from shapecalc.torch_check.network import build, module_of, owned, sample

OPERATORS = {"add": operator.add, "mul": operator.mul}
"""Joins as people write them; calflops, DeepSpeed and ptflops see `torch.add(x, y)`, but not `x + y`."""


def of_operator(name: str) -> Callable[..., Any]:
    return lambda *xs: reduce(OPERATORS[name], xs)


def experts_of(row: Row) -> torch.nn.ModuleList:
    """A module for each expert, as people write them."""
    layer: Any = row.layer
    arguments = layer.inner.arguments(row.inputs)
    with torch.device("meta"):
        return torch.nn.ModuleList([module_of(layer.inner, arguments) for _ in range(layer.num_experts)])


class Model(torch.nn.Module):
    """Row number i is the child named `i` where it is a module, else a call of torch's function.

    Learned tensors are parameters of the model itself. Inputs come by position, or all by name.
    """

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        network = build(analysis)
        self.rows = analysis.rows
        self.names = tuple(analysis.inputs)
        self.output_edges = analysis.output_edges
        for number, (row, module) in enumerate(zip(analysis.rows, network.layers, strict=True)):
            if isinstance(row.layer, OfExperts):
                if not row.layer.inner.function:
                    self.add_module(str(number), experts_of(row))
            elif not row.layer.function:
                self.add_module(str(number), module)
            elif row.weights:
                setattr(self, f"learned{number}", owned(module))
        self.numbers = tuple(n for n in range(len(analysis.rows)) if str(n) in self._modules)
        self.run = network.run
        self.eval()

    def forward(self, *inputs: Any, **named: Any) -> Any:
        inputs = inputs or tuple(named[name] for name in self.names)
        tensors = {Edge(-1, port): tensor for port, tensor in enumerate(inputs)}
        for number, row in enumerate(self.rows):
            arguments = [tensors[edge] for edge in row.edges]
            if row.layer.function and row.weights:
                outputs = (getattr(self, f"learned{number}"),)
            elif isinstance(row.layer, OfExperts) and (not row.layer.inner.function or row.type in OPERATORS):
                calls: Any = [of_operator(row.type)] * len(arguments[0])
                if not row.layer.inner.function:
                    calls = self._modules[str(number)]
                outputs = (Parts(call(*xs) for call, *xs in zip(calls, *arguments, strict=True)),)
            elif row.type in OPERATORS:
                outputs = (reduce(OPERATORS[row.type], arguments),)
            else:
                outputs = self.run(row, self._modules.get(str(number)), arguments)
            tensors.update({Edge(number, port): tensor for port, tensor in enumerate(outputs)})
        given = tuple(tensors[edge] for edge in self.output_edges)
        return given[0] if len(given) == 1 else given


def samples(analysis: Analysis, device: str) -> dict[str, Any]:
    """An input for each of the network's, by name."""
    return {name: sample(tensor, device) for name, tensor in analysis.inputs.items()}
