"""The tree that executed steps form, whose leaves are rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from shapecalc.tensors import Tensor


class Node(NamedTuple):
    """A step as it was executed: a layer, or a block, join, branch or group over its `children`.

    Its rows are those from `start` up to `stop`.
    """

    path: str
    label: str
    type: str
    output: Tensor
    start: int
    stop: int
    children: tuple[Node, ...] = ()
    copies: int = 1
    """Itself and the copies after it that it stands for: they do the same, and have no rows of their own."""

    @property
    def times(self) -> list[int]:
        """For each row of one copy, the number of layers that it stands for."""
        times = [1] * (self.stop - self.start)
        for node in all_nodes(self.children):
            if node.copies > 1:
                rows = slice(node.start - self.start, node.stop - self.start)
                times[rows] = [node.copies * number for number in times[rows]]
        return times


def all_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes of a tree, each before those below it."""
    waiting = [*reversed(nodes)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def standing_for_others(nodes: Sequence[Node]) -> list[Node]:
    """The nodes of a tree whose copies have no rows of their own, those inside of others first."""
    return [node for node in all_nodes(nodes) if node.copies > 1 and node.start < node.stop][::-1]


def moved_tree(
    nodes: Sequence[Node],
    starts: Sequence[int],
    inside: Callable[[Node], tuple[Node, ...]] = lambda _: (),
) -> tuple[Node, ...]:
    """A tree over other rows: `starts` has for each old row, and the end, the number of its first new one.

    `inside` gives children to what has none.
    """
    children = [moved_tree(node.children, starts, inside) or inside(node) for node in nodes]
    moved = zip(nodes, children, strict=True)
    return tuple([n._replace(start=starts[n.start], stop=starts[n.stop], children=own) for n, own in moved])


def copy_of(nodes: Sequence[Node], labels: Sequence[str]) -> Node | None:
    """The node that stands for the copy with these labels, from the top of the tree on."""
    for node in nodes:
        if labels[0] == node.label or (node.copies > 1 and _is_copy(labels[0], node)):
            return node if len(labels) == 1 else copy_of(node.children, labels[1:])
    return None


def _is_copy(label: str, node: Node) -> bool:
    name, _, index = label.rstrip("]").rpartition("[")
    own, _, first = node.label.rstrip("]").rpartition("[")
    return name == own and index.isdecimal() and 0 <= int(index) - int(first) < node.copies


def leaves(nodes: Sequence[Node], depth: int | None, times: int = 1) -> Iterator[Node]:
    """The nodes below which nothing is shown, to a depth; their totals add up to those of the network.

    A join whose branches are shown comes after them, as a node of its own row alone. Within copies, a
    node stands for `times` as many as it has itself.
    """
    for node in nodes:
        copies = times * node.copies
        if node.children and (depth is None or depth > 1):
            yield from leaves(node.children, depth and depth - 1, copies)
            if node.children[-1].stop < node.stop:
                yield node._replace(start=node.stop - 1, children=(), copies=copies)
        elif node.start < node.stop:
            yield node._replace(copies=copies) if copies > 1 else node
