"""Memory of copies that a brief analysis leaves out: the bytes that one adds, times how many there are.

From one copy to the next, the bytes that are alive at a moment grow by the same number. So the most is alive
in the first or in the last of them, and both are among those that are executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shapecalc.engine.nodes import Node, standing_for_others
from shapecalc.engine.results import Analysis
from shapecalc.symbolic import Dim


class UnsettledError(Exception):
    """Copies that do the same on shapes do not need the same memory: each has to be looked at."""


class Leaps:
    """Where a pass leaps over copies, by the number of the row after the last one that is executed."""

    def __init__(self, analysis: Analysis) -> None:
        self.at: Mapping[int, Node] = {node.stop: node for node in standing_for_others(analysis.tree)}
        self.levels: dict[int, Dim] = {}
        """The bytes alive when the rows before a number are done, or on the way back those from it on."""

    def forward(self, stop: int, alive: Dim) -> Dim:
        """What is alive after the rows before `stop`, and after the copies that follow and are left out."""
        return self._leap(stop, alive, -1)

    def back(self, start: int, alive: Dim) -> Dim:
        """What is alive on the way back after the rows from `start` on, and after copies left out there."""
        return self._leap(start, alive, 1)

    def _leap(self, place: int, alive: Dim, before: int) -> Dim:
        node = self.at.get(place)
        if node:
            size = before * (node.stop - node.start)
            earlier = [self.levels.get(place + n * size, 0) for n in (1, 2)]
            if alive - earlier[0] != earlier[0] - earlier[1]:
                raise UnsettledError
            alive = alive + (node.copies - 1) * (alive - earlier[0])
        self.levels[place] = alive
        return alive


def check_settled(analysis: Analysis, kinds: Sequence[object]) -> None:
    """Refuse copies whose rows are not of the same kinds as those of the copy before them.

    Raises:
        UnsettledError: there are such.
    """
    for node in standing_for_others(analysis.tree):
        size = node.stop - node.start
        if kinds[node.start : node.stop] != kinds[node.start - size : node.start]:
            raise UnsettledError
