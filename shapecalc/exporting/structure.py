"""The tree of executed steps → regions with leaves: what becomes a class, what a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from shapecalc.engine.execution import Executed
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis, Edge
from shapecalc.engine.run import traced, whole
from shapecalc.errors import ArchitectureError
from shapecalc.exporting.helpers import foreign_modules
from shapecalc.exporting.program import Chain, Item, Leaf, Region, Several, is_module, leaves, owners
from shapecalc.exporting.sharing import share
from shapecalc.language.block import BlockStep
from shapecalc.language.heads import GROUP
from shapecalc.language.tree import ExpertsStep, LayerStep, Step


def structured(analysis: Analysis) -> Region:
    """The network as one region, for torch: as `regions`, with what shares weights and needs a device noted.

    Raises:
        ArchitectureError: a step has no counterpart in a module.
    """
    root = regions(analysis)
    lend(root)
    share(root)
    return root


def regions(analysis: Analysis, framework: str = "torch") -> Region:
    """The network as one region, for a framework, which its errors name.

    Raises:
        ArchitectureError: a step has no counterpart in a module.
    """
    steps: dict[str, Executed] = {}
    analysis = traced(whole(analysis, "export"), steps)
    reader = _Reader(analysis, steps, framework)
    root = Region(None, analysis.name, reader.listed(analysis.tree), [], [*analysis.output_edges])
    root.inputs = [Edge(-1, port) for port in range(len(analysis.inputs))]
    if len(analysis.inputs) > 1:
        root.called = {Edge(-1, port): name for port, name in enumerate(analysis.inputs)}
    root.called |= reader.called(analysis.tree)
    return root


def lend(region: Region) -> None:
    """Give each region that takes no tensor the first of the one around it, if it makes tensors of none.

    Such a tensor is to lie on the device of the others, which its `forward` is told by one of them.
    """
    for item in owners(region.items):
        if isinstance(item, Region):
            if not item.inputs and any(leaf.is_maker for leaf in leaves(item.items)):
                item.inputs = region.inputs[:1]
            lend(item)


class _Reader:
    def __init__(self, analysis: Analysis, steps: dict[str, Executed], framework: str) -> None:
        self.analysis = analysis
        self.framework = framework
        self.rows = analysis.rows
        self.steps = steps
        self.uses = Counter(edge for row in self.rows for edge in row.edges)
        self.uses.update(analysis.output_edges)
        self.readers: dict[Edge, int] = {}
        """By edge, the last row that reads it; of an output of the network, one after all."""
        for number, row in enumerate(self.rows):
            self.readers.update(dict.fromkeys(row.edges, number))
        self.readers.update(dict.fromkeys(analysis.output_edges, len(self.rows)))
        self.first: dict[Edge, int] = {}
        for number, row in reversed([*enumerate(self.rows)]):
            self.first.update(dict.fromkeys(row.edges, number))

    def listed(self, nodes: Sequence[Node]) -> list[Item]:
        """The items of a list of steps; copies of one step are together."""
        items: list[Item] = []
        for step, group in groupby(nodes, key=lambda node: self.steps[node.path].step):
            copies = [node for node in group if node.start < node.stop]
            items += self.copies(step, copies) if len(copies) > 1 else self.each(step, copies)
        return items

    def each(self, step: Step, nodes: Sequence[Node]) -> list[Item]:
        return [item for node in nodes for item in self.read(node, step)]

    def copies(self, step: Step, nodes: Sequence[Node]) -> list[Item]:
        """Copies of a step: in one item if each of them is a module."""
        name = self.name(step)
        items: list[Item] = []
        for node in nodes:
            copy = self.read(node, step, whole=True)
            if len(copy) != 1 or not self.is_whole(copy[0]):
                return self.each(step, nodes)
            items += copy
        base = "layers" if step.label == GROUP else items[0].base
        for item in items:
            item.name = None
        if self.is_series(items):
            return [Chain(name, base, items)]
        if step.loop is not None:
            return self.each(step, nodes)
        stop = nodes[-1].stop
        made = [edge for item in items[:-1] for edge in item.outputs]
        after = frozenset(edge for edge in made if self.readers.get(edge, -1) >= stop)
        return [Several(name, base, items, read_after=after)]

    def is_whole(self, item: Item) -> bool:
        return not isinstance(item, Leaf) or (item.is_module and is_module(item))

    def is_series(self, items: Sequence[Item]) -> bool:
        """Whether each takes what the one before gives, and nothing else reads that."""
        return all(map(is_module, items)) and all(
            a.outputs[0] == b.inputs[0] and self.only(a.outputs[0], b) for a, b in pairwise(items)
        )

    def only(self, edge: Edge, item: Item) -> bool:
        """Whether an edge is read by an item alone, which then is told by the first and last row that do."""
        numbers = [leaf.number for leaf in leaves([item])]
        return min(numbers) <= self.first[edge] and self.readers[edge] <= max(numbers)

    def read(self, node: Node, step: Step, whole: bool = False) -> list[Item]:
        """The items of one step; as one item where it can be, if it is to be `whole`."""
        if node.start == node.stop:
            return []
        name = self.name(step)
        if isinstance(step, ExpertsStep):
            message = f"experts: {self.framework} has no module that routes tokens to experts"
            raise ArchitectureError(message, path=node.path)
        if isinstance(step, LayerStep):
            inside = [item for branch in node.children for item in self.branch(branch)]
            items = [*inside, self.leaf(node.stop - 1, step, None if inside and whole else name)]
        else:
            items = self.listed(node.children)
        if isinstance(step, BlockStep) and not (len(items) == 1 and isinstance(items[0], (Leaf, Region))):
            return [self.block(node, step, items, name)]
        if len(items) == 1:
            items[0].name = name or items[0].name
            return items
        if (whole or (name and step.label == GROUP)) and self.is_series(items):
            return [Chain(name, "layers", spliced(items))]
        if whole and len(set(self.outputs(node))) == 1:
            return [self.region(node, step, items)]
        return items

    def name(self, step: Step) -> str | None:
        """The name that a step is given; not that of an element, which may be another step's too."""
        return step.names[0].text if len(step.names) == 1 and step.names[0].index is None else None

    def branch(self, node: Node) -> list[Item]:
        if node.path in self.steps:  # a fan of one step
            return self.read(node, self.steps[node.path].step)
        return self.listed(node.children)

    def leaf(self, number: int, step: Step, name: str | None) -> Leaf:
        row = self.rows[number]
        if row.layer.measured:
            message = (
                f"nothing says how {self.framework} computes {row.arguments['call']}: it was measured alone"
            )
            raise ArchitectureError(message, path=row.path)
        if row.type in foreign_modules():
            raise ArchitectureError(
                f"{row.type}: {self.framework} alone has no module of that name", path=row.path
            )
        outputs = [Edge(number, port) for port in range(len(row.outputs))]
        return Leaf(name, number, row, step, [*row.edges], outputs)

    def outputs(self, node: Node) -> list[Edge]:
        """The tensors of a step's rows that later rows read, in order."""
        made = [
            Edge(n, port) for n in range(node.start, node.stop) for port in range(len(self.rows[n].outputs))
        ]
        return [edge for edge in made if self.readers.get(edge, -1) >= node.stop]

    def taken(self, node: Node, wires: Sequence[Any]) -> list[Edge]:
        """The tensors of other rows that a step's rows read: its inputs first, then others."""
        read = [edge for row in self.rows[node.start : node.stop] for edge in row.edges]
        outside = dict.fromkeys(edge for edge in read if edge.row < node.start)
        given = [wire.edge for wire in wires if wire.edge in outside]
        return [*dict.fromkeys([*given, *outside])]

    def block(self, node: Node, step: BlockStep, items: list[Item], name: str | None) -> Region:
        executed = self.steps[node.path]
        gives = dict.fromkeys(wire.edge for wire in executed.gives if wire.row >= node.start)
        made = [*dict.fromkeys([*gives, *self.outputs(node)])]
        region = Region(name, str(step.block), items, self.taken(node, executed.takes), made)
        region.written = step.arguments
        if executed.block is not None:
            signature = executed.block.signature
            region.defaults = signature.parameters
            region.values = {name: executed.scope[name] for name in signature.parameters}
            tensors = zip(signature.tensors, executed.takes, strict=False)
            region.called = {wire.edge: tensor.text for tensor, wire in tensors}
        region.called |= self.called(node.children)
        return region

    def region(self, node: Node, step: Step, items: list[Item]) -> Region:
        takes = self.steps[node.path].takes
        region = Region(None, self.name(step) or "layer", items, [], [*dict.fromkeys(self.outputs(node))])
        region.inputs = self.taken(node, takes)
        region.called = self.called([node])
        return region

    def called(self, nodes: Sequence[Node]) -> dict[Edge, str]:
        """The names of tensors in a list of steps, but for those inside of blocks."""
        found: dict[Edge, str] = {}
        for node in self.below(nodes):
            executed = self.steps.get(node.path)
            if executed is None:
                continue
            for name, wire in zip(executed.step.names, executed.gives, strict=False):
                found[wire.edge] = (
                    node.label.replace("[", "").replace("]", "") if name.index is not None else name.text
                )
        return found

    def below(self, nodes: Sequence[Node]) -> Iterator[Node]:
        for node in nodes:
            yield node
            executed = self.steps.get(node.path)
            if executed is None or not isinstance(executed.step, BlockStep):
                yield from self.below(node.children)


def spliced(items: Sequence[Item]) -> list[Item]:
    """The items, with those of a series without a name in its place."""
    return [
        inner
        for item in items
        for inner in (item.items if isinstance(item, Chain) and not item.name else [item])
    ]
