"""The nodes of a graph → calls of layers and functions here; a row of `rows` says what an operator becomes.

Every tensor has its shape at the given inputs, by ONNX, and its shape in letters, by the rules of the layers:
so what a graph computes of sizes is known as the formula that it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import isfinite, isinf
from typing import Any

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.importing.onnx_file import sizes
from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.importing.onnx_file.scopes import Scopes
from shapecalc.importing.program import Call, Text, Value
from shapecalc.layers import LAYERS
from shapecalc.symbolic import Dim, Expr
from shapecalc.tensors import Shape, Tensor, is_floating, product

Row = Callable[["Lowering", Node], Any]
ROWS: dict[str, Row] = {}


def row(*operators: str) -> Callable[[Row], Row]:
    """Declares what the operators of these names become."""

    def declare(function: Row) -> Row:
        ROWS.update(dict.fromkeys(operators, function))
        return function

    return declare


class UnsayableError(Exception):
    """A node that has no form here."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A learned tensor of the file, or one made of it: `fc.weight.T` is turned, `W[0]` a part."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    of: str = ""
    """The tensor of the file that it is made of, if it is not that one itself."""
    beside: bool = False
    """Whether it is a weight beside the initializers: a constant, or one of several that were equal."""

    @property
    def origin(self) -> str:
        return self.of or self.name

    def turned(self) -> Weight:
        name = self.of if self.name == f"{self.of}.T" else f"{self.name}.T"
        return replace(self, name=name, shape=self.shape[::-1], of=self.origin)

    def part(self, index: str, *shape: int) -> Weight:
        return replace(self, name=f"{self.name}[{index}]", shape=shape, of=self.origin)

    def copy(self, name: str) -> Weight:
        return replace(self, name=name, of=self.origin, beside=True)


_KEEPING = {"Slice", "Unsqueeze", "Squeeze", "Transpose", "Cast", "Identity", "Gather", "Reshape"}
"""What gives the elements of a constant in other places: of equal ones, the same."""


class Lowering:
    """Lowers the nodes of a graph one by one."""

    def __init__(self, graph: Graph, inferred: Inferred, inputs: Mapping[str, Tensor]) -> None:
        self.graph = graph
        self.inferred = inferred
        self.values: dict[str, Value] = {}
        self.shapes: dict[Value, Tensor] = {}
        """By value, its shape in letters."""
        self.known: dict[str, Any] = {}
        """Sizes that hang on letters, by the name of the tensor that holds them."""
        self.lettered: set[str] = set()
        """Constants that hang on letters."""
        self.fills: dict[str, tuple[list[Any] | None, Any]] = {}
        """By name, the size and the number of a constant of equal elements; None of an unknown size."""
        self.ranges: dict[str, tuple[int, Any, int]] = {}
        """By name, start and length of whole numbers in a row, and the axes of 1 before theirs."""
        self.weights: dict[str, Weight] = {name: self.whole(name) for name in graph.learned}
        self.by_value: set[str] = set()
        """Stored tensors that are read as numbers, and are no weights."""
        self.only_copied = self.copied_only()
        """Weights that nothing reads but what gives them other names, each of which is one of its own."""
        self.pinned = False
        """Whether sizes that hang on letters were read as the numbers that they are here."""
        self.made: dict[tuple[Scopes, str], Value] = {}
        """Weights and constants as tensors, by scope and name."""
        self.calls: list[Call] = []
        self.scopes: list[Scopes] = []
        """Of each call, the modules that it belongs to."""
        self.used: dict[str, Weight] = {}
        """By name, the weights that calls have."""
        self.buffers: dict[str, Tensor] = {}
        self.node = Node("", "", [], [], {})
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
                raise UnsayableError("it has no counterpart here")
            made = make(self, node)
        except UnsayableError as error:
            if self.computed(node):
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
                self.keep_shape(node, self.shape(self.values[node.input(0)]))
            return True
        if any(self.hangs(x) for x in node.inputs):
            return False
        if self.fill(node) or self.range(node):
            return True
        if any(x in self.lettered for x in node.inputs):
            given = [
                self.known.get(x) if x in self.lettered else self.inferred.values.get(x) for x in node.inputs
            ]
            missing = any(x and found is None for x, found in zip(node.inputs, given, strict=True))
            self.know(node, None if missing else sizes.computed(node, given))
        return True

    def fill(self, node: Node) -> bool:
        """Whether a node makes a constant of equal elements, whose size has letters."""
        if node.input(0) in self.fills and node.type in _KEEPING:
            self.fills[node.outputs[0]] = None, self.fills[node.input(0)][1]
            self.lettered.update(node.outputs)
            return True
        name = node.input(0 if node.type == "ConstantOfShape" else 1)
        if node.type not in ("ConstantOfShape", "Expand") or name not in self.known:
            return False
        stored = node.attributes.get("value")
        if node.type == "Expand":
            number = self.number(node.input(0))
        else:
            number = plain(stored.elements.flat[0]) if stored else 0.0
        if number is not None:
            self.fills[node.outputs[0]] = [*self.known[name]], number
        self.lettered.update(node.outputs)
        return True

    def range(self, node: Node) -> bool:
        """Whether a node makes whole numbers in a row, up to a size with letters."""
        if node.type == "Range" and node.input(1) in self.known:
            start, step = self.number(node.input(0)), self.number(node.input(2))
            if type(start) is not int or step != 1:
                return False
            self.ranges[node.outputs[0]] = start, self.known[node.input(1)].item() - start, 0
        elif node.input(0) in self.ranges and (node.type == "Cast" or self.leads(node)):
            start, length, lead = self.ranges[node.input(0)]
            self.ranges[node.outputs[0]] = start, length, lead + (node.type == "Unsqueeze")
        else:
            return False
        self.lettered.update(node.outputs)
        return True

    def leads(self, node: Node) -> bool:
        """Whether a node puts an axis of 1 before all others."""
        return node.type == "Unsqueeze" and self.ints(node, "axes", 1) == [0]

    def know(self, node: Node, found: Any) -> None:
        """Keep what is computed of letters: sizes with formulas, or None if nobody knows them."""
        if found is None or len(node.outputs) > 1:
            self.lettered.update(node.outputs)
        elif sizes.has_formulas(found):
            self.lettered.add(node.outputs[0])
            self.known[node.outputs[0]] = found

    def computed(self, node: Node) -> bool:
        """Whether what a node gives is known of stored numbers, which then are no weights."""
        if not all(y in self.inferred.values for y in node.outputs if y):
            return False
        self.by_value.update(self.graph.learned.intersection(node.inputs))
        return True

    def hangs(self, name: str) -> bool:
        """Whether a tensor follows from an input or a weight."""
        return name in self.values or name in self.weights

    def keep_shape(self, node: Node, shape: Shape) -> None:
        if node.type == "Size":
            found = sizes.objects([product(shape)]).reshape(())
        else:
            found = sizes.objects(shape[node.attributes.get("start", 0) : node.attributes.get("end")])
        self.know(node, found)

    def opaque(self, node: Node, reason: str) -> list[Value | None]:
        """What nothing here does the same as; its outputs are those that ONNX says."""
        outputs = [Value(self.inferred.tensor(node, y)) for y in node.outputs if y]
        inputs = [self.tensor(x) for x in node.inputs if x and self.hangs(x)]
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
            weight = self.weights[name]
            return self.stored("parameter", weight)
        found = self.inferred.tensor(self.node, name)
        if name in self.fills or self.number(name, alone=False) is not None:
            return self.full(name, found)
        self.pinned = self.pinned or name in self.lettered
        self.buffers[name] = found
        return self.stored("buffer", self.whole(name))

    def full(self, name: str, found: Tensor) -> Value:
        """A constant whose elements are all equal."""
        size, number = self.fills.get(name, (None, self.number(name, alone=False)))
        if size is None:
            self.pinned = self.pinned or name in self.lettered
            size = [*found.shape]
        number = int(number) if found.dtype == "bool" else number
        usual = "int64" if type(number) is int else "float32"
        dtype = {} if found.dtype == usual else {"dtype": found.dtype}
        made: Value = self.step("full", size=size, fill_value=number, **dtype)
        return made

    def whole(self, name: str) -> Weight:
        """A tensor of the file, or one that is computed of none but such."""
        found = self.graph.stored.get(name)
        if found:
            return Weight(name, found.shape, found.dtype)
        shape, dtype = self.inferred.tensor(self.node, name)
        return Weight(name, tuple(size for size in shape if isinstance(size, int)), dtype)

    def stored(self, type_: str, weight: Weight) -> Value:
        dtype = {} if weight.dtype == "float32" else {"dtype": weight.dtype}
        made: Value = self.step(type_, weights={"weight": weight}, shape=list(weight.shape), **dtype)
        return made

    def input(self, node: Node, number: int) -> Value:
        return self.tensor(node.input(number))

    def shape(self, x: Value) -> Shape:
        return self.shapes[x].shape

    def rank(self, x: Value) -> int:
        return self.shapes[x].rank

    def array(self, name: str) -> Any:
        """The elements of a constant, None if they are not known, or if it is a weight."""
        if not name or self.hangs(name):
            return None
        if name in self.lettered and name not in self.known:
            self.pinned = True
        return self.known.get(name, self.inferred.values.get(name))

    def elements(self, name: str) -> Any:
        """The elements of a stored tensor that is no weight, though it may look like one."""
        if name in self.graph.learned and name in self.inferred.values:
            self.by_value.add(name)
            return self.inferred.values[name]
        return self.array(name)

    def number(self, name: str, alone: bool = True) -> Any:
        """The number that a constant is: one element or, unless `alone`, equal ones."""
        if name in self.fills:
            return None if alone else self.fills[name][1]
        array = self.array(name)
        if array is None or not array.size or (alone and array.size > 1) or array.dtype == object:
            return None
        first = array.flat[0]
        if array.size > 1 and not (array == first).all():
            return None
        return plain(first)

    def ints(self, node: Node, attribute: str, number: int) -> list[Any] | None:
        """Whole numbers of an attribute or, in newer opsets, of an input; formulas among them.

        Raises:
            UnsayableError: they hang on values.
        """
        if attribute in node.attributes:
            found = node.attributes[attribute]
            return list(found) if isinstance(found, (list, tuple)) else [found]
        name = node.input(number)
        if not name:
            return None
        array = self.elements(name)
        if array is None:
            raise UnsayableError(f"its {attribute} hangs on values, which no formula knows")
        return [x if isinstance(x, Expr) else int(x) for x in array.flat]

    def weight(self, name: str) -> Weight | None:
        return self.weights.get(name)

    def learned(self, node: Node, number: int) -> Weight | None:
        """The weight that a node reads; a constant of real numbers in the place of one is one."""
        name = node.input(number)
        found = self.graph.stored.get(name)
        if name not in self.weights and found and is_floating(found.dtype):
            self.weights[name] = Weight(name, found.shape, found.dtype, beside=True)
        return self.weights.get(name)

    def own(self, weights: Mapping[str, Weight]) -> dict[str, Weight]:
        """The weights of a call: exporters store those once whose elements are all the same, like ones.

        Where another call has one already, this call has its own, unless others show that a layer runs twice.
        """
        alike = {key for key, weight in weights.items() if self.is_uniform(weight)}
        again = any(w.name in self.used for key, w in weights.items() if key not in alike)
        return {key: self.anew(w) if key in alike and not again else w for key, w in weights.items()}

    def is_uniform(self, weight: Weight) -> bool:
        array = self.inferred.values.get(weight.origin)
        return array is not None and array.size > 1 and bool((array == array.flat[0]).all())

    def copied_only(self) -> set[str]:
        readers: dict[str, set[str]] = {name: set() for name in self.graph.learned}
        for node in self.graph.nodes:
            for name in readers.keys() & set(node.inputs):
                readers[name].add(node.type)
        alone = [name for name, types in readers.items() if types == {"Identity"}]
        return {name for name in alone if self.is_uniform(self.weights[name])}

    def anew(self, weight: Weight) -> Weight:
        if weight.name not in self.used:
            return weight
        names = (f"{weight.name}[copy {number}]" for number in count(2))
        return weight.copy(next(name for name in names if name not in self.used))

    def stored_beside(self, weight: Weight | None) -> None:
        """Take note that a tensor is a statistic, which is no parameter."""
        if weight is not None:
            self.buffers[weight.name] = Tensor(weight.shape, weight.dtype)

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
        if type_ not in LAYERS:
            raise UnsayableError(f"{type_} is no layer type here")
        fields = LAYERS[type_].fields
        if any(isinstance(v, float) and not _sayable(fields[k], v) for k, v in arguments.items()):
            raise UnsayableError(f"{type_} takes no infinite numbers")
        written = {k: arguments[k] for k in fields if k in arguments}
        given = {k: v for k, v in written.items() if fields[k].required or not _is_default(fields[k], v)}
        figures = LAYERS[type_](**{k: _sized(v) for k, v in given.items()}).figures(
            tuple(self.shapes[x] for x in inputs)
        )
        outputs = [Value() for _ in figures.outputs[: max(1, many)]]
        self.shapes |= dict(zip(outputs, figures.outputs, strict=False))
        own = self.own(weights or {})
        self.used |= {w.name: w for w in own.values()}
        owned = {key: w.name for key, w in own.items()}
        self.record(Call(type_, {k: _text(v) for k, v in given.items()}, [*inputs], outputs, owned))
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


def plain(number: Any) -> Any:
    """A number of numpy's as a file has it: the shortest that is the same in its dtype."""
    if number.dtype.kind == "f":
        return float(str(number))
    return number.item() if number.dtype.kind in "iub" else None


def of_dtype(number: Any, dtype: str) -> Any:
    """A number beside a tensor: beside real ones a whole float is written as a whole number."""
    if isinstance(number, float) and number.is_integer() and is_floating(dtype) and abs(number) < 2**53:
        return int(number)
    return number


def alike(values: Sequence[Any]) -> Any:
    """Of equal numbers one, else the list of them."""
    items = list(values)
    return items[0] if items and all(type(x) is int and x == items[0] for x in items) else items


def _sized(value: Any) -> Any:
    return tuple(map(_sized, value)) if isinstance(value, list) else value


def _text(value: Any) -> Any:
    """An argument as a file has it: of a formula its text."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    return Text(value.ascii()) if isinstance(value, Expr) else value


def _sayable(field: Any, value: float) -> bool:
    """Whether a file may have a number there: .inf stands for few arguments, and nothing for nan."""
    return isfinite(value) or (field.infinite and isinf(value))


def _is_default(field: Any, value: Any) -> bool:
    if value is None or field.default is None:
        return value is None and field.default is None
    return type(value) is type(field.default) and bool(value == field.default)


__all__ = ["ROWS", "Dim", "Lowering", "UnsayableError", "Weight", "alike", "of_dtype", "plain", "row"]
