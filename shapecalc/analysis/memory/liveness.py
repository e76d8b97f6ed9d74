"""When each tensor is needed for the last time, and what must be held at once until then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from shapecalc.engine.results import Analysis, Edge
from shapecalc.symbolic import number

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


def peak_bytes(analysis: Analysis) -> int:
    """Bytes of the tensors alive at once in a forward pass that frees each after its last use.

    An upper bound where a function gives a view of its input, and without the workspace of a library.
    """
    sizes: dict[Edge, int] = {}
    for port, tensor in enumerate(analysis.inputs.values()):
        sizes[Edge(-1, port)] = number(tensor.bytes)
    alive = peak = sum(sizes.values())
    for index, (row, freed) in enumerate(zip(analysis.rows, releases(analysis), strict=True)):
        made = {Edge(index, port): number(tensor.bytes) for port, tensor in enumerate(row.outputs)}
        sizes.update(made)
        alive += sum(made.values())
        peak = max(peak, alive)
        alive -= sum(sizes.pop(edge) for edge in freed)
    return peak
