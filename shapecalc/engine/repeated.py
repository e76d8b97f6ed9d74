"""Uses of a block that do the same: it is executed once, and the others copy its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shapecalc.engine.given import Wires
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row, Wire


class Use(NamedTuple):
    """A use of a block as it was executed, which others like it copy."""

    path: str
    start: int
    """The number of its first row."""
    rows: Sequence[Row]
    nodes: tuple[Node, ...]
    counted: int
    """Its layers and blocks, as an execution counts them."""
    takes: Wires
    gives: Wires
    closed: bool
    """Whether its steps read no name from around it."""

    def copied(self, path: str, start: int, takes: Wires) -> Use:
        """The same at another path, from another row on, and on other tensors, which are like its own."""
        return _Copy(self, path, start, takes).made()


class _Copy:
    """A use of a block that is made of another."""

    def __init__(self, use: Use, path: str, start: int, takes: Wires) -> None:
        self.use = use
        self.path = path
        self.start = start
        self.takes = takes
        self.by = start - use.start
        self.from_outside = {(old.row, old.port): new for old, new in zip(use.takes, takes, strict=True)}

    def made(self) -> Use:
        rows = [self.row(row) for row in self.use.rows]
        gives = self.wires(self.use.gives)
        nodes = self.nodes(self.use.nodes)
        return Use(self.path, self.start, rows, nodes, self.use.counted, self.takes, gives, closed=True)

    def row(self, row: Row) -> Row:
        path, layer, sources, figures, shares, shared, frozen, stored = row
        path, sources = self.path_of(path), self.wires(sources)
        shares = None if shares is None else shares + self.by
        return Row(path, layer, sources, figures, shares, shared, frozen, stored)

    def wires(self, wires: Wires) -> Wires:
        by, first, outside = self.by, self.use.start, self.from_outside
        return tuple(
            [
                Wire(tensor, row + by, port) if row >= first else outside[row, port]
                for tensor, row, port in wires
            ]
        )

    def nodes(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple([self.node(node) for node in nodes])

    def node(self, node: Node) -> Node:
        path, label, of, output, start, stop, children, copies = node
        rows = start + self.by, stop + self.by
        return Node(self.path_of(path), label, of, output, *rows, self.nodes(children), copies)

    def path_of(self, path: str) -> str:
        return self.path + path[len(self.use.path) :]
