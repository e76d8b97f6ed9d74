"""Receptive fields as the columns of a table: size, stride and start, axis by axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from shapecalc.engine.nodes import Node
from shapecalc.render.cells import count, per_axis
from shapecalc.render.grid import Column
from shapecalc.symbolic import Expr
from shapecalc.symbolic.notation import UNICODE, as_factor

if TYPE_CHECKING:  # `show` imports the analysis where its columns are asked for
    from shapecalc.analysis.receptive.field import Axis, Field, Receptive

PerAxis: TypeAlias = tuple[Any, ...]
"""A value for each axis: a range where it differs from element to element, None where it is unknown."""


def field_of(receptive: Receptive, node: Node) -> Field | None:
    """The field of what a node of the tree gives out; None of one without a row."""
    return receptive.fields[node.stop - 1] if node.stop > node.start else None


def _sizes(axis: Axis) -> Any:
    sizes = {end[1] for end in axis.pattern if end}
    return range(min(sizes), max(sizes)) if len(sizes) > 1 else axis.size


def sizes(field: Field | None) -> PerAxis | None:
    return _per_axis(field, _sizes)


def strides(field: Field | None) -> PerAxis | None:
    """How much further on the next element reads; nothing where each reads the whole input."""
    return None if field and field.whole else _per_axis(field, lambda axis: axis.stride)


def starts(field: Field | None) -> PerAxis | None:
    return _per_axis(field, lambda axis: axis.start)


def _per_axis(field: Field | None, value: Callable[[Axis], Any]) -> PerAxis | None:
    axes = field.axes if field else ()
    return tuple(axis and value(axis) for axis in axes) if any(axes) else None


def seen(receptive: Receptive | None, node: Node) -> str:
    """How much of the input an element that a node gives out sees, as letters of the input have it."""
    found = sizes(field_of(receptive, node)) if receptive else None
    return "×".join(map(count, found)) if found else ""


def by_axis(value: object) -> str:
    """435×435, 188-204 × 188-204, 1/2×1/2, ?×5 where an axis is unknown; nothing of nothing."""
    if not isinstance(value, tuple):
        return ""
    return (" × " if any(isinstance(item, range) for item in value) else "×").join(map(_one, value))


def position(value: object) -> str:
    return ", ".join(map(_one, value)) if isinstance(value, tuple) else ""


def _one(value: object) -> str:
    if isinstance(value, Expr):
        return as_factor(value, UNICODE)
    return per_axis(value) if isinstance(value, range) else per_axis(value).replace("-", "−")


SIZE = Column("receptive", "Field", by_axis)
STRIDE = Column("receptive_stride", "Stride", by_axis)
START = Column("receptive_start", "Start", position)
