"""The receptive field of each row: which elements of the network's input an element of its output depends on.

An output element stands for all channels at its place. A field goes from the first to the last element of the
input: where a stride is larger than its kernel, not all between them need be read. Padding that mirrors or
repeats the input counts as lying outside of it, like zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.analysis.receptive.axis_fields import AxisField, Exact, Undefined, WholeInput
from shapecalc.analysis.receptive.channels import AxisFields
from shapecalc.analysis.receptive.walk import Walk
from shapecalc.engine.limits import MOST_FOLLOWED, refuse_long
from shapecalc.engine.nodes import Node, standing_for_others
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.engine.run import whole
from shapecalc.errors import UsageError, nearest, quoted
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, for_json, is_floating

if TYPE_CHECKING:
    from fractions import Fraction


class Axis(NamedTuple):
    """The field of a row along one axis, in elements of the input."""

    size: Dim
    """How many elements the field of output element 0 has, from the first to the last."""
    stride: int | Fraction
    """How much further on the next element's field starts, on the average where a pattern repeats."""
    start: int
    """The first element of the field of output element 0; below 0 in the padding."""
    pattern: tuple[tuple[int, int] | None, ...] = ()
    """Where fields differ in size, start and size of each until they repeat; None for one that is empty.

    The size and start above are then those of the first field that is not empty.
    """


class Field(NamedTuple):
    """The receptive field of a row: that of each element of its output."""

    row: Row
    along_axes: AxisFields
    """Along each spatial axis of the input: the fields of all elements of the output."""

    @property
    def reason(self) -> str | None:
        """Why it is not known."""
        return next((axis.reason for axis in self.along_axes if isinstance(axis, Undefined)), None)

    @property
    def status(self) -> str:
        """`exact`, `whole input` where that holds along every axis, or `undefined` if any is not known."""
        if self.reason is not None:
            return "undefined"
        return "whole input" if self.whole else "exact"

    @property
    def whole(self) -> bool:
        return all(isinstance(axis, WholeInput) for axis in self.along_axes)

    @property
    def axes(self) -> tuple[Axis | None, ...]:
        """Size, stride and start along each spatial axis of the input, None where they are not known."""
        return tuple(_axis(axis) for axis in self.along_axes)

    def to_dict(self) -> dict[str, Any]:
        axes = self.axes
        patterns = [axis and [end and list(end) for end in axis.pattern] for axis in axes]
        return {
            "path": self.row.path,
            "size": [axis and for_json(axis.size) for axis in axes],
            "stride": [axis and _number(axis.stride) for axis in axes],
            "start": [axis and axis.start for axis in axes],
            "status": self.status,
            **({"reason": self.reason} if self.reason is not None else {}),
            **({"pattern": patterns} if any(patterns) else {}),
        }


def _number(value: int | Fraction) -> int | str:
    return value if isinstance(value, int) else str(value)


def _axis(axis: AxisField) -> Axis | None:
    if isinstance(axis, Undefined):
        return None
    if isinstance(axis, WholeInput):
        return Axis(axis.size, 0, axis.first)
    if len(axis.ends) == 1 and axis.ends[0]:
        first, last = axis.ends[0]
        return Axis(last - first + 1, axis.shift, first)
    pattern = tuple(ends and (ends[0], ends[1] - ends[0] + 1) for ends in axis.ends)
    start, size = next(end for end in pattern if end)
    return Axis(size, _rate(axis.shift, len(pattern)), start, pattern)


def _rate(shift: int, count: int) -> int | Fraction:
    from fractions import Fraction  # which takes a while to import, and few networks need

    rate = Fraction(shift, count)
    return int(rate) if rate.denominator == 1 else rate


@dataclass(frozen=True)
class Receptive:
    """The fields of all rows with respect to one input of the network, along its axes `axes`."""

    analysis: Analysis
    input: str
    axes: tuple[int, ...]
    fields: tuple[Field, ...]
    outputs: tuple[Field, ...]
    """Those of the network's outputs that are outputs of a row."""
    windows_only: bool = False
    """Whether a branch that sees the whole input is left out where it joins one that does not."""

    def along_axes(self, number: int) -> AxisFields:
        """The fields of a row's output along the axes."""
        return self.fields[number].along_axes

    @property
    def space(self) -> tuple[Dim, ...]:
        """The sizes of the input's spatial axes."""
        return tuple(self.analysis.inputs[self.input].shape[axis] for axis in self.axes)

    @cached_property
    def past_border(self) -> Field | None:
        """The first row whose centre, the element in the middle or after it, reads past the border."""
        if not all(isinstance(n, int) for n in self.space):
            return None
        return next((field for field in self.fields if _past_border(field, self.space)), None)

    def to_dict(self) -> dict[str, Any]:
        past = self.past_border
        return {
            "name": self.analysis.name,
            "input": {"name": self.input, "shape": for_json(self.space)},
            "layers": [field.to_dict() for field in self.fields],
            "past_border": past and past.row.path,
            **({"windows_only": True} if self.windows_only else {}),
        }


def _centre(axis: Exact, y: Tensor) -> int:
    """The element in the middle of an axis of a row's output, of two the second."""
    m = 1 if axis.axis is None else y.shape[axis.axis]
    return m // 2 if isinstance(m, int) else 0


def _past_border(field: Field, space: Sequence[Dim]) -> bool:
    for axis, n in zip(field.along_axes, space, strict=True):
        if isinstance(axis, Exact) and isinstance(n, int):
            ends = axis.at(_centre(axis, field.row.output))
            if ends and not 0 <= ends[0] <= ends[1] < n:
                return True
    return False


def spatial_axes(analysis: Analysis, name: str) -> tuple[int, ...]:
    """The axes of an input that hold places: those after batch and channels; of words, after the batch.

    An input of as many axes as a window that reads it has, and one for the channels, has no batch.
    """
    tensor, port = analysis.inputs[name], list(analysis.inputs).index(name)
    readers = (row for row in analysis.rows for wire in row.sources if (wire.row, wire.port) == (-1, port))
    alone = any(len(row.layer.window) == tensor.rank - 1 > 0 for row in readers)
    return tuple(range(1 if alone or not is_floating(tensor.dtype) else 2, tensor.rank))


def receptive(analysis: Analysis, of: str | None = None, windows_only: bool = False) -> Receptive:
    """The receptive field of every row, with respect to the first input that has spatial axes or to `of`.

    `windows_only` leaves out what sees the whole input where it is joined with what doesn't.

    Raises:
        UsageError: there is no such input.
    """
    name = _chosen(analysis, of)
    return along(analysis, name, spatial_axes(analysis, name), windows_only)


def along(analysis: Analysis, name: str, axes: tuple[int, ...], windows_only: bool = False) -> Receptive:
    """The fields with respect to these axes of an input, whatever they hold.

    Copies by `times` that have the same fields are followed once, others one by one.
    """
    refuse_long(len(analysis.rows), "the receptive field", MOST_FOLLOWED)
    walk = Walk(analysis, name, axes, windows_only)
    if not all(_settled(walk, node) for node in standing_for_others(analysis.tree)):
        analysis = whole(analysis, "the receptive field", MOST_FOLLOWED)
        walk = Walk(analysis, name, axes, windows_only)
    fields = tuple([Field(row, walk.fields(Edge(i, 0))) for i, row in enumerate(analysis.rows)])
    ends = [edge for edge in analysis.output_edges if edge.row >= 0]
    outputs = tuple(Field(analysis.rows[edge.row], walk.fields(edge)) for edge in ends)
    return Receptive(analysis, name, axes, fields, outputs, windows_only)


def _settled(walk: Walk, node: Node) -> bool:
    """Whether a copy that stands for others has the fields of the copy before it, row by row."""
    rows = range(node.start, node.stop)
    return all(walk.channels(n, 0) == walk.channels(n - len(rows), 0) for n in rows)


def _chosen(analysis: Analysis, of: str | None) -> str:
    inputs = analysis.inputs
    spatial = [name for name in inputs if spatial_axes(analysis, name)]
    shapes = ", ".join(f"{name} {tensor}" for name, tensor in inputs.items())
    if of is not None and of not in inputs:
        raise UsageError(f"there is no input {quoted(of)}", hint=nearest(of, inputs) or f"inputs: {shapes}")
    if not spatial or (of is not None and of not in spatial):
        which = "no input has" if of is None else f"the input {of} does not have"
        hint = f"N×C×H×W has two, N×L of whole numbers has one; the inputs are {shapes}"
        raise UsageError(f"{which} spatial axes, along which a layer could see a part", hint=hint)
    return of or spatial[0]
