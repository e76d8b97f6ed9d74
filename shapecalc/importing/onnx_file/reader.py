"""An ONNX file → the program that it is, at given inputs, with the sizes that are free as letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path

from shapecalc.errors import ArchitectureError
from shapecalc.importing.onnx_file import rows as _rows  # noqa: F401  # which declares what operators become
from shapecalc.importing.onnx_file.graph import Graph, read_graph
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.importing.onnx_file.input_sizes import InputSizes, at_numbers
from shapecalc.importing.onnx_file.lowering import Lowering
from shapecalc.importing.onnx_file.patterns import joined
from shapecalc.importing.onnx_file.scopes import alive, regions
from shapecalc.importing.onnx_file.weights import NOWHERE, Weights
from shapecalc.importing.program import Call, Program
from shapecalc.tensors import Tensor

_GIVE = "give the sizes at which it runs by --input, as in --input 1x3x224x224"


def read_onnx(path: Path, shapes: str | Mapping[str, str] | None) -> Program:
    """The program of a file; `shapes` are of the one input, or of inputs by their names.

    Raises:
        UsageError: there is no such file, or no such input.
        ArchitectureError: it is no ONNX file, its sizes are not known, or a shape does not fit it.
    """
    graph = read_graph(path)
    inputs = InputSizes(graph, shapes)
    errors: list[ArchitectureError] = []
    for numbers in inputs.choices():
        try:
            return _read(path, graph, inputs, numbers)
        except ArchitectureError as error:
            errors.append(error)
    errors[-1].hint = errors[-1].hint or (_GIVE if len(errors) > 1 else None)
    raise errors[-1]


def _read(path: Path, graph: Graph, sizes: InputSizes, numbers: Mapping[str, int]) -> Program:
    """The program at these numbers; with letters, unless it has none with them and all numbers are given."""
    at = {name: at_numbers(tensor, numbers) for name, tensor in sizes.tensors.items()}
    inferred = Inferred(graph, at)
    try:
        lowering = _lowered(graph, inferred, sizes.tensors)
        if numbers:
            _lowered(graph, inferred, at)  # where letters leave it open whether sizes agree, numbers decide
    except ArchitectureError:
        if not sizes.all_given:
            raise
        lowering = None
    if lowering is not None and not lowering.constants.pinned:
        return _program(path, graph, lowering, sizes, numbers)
    if not sizes.all_given:
        raise ArchitectureError("sizes hang on the input in a way that no formula here says", hint=_GIVE)
    return _program(path, graph, _lowered(graph, inferred, at), sizes.fixed(at), {})


def _lowered(graph: Graph, inferred: Inferred, inputs: Mapping[str, Tensor]) -> Lowering:
    lowering = Lowering(graph, inferred, inputs)
    for node in joined(graph, inferred):
        lowering.lower(node)
    return lowering


def _program(
    path: Path, graph: Graph, lowering: Lowering, sizes: InputSizes, numbers: Mapping[str, int]
) -> Program:
    lowering.node = NOWHERE
    outputs = [lowering.tensor(name) for name in graph.outputs]
    if (
        not lowering.calls or lowering.calls[-1].outputs[:1] != outputs[:1]
    ):  # a file gives what its last step gives
        outputs[0] = lowering.again(outputs[0])
    calls, scopes = alive(lowering.calls, lowering.scopes, outputs)
    body = regions(calls, scopes, outputs)
    inputs = {sizes.names[name]: lowering.values[name] for name in graph.inputs}
    body.inputs = [*inputs.values()]
    used = _in_arguments(calls)
    parameters = {letter: n for letter, n in sizes.defaults(numbers).items() if letter in used}
    weights, buffers = _weights(lowering.weights, calls)
    return Program(
        path.stem,
        inputs,
        body,
        weights,
        buffers,
        params=_params(lowering, weights),
        spelled={sizes.names[name]: sizes.spelled(name, parameters) for name in graph.inputs},
        parameters=parameters,
        at={sizes.names[name]: at_numbers(sizes.tensors[name], numbers) for name in graph.inputs},
        undivided=not any(scopes),
        origin="the ONNX file",
    )


def _weights(of: Weights, calls: list[Call]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters by name, those that nothing reads too; and the buffers."""
    used = dict.fromkeys(name for call in calls for name in call.weights.values())
    read = {x for node in of.graph.nodes for x in node.inputs}
    unread = [name for name in of.graph.stored if name in of.graph.learned and name not in read]
    found = {name: of.used[name] for name in used if name not in of.buffers}
    found |= {name: of.whole(name) for name in unread}
    weights = {name: Tensor(weight.shape, weight.dtype) for name, weight in found.items()}
    return weights, {name: of.buffers[name] for name in used if name in of.buffers}


def _params(lowering: Lowering, weights: Mapping[str, Tensor]) -> int:
    """The elements of all that the file stores as weights: all of real numbers but what is read by value."""
    of = lowering.weights
    stored = of.graph.learned - lowering.constants.by_value - of.buffers.keys() - of.only_copied
    beside = [w.shape for w in of.used.values() if w.beside and w.name in weights]
    return sum(map(prod, [*(of.whole(name).shape for name in stored), *beside]))


def _in_arguments(calls: list[Call]) -> set[str]:
    """The letters that stand in arguments."""
    text = " ".join(repr(value) for call in calls for value in call.arguments.values())
    return set(re.findall(r"[A-Za-z_]\w*", text))
