"""The figures that a sweep has of a network, each the one that another command prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.engine.results import Analysis, Totals
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, Expr, at
from shapecalc.symbolic.conditions import Condition

if TYPE_CHECKING:  # which most sweeps ask for no figure of
    from shapecalc.analysis.memory.memory import Memory
    from shapecalc.analysis.memory.prediction import Prediction


class Terms(NamedTuple):
    """What bytes are given for."""

    dtype: str = "float32"
    """What float32 is."""
    optimizer: str = "sgd"
    """What updates the parameters in training."""


class Figures:
    """What is known of a network, each part found when the first figure of it is asked for."""

    def __init__(self, analysis: Analysis, terms: Terms) -> None:
        self.analysis = analysis
        self.terms = terms

    @cached_property
    def totals(self) -> Totals:
        return self.analysis.totals

    @cached_property
    def prediction(self) -> Prediction:
        from shapecalc.analysis.memory.prediction import predicted

        return predicted(self.analysis, self.terms.dtype)

    @cached_property
    def memory(self) -> Memory:
        from shapecalc.analysis.memory.memory import memory

        found = memory(self.analysis, *self.terms)
        if found.refusal:
            raise found.refusal
        return found

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Where the formulas of all that was asked for hold."""
        parts = [vars(self)[name] for name in ("prediction", "memory") if name in vars(self)]
        return (*self.analysis.conditions, *[c for part in parts for c in part.all_conditions])


def _unless_bounded(found: Prediction, bytes: Dim) -> Dim | Unknown:
    """Bytes of what was found, unless it is not known that they are all."""
    return Unknown(next(iter(found.bounded.values()))) if found.bounded else bytes


def _receptive(of: Figures) -> object:
    """How many elements an element of the first output sees, axis by axis; None where it is not known."""
    from shapecalc.analysis.receptive.field import receptive

    axes = receptive(of.analysis).outputs[0].axes
    if any(axis is None or axis.pattern for axis in axes):
        return Unknown("it is not the same for every element, or is not followed: see receptive")
    return tuple(axis.size for axis in axes if axis)


FIGURES: Mapping[str, Callable[[Figures], object]] = {
    "params": lambda of: of.totals.params,
    "trainable": lambda of: of.totals.trainable_params,
    "buffers": lambda of: of.totals.buffers,
    "macs": lambda of: of.totals.counted,
    "flops": lambda of: of.totals.flops,
    "weights": lambda of: of.analysis.weight_bytes(of.terms.dtype),
    "output": lambda of: of.analysis.outputs[0].shape,
    "receptive": _receptive,
    "peak": lambda of: _unless_bounded(of.prediction, of.prediction.prediction.bytes),
    "training": lambda of: _unless_bounded(of.memory, of.memory.training.bytes),
    "saved": lambda of: _unless_bounded(of.memory, of.memory.saved),
}
"""By the names of columns: counts, shapes, and bytes."""
SHAPES = frozenset({"output", "receptive"})
"""The columns of several sizes each, which have no order."""
AT_EACH_POINT = frozenset({"receptive"})
"""Those that are never had from formulas: whether a field's formula holds is in no condition."""


def put_in(figure: object, sizes: Mapping[str, int]) -> object:
    """A figure with numbers in place of its letters."""
    if isinstance(figure, tuple):
        return tuple(put_in(size, sizes) for size in figure)
    return at(figure, sizes) if isinstance(figure, Expr) else figure
