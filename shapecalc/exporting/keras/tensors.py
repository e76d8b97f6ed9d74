"""Tensors of no input, masks, and what picks elements, as calls of Keras: rules of `calls`.

Source: keras.io/api/ops/core and keras.io/api/ops/numpy, and torch's documentation of the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import Call, Made, NoCounterpartError, Slot, Written, calls, one_call
from shapecalc.exporting.literals import literal
from shapecalc.layers.elementwise import clamp, to
from shapecalc.layers.indexing import gather, index, index_select, one_hot
from shapecalc.layers.masks import Combination, Comparison, logical_not, masked_fill, where
from shapecalc.layers.parting import unbind
from shapecalc.layers.rearrange import flip, roll
from shapecalc.layers.reduction import cumsum
from shapecalc.layers.repetition import expand, expand_as, repeat
from shapecalc.layers.slicing import narrow, select, slice_text, subscript
from shapecalc.layers.slicing import slice as slice_
from shapecalc.layers.sorting import topk
from shapecalc.layers.without_input import arange, buffer, full, ones, parameter, zeros
from shapecalc.symbolic import Expr


def _dtype(row: Row, default: str | None = None) -> Slot:
    return Slot("dtype", row.output.dtype, default)


@calls.register(parameter)
@calls.register(buffer)
def _(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    trained = [] if row.learned else ["trainable=False"]
    yield Made("Weight", [Slot.by_place("shape", layer.shape), _dtype(row, "float32"), *trained])


def _shape(row: Row) -> Slot:
    return Slot.by_place("shape", row.output.shape)


one_call(
    {
        zeros: lambda _, row: Made("ops.zeros", [_shape(row), _dtype(row)]),
        ones: lambda _, row: Made("ops.ones", [_shape(row), _dtype(row)]),
        full: lambda layer, row: Made(
            "ops.full", [_shape(row), Slot.by_place("fill_value", layer.fill_value), _dtype(row)]
        ),
        arange: lambda layer, row: Made(
            "ops.arange",
            [
                Slot("stop", layer.end, keyword=layer.start != 0),
                Slot("start", layer.start, 0),
                Slot("step", layer.step, 1),
                _dtype(row),
            ],
        ),
        to: lambda _, row: Made("ops.cast", [Slot.by_place("dtype", row.output.dtype)]),
        logical_not: lambda *_: Made("ops.logical_not"),
        repeat: lambda layer, _: Made("ops.tile", [Slot.by_place("repeats", layer.repeats)]),
        roll: lambda layer, _: Made(
            "ops.roll", [Slot.by_place("shift", layer.shifts), Slot("axis", vars(layer)["dims"], None)]
        ),
        flip: lambda layer, _: Made("ops.flip", [Slot("axis", layer.dims)]),
        index_select: lambda layer, _: Made("ops.take", [Slot("axis", layer.dim)]),
        one_hot: lambda layer, row: Made(
            "ops.one_hot", [Slot.by_place("num_classes", layer.num_classes), _dtype(row)]
        ),
    }
)


@calls.register
def _(layer: clamp, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    low, high = vars(layer)["min"], vars(layer)["max"]
    if row.inputs[0].dtype != row.output.dtype or row.output.dtype == "bool":
        raise NoCounterpartError("Keras clips numbers, and leaves their dtype")
    if row.output.dtype != "float32" and None in (low, high):  # of whole numbers, Keras' maximum is int32
        bound, sign = (high, ">") if low is None else (low, "<")
        yield Written(f"ops.where({inputs[0]} {sign} {bound}, {bound}, {inputs[0]})")
    elif low is None:
        yield Made("ops.minimum", [Slot.by_place("x2", high)])
    elif high is None:
        yield Made("ops.maximum", [Slot.by_place("x2", low)])
    else:
        yield Made("ops.clip", [Slot("x_min", low), Slot("x_max", high)])


_COMPARED = {
    ">": "greater",
    ">=": "greater_equal",
    "<": "less",
    "<=": "less_equal",
    "==": "equal",
    "!=": "not_equal",
}


@calls.register
def _(layer: Comparison, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    """By its operator; what are no numbers of Keras' own compare with == as Python's objects do."""
    text = None if layer.operator in ("==", "!=") else layer.in_python(*inputs)
    yield Written(text) if text else _function(_COMPARED[layer.operator], layer.feed(*inputs))


def _function(name: str, operands: Sequence[Any]) -> Written:
    texts = [x if isinstance(x, str) else literal(x) for x in operands]
    return Written(f"ops.{name}({', '.join(texts)})")


@calls.register
def _(layer: Combination, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if len(inputs) != 2:
        raise NoCounterpartError("Keras' logical functions are of two tensors")
    yield Made(f"ops.{layer.type}")


@calls.register
def _(layer: where, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    yield _function("where", layer.feed(*inputs))


@calls.register
def _(layer: masked_fill, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    x, mask = inputs
    yield _function("where", (mask, layer.value, x))


@calls.register(expand)
@calls.register(expand_as)
def _(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    """To the sizes of the output, of which the batch is another tensor's."""
    x, y = inputs[0], row.output
    if not any(isinstance(n, Expr) for n in y.shape):
        yield Written(f"ops.broadcast_to({x}, {literal(y.shape)})")
    elif any(isinstance(n, Expr) for n in y.shape[1:]):
        raise NoCounterpartError("no size but the batch can be left to Keras")
    else:
        yield Made("Repeated", [Slot.by_place("sizes", y.shape[1:])], anchored=True, order=(0, -1))


@calls.register
def _(layer: cumsum, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if row.inputs[0].dtype != "float32":
        raise NoCounterpartError("Keras sums up whole numbers as int32")
    yield Made("ops.cumsum", [Slot("axis", layer.dim)])


@calls.register
def _(layer: narrow, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    start, length = _number(layer.start), _number(layer.length)
    end = start + length
    yield _sliced(subscript(inputs[0], layer.dim, slice_text(start or None, end or None, 1)))


@calls.register(select)
@calls.register(slice_)
def _(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    for name in ("index", "start", "end"):
        _number(vars(layer).get(name) or 0)
    yield _sliced(layer.in_python(*inputs))


def _sliced(text: str) -> Written:
    """A slice of the first axis with an ellipsis: Keras' own tensors take no slice by itself."""
    return Written(text if "," in text or ":" not in text else f"{text[:-1]}, ...]")


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise NoCounterpartError(f"{value} would be a number in code")
    return value


@calls.register
def _(layer: unbind, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if len(row.outputs) < 2:
        raise NoCounterpartError("Keras' unstack gives a list, of one tensor too")
    yield Made("ops.unstack", [Slot("num", len(row.outputs), None), Slot("axis", layer.dim, 0)])


@calls.register
def _(layer: index, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if len(inputs) != 2 or row.inputs[1].dtype == "bool":
        raise NoCounterpartError("Keras takes elements by one tensor of numbers")
    yield Made("ops.take", [Slot("axis", layer.dim)])


@calls.register
def _(layer: gather, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    x, places = (tensor.shape for tensor in row.inputs)
    if not x or len(x) != len(places):
        raise NoCounterpartError("Keras takes elements along an axis of several")
    others = [pair for i, pair in enumerate(zip(x, places, strict=True)) if i != layer.dim % len(x)]
    if any(a != b for a, b in others):
        raise NoCounterpartError("Keras takes elements along an axis where all others are alike")
    yield Made("ops.take_along_axis", [Slot("axis", layer.dim)])


@calls.register
def _(layer: topk, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if layer.dim % row.inputs[0].rank != row.inputs[0].rank - 1 or not layer.largest:
        raise NoCounterpartError("Keras' top_k is of the largest along the last axis")
    yield Made("topk", [Slot.by_place("k", layer.k)])
