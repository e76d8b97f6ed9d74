"""ONNX models made by hand, what they compute by ONNX's own reference, and what their files here compute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import shapecalc
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.onnx_file.reader import read_onnx
from shapecalc.torch_check.network import build

Array = Any


class Model(NamedTuple):
    """Nodes, the shapes of the inputs with letters perhaps, the initializers, and what is given."""

    nodes: Sequence[Any]
    inputs: Mapping[str, tuple[Sequence[int | str], str]]
    stored: Mapping[str, Array] = {}
    outputs: Sequence[str] = ("y",)
    opset: int = 20


def node(type_: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    """A node; the names of inputs and outputs are joined by spaces, `_` is none."""
    names = [[name if name != "_" else "" for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(type_, *names, name=f"the {type_}", **attributes)


def proto(model: Model) -> Any:
    kinds = {"float32": 1, "int64": 7, "bool": 9, "int32": 6, "float16": 10, "float64": 11}
    inputs = [
        helper.make_tensor_value_info(name, kinds[dtype], list(shape))
        for name, (shape, dtype) in model.inputs.items()
    ]
    outputs = [helper.make_value_info(name, onnx.TypeProto()) for name in model.outputs]
    stored = [numpy_helper.from_array(numpy.asarray(array), name) for name, array in model.stored.items()]
    graph = helper.make_graph(list(model.nodes), "graph", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", model.opset)], ir_version=9)


def save(model: Model, path: Path) -> Path:
    path.write_bytes(proto(model).SerializeToString())
    return path


def read(path: Path, shapes: Any = None, plain: bool = False) -> Imported:
    return imported(read_onnx(path, shapes), plain)


def sample(shape: Sequence[int], dtype: str, seed: int = 0) -> Array:
    draw = numpy.random.default_rng(seed)
    if dtype == "bool":
        return draw.integers(0, 2, shape).astype(bool)
    if dtype.startswith("int"):
        return draw.integers(0, 3, shape).astype(dtype)
    return draw.standard_normal(shape).astype(dtype)


def expected(model: Any, inputs: Mapping[str, Array]) -> list[Array]:
    """What ONNX's reference computes."""
    return [numpy.asarray(y) for y in ReferenceEvaluator(model).run(None, dict(inputs))]


def constants(model: Model, found: Imported) -> dict[str, Array]:
    """What the model computes of no input, as far as the file keeps it."""
    made = {y for n in model.nodes for y in n.output}
    names = [name for name in found.names.values() if name in made]
    inputs = {
        name: sample([1 if isinstance(n, str) else n for n in s], d) for name, (s, d) in model.inputs.items()
    }
    return (
        dict(zip(names, expected(proto(model._replace(outputs=names)), inputs), strict=True)) if names else {}
    )


def computed(
    found: Imported, stored: Mapping[str, Array], inputs: Sequence[Array], given: Any = None
) -> list[Array]:
    """What the file computes in torch, its weights those of the model by the names."""
    analysis = shapecalc.analyse(found.architecture, given)
    network = build(analysis).to_empty(device="cpu").eval()
    paths = [row.path for row in analysis.rows]
    for ours, theirs in found.names.items():
        path, _, weight = ours.rpartition(".")
        with torch.no_grad():
            state = network.layers[paths.index(path)].state_dict()
            state[weight].copy_(torch.from_numpy(numpy.array(part(theirs, stored))))
    with torch.no_grad():
        outputs = network(*map(torch.from_numpy, inputs), observe=lambda *_: None)
    return [y.numpy() for y in outputs]


def part(name: str, stored: Mapping[str, Array]) -> Array:
    """The weight that a name means: `W`, `W.T`, or in brackets places, a range, the order of the gates."""
    if name in stored:
        return stored[name]
    if name.endswith(".T"):
        return part(name.removesuffix(".T"), stored).T
    found = re.fullmatch(r"(.*)\[([^\[\]]*)\]", name)
    assert found, name
    array = part(found[1], stored)
    for word in found[2].split(", "):
        if word.isdigit():
            array = array[int(word)]
        elif "->" in word:
            old, new = word.split("->")
            rows = numpy.split(array, len(old))
            array = numpy.concatenate([rows[old.index(letter)] for letter in new])
        elif word.startswith("copy"):
            continue
        elif word == ":":
            array = array.reshape(-1)
        else:
            first, last = word.split(":")
            array = array[int(first or 0) : int(last) if last else None]
    return array
