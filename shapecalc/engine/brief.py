"""Which of many copies of a step are not executed, because one that does the same stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row

_EXECUTED = 5
"""Copies at either end of many that are executed in any case."""


def leave_out(rows: Sequence[Row], nodes: list[Node], done: int, copies: int) -> int:
    """How many of the copies that follow are not executed: the last node stands for them too.

    If two copies in a row do the same, all that follow do: nothing but tensors goes from one to the next.
    The last copies are executed all the same, so that what comes after them reads rows of their own.
    """
    left = copies - done - _EXECUTED
    if done < _EXECUTED or left < _EXECUTED or not _do_the_same(rows, *nodes[-2:]):
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


def _moved(row: Row, start: int, by: int) -> tuple[Any, ...]:
    """All that a row does, with `by` added to the numbers of the rows from `start` on that it refers to."""

    def other(number: int) -> int:
        return number + by if number >= start else number

    wires = [(wire.tensor, other(wire.row), wire.port) for wire in row.sources]
    shares = row.shares if row.shares is None else other(row.shares)
    return row.layer, row.figures.outputs, wires, shares, row.shared, row.frozen
