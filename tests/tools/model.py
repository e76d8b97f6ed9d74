"""An analysis as the model that a user of a counting tool would have: layers are modules that are called."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial, reduce
from typing import Any

import torch

from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers.experts import OfExperts
from shapecalc.symbolic import number
from shapecalc.torch_check.experts import Parts
from shapecalc.torch_check.functions import function_of, keywords_of
from shapecalc.torch_check.modules import MODULES
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


def function_of_experts(row: Row) -> list[Callable[..., Any]]:
    """A function for each expert, which is the same."""
    layer: Any = row.layer
    named = keywords_of(layer.inner)
    call = (
        of_operator(row.type)
        if row.type in OPERATORS
        else partial(function_of(layer.inner.function), **named)
    )
    return [lambda *xs: call(*layer.inner.feed(*xs))] * layer.num_experts


def of_experts(calls: Iterable[Callable[..., Any]], arguments: Sequence[Parts]) -> tuple[Parts, ...]:
    """The outputs of a layer that is called for each expert, on the tokens of each."""
    found = [call(*xs) for call, *xs in zip(calls, *arguments, strict=True)]
    several = [ys if isinstance(ys, (tuple, list)) else (ys,) for ys in found]
    return tuple([Parts(ys) for ys in zip(*several, strict=True)])


def _made(tensors: Sequence[torch.Tensor], shape: Sequence[int]) -> torch.Tensor:
    return tensors[0].new_zeros(shape)


def _keep(ctx: Any, inputs: Any, output: torch.Tensor) -> None:  # noqa: ARG001 - torch passes it by name
    ctx.save_for_backward(*inputs[0])


def _gradients(ctx: Any, _: torch.Tensor) -> tuple[list[torch.Tensor], None]:
    return [torch.zeros_like(x) for x in ctx.saved_tensors], None


one_kernel: Any = torch.library.custom_op("shapecalc_tests::one_kernel", _made, mutates_args=())
"""An operation that no tool has heard of."""
one_kernel.register_fake(_made)
one_kernel.register_autograd(_gradients, setup_context=_keep)


class OfOneKernel(torch.nn.Module):
    """A module whose users have it from elsewhere, where it calls one kernel of its own, forward and back.

    What shapecalc builds in its place calls kernels of torch, which tools would count.
    """

    def __init__(self, own: torch.nn.Module, row: Row) -> None:
        super().__init__()
        for name, parameter in own.named_parameters():
            self.register_parameter(name, torch.nn.Parameter(parameter))
        self.shape = [number(size) for size in row.output.shape]

    def forward(self, *inputs: Any) -> Any:
        return one_kernel([*inputs, *self.parameters()], self.shape)


def from_elsewhere(own: torch.nn.Module, row: Row) -> torch.nn.Module:
    """Such a module, of a class of the type's name, which torchinfo goes by."""
    module: torch.nn.Module = type(row.type, (OfOneKernel,), {})(own, row)
    return module


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
        for index, (row, module) in enumerate(zip(analysis.rows, network.layers, strict=True)):
            if isinstance(row.layer, OfExperts):
                if not row.layer.inner.function:
                    self.add_module(str(index), experts_of(row))
            elif not row.layer.function:
                self.add_module(str(index), from_elsewhere(module, row) if row.type in MODULES else module)
            elif row.weights:
                setattr(self, f"learned{index}", owned(module))
        self.numbers = tuple(n for n in range(len(analysis.rows)) if str(n) in self._modules)
        self.run = network.run
        self.eval()

    def forward(self, *inputs: Any, **named: Any) -> Any:
        inputs = inputs or tuple(named[name] for name in self.names)
        tensors = {Edge(-1, port): tensor for port, tensor in enumerate(inputs)}
        for index, row in enumerate(self.rows):
            arguments = [tensors[edge] for edge in row.edges]
            if row.layer.function and row.weights:
                outputs: tuple[Any, ...] = (getattr(self, f"learned{index}"),)
            elif isinstance(row.layer, OfExperts):
                calls: Any = self._modules.get(str(index)) or function_of_experts(row)
                outputs = of_experts(calls, arguments)
            elif row.type in OPERATORS:
                outputs = (reduce(OPERATORS[row.type], arguments),)
            else:
                # What is made of no tensor lies where the inputs do.
                with nullcontext() if arguments or not inputs else inputs[0].device:
                    outputs = self.run(row, self._modules.get(str(index)), arguments)
            tensors.update({Edge(index, port): tensor for port, tensor in enumerate(outputs)})
        given = tuple(tensors[edge] for edge in self.output_edges)
        return given[0] if len(given) == 1 else given


def samples(analysis: Analysis, device: str) -> dict[str, Any]:
    """An input for each of the network's, by name."""
    return {name: sample(tensor, device) for name, tensor in analysis.inputs.items()}
