"""A program that torch.export has saved → the program that it is here, at its own sizes and at others.

Shapes are those that the file has of every tensor; nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from shapecalc.errors import ArchitectureError
from shapecalc.importing import rows as _rows  # noqa: F401  # which declares what functions become
from shapecalc.importing.alignment import alike
from shapecalc.importing.arguments import of_one_number, stored
from shapecalc.importing.exported.archive import read_archive
from shapecalc.importing.exported.graph import (
    Dtype,
    Graph,
    Name,
    Node,
    Symbols,
    damaged,
    graph_of,
    symbols_of,
    tensors_in,
)
from shapecalc.importing.exported.inputs import input_names, other_values, values_at
from shapecalc.importing.exported.products import is_product, macs_of
from shapecalc.importing.exported.rows import EXPORTED
from shapecalc.importing.lowering import ROWS, Lowering
from shapecalc.importing.onnx_file.scopes import Scopes, alive, regions
from shapecalc.importing.program import Call, Program, Value
from shapecalc.importing.sizes import inferred
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor

_VIEWS = {"alias", "view", "reshape", "select", "slice", "narrow", "transpose", "permute", "t", "expand"}
_VIEWS |= {"squeeze", "unsqueeze", "flatten", "unflatten", "split", "chunk", "unbind", "detach", "contiguous"}
"""Operators whose outputs may lie where their input does."""

_OF_A_SHAPE = {f"new_{word}" for word in ("zeros", "ones", "full", "empty")}
_OF_A_SHAPE |= {f"{word}_like" for word in ("zeros", "ones", "full", "empty")}
"""Operators that read a tensor's shape alone."""


def read_exported(path: Path, shapes: str | Mapping[str, str] | None) -> Program:
    """The program of a file; `shapes` are of the one input, or of inputs by their names, where they are free.

    Raises:
        UsageError: there is no such file, it is no exported program, or it does not take such inputs.
        ArchitectureError: the program is damaged, or has what is no call on tensors.
    """
    source = read_archive(path)
    symbols = symbols_of(source)
    own = graph_of(source, symbols.hints)
    values = values_at(source, symbols, own, shapes)
    program = _program(path, own if values == symbols.hints else graph_of(source, values))
    program.runs = [*_runs(path, source, symbols, values, program)]
    with damaged():
        inferred(program)
    return program


def _runs(
    path: Path, source: Mapping[str, Any], symbols: Symbols, values: Mapping[str, int], program: Program
) -> Iterator[Program]:
    """The program at other values of its symbols, as far as it makes the same calls there."""
    for other in other_values(symbols, values):
        try:
            run = _program(path, graph_of(source, other))
        except ArchitectureError:
            return
        if other == values or not alike(program, run):
            return
        yield run


def _program(path: Path, graph: Graph) -> Program:
    if not graph.inputs or not graph.outputs:
        raise ArchitectureError("the program takes no tensor, or gives none")
    with damaged():
        return _Reading(graph).program(path.stem)


class _Reading:
    """Lowers the nodes of a graph one by one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = {name: Value(graph.tensors[name]) for name in graph.inputs}
        self.made: dict[tuple[Scopes, str], Value] = {}
        """Weights as tensors, by the modules that read them and their names in the graph."""
        self.pending: dict[Value, Call] = {}
        """The calls that make weights, until another reads them."""
        self.calls: list[Call] = []
        self.scopes: list[Scopes] = []
        self.known: dict[Value, Any] = {}
        """Values whose elements are known, as tensors."""
        self.shown: dict[str, str] = {}
        """By the name of a view, that of the tensor that it is of."""
        self.constant = {*graph.constants}
        """The names of tensors that hang on no input and no weight."""
        self.again: dict[str, str] = {}
        """By a name of a tensor that was written to, its first one."""
        self.node: Node | None = None
        self.number = 0
        self.last = dict.fromkeys(graph.outputs, len(graph.nodes))
        """By the name of a tensor, the number of the last node that reads it."""
        for number, node in enumerate(graph.nodes):
            read = tensors_in([node.args, [*node.kwargs.values()]])
            self.last |= {name: max(number, self.last.get(name, 0)) for name in read}

    def program(self, name: str) -> Program:
        for number, node in enumerate(self.graph.nodes):
            self.number = number
            self.lower(node)
        self.node = None
        outputs = [self.value(name) for name in self.graph.outputs]
        self.make(outputs)
        calls, scopes = alive(self.calls, self.scopes, outputs)
        body = regions(calls, scopes, outputs)
        inputs = dict(zip(input_names(self.graph), [self.values[x] for x in self.graph.inputs], strict=True))
        body.inputs = [*inputs.values()]
        tensors = self.graph.tensors
        return Program(
            name,
            inputs,
            body,
            {own: tensors[key] for key, own in self.graph.parameters.items()},
            {own: tensors[key] for key, own in self.graph.buffers.items()},
            frozenset(self.graph.frozen),
            None if any(call.reason for call in calls) else macs_of(self.graph, self.constant),
            origin="the exported program",
        )

    def lower(self, node: Node) -> None:
        """Record what a node becomes."""
        self.node = node
        shapes = [self.graph.tensors[name] for name in node.outputs]
        word = _word(node.target)
        written = word.endswith("_") and not word.startswith("_")
        plain = word.rstrip("_") if written else word
        read = tensors_in([node.args, [*node.kwargs.values()]])
        constant = plain in _OF_A_SHAPE or all(name in self.constant for name in read)
        if constant:
            self.constant.update(node.outputs)
        before = self.values.get(str(node.args[0])) if written and node.args else None
        if constant and (written or not self.is_sayable(plain) or is_product(node, self.graph)):
            made = [self.lost(shape) for shape in shapes]
        else:
            made = self.called(node, plain, shapes)
        for name, value, shape in zip(node.outputs, made, shapes, strict=True):
            value.tensor = value.tensor or shape
            self.values[name] = value
        if plain in _VIEWS and not written and node.args and isinstance(node.args[0], Name):
            self.shown |= dict.fromkeys(node.outputs, self.first_name(node.args[0]))
        if written:
            self.again |= dict.fromkeys(node.outputs, self.first_name(node.args[0]))
        if written and made[0] is not before:  # a dropout that predicts writes nothing
            self.write(node, made[0], constant)

    def is_sayable(self, word: str) -> bool:
        return word in EXPORTED or word in ROWS or word in LAYERS

    def called(self, node: Node, word: str, shapes: list[Tensor]) -> list[Value]:
        """What a node gives, by a row of its operator's or as opaque."""
        args = [self.argument(x) for x in node.args]
        kwargs = {name: self.argument(x) for name, x in node.kwargs.items()}
        to = Lowering(self.record, self.weight, self.known.get)
        aten = node.target.startswith("torch.ops.aten.")
        name = f"torch.ops.aten.{word}" if aten else node.target
        return to.lower(name, args, kwargs, shapes, EXPORTED.get(word) if aten else None)

    def lost(self, tensor: Tensor) -> Value:
        """A constant whose values are not computed, as nothing is run: zeros of its shape."""
        value = Value(tensor)
        self.pending[value] = Call(*of_one_number(0, tensor), [], [value], lost=True)
        return value

    def write(self, node: Node, value: Value, constant: bool) -> None:
        """Let the tensor that an operator writes to be what it makes of it; so what that is a part of."""
        name = self.first_name(node.args[0])
        self.values |= {own: value for own, first in self.again.items() if first == name}
        self.values[name] = value
        if constant:
            while name := self.shown.get(name, ""):
                self.values[name] = self.lost(self.graph.tensors[name])
        elif any(self.last.get(other, -1) > self.number for other in self.beside(name)):
            hint = "program.run_decompositions() makes one that writes nothing in place"
            raise ArchitectureError(f"{node.place}: {node.target} writes to a part of a tensor", hint=hint)

    def first_name(self, name: str) -> str:
        """The first name of a tensor, which has another one after each time that it is written to."""
        return self.again.get(name, str(name))

    def beside(self, name: str) -> set[str]:
        """The other tensors that may lie in the memory of one."""
        whole = name
        while whole in self.shown:
            whole = self.shown[whole]
        found, before = {whole}, 0
        while len(found) > before:
            before = len(found)
            found |= {part for part, of in self.shown.items() if of in found}
        found.discard(name)
        return found | {own for own, first in self.again.items() if first in found}

    def argument(self, x: Any) -> Any:
        if isinstance(x, Name):
            return self.value(x)
        if isinstance(x, Dtype):
            return getattr(torch, x)
        return [self.argument(item) for item in x] if isinstance(x, list) else x

    def value(self, name: str) -> Value:
        if name in self.values:
            return self.values[name]
        where = self.node.scopes if self.node else (), str(name)
        if where not in self.made:
            self.made[where] = self.source(name)
        return self.made[where]

    def source(self, name: str) -> Value:
        """A weight as a tensor, by a call that is recorded once something reads it; a constant, as zeros."""
        tensor = self.graph.tensors[name]
        own = self.graph.parameters.get(name) or self.graph.buffers.get(name)
        if own is None:
            return self.lost(tensor)
        value = Value(tensor)
        type_ = "parameter" if name in self.graph.parameters else "buffer"
        self.pending[value] = stored(type_, own, value)
        return value

    def weight(self, value: Value) -> str | None:
        """The name of the weight that a value is, if no step has read it as a tensor."""
        source = self.pending.get(value)
        return next(iter(source.weights.values()), None) if source else None

    def record(self, call: Call) -> None:
        self.make(call.inputs)
        scopes = self.node.scopes if self.node else ()
        call.place = self.node.place if self.node else ""
        call.path = scopes[-1].path if scopes else ""
        self.calls.append(call)
        self.scopes.append(scopes)
        if (known := _known(call)) is not None:
            self.known[call.outputs[0]] = known

    def make(self, values: list[Value]) -> None:
        for value in values:
            if source := self.pending.pop(value, None):
                self.record(source)


def _known(call: Call) -> Any:
    """The elements that a call makes, if it makes them of nothing."""
    numbers = {"zeros": 0, "ones": 1, "full": call.arguments.get("fill_value")}
    if call.type in numbers and call.outputs[0].tensor:
        return torch.tensor(numbers[call.type]).expand(call.outputs[0].tensor.shape)
    given = call.arguments
    return (
        torch.arange(given.get("start", 0), given["end"], given.get("step", 1))
        if call.type == "arange"
        else None
    )


def _word(target: str) -> str:
    """The operator of torch.ops.aten.add.Tensor: add."""
    parts = target.split(".")
    return parts[-2] if len(parts) > 2 else parts[-1]
