"""A network as an ONNX file: torch's own exporter writes it of the module that `export --to torch` gives."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import onnx
import torch
from torch import nn

from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import at, number
from shapecalc.tensors import Tensor, for_json
from shapecalc.torch_check.network import sample
from shapecalc.torch_check.onnx_symbolics import known

LARGEST = 2**31 - 2**20
"""Bytes of the weights of a file: a message of protobuf ends at 2 GiB."""
_OPSET = 17


def is_too_large(analysis: Analysis) -> bool:
    """Whether a file can't hold the weights, and has them in another one beside it."""
    return number(analysis.weight_bytes()) > LARGEST


def onnx_model(analysis: Analysis, source: tuple[str, str], sizes: Mapping[str, int], beside: str) -> bytes:
    """The file, with weights that are drawn, always the same; sizes that are formulas become named axes.

    Args:
        analysis: the network, with letters for the sizes that are to stay free.
        source: the text of its module in torch, and the name of its class.
        sizes: numbers for the letters, at which the module runs once.
        beside: the name of the file that has the weights where they are too large for one; it is not made.

    Raises:
        ArchitectureError: a layer has no counterpart in ONNX.
    """
    if is_too_large(analysis):
        file = _exported(
            analysis, _hollow(*source), sizes, export_params=False, keep_initializers_as_inputs=True
        )
        return _with_weights_in(file, len(analysis.inputs), beside)
    return _exported(analysis, _module(*source), sizes)


def _exported(analysis: Analysis, module: Any, sizes: Mapping[str, int], **more: bool) -> bytes:
    """What torch's exporter writes of a module."""
    inputs = [x._replace(shape=tuple([at(n, sizes) for n in x.shape])) for x in analysis.inputs.values()]
    named = {**analysis.inputs, **dict(zip(_outputs(analysis), analysis.outputs, strict=True))}
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"), _quiet(), known(_OPSET):
            torch.onnx.export(
                module,
                tuple([sample(x, "cpu") for x in inputs]),
                file,
                dynamo=False,
                opset_version=_OPSET,
                input_names=[*analysis.inputs],
                output_names=_outputs(analysis),
                dynamic_axes={name: axes for name, x in named.items() if (axes := _free(x))},
                training=torch.onnx.TrainingMode.PRESERVE,  # a BatchNorm stays one
                do_constant_folding=False,  # a weight stays what it is
                **more,
            )
    except Exception as error:  # whatever the exporter raises where it has no operator
        raise _without_counterpart(analysis, str(error)) from None
    return file.getvalue()


def _made(text: str, name: str) -> Any:
    """The module that the text defines, in evaluation."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(text, f"{name}.py", "exec"), names)  # what shapecalc itself has written
    return names[name]().eval()


def _module(text: str, name: str) -> Any:
    """The module with weights that are drawn."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
        torch.manual_seed(0)
        module = _made(text, name)
        for tensor in [*module.parameters(), *module.buffers()]:
            if (
                tensor.is_floating_point()
            ):  # equal ones, as copies of a layer begin with, would be stored once
                tensor.data += torch.rand_like(tensor) / 1000
    return module


def _hollow(text: str, name: str) -> Any:
    """The module with weights that take no room: each one number, which stands at all of its places."""
    with torch.device("meta"):
        module = _made(text, name)
    parameters = [*module.parameters()]
    numbers = torch.arange(len(parameters)) / 1000
    thin = {p: nn.Parameter(n.expand(p.shape), False) for p, n in zip(parameters, numbers, strict=True)}
    for part in module.modules():
        part._parameters.update({key: p if p is None else thin[p] for key, p in part._parameters.items()})
        for key, buffer in part._buffers.items():
            part._buffers[key] = buffer if buffer is None else torch.zeros_like(buffer, device="cpu")
    return module


def _with_weights_in(file: bytes, given: int, beside: str) -> bytes:
    """A file whose weights are inputs after those `given`, with them in another file, one after the other."""
    model = onnx.ModelProto.FromString(file)
    start = 0
    for x in [*model.graph.input][given:]:
        kind, shape = x.type.tensor_type.elem_type, [d.dim_value for d in x.type.tensor_type.shape.dim]
        length = prod(shape) * onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
        stored = model.graph.initializer.add(name=x.name, data_type=kind, dims=shape)
        stored.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": beside, "offset": start, "length": length}.items():
            stored.external_data.add(key=key, value=str(value))
        start += length
    del model.graph.input[given:]
    return bytes(model.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is printed: of what it can't write, the exporter prints the whole graph, past Python."""
    with open(os.devnull, "wb") as nothing:
        kept = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in kept:
                os.dup2(nothing.fileno(), number)
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


def _outputs(analysis: Analysis) -> list[str]:
    number = len(analysis.outputs)
    return ["output"] if number == 1 else [f"output{i}" for i in range(number)]


def _free(x: Tensor) -> dict[int, str]:
    """The axes whose sizes are formulas, each with its name."""
    return {axis: str(for_json(n)) for axis, n in enumerate(x.shape) if not isinstance(n, int)}


def _without_counterpart(analysis: Analysis, said: str) -> ArchitectureError:
    """What torch's exporter says, at the first layer whose type its operator has the name of."""
    first = said.strip().splitlines()[0].removesuffix(".")
    words = {word.replace("_", "").lower() for word in first.replace("::", " ").replace("'", " ").split()}
    for row in analysis.rows:
        if row.type.lower().replace("_", "").removesuffix("2d") in {w.removesuffix("2d") for w in words}:
            error = ArchitectureError(f"{row.type} has no counterpart in ONNX: {first}")
            return error.at(None, row.path)
    return ArchitectureError(f"torch's exporter to ONNX: {first}")
