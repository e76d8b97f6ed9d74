"""What is not executed, because something that does the same was: copies of a step, uses of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.engine.given import Wires
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row, Wire

_EXECUTED = 5
"""Copies at either end of many that are executed in any case."""


class Exit(NamedTuple):
    """What a copy leaves: its tensors and, by the names that it has bound, a tensor and its step's rows."""

    wires: tuple[Wire, ...]
    names: Mapping[str, tuple[Wire, tuple[int, int]]]


def leave_out(rows: Sequence[Row], nodes: list[Node], exits: Sequence[Exit], done: int, copies: int) -> int:
    """How many of the copies that follow are not executed: the last node stands for them too.

    If two copies in a row do the same and leave the same, all that follow do: nothing but tensors goes from
    one to the next. The last copies are executed all the same, so that what comes after them reads rows of
    their own.
    """
    left = copies - done - _EXECUTED
    if done < _EXECUTED or left < _EXECUTED or not _do_the_same(rows, *nodes[-2:]):
        return 0
    if not _leave_the_same(exits, nodes[-done].start, nodes[-1]):
        return 0
    nodes[-1] = nodes[-1]._replace(copies=1 + left)
    return left


def _do_the_same(rows: Sequence[Row], first: Node, second: Node) -> bool:
    """Whether two copies in a row do the same, and read the same tensors or those as many rows before them.

    Each may read at most one tensor of the copy before it, so that a single state goes from copy to copy.
    """
    size = second.start - first.start
    if second.stop - second.start != size:
        return False
    before = first.start - size
    own, others = rows[first.start : second.start], rows[second.start : second.stop]
    read = {wire.edge for row in own for wire in row.sources if before <= wire.row < first.start}
    pairs = zip(own, others, strict=True)
    return len(read) <= 1 and all(_moved(a, before, size) == _moved(b, before, 0) for a, b in pairs)


def _leave_the_same(exits: Sequence[Exit], begin: int, last: Node) -> bool:
    """Whether two copies in a row leave the same: tensors as far apart as they are, or from before them all.

    `begin` is the first row of the first copy. What is left has to be of the last few copies, since those
    are executed at the end too.
    """
    first, second = exits
    size = last.stop - last.start

    def same(a: int, b: int) -> bool:
        return b == a + size and b >= last.start - size * (_EXECUTED - 1) if a >= begin else b == a

    def alike(a: Wire, b: Wire) -> bool:
        return (a.tensor, a.port) == (b.tensor, b.port) and same(a.row, b.row)

    if first.names.keys() != second.names.keys() or len(first.wires) != len(second.wires):
        return False
    pairs = [(first.names[name], second.names[name]) for name in first.names]
    wires = [*zip(first.wires, second.wires, strict=True), *((a[0], b[0]) for a, b in pairs)]
    return all(alike(a, b) for a, b in wires) and all(same(a[1][0], b[1][0]) for a, b in pairs)


def _moved(row: Row, start: int, by: int) -> tuple[Any, ...]:
    """All that a row does, with `by` added to the numbers of the rows from `start` on that it refers to."""

    def other(number: int) -> int:
        return number + by if number >= start else number

    wires = [(wire.tensor, other(wire.row), wire.port) for wire in row.sources]
    shares = row.shares if row.shares is None else other(row.shares)
    return row.layer, row.figures.outputs, wires, shares, row.shared, row.frozen, row.stored


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
