"""How many multiply-accumulates the gradients take in a step of training.

A product of two factors has a gradient for each of them, which is as many products again. A matrix needs
its gradient unless it is frozen; an input of a layer does where a trained parameter lies before it, which
none does before the first convolution. How many there are of one layer is a rule of the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from shapecalc.analysis.memory.liveness import needed
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.errors import UnknownError
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import is_differentiable

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
    live = needed(analysis)
    read = {*analysis.output_edges, *(edge for n in live for edge in analysis.rows[n].edges)}
    differentiable: set[Edge] = set()
    found: list[Dim] = []
    for number, row in enumerate(analysis.rows):
        made = {Edge(number, port): tensor for port, tensor in enumerate(row.outputs)}
        inputs = tuple([edge in differentiable for edge in row.edges])
        wanted = Wanted(inputs, frozenset(row.learned) - row.frozen, tuple([edge in read for edge in made]))
        if not any(inputs) and not wanted.weights:
            continue
        differentiable |= {edge for edge, tensor in made.items() if is_differentiable(tensor.dtype)}
        if number in live:
            try:
                found.append(analysis.times[number] * of_row(row, wanted))
            except UnknownError as error:
                return Unknown(f"{row.path}: {error.message}")
    if differentiable.isdisjoint(analysis.output_edges):
        return Unknown("no output depends on a trainable parameter: torch has no way back")
    return summed(found)
