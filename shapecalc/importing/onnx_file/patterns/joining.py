"""The search for what exporters write as several operators: what patterns ask for, and their table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred


class Joining:
    """The nodes of a graph, among which several are looked for that are one."""

    def __init__(self, graph: Graph, inferred: Inferred) -> None:
        self.graph = graph
        self.inferred = inferred
        self.maker = {y: node for node in graph.nodes for y in node.outputs if y}
        self.uses = Counter(x for node in graph.nodes for x in node.inputs)
        self.uses.update(graph.outputs)

    def nodes(self) -> list[Node]:
        """All nodes, those that are one layer of torch's written as one, where the last of them is."""
        found: dict[int, Node] = {}
        for node in self.graph.nodes:
            for pattern in PATTERNS.get(node.type, ()):
                made = pattern(self, node)
                if made is not None:
                    found[id(node)] = made
                    self.maker[node.outputs[0]] = made
                    break
        return self.needed([found.get(id(node), node) for node in self.graph.nodes])

    def needed(self, nodes: list[Node]) -> list[Node]:
        """Those of the nodes that an output hangs on."""
        wanted = {*self.graph.outputs}
        kept = []
        for node in reversed(nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        return kept[::-1]

    # What patterns ask for

    def made(self, name: str, *types: str) -> Node | None:
        """The node that makes a tensor, if it is of one of these types."""
        node = self.maker.get(name)
        return node if node is not None and node.type in types else None

    def only(self, name: str, *types: str) -> Node | None:
        """The same, if one node alone reads the tensor."""
        return self.made(name, *types) if self.uses[name] == 1 else None

    def number(self, name: str) -> float | None:
        """The one number that a constant is."""
        array = self.inferred.values.get(name)
        return (
            float(array.flat[0])
            if array is not None and array.size == 1 and array.dtype.kind in "fiu"
            else None
        )

    def learned(self, name: str) -> bool:
        """Whether a tensor is a weight, under its own name or another."""
        while alias := self.made(name, "Identity"):
            name = alias.input(0)
        return name in self.graph.learned

    def near(self, name: str, number: float) -> bool:
        """Whether a constant is a number, as exactly as float32 holds it."""
        found = self.number(name)
        return found is not None and abs(found - number) <= abs(number) * 2**-20

    def sides(self, node: Node) -> Iterable[tuple[str, str]]:
        """The two operands of what does not care for their order, in both."""
        first, second = node.inputs
        return (first, second), (second, first)

    def beside(self, node: Node | None, number: float) -> str | None:
        """The other operand of a number."""
        found = (x for x, y in self.sides(node) if self.near(y, number)) if node else ()
        return next(iter(found), None)


def in_place_of(node: Node, type_: str, *inputs: str, **attributes: Any) -> Node:
    """One node in the place of several, the last of which is `node`; the others are read no more."""
    return replace(node, type=type_, inputs=[*inputs], attributes=attributes)


Pattern = Callable[[Joining, Node], "Node | None"]
PATTERNS: dict[str, list[Pattern]] = {}


def last(*types: str) -> Callable[[Pattern], Pattern]:
    """Declares what may be found at a node of these types, which is the last of several."""

    def declare(function: Pattern) -> Pattern:
        for type_ in types:
            PATTERNS.setdefault(type_, []).append(function)
        return function

    return declare
