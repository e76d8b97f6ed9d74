"""The nodes of a graph → calls of layers and functions here; a row of `rows` says what an operator becomes.

Every tensor has its shape at the given inputs, by ONNX, and its shape in letters, by the rules of the layers:
so what a graph computes of sizes is known as the formula that it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.importing.arguments import UnsayableError, dtype_told, fields_of, rows_of, told
from shapecalc.importing.onnx_file.constants import Constants
from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.importing.onnx_file.scopes import Scopes
from shapecalc.importing.onnx_file.weights import NOWHERE, Weight, Weights
from shapecalc.importing.onnx_file.written import sized, text
from shapecalc.importing.program import Call, Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Shape, Tensor

Row = Callable[["Lowering", Node], Any]
ROWS: dict[str, Row] = {}


row = rows_of(ROWS)
"""Declares what the operators of these names become."""


class Lowering:
    """Lowers the nodes of a graph one by one."""

    def __init__(self, graph: Graph, inferred: Inferred, inputs: Mapping[str, Tensor]) -> None:
        self.graph = graph
        self.inferred = inferred
        self.values: dict[str, Value] = {}
        self.shapes: dict[Value, Tensor] = {}
        """By value, its shape in letters."""
        self.weights = Weights(graph, inferred)
        self.constants = Constants(graph, inferred, self.hangs)
        self.made: dict[tuple[Scopes, str], Value] = {}
        """Weights and constants as tensors, by scope and name."""
        self.calls: list[Call] = []
        self.scopes: list[Scopes] = []
        """Of each call, the modules that it belongs to."""
        self.node = NOWHERE
        for name, tensor in inputs.items():
            self.values[name] = Value(inferred.tensors[name])
            self.shapes[self.values[name]] = tensor

    # A node after the other

    def lower(self, node: Node) -> None:
        """Record what a node becomes.

        Raises:
            ArchitectureError: a layer can't take what comes to it, or nothing here does the same.
        """
        self.node = node
        if self.folds(node):
            return
        make = ROWS.get(node.type)
        try:
            if make is None:
                raise UnsayableError(self.absent(node))
            made = make(self, node)
        except UnsayableError as error:
            if self.constants.computed(node):
                return
            made = self.opaque(node, str(error))
        except ArchitectureError as error:
            raise error.about(str(node)) from None
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            wrong = (
                f"its attributes or inputs are not those of the operator ({type(error).__name__}: {error})"
            )
            raise ArchitectureError(f"{node}: {wrong}") from None
        for name, value in zip(node.outputs, made if isinstance(made, list) else [made], strict=False):
            if name and isinstance(value, Value):
                self.name(name, value)

    def name(self, name: str, value: Value) -> None:
        """Let a value be the tensor of a name."""
        if value.tensor is None:
            value.tensor = self.inferred.tensors.get(name)
        self.values[name] = value

    def folds(self, node: Node) -> bool:
        """Whether a node computes what hangs on shapes alone: then it is no step."""
        if node.type in ("Shape", "Size"):
            if node.input(0) in self.values:
                self.constants.keep_shape(node, self.shape(self.values[node.input(0)]))
        elif any(self.hangs(x) for x in node.inputs):
            return False
        else:
            self.constants.compute(node)
        return True

    def hangs(self, name: str) -> bool:
        """Whether a tensor follows from an input or a weight."""
        return name in self.values or name in self.weights

    def absent(self, node: Node) -> str:
        """Why there is no row for a node."""
        domain = node.type.rpartition(".")[0]
        return f"it is of the domain {quoted(domain)}" if node.foreign else "it has no counterpart here"

    def opaque(self, node: Node, reason: str) -> list[Value | None]:
        """What nothing here does the same as; its outputs are those that ONNX says."""
        outputs = [Value(self.inferred.tensor(node, y)) for y in node.outputs if y]
        read = [x for x in node.inputs if x and self.hangs(x)]
        inputs = [self.tensor(x) for x in read]
        for name, x in zip(read, inputs, strict=True):
            x.tensor = self.inferred.tensor(node, name)
        if any(type(size) is not int for x in inputs for size in self.shape(x)):
            self.constants.pinned = True  # the file says its shapes at numbers alone
        self.record(Call(node.type, {}, inputs, outputs, reason=reason))
        for y in outputs:
            assert y.tensor is not None
            self.shapes[y] = y.tensor
        found = iter(outputs)
        return [next(found) if y else None for y in node.outputs]

    # What a row asks for

    def tensor(self, name: str) -> Value:
        """A tensor that a node reads, as a value."""
        if name in self.values:
            return self.values[name]
        where = self.node.scopes, name
        if where not in self.made:
            self.made[where] = self.source(name)
        return self.made[where]

    def source(self, name: str) -> Value:
        """A weight or a constant as a tensor."""
        if name in self.weights:
            return self.stored("parameter", self.weights[name])
        found = self.inferred.tensor(self.node, name)
        if name in self.constants.fills or self.constants.number(name, alone=False) is not None:
            return self.full(name, found)
        self.constants.pin(name)
        self.weights.buffers[name] = found
        return self.stored("buffer", self.weights.whole(name, self.node))

    def full(self, name: str, found: Tensor) -> Value:
        """A constant whose elements are all equal."""
        size, number = self.constants.fills.get(name, (None, self.constants.number(name, alone=False)))
        if size is None:
            self.constants.pin(name)
            size = [*found.shape]
        number = int(number) if found.dtype == "bool" else number
        usual = "int64" if type(number) is int else "float32"
        dtype = dtype_told(found.dtype, usual)
        made: Value = self.step("full", size=size, fill_value=number, **dtype)
        return made

    def stored(self, type_: str, weight: Weight) -> Value:
        dtype = dtype_told(weight.dtype, "float32")
        made: Value = self.step(type_, weights={"weight": weight}, shape=list(weight.shape), **dtype)
        return made

    def input(self, node: Node, number: int) -> Value:
        return self.tensor(node.input(number))

    def shape(self, x: Value) -> Shape:
        return self.shapes[x].shape

    def rank(self, x: Value) -> int:
        return self.shapes[x].rank

    def out(self, node: Node, number: int = 0) -> Tensor:
        """The shape of what a node gives, at the given inputs."""
        return self.inferred.tensor(node, node.outputs[number])

    # What a row records

    def step(
        self,
        type_: str,
        *inputs: Value,
        many: Any = 0,
        weights: Any = None,
        **arguments: Any,
    ) -> Any:
        """Record one call; its output, or a list of `many`. Arguments that are the defaults are left out."""
        fields = fields_of(type_)
        given = told(type_, {k: arguments[k] for k in fields if k in arguments})
        figures = LAYERS[type_](**{k: sized(v) for k, v in given.items()}).figures(
            tuple(self.shapes[x] for x in inputs)
        )
        outputs = [Value() for _ in figures.outputs[: max(1, many)]]
        self.shapes |= dict(zip(outputs, figures.outputs, strict=False))
        owned = self.weights.use(weights or {})
        self.record(Call(type_, {k: text(v) for k, v in given.items()}, [*inputs], outputs, owned))
        return outputs if many else outputs[0]

    def again(self, value: Value) -> Value:
        """The same tensor as the output of a step of its own."""
        made: Value = self.step("Identity", value)
        made.tensor = value.tensor
        return made

    def record(self, call: Call) -> None:
        call.place = f"node {quoted(self.node.name or (self.node.outputs or ['?'])[0])}"
        call.path = self.node.scopes[-1].path if self.node.scopes else ""
        self.calls.append(call)
        self.scopes.append(self.node.scopes)
