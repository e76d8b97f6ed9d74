"""How many rows a network has, counted before there are any: a huge one is refused, not attempted."""

from __future__ import annotations

from typing import Any

from shapecalc.architecture import Architecture
from shapecalc.errors import ArchitectureError
from shapecalc.expressions import Scope
from shapecalc.steps import BlockStep, GroupStep, LayerStep, Name, Step, Steps, resolve

MOST_ROWS = 1_000_000
_MOST_STEPS = 500_000  # steps of different blocks or arguments that are looked at to count rows
_DEEPEST = 100  # blocks, groups and branches within each other


def copies_of(step: Step, scope: Scope, architecture: Architecture) -> int:
    """How many times a step is executed."""
    if step.times is None:
        return 1
    place = architecture.document.place_of(step.times.node)
    try:
        copies = resolve(step.times.value, scope)
    except ArchitectureError as error:
        raise error.at(place) from None
    if type(copies) is not int or copies < 0:
        raise ArchitectureError(f"times must be a whole number of at least 0, not {copies}", place=place)
    return copies


def block_scope(step: BlockStep, scope: Scope, outer: Scope, architecture: Architecture) -> Scope:
    try:
        return architecture.blocks[step.block].scope(outer, step, scope)
    except ArchitectureError as error:
        raise error.about(step.block).at(architecture.document.place_of(step.node)) from None


def refuse_too_large(architecture: Architecture, scope: Scope) -> None:
    """Refuse a network of more rows than are analysed, or nested deeper.

    Raises:
        ArchitectureError: with the number of rows.
    """
    rows = _Counter(architecture, scope).rows(architecture.layers, scope, 0)
    if rows > MOST_ROWS:
        place = architecture.document.place_of(architecture.layers[0].node)
        raise ArchitectureError(
            f"the network has {rows:,} layers; at most {MOST_ROWS:,} are analysed", place=place
        )


class _Counter:
    """Counts rows; lists that come again with the same values are counted once."""

    def __init__(self, architecture: Architecture, outer: Scope) -> None:
        self.architecture = architecture
        self.outer = outer
        self.known: dict[Any, int] = {}
        self.steps = 0

    def rows(self, steps: Steps, scope: Scope, depth: int) -> int:
        self.steps += len(steps)
        if depth > _DEEPEST or self.steps > _MOST_STEPS:
            limit = f"{_DEEPEST} levels of nesting" if depth > _DEEPEST else f"{_MOST_STEPS:,} steps"
            place = self.architecture.document.place_of(steps[0].node) if steps else None
            raise ArchitectureError(f"the network has more than {limit}", place=place)
        return sum([self.rows_of(step, scope, depth) for step in steps])

    def rows_of(self, step: Step, scope: Scope, depth: int) -> int:
        copies = copies_of(step, scope, self.architecture)
        if copies == 0 or (isinstance(step, LayerStep) and not step.branches):
            return copies
        what: Any = id(step)
        if isinstance(step, BlockStep):
            scope = block_scope(step, scope, self.outer, self.architecture)
            what = step.block
        key = (what, *[(type(value), value) for value in scope.values()])
        if key not in self.known:
            self.known[key] = self.inside(step, scope, depth + 1)
        return copies * self.known[key]

    def inside(self, step: Step, scope: Scope, depth: int) -> int:
        if isinstance(step, BlockStep):
            return self.rows(self.architecture.blocks[step.block].steps, scope, depth)
        if isinstance(step, GroupStep):
            return self.rows(step.steps, scope, depth)
        assert isinstance(step, LayerStep)  # the only type left: rows_of is total over Step
        branches = [branch for branch in step.branches if not isinstance(branch, Name)]
        return 1 + sum(self.rows(branch, scope, depth) for branch in branches)
