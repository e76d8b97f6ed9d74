"""A network in general: analysed with symbols in place of the sizes that an input may vary in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapecalc.architecture import Architecture
from shapecalc.engine import analyse
from shapecalc.results import Analysis
from shapecalc.symbolic import Expr, symbol
from shapecalc.tensors import Shape, Tensor

_AXES = {1: ("N",), 2: ("N", "L"), 3: ("N", "C", "L"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
"""Letters of the axes of a tensor by their number: batch, channels, depth, height, width, length."""


def generalised(inputs: Mapping[str, Tensor], batch: bool) -> dict[str, Tensor]:
    """Inputs with symbols in place of their spatial sizes, and of the batch; channels and features stay.

    The symbols of further inputs bear their names: `H`, `H_template`. Inputs with symbols stay as they are.
    """
    if any(isinstance(size, Expr) for tensor in inputs.values() for size in tensor.shape):
        return dict(inputs)
    first = next(iter(inputs))
    return {
        name: Tensor(_general(tensor, "" if name == first else f"_{name}", batch), tensor.dtype)
        for name, tensor in inputs.items()
    }


def _general(tensor: Tensor, suffix: str, batch: bool) -> Shape:
    letters = _AXES.get(tensor.rank, ())
    # Of two axes, the second one holds the features of a table, or the words of a text.
    varying = [2, 3, 4] if tensor.dtype.startswith("float") else [1, 2, 3, 4]
    shape = list(tensor.shape)
    for axis, letter in enumerate(letters):
        if axis in varying:
            shape[axis] = symbol(letter + suffix)
        elif axis == 0 and batch:
            shape[0] = symbol("N")
    return tuple(shape)


def in_general(
    architecture: Architecture,
    inputs: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    batch: bool = False,
) -> Analysis:
    """The network analysed with `generalised` inputs.

    Raises:
        ArchitectureError: a layer can't take formulas.
    """
    return analyse(architecture, generalised(inputs, batch), parameters)


def sizes_of(inputs: Mapping[str, Tensor], general: Mapping[str, Tensor]) -> dict[str, int]:
    """The numbers that the symbols of generalised inputs stand for; none where the inputs have symbols."""
    return {
        str(size): own
        for name, tensor in inputs.items()
        for own, size in zip(tensor.shape, general[name].shape, strict=True)
        if isinstance(own, int) and isinstance(size, Expr)
    }
