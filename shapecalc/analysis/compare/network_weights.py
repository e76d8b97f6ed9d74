"""The weights of a network under the names of a checkpoint, each with its shape and dtype there."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.checkpoints.naming import EACH, LAST_TURNED, TURNED, Names
from shapecalc.checkpoints.tensors import Stored
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, listed

_MOST_PARTS = 4096
COUNT = "num_batches_tracked"
"""The buffer of norms that torch before 0.4.1 did not have, and that prediction never reads."""


class NamedWeight(NamedTuple):
    """A weight of the network: where it is, what a checkpoint calls it, and what it is."""

    path: str
    there: str
    shape: tuple[int, ...]
    dtype: str
    others: tuple[str, ...] = ()
    """Names in the checkpoint of steps that share it: stored once, it may bear any of them."""
    optional: bool = False
    """Whether it is a buffer that a checkpoint may do without."""

    @property
    def tensor(self) -> Stored:
        return Stored(self.there, self.shape, self.dtype)


def weights_of(analysis: Analysis, names: Names) -> list[NamedWeight]:
    """The weights of a network in the order of its layers, each once.

    Raises:
        UsageError: a size is a formula.
    """
    if analysis.symbols:
        hint = "give numbers in their place: --input 1x3x224x224, --set classes=10"
        raise UsageError(f"weights have numbers, and {listed(analysis.symbols)} stand for many", hint=hint)
    shared: dict[str, list[str]] = {}
    for row in analysis.rows:
        for name in row.shared:
            owner = analysis.rows[row.shares or 0]
            shared.setdefault(f"{owner.path}.{name}", []).append(names.there(f"{row.path}.{name}"))
    weights = (
        NamedWeight(
            path := f"{row.path}.{name}",
            names.there(path),
            tuple(map(int, weight.shape)),  # type: ignore[arg-type]  # no formulas, by now
            weight.dtype,
            tuple(shared.get(path, ())),
            weight.buffer and (not row.sources or name.endswith(COUNT)),  # a buffer by itself may be computed
        )
        for row in analysis.rows
        for name, weight in row.own_weights.items()
    )
    return [part for weight in weights for part in _parts(_turned(weight))]


def _turned(weight: NamedWeight) -> NamedWeight:
    """A weight as the checkpoint has it, whose axes, or the last two, may be in the opposite order."""
    for suffix, first in ((TURNED, 0), (LAST_TURNED, max(0, len(weight.shape) - 2))):
        if weight.there.endswith(suffix):
            shape = (*weight.shape[:first], *weight.shape[first:][::-1])
            return weight._replace(there=weight.there.removesuffix(suffix), shape=shape)
    return weight


def _parts(weight: NamedWeight) -> list[NamedWeight]:
    """A weight, or its parts along the first axis where the checkpoint has a tensor for each, as of experts.

    Raises:
        ArchitectureError: there are too many.
    """
    if EACH not in weight.there or not weight.shape:
        return [weight]
    if weight.shape[0] > _MOST_PARTS:
        message = (
            f"names: {weight.there} are {weight.shape[0]:,} tensors; at most {_MOST_PARTS:,} are compared"
        )
        raise ArchitectureError(message, path=weight.path)
    return [
        weight._replace(
            path=f"{weight.path}[{number}]",
            there=weight.there.replace(EACH, str(number)),
            shape=weight.shape[1:],
            others=tuple(name.replace(EACH, str(number)) for name in weight.others),
        )
        for number in range(weight.shape[0])
    ]
