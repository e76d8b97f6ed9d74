"""A network for every input: analysed with symbols in place of the sizes that may vary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError
from shapecalc.language.architecture import Architecture
from shapecalc.language.inputs import check_symbol
from shapecalc.symbolic import Expr, symbol, symbols_in
from shapecalc.tensors import Tensor, is_floating

_AXES = {1: ("N",), 2: ("N", "L"), 3: ("N", "C", "L"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
"""Letters of the axes of a tensor by their number: batch, channels, depth, height, width, length."""


def generalised(
    architecture: Architecture, inputs: Mapping[str, Tensor], batch: bool, taken: Collection[str] = ()
) -> dict[str, Tensor]:
    """Inputs with symbols in place of their spatial sizes, and of the batch; channels and features stay.

    A size that the file has as a parameter is a symbol of its name, in all inputs. Other symbols of further
    inputs bear the input's name, `H`, `H_template`, or its number where no symbol may have that, as `L_2` of
    an input `text`; a name that is `taken` gets a line after it. Inputs with symbols stay as they are.
    """
    if any(isinstance(size, Expr) for tensor in inputs.values() for size in tensor.shape):
        return dict(inputs)
    decided, general = architecture.decided, {}
    for place, (name, tensor) in enumerate(inputs.items(), 1):
        letters = _letters(tensor, "" if place == 1 else _ending(name, place), batch)
        texts = [expression.text for expression in architecture.inputs[name].sizes]
        if len(texts) == tensor.rank:
            own = [text if text in decided else None for text in texts]
            letters = [letter and (mine or letter) for letter, mine in zip(letters, own, strict=True)]
        letters = [letter and (f"{letter}_" if letter in taken else letter) for letter in letters]
        sizes = zip(letters, tensor.shape, strict=True)
        shape = tuple(symbol(letter) if letter else size for letter, size in sizes)
        general[name] = Tensor(shape, tensor.dtype)
    return general


def _ending(name: str, place: int) -> str:
    """The ending of the symbols of a further input, such that `--input` accepts the printed names."""
    try:
        check_symbol(f"L_{name}")
    except ArchitectureError:
        return f"_{place}"
    return f"_{name}"


def _letters(tensor: Tensor, suffix: str, batch: bool) -> list[str | None]:
    """A letter for each axis whose size may vary, None for the others."""
    # Of two axes, the second one holds the features of a table, or the words of a text.
    varying = (2, 3, 4) if is_floating(tensor.dtype) else (1, 2, 3, 4)
    letters = _AXES.get(tensor.rank, ())
    found: list[str | None] = [None] * tensor.rank
    for axis, letter in enumerate(letters):
        if axis in varying:
            found[axis] = letter + suffix
        elif axis == 0 and batch:
            found[axis] = "N"
    return found


def in_general(
    architecture: Architecture,
    inputs: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    batch: bool = False,
) -> Analysis:
    """The analysis of the network with `generalised` inputs.

    Raises:
        ArchitectureError: a layer can't take formulas.
    """
    taken = symbols_in(*(value for value in parameters.values() if isinstance(value, Expr)))
    general = generalised(architecture, inputs, batch, taken)
    return analyse(architecture, general, architecture.undecided(parameters), brief=True)


def sizes_of(inputs: Mapping[str, Tensor], general: Mapping[str, Tensor]) -> dict[str, int]:
    """Symbol → its number in the inputs that were generalised; nothing where these had symbols themselves."""
    return {
        str(size): own
        for name, tensor in inputs.items()
        for own, size in zip(tensor.shape, general[name].shape, strict=True)
        if isinstance(own, int) and isinstance(size, Expr)
    }
