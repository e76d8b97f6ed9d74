"""Which weights are not trained: `frozen` beside a step, and what it means for a weight that is shared."""

from __future__ import annotations

from shapecalc.engine.results import Row
from shapecalc.errors import ArchitectureError, written
from shapecalc.language.architecture import Architecture
from shapecalc.language.expressions import Scope
from shapecalc.language.tree import Step, resolve


def is_frozen(step: Step, scope: Scope, architecture: Architecture, outer: bool) -> bool:
    """Whether the weights of a step are not trained; where it does not say, as `outer`, what it is part of.

    Raises:
        ArchitectureError: the value is not true or false.
    """
    if step.frozen is None:
        return outer
    try:
        value = resolve(step.frozen.value, scope)
        if not isinstance(value, bool):
            raise ArchitectureError(f"frozen must be true or false, not {written(value)}")
    except ArchitectureError as error:
        raise error.at(architecture.document.place_of(step.frozen.node)) from None
    return value


def spread(rows: list[Row]) -> list[Row]:
    """The rows, with a weight frozen in all that share it where one of them freezes it.

    It is one tensor, and `requires_grad` is the tensor's.
    """
    if not any(row.frozen for row in rows):
        return rows
    rows = list(rows)
    for row in rows:
        if row.shares is not None and (more := row.frozen & row.shared):
            owner = rows[row.shares]
            rows[row.shares] = owner._replace(frozen=owner.frozen | more)
    return [_as_its_owner(row, rows) for row in rows]


def _as_its_owner(row: Row, rows: list[Row]) -> Row:
    if row.shares is None:
        return row
    return row._replace(frozen=row.frozen | (rows[row.shares].frozen & row.shared))
