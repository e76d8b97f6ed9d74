"""The batch of any size: Keras leaves the first axis of its inputs free, where the network allows it."""

from __future__ import annotations

from collections.abc import Collection

from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, Expr, symbol, symbols_in
from shapecalc.tensors import Tensor

_BATCHES = (1, 2, 3, 7)
"""Sizes of a batch of which each has to be taken for the batch to be free."""


def batch_of(analysis: Analysis) -> Dim | None:
    """The first size of all inputs; None where they differ in it."""
    firsts = [x.shape[0] if x.rank else None for x in analysis.inputs.values()]
    return firsts[0] if firsts and all(first == firsts[0] for first in firsts) else None


def with_free_batch(analysis: Analysis) -> Analysis | None:
    """The same network, a letter as the first axis of all inputs; None if it takes no batch but its own.

    A network that is analysed with a letter there is given back as it is.
    """
    batch = batch_of(analysis)
    if batch is None or isinstance(batch, Expr):
        return analysis if isinstance(batch, Expr) and len(symbols_in(batch)) == 1 else None
    letter = _free(analysis.symbols)
    inputs = {name: Tensor((symbol(letter), *x.shape[1:]), x.dtype) for name, x in analysis.inputs.items()}
    decided = analysis.architecture.decided
    kept = {name: value for name, value in analysis.parameters.items() if name not in decided}
    try:
        found = analyse(analysis.architecture, inputs, kept)
    except ArchitectureError:
        return None
    return found if _takes_any(found, letter) and len(found.rows) == len(analysis.rows) else None


def _free(taken: Collection[str]) -> str:
    letter = "N"
    while letter in taken:
        letter += "_"
    return letter


def _takes_any(analysis: Analysis, letter: str) -> bool:
    """Whether no condition is about the batch, or each holds for all of some sizes."""
    about = [condition for condition in analysis.conditions if letter in condition.symbols]
    alone = all(condition.symbols == {letter} for condition in about)
    return alone and all(condition.holds({letter: size}) for condition in about for size in _BATCHES)
