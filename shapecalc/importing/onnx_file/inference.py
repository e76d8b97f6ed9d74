"""The shape of every tensor at given inputs, by ONNX's own inference; what hangs on no input, by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import onnx
from onnx import helper, numpy_helper, shape_inference

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.importing.onnx_file.graph import DTYPES, Graph, Node, Stored, dtype_of
from shapecalc.tensors import BYTES, Tensor

_LARGEST = 2**16
"""Elements of a tensor that is computed by value."""
_NUMBERS = {name: number for number, name in DTYPES.items()}
_DRAWN = {
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
}


class Inferred:
    """The tensors of a graph at given inputs: all by shape, those that hang on no input by value too."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Tensor]) -> None:
        self.graph = graph
        self.tensors: dict[str, Tensor] = {name: Tensor(s.shape, s.dtype) for name, s in graph.stored.items()}
        self.values: dict[str, Any] = {
            name: s.elements for name, s in graph.stored.items() if s.elements is not None
        }
        self.live: set[str] = {*inputs}
        """The tensors that hang on an input's values."""
        self.tensors |= inputs
        self.types = {name: _type(tensor) for name, tensor in self.tensors.items()}
        self.letters = _letters(graph, inputs)
        for node in graph.nodes:
            self.add(node)

    def add(self, node: Node) -> None:
        if node.type not in ("Shape", "Size") and any(x in self.live for x in node.inputs):
            self.live.update(filter(None, node.outputs))
        self.infer(node)
        if not any(y in self.live for y in node.outputs):
            self.evaluate(node)

    def infer(self, node: Node) -> None:
        """The shapes of what a node gives."""
        if node.foreign:
            self.believe(node)
            return
        try:
            schema = onnx.defs.get_schema(node.type, self.graph.opset, "")
        except Exception:
            if all(y in self.graph.told for y in node.outputs if y):
                self.believe(node)
                return
            known = f"ONNX has no operator {quoted(node.type)} in opset {self.graph.opset}"
            raise ArchitectureError(f"{known}, at node {quoted(node.name or node.outputs[0])}") from None
        reads = [x for x in node.inputs if x]
        types = {x: self.types[x] for x in reads if self.tensor(node, x)}
        data = {x: self.data(x) for x in reads if x in self.values and self.values[x].size <= _LARGEST}
        try:
            found = shape_inference.infer_node_outputs(
                schema, node.proto, types, data, opset_imports=self.graph.imports
            )
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ArchitectureError(f"{node}: {reason}") from None
        for name, type_ in found.items():
            if name:
                self.take(node, name, type_)

    def believe(self, node: Node) -> None:
        """Take the shapes that the file says for what a node gives, as nobody else knows them.

        Raises:
            ArchitectureError: it has letters that no input has.
        """
        for name in filter(None, node.outputs):
            dtype, told = self.graph.told[name]
            sizes = [self.letters.get(size) if isinstance(size, str) else size for size in told or []]
            if told is None or None in sizes:
                raise ArchitectureError(f"{node}: the file does not say the shape of {quoted(name)}")
            self.tensors[name] = Tensor(tuple(size for size in sizes if size is not None), dtype)
            self.types[name] = _type(self.tensors[name])

    def take(self, node: Node, name: str, found: Any) -> None:
        if found.WhichOneof("value") != "tensor_type":
            kind = (found.WhichOneof("value") or "nothing").removesuffix("_type")
            raise ArchitectureError(f"{node} gives {kind}, and no tensor")
        tensor = found.tensor_type
        sizes = [d.dim_value if d.WhichOneof("value") == "dim_value" else -1 for d in tensor.shape.dim]
        if not tensor.HasField("shape") or -1 in sizes:
            return
        dtype = dtype_of(tensor.elem_type, f"what {node} gives")
        self.tensors[name] = Tensor(tuple(sizes), dtype)
        self.types[name] = found

    def data(self, name: str) -> Any:
        return numpy_helper.from_array(numpy.asarray(self.values[name]), name)

    def evaluate(self, node: Node) -> None:
        """The values of what hangs on no input, where they are few; by ONNX's own reference."""
        if node.type in ("Shape", "Size"):
            self.measure(node)
            return
        reads = [x for x in node.inputs if x]
        made = [t.elements for y in node.outputs if (t := self.tensors.get(y))]
        large = any(not isinstance(count, int) or count > _LARGEST for count in made)
        if large or node.type in _DRAWN or not all(x in self.values for x in reads):
            return
        from onnx.reference import ReferenceEvaluator

        try:
            outputs = ReferenceEvaluator(self.alone(node)).run(None, {x: self.values[x] for x in reads})
        except Exception:
            return
        for name, value in zip([y for y in node.outputs if y], outputs, strict=True):
            self.hold(name, numpy.asarray(value))

    def hold(self, name: str, value: Any) -> None:
        if value.size > _LARGEST or value.dtype.name not in BYTES:
            return
        self.values[name] = value
        self.tensors[name] = Tensor(tuple(value.shape), value.dtype.name)
        self.types[name] = _type(self.tensors[name])

    def measure(self, node: Node) -> None:
        x = self.tensors.get(node.input(0))
        if x is None:
            return
        shape = numpy.array(x.shape, "int64")
        if node.type == "Size":
            self.hold(node.outputs[0], numpy.array(shape.prod(), "int64"))
            return
        self.hold(node.outputs[0], shape[node.attributes.get("start", 0) : node.attributes.get("end")])

    def alone(self, node: Node) -> Any:
        """A model of one node."""
        given = [helper.make_value_info(x, self.types[x]) for x in dict.fromkeys(node.inputs) if x]
        made = [helper.make_value_info(y, onnx.TypeProto()) for y in node.outputs if y]
        graph = helper.make_graph([node.proto], "node", given, made)
        return helper.make_model(graph, opset_imports=self.graph.imports)

    def tensor(self, node: Node, name: str) -> Tensor:
        """The shape of what a node reads or gives.

        Raises:
            ArchitectureError: it is not known.
        """
        if name not in self.tensors:
            raise ArchitectureError(
                f"{node}: the shape of {quoted(name)} hangs on values, which no formula knows"
            )
        return self.tensors[name]


def _letters(graph: Graph, inputs: Mapping[str, Tensor]) -> dict[str, int]:
    """The letters of the inputs, and the numbers in their place."""
    found: dict[str, int] = {}
    for name, (_, sizes) in graph.inputs.items():
        pairs = zip(sizes or [], inputs[name].shape, strict=False)
        found |= {own: n for own, n in pairs if isinstance(own, str) and isinstance(n, int)}
    return found


def _type(tensor: Tensor) -> Any:
    return helper.make_tensor_type_proto(_NUMBERS[tensor.dtype], list(tensor.shape))


__all__ = ["Inferred", "Stored"]
