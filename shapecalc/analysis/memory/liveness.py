"""When each tensor is needed for the last time, and which rows an output needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from shapecalc.engine.results import Analysis, Edge

Releases: TypeAlias = Sequence[tuple[Edge, ...]]
"""For each row, the tensors that nothing needs after it."""


def releases(analysis: Analysis) -> Releases:
    """For each row, the tensors that nothing needs after it; an output of the network is kept."""
    last: dict[Edge, int] = {}
    for index, row in enumerate(analysis.rows):
        for wire in row.sources:
            last[wire.edge] = index
        for port in range(len(row.outputs)):
            last[Edge(index, port)] = index
    freed: list[list[Edge]] = [[] for _ in analysis.rows]
    for edge, index in last.items():
        if edge not in analysis.output_edges:
            freed[index].append(edge)
    return [tuple(edges) for edges in freed]


def needed(analysis: Analysis) -> set[int]:
    """The numbers of the rows that an output of the network depends on."""
    found: set[int] = set()
    left = [edge.row for edge in analysis.output_edges]
    while left:
        number = left.pop()
        if number >= 0 and number not in found:
            found.add(number)
            left += [edge.row for edge in analysis.rows[number].edges]
    return found
