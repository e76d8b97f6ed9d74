"""When each tensor is needed for the last time, and what must be held at once until then."""

from __future__ import annotations

from shapecalc.results import Analysis, Edge
from shapecalc.tensors import Dim, Tensor


def releases(analysis: Analysis) -> list[tuple[Edge, ...]]:
    """For each row, the tensors that nothing needs after it; an output of the network is kept."""
    last: dict[Edge, int] = {}
    for number, row in enumerate(analysis.rows):
        last.update(dict.fromkeys(row.edges, number))
        last.update({Edge(number, port): number for port in range(len(row.outputs))})
    freed: list[list[Edge]] = [[] for _ in analysis.rows]
    for edge, number in last.items():
        if edge not in analysis.output_edges:
            freed[number].append(edge)
    return [tuple(edges) for edges in freed]


def peak_bytes(analysis: Analysis) -> Dim:
    """Bytes of the tensors alive at once in a forward pass that frees each after its last use.

    An upper bound where a function gives a view of its input, and without the workspace of a library.
    """
    sizes: dict[Edge, Dim] = {}
    for port, tensor in enumerate(analysis.inputs.values()):
        sizes[Edge(-1, port)] = tensor.bytes
    alive = peak = sum(sizes.values())
    for number, (row, freed) in enumerate(zip(analysis.rows, releases(analysis), strict=True)):
        outputs: tuple[Tensor, ...] = row.outputs
        sizes.update({Edge(number, port): tensor.bytes for port, tensor in enumerate(outputs)})
        alive += sum(tensor.bytes for tensor in outputs)
        peak = max(peak, alive)
        alive -= sum(sizes.pop(edge) for edge in freed)
    return peak
