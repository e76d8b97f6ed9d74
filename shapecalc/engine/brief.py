"""Which of many copies of a step are not executed, since others that do the same stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row

_EXECUTED = 5
"""Copies of a step at either end of many that are executed before those between are left out."""


def leave_out(rows: Sequence[Row], nodes: list[Node], done: int, copies: int) -> int:
    """How many of the copies that follow are not executed: the last node stands for them too.

    A copy does what the one before it did if that did what the one before it did: rows are all that
    is handed on. The last copies are executed again, so that what follows is joined to them.
    """
    left = copies - done - _EXECUTED
    if done < _EXECUTED or left < _EXECUTED or not _do_the_same(rows, *nodes[-2:]):
        return 0
    nodes[-1] = nodes[-1]._replace(copies=1 + left)
    return left


def _do_the_same(rows: Sequence[Row], first: Node, second: Node) -> bool:
    """Whether two copies in a row do the same, and read the same or what lies as far before them.

    Of the copy before it, each reads one tensor at most, so that a network of whatever figures has one
    state that goes from copy to copy.
    """
    size = second.start - first.start
    if second.stop - second.start != size:
        return False
    before = first.start - size
    own, others = rows[first.start : second.start], rows[second.start : second.stop]
    read = {wire.edge for row in own for wire in row.sources if before <= wire.row < first.start}
    pairs = zip(own, others, strict=True)
    return len(read) <= 1 and all(_moved(a, before, size) == _moved(b, before, 0) for a, b in pairs)


def _moved(row: Row, start: int, by: int) -> tuple[Any, ...]:
    """What a row does; the numbers of rows from `start` on, which it reads or shares weights with, moved."""

    def other(number: int) -> int:
        return number + by if number >= start else number

    wires = [(wire.tensor, other(wire.row), wire.port) for wire in row.sources]
    shares = row.shares if row.shares is None else other(row.shares)
    return row.layer, row.figures.outputs, wires, shares, row.shared, row.frozen
