"""An ONNX file → its graph as plain objects: nodes in an order of execution, what is stored, the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import numpy
import onnx
from onnx import TensorProto, numpy_helper

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.importing.onnx_file.scopes import Scopes, scopes_of
from shapecalc.importing.onnx_file.skimming import skimmed
from shapecalc.tensors import is_floating

DTYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.INT16: "int16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.BOOL: "bool",
    TensorProto.COMPLEX64: "complex64",
    TensorProto.COMPLEX128: "complex128",
}
"""By ONNX's number of a dtype, torch's name of it."""

_OLDEST = 9


@dataclass(eq=False, slots=True)
class Node:
    """One operation: its type, its attributes, and the names of what it reads and gives, '' for none."""

    type: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    scopes: Scopes = ()
    """The modules that it belongs to, the outermost first."""
    proto: Any = None
    foreign: bool = False
    """Whether it is of a domain that is not ONNX's own, which its type then begins with."""

    def __str__(self) -> str:
        return f"{self.type} {quoted(self.name or (self.outputs or ['?'])[0])}"

    def input(self, number: int) -> str:
        return self.inputs[number] if number < len(self.inputs) else ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of the file: its shape, its dtype, and its elements where these are few."""

    shape: tuple[int, ...]
    dtype: str
    elements: Any = None


@dataclass(slots=True)
class Graph:
    """A model as it stands in its file."""

    opset: int
    nodes: list[Node]
    stored: dict[str, Stored]
    inputs: dict[str, tuple[str, list[int | str | None] | None]]
    """By name, the dtype and the sizes: a number, a letter, or None of one that is not told."""
    outputs: list[str]
    learned: set[str]
    """Those of the stored tensors that may be weights: initializers of real numbers, with axes."""
    imports: list[Any] = field(default_factory=list)
    told: dict[str, tuple[str, list[int | str | None] | None]] = field(default_factory=dict)
    """By the name of a tensor, the dtype and the sizes that the file says it has."""


def read_graph(path: Path) -> Graph:
    """The graph of a file; no weight is read, and nothing but the file itself.

    Raises:
        UsageError: there is no such file.
        ArchitectureError: it is no ONNX file, or its graph is none.
    """
    try:
        model = onnx.ModelProto.FromString(skimmed(path))
    except Exception as error:
        if isinstance(error, ArchitectureError) or not type(error).__name__ == "DecodeError":
            raise
        raise ArchitectureError(f"{path} is no ONNX file, or cut off") from None
    if not model.HasField("graph") or not model.opset_import:
        raise ArchitectureError(f"{path} is no ONNX file: it has no graph")
    if model.functions:
        names = ", ".join(f.name for f in model.functions[:3])
        hint = "onnx.inliner.inline_local_functions(model) makes nodes of them"
        raise ArchitectureError(f"{path} has functions of its own: {names}", hint=hint)
    return _graph(model)


def _graph(model: Any) -> Graph:
    graph = model.graph
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    newest = onnx.defs.onnx_opset_version()
    if not _OLDEST <= opset <= newest:
        raise ArchitectureError(
            f"the model is of opset {opset}: {_OLDEST} to {newest} are read",
            hint="onnx.version_converter.convert_version(model, 20) makes another of it",
        )
    stored = {t.name: _stored(t) for t in graph.initializer}
    if len(stored) != len(graph.initializer):
        raise ArchitectureError("two initializers have the same name")
    learned = {name for name, s in stored.items() if is_floating(s.dtype) and s.shape}
    if graph.sparse_initializer:
        raise ArchitectureError("the model has sparse initializers, which are not read")
    inputs = {i.name: _input(i) for i in graph.input if i.name not in stored}
    told = {i.name: _input(i) for i in (*graph.value_info, *graph.output) if _is_tensor(i)}
    nodes = [_node(n) for n in graph.node]
    for node in nodes:
        _check_told(node, told)
    stored |= {"".join(n.outputs): _constant(n) for n in nodes if n.type == "Constant"}
    rest = [n for n in nodes if n.type != "Constant"]
    ordered = _in_order(rest, {*stored, *inputs})
    outputs = [o.name for o in graph.output]
    known = {*stored, *inputs, *(y for n in ordered for y in n.outputs)}
    if missing := [name for name in outputs if name not in known]:
        raise ArchitectureError(f"nothing makes the output {quoted(missing[0])}")
    if not inputs or not outputs:
        raise ArchitectureError("the model has no inputs, or no outputs")
    return Graph(opset, ordered, stored, inputs, outputs, learned, [*model.opset_import], told)


def _is_tensor(info: Any) -> bool:
    return bool(info.type.WhichOneof("value") == "tensor_type")


def _check_told(node: Node, told: Mapping[str, Any]) -> None:
    """Refuse a node of another domain, unless the file says the shapes of what it gives."""
    if node.foreign and any(y not in told or told[y][1] is None for y in node.outputs if y):
        domain, _, name = node.type.rpartition(".")
        where = f"at node {quoted(node.name or (node.outputs or ['?'])[0])}"
        raise ArchitectureError(
            f"the operator {name}, {where}, is of the domain {quoted(domain)}, not ONNX's own",
            hint="value_info of the shapes that it gives lets it be opaque; or leave it out of the model",
        )


def _node(proto: Any) -> Node:
    name = proto.name
    if not all(isinstance(text, str) for text in (name, proto.op_type, *proto.input, *proto.output)):
        raise ArchitectureError("the names of a node are no text: the file is damaged")
    foreign = proto.domain not in ("", "ai.onnx")
    attributes = {a.name: _attribute(a) for a in proto.attribute}
    if any(isinstance(value, onnx.GraphProto) for value in attributes.values()):
        where = quoted(name or (proto.output or ["?"])[0])
        raise ArchitectureError(f"{proto.op_type} {where} is control flow, which hangs on values")
    scopes = scopes_of(name, {p.key: p.value for p in proto.metadata_props})
    type_ = f"{proto.domain}.{proto.op_type}" if foreign else proto.op_type
    return Node(type_, name, [*proto.input], [*proto.output], attributes, scopes, proto, foreign)


def _attribute(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return _stored(value)
    return (
        [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in value]
        if isinstance(value, (list, tuple))
        else value
    )


def _constant(node: Node) -> Stored:
    if not node.outputs or len(node.outputs) != 1 or len(node.attributes) != 1:
        raise ArchitectureError(f"{node} has not one value and one output")
    (name, value), *_ = node.attributes.items()
    if isinstance(value, Stored):
        return value
    dtype = {"value_int": "int64", "value_ints": "int64", "value_float": "float32", "value_floats": "float32"}
    if name not in dtype:
        raise ArchitectureError(f"{node} holds {name}, which is no tensor of numbers")
    made = numpy.array(value, dtype[name])
    return Stored(made.shape, dtype[name], made)


def _stored(tensor: Any) -> Stored:
    _check_location(tensor)
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise ArchitectureError(f"the tensor {quoted(tensor.name)} has a size below 0: {list(shape)}")
    dtype = dtype_of(tensor.data_type, f"the tensor {quoted(tensor.name)}")
    return Stored(shape, dtype, _elements(tensor, prod(shape)))


def _elements(tensor: Any, count: int) -> Any:
    """The elements, if the file has them and they are few."""
    held = tensor.raw_data or tensor.float_data or tensor.int32_data or tensor.int64_data
    if tensor.data_location == TensorProto.EXTERNAL or count > 2**20:
        return None
    if count and not (held or tensor.double_data or tensor.uint64_data):
        return None
    try:
        return numpy_helper.to_array(tensor)
    except Exception:
        message = f"the tensor {quoted(tensor.name)} of {count:,} elements has data of another size"
        raise ArchitectureError(message) from None


def _check_location(tensor: Any) -> None:
    """Refuse external data outside of the model's folder, though it is never read."""
    for entry in tensor.external_data if tensor.data_location == TensorProto.EXTERNAL else ():
        where = PurePosixPath(entry.value.replace("\\", "/"))
        if entry.key == "location" and (where.is_absolute() or ".." in where.parts or ":" in entry.value):
            message = f"the data of {quoted(tensor.name)} are said to be outside of the model's folder"
            raise ArchitectureError(f"{message}: {quoted(entry.value)}")


def dtype_of(number: int, what: str) -> str:
    if number not in DTYPES:
        name = TensorProto.DataType.Name(number) if number in TensorProto.DataType.values() else str(number)
        raise ArchitectureError(f"{what} is of {name}, which no tensor here is of")
    return DTYPES[number]


def _input(info: Any) -> tuple[str, list[int | str | None] | None]:
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        found = (kind or "nothing").removesuffix("_type")
        raise ArchitectureError(f"the input {quoted(info.name)} is {found}, and no tensor")
    tensor = info.type.tensor_type
    dtype = dtype_of(tensor.elem_type, f"the input {quoted(info.name)}")
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, [_size(d) for d in tensor.shape.dim]


def _size(dim: Any) -> int | str | None:
    if dim.WhichOneof("value") == "dim_value":
        return int(dim.dim_value) if dim.dim_value > 0 else None
    return dim.dim_param or None


def _in_order(nodes: list[Node], known: set[str]) -> list[Node]:
    """The nodes, each after those that make what it reads."""
    made: dict[str, Node] = {}
    for node in nodes:
        for name in filter(None, node.outputs):
            if name in made or name in known:
                raise ArchitectureError(f"{node} gives {quoted(name)}, which is there already")
            made[name] = node
    for node in nodes:
        for name in filter(None, node.inputs):
            if name not in made and name not in known:
                raise ArchitectureError(f"{node} reads {quoted(name)}, which nothing makes")
    return [*_sorted(nodes, made)]


def _sorted(nodes: Iterable[Node], made: Mapping[str, Node]) -> Iterator[Node]:
    done: set[int] = set()
    for first in nodes:
        waiting = [first]
        open_: set[int] = set()
        while waiting:
            node = waiting[-1]
            if id(node) in done:
                waiting.pop()
                continue
            before = [made[x] for x in node.inputs if x in made and id(made[x]) not in done]
            if id(node) in open_ and before:
                raise ArchitectureError(f"the graph has a cycle: {node} reads what follows from it")
            if not before:
                done.add(id(node))
                waiting.pop()
                yield node
                continue
            open_.add(id(node))
            waiting += reversed(before)
