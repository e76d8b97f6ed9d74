"""The graph that autograd makes on the way forward: who holds which node, and which storages a node keeps.

A tensor holds the node that made it, and a node those that made its inputs. A node that nobody holds is
dropped, and the storages that were kept for it are let go: of a branch that no output needs, nothing stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from shapecalc.allocation.recording import Kernel
from shapecalc.analysis.memory.copies import UnsettledError
from shapecalc.analysis.memory.ledger import Ledger, RowKernels
from shapecalc.engine.nodes import Node


@dataclass(slots=True, eq=False)
class GradNode:
    """A kernel that autograd goes back through."""

    kernel: Kernel
    run: RowKernels
    before: Sequence[GradNode]
    versions: Sequence[int] = ()
    """How often each storage that is kept had been written over before."""
    holds: Sequence[int] = ()
    """The values of the tensors that are kept for it, and of what these are views of."""
    holders: int = 0
    again: Sequence[int] = ()
    """The storages that are kept for it once its segment has been computed again, till it has run."""
    copies: int = 1
    """For how many nodes it stands, of copies that are left out."""

    def values(self, numbers: Iterable[int]) -> list[int]:
        """The values of the pass that bear these numbers in the kernel's footprint."""
        return [self.run.values[number] for number in numbers]

    @property
    def outputs(self) -> list[int]:
        return self.values(self.kernel.outputs)

    @property
    def inputs(self) -> list[int]:
        return self.values(self.kernel.inputs)

    @property
    def kept(self) -> list[int]:
        if self.run.segment is None:
            return [self.run.storages[number] for number in self.kernel.kept]
        attributes = [self.run.storages[number] for number in self.kernel.attributes]
        return [*attributes, *(self.run.segment.storages if self.own else [])]

    @property
    def own(self) -> list[int]:
        """The storages that are kept for it, or would be, had it not its segment; no attributes of code."""
        kernel = self.kernel
        return [self.run.storages[number] for number in kernel.kept if number not in kernel.attributes]

    @property
    def released(self) -> list[int]:
        """The storages, of those kept, that are let go once the backward pass is through this node."""
        if self.run.segment is None:
            return self.own
        return self.run.segment.storages if self.own else []


class Graph:
    """The nodes in their order, and who holds them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.nodes: list[GradNode] = []
        self.makers: dict[int, GradNode] = {}
        """The node that made each value, the last one where it was written over."""
        self.tensors: Counter[int] = Counter()
        """How many hold each value."""
        self.bases: dict[int, int] = {}
        """The value that each view is a view of: whoever holds a view holds that too."""
        self.writers: dict[int, list[int]] = {}
        """The rows that wrote over each storage."""

    def add(self, run: RowKernels) -> None:
        """The nodes of the kernels that have been run; what they keep is held."""
        for kernel in run.kernels:
            inputs = dict.fromkeys([run.values[x] for x in kernel.inputs])
            before = [self.makers[x] for x in inputs if x in self.makers]
            node = GradNode(kernel, run, before)
            node.versions = self.versions(node)
            for each in before:
                each.holders += 1
            self.ledger.keep(node.kept, run.row)
            kept = [] if run.segment else node.values(kernel.holds)
            if run.segment:
                run.segment.nodes.append(node)
            node.holds = [*kept, *[self.bases[value] for value in kept if value in self.bases]]
            for value in node.holds:
                self.hold(value)
            for value in node.outputs:
                self.make(value, node)
            self.nodes.append(node)

    def versions(self, node: GradNode) -> list[int]:
        """How often each storage that is kept has been written over; an input of a segment, before that."""
        inputs = node.run.segment.versions if node.run.segment and node.own else []
        own = node.kept[: len(node.kept) - len(inputs)]
        return [*[self.version(storage) for storage in own], *inputs]

    def make(self, value: int, node: GradNode) -> None:
        known, count = self.makers.get(value), self.tensors[value]
        self.makers[value] = node
        node.holders += count
        if known is not None:
            known.holders -= count
            self.drop([known])

    def version(self, storage: int) -> int:
        """How often it has been written over."""
        return len(self.writers.get(storage, ()))

    def write(self, storage: int, row: int) -> None:
        self.writers.setdefault(storage, []).append(row)

    def hold(self, value: int) -> None:
        """Somebody holds the tensor."""
        self.tensors[value] += 1
        if value in self.makers:
            self.makers[value].holders += 1

    def release(self, value: int) -> None:
        self.tensors[value] -= 1
        if value in self.makers:
            self.makers[value].holders -= 1
            self.drop([self.makers[value]])

    def repeat(self, copies: Node | None) -> None:
        """The nodes of these rows stand for those of copies that are left out, too, if these are held.

        They are if those of the copy before are: what is not, each copy has dropped of the one before it.

        Raises:
            UnsettledError: the copy before has other nodes.
        """
        if copies:
            size = copies.stop - copies.start
            recent = [*takewhile(lambda node: node.run.row >= copies.start - size, reversed(self.nodes))]
            own = [node for node in recent if node.run.row >= copies.start]
            before = recent[len(own) :]
            if len(before) != len(own):
                raise UnsettledError
            for earlier, node in zip(before, own, strict=True):
                if earlier.holders >= 0:
                    node.copies *= copies.copies

    def sweep(self, first: int) -> None:
        """Drop the nodes, from a number on, that nobody holds."""
        for node in reversed(self.nodes[first:]):
            self.drop([node])

    def drop(self, left: list[GradNode]) -> None:
        """Drop the nodes without holders, and then the nodes and storages that only they held."""
        while left:
            node = left.pop()
            if node.holders:
                continue
            node.holders = -1  # gone
            for storage in node.kept:
                self.ledger.release(storage, node.copies)
            for each in [*node.before, *self.let_go(node.holds)]:
                each.holders -= 1
                left.append(each)

    def let_go(self, values: Sequence[int]) -> list[GradNode]:
        """The nodes of values that are held no more by a node."""
        for value in values:
            self.tensors[value] -= 1
        return [self.makers[value] for value in values if value in self.makers]

    def leading_to(self, values: set[int]) -> list[GradNode]:
        """The nodes on the way to these values, in the order of torch's engine: the last one first."""
        reached = {self.makers[value] for value in values if value in self.makers}
        way: list[GradNode] = []
        for node in reversed(self.nodes):
            if node in reached:
                reached.update(node.before)
                way.append(node)
        return way
