"""A network as an ONNX file: torch's own exporter writes it of the module that `export --to torch` gives."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.onnx.errors import OnnxExporterError

from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import at, number
from shapecalc.tensors import Tensor, for_json
from shapecalc.torch_check.network import sample

LARGEST = 2**31 - 2**20
"""Bytes of the weights of a file: a message of protobuf ends at 2 GiB."""
_OPSET = 17


def onnx_model(analysis: Analysis, source: tuple[str, str], sizes: Mapping[str, int]) -> bytes:
    """The file, with weights that are drawn, always the same; sizes that are formulas become named axes.

    Args:
        analysis: the network, with letters for the sizes that are to stay free.
        source: the text of its module in torch, and the name of its class.
        sizes: numbers for the letters, at which the module runs once.

    Raises:
        ArchitectureError: a layer has no counterpart in ONNX, or the weights are too large for a file.
    """
    if (size := number(analysis.weight_bytes())) > LARGEST:
        message = f"the weights take {size:,} bytes, and an ONNX file holds at most {LARGEST:,}"
        raise ArchitectureError(message, hint="--set has fewer or narrower layers")
    module = _module(*source)
    inputs = [x._replace(shape=tuple([at(n, sizes) for n in x.shape])) for x in analysis.inputs.values()]
    named = {**analysis.inputs, **dict(zip(_outputs(analysis), analysis.outputs, strict=True))}
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"), _quiet():
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
            )
    except (OnnxExporterError, RuntimeError) as error:
        raise _without_counterpart(analysis, str(error)) from None
    return file.getvalue()


def _module(text: str, name: str) -> Any:
    """The module that the text defines, in evaluation."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(text, f"{name}.py", "exec"), names)  # what shapecalc itself has written
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
        torch.manual_seed(0)
        module = names[name]().eval()
        for tensor in [*module.parameters(), *module.buffers()]:
            if (
                tensor.is_floating_point()
            ):  # equal ones, as copies of a layer begin with, would be stored once
                tensor.data += torch.rand_like(tensor) / 1000
    return module


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
