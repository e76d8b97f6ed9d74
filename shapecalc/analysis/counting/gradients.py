"""How many multiply-accumulates the gradients take in a step of training.

A product of two factors has a gradient for each of them, which is as many products again. A matrix needs
its gradient unless it is frozen; an input of a layer does where a trained parameter lies before it, which
none does before the first convolution. How many there are of one layer is a rule of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.errors import UnknownError
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import is_differentiable

NO_WAY_BACK = "no output depends on a trainable parameter: torch has no way back"

OfRow: TypeAlias = Callable[[Row, Wanted], Dim]
"""The MACs of the gradients that are wanted of a row."""


def of_row(row: Row, wanted: Wanted) -> Dim:
    """What its layer says.

    Raises:
        UnknownError: it is not known.
    """
    with collecting():  # what has to hold was recorded with the figures
        return row.layer.gradient_macs(*row.inputs, wanted=wanted)


def gradient_macs(analysis: Analysis, of_row: OfRow = of_row) -> Dim | Unknown:
    """The MACs of the gradients of all trained parameters that an output depends on."""
    found: list[Dim] = []
    for number, wanted in wanted_gradients(analysis):
        row = analysis.rows[number]
        try:
            found.append(analysis.times[number] * of_row(row, wanted))
        except UnknownError as error:
            return Unknown(f"{row.path}: {error.message}")
    return summed(found[::-1]) if found else Unknown(NO_WAY_BACK)


def wanted_gradients(analysis: Analysis) -> Iterator[tuple[int, Wanted]]:
    """The numbers of the rows that a gradient goes back through, the last one first, with what is wanted."""
    carrying = carrying_gradients(analysis)
    reached = carrying & set(analysis.output_edges)
    for number in reversed(range(len(analysis.rows))):
        row = analysis.rows[number]
        outputs = tuple([Edge(number, port) in reached for port in range(len(row.outputs))])
        if not any(outputs):
            continue
        inputs = _inputs(row, [port for port, arrives in enumerate(outputs) if arrives])
        flows = tuple([i in inputs and edge in carrying for i, edge in enumerate(row.edges)])
        reached |= {edge for edge, flow in zip(row.edges, flows, strict=True) if flow}
        yield number, Wanted(flows, row.trained, outputs)


def carrying_gradients(analysis: Analysis) -> set[Edge]:
    """The tensors of which a gradient goes back to a trained parameter: torch's `requires_grad`."""
    found: set[Edge] = set()
    for number, row in enumerate(analysis.rows):
        for port, tensor in enumerate(row.outputs):
            inputs = [row.edges[i] for i in _inputs(row, [port])]
            if is_differentiable(tensor.dtype) and (row.trained or not found.isdisjoint(inputs)):
                found.add(Edge(number, port))
    return found


def _inputs(row: Row, ports: Iterable[int]) -> set[int]:
    """The inputs of a row, by their positions, that a gradient of these outputs goes back to."""
    return {i for port in ports for i in row.layer.gradient_inputs(port, len(row.edges))}
