"""The learned tensors of a graph, which calls have under the layers' own names of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred
from shapecalc.tensors import Tensor, is_floating

NOWHERE = Node("", "", [], [], {})
"""In place of the node that reads a tensor, where none does."""


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


class Weights:
    """The weights of a graph by the names of its tensors, and which of them calls have."""

    def __init__(self, graph: Graph, inferred: Inferred) -> None:
        self.graph = graph
        self.inferred = inferred
        self.named: dict[str, Weight] = {name: self.whole(name) for name in graph.learned}
        """By the tensor of the graph, the weight that it is."""
        self.only_copied = self.copied_only()
        """Weights that nothing reads but what gives them other names, each of which is one of its own."""
        self.used: dict[str, Weight] = {}
        """By name, the weights that calls have."""
        self.buffers: dict[str, Tensor] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.named

    def __getitem__(self, name: str) -> Weight:
        return self.named[name]

    def __setitem__(self, name: str, weight: Weight) -> None:
        self.named[name] = weight

    def get(self, name: str) -> Weight | None:
        return self.named.get(name)

    def whole(self, name: str, node: Node = NOWHERE) -> Weight:
        """A tensor of the file, or one that is computed of none but such, which a node reads."""
        found = self.graph.stored.get(name)
        if found:
            return Weight(name, found.shape, found.dtype)
        shape, dtype = self.inferred.tensor(node, name)
        return Weight(name, tuple(size for size in shape if isinstance(size, int)), dtype)

    def learned(self, node: Node, number: int) -> Weight | None:
        """The weight that a node reads; a constant of real numbers in the place of one is one."""
        name = node.input(number)
        found = self.graph.stored.get(name)
        if name not in self.named and found and is_floating(found.dtype):
            self.named[name] = Weight(name, found.shape, found.dtype, beside=True)
        return self.named.get(name)

    def own(self, weights: Mapping[str, Weight]) -> dict[str, Weight]:
        """The weights of a call: exporters store those once whose elements are all the same, like ones.

        Where another call has one already, this call has its own, unless others show that a layer runs twice.
        """
        alike = {key for key, weight in weights.items() if self.is_uniform(weight)}
        again = any(w.name in self.used for key, w in weights.items() if key not in alike)
        return {key: self.anew(w) if key in alike and not again else w for key, w in weights.items()}

    def use(self, weights: Mapping[str, Weight]) -> dict[str, str]:
        """Take note of the weights of a call; their names, by the layer's own."""
        own = self.own(weights)
        self.used |= {w.name: w for w in own.values()}
        return {key: w.name for key, w in own.items()}

    def is_uniform(self, weight: Weight) -> bool:
        """Whether all elements of a weight are the same."""
        array = self.inferred.values.get(weight.origin)
        return array is not None and array.size > 1 and bool((array == array.flat[0]).all())

    def copied_only(self) -> set[str]:
        readers: dict[str, set[str]] = {name: set() for name in self.graph.learned}
        for node in self.graph.nodes:
            for name in readers.keys() & set(node.inputs):
                readers[name].add(node.type)
        alone = [name for name, types in readers.items() if types == {"Identity"}]
        return {name for name in alone if self.is_uniform(self.named[name])}

    def anew(self, weight: Weight) -> Weight:
        """A weight under a name that no call has."""
        if weight.name not in self.used:
            return weight
        names = (f"{weight.name}[copy {number}]" for number in count(2))
        return weight.copy(next(name for name in names if name not in self.used))

    def stored_beside(self, weight: Weight | None) -> None:
        """Take note that a tensor is a statistic, which is no parameter."""
        if weight is not None:
            self.buffers[weight.name] = Tensor(weight.shape, weight.dtype)
