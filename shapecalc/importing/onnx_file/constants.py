"""What is known of tensors that hang on no weight and, of the input, on sizes alone: numbers and formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file import sizes
from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.importing.onnx_file.written import plain
from shapecalc.symbolic import Expr
from shapecalc.tensors import Shape, product

_KEEPING = {"Slice", "Unsqueeze", "Squeeze", "Transpose", "Cast", "Identity", "Gather", "Reshape"}
"""What gives the elements of a constant in other places: of equal ones, the same."""


class Constants:
    """The constants of a graph by the names of its tensors; the nodes that compute them are no steps."""

    def __init__(self, graph: Graph, inferred: Inferred, hangs: Callable[[str], bool]) -> None:
        """`hangs` says whether a tensor follows from an input or a weight: then it is no constant."""
        self.graph = graph
        self.inferred = inferred
        self.hangs = hangs
        self.known: dict[str, Any] = {}
        """Sizes that hang on letters, by the name of the tensor that holds them."""
        self.lettered: set[str] = set()
        """Constants that hang on letters."""
        self.fills: dict[str, tuple[list[Any] | None, Any]] = {}
        """By name, the size and the number of a constant of equal elements; None of an unknown size."""
        self.ranges: dict[str, tuple[int, Any, int]] = {}
        """By name, start and length of whole numbers in a row, and the axes of 1 before theirs."""
        self.by_value: set[str] = set()
        """Stored tensors that are read as numbers, and are no weights."""
        self.pinned = False
        """Whether sizes that hang on letters were read as the numbers that they are here."""

    # A node after the other

    def compute(self, node: Node) -> None:
        """Keep what a node makes of constants."""
        if self.fill(node) or self.range(node) or self.lettered.isdisjoint(node.inputs):
            return
        given = [
            self.known.get(x) if x in self.lettered else self.inferred.values.get(x) for x in node.inputs
        ]
        missing = any(x and found is None for x, found in zip(node.inputs, given, strict=True))
        self.know(node, None if missing else sizes.computed(node, given))

    def fill(self, node: Node) -> bool:
        """Whether a node makes a constant of equal elements, whose size has letters."""
        if node.input(0) in self.fills and node.type in _KEEPING:
            self.fills[node.outputs[0]] = None, self.fills[node.input(0)][1]
            self.lettered.update(node.outputs)
            return True
        name = node.input(0 if node.type == "ConstantOfShape" else 1)
        if node.type not in ("ConstantOfShape", "Expand") or name not in self.known:
            return False
        number = self.number(node.input(0)) if node.type == "Expand" else _filling(node)
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

    def keep_shape(self, node: Node, shape: Shape) -> None:
        """Keep what Shape or Size gives of a tensor of this shape."""
        if node.type == "Size":
            found = sizes.objects([product(shape)]).reshape(())
        else:
            found = sizes.objects(shape[node.attributes.get("start", 0) : node.attributes.get("end")])
        self.know(node, found)

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

    # What is known

    def pin(self, name: str) -> None:
        """Take note that a constant is written as it is at these sizes."""
        self.pinned = self.pinned or name in self.lettered

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


def _filling(node: Node) -> Any:
    """The number that a ConstantOfShape is made of."""
    stored = node.attributes.get("value")
    return plain(stored.elements.flat[0]) if stored else 0.0
