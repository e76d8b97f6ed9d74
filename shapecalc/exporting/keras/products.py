"""Arithmetic, products, sums and shares of tensors as calls of Keras: rules of `calls`.

Source: keras.io/api/ops/numpy and keras.io/api/ops/nn, and torch's documentation of the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import Made, NoCounterpartError, Slot, Written, calls, short
from shapecalc.exporting.literals import literal
from shapecalc.layers import Layer, reduction, softmax
from shapecalc.layers.arithmetic import Arithmetic
from shapecalc.layers.distance import normalize
from shapecalc.layers.einsum import einsum
from shapecalc.layers.products import bmm, matmul

_REDUCTIONS: Mapping[type[Layer], str] = {
    reduction.mean: "mean",
    reduction.sum: "sum",
    reduction.amax: "max",
    reduction.amin: "min",
}
_SOFTMAX: Mapping[type[Layer], str] = {
    **dict.fromkeys((softmax.Softmax, softmax.softmax), "softmax"),
    **dict.fromkeys((softmax.LogSoftmax, softmax.log_softmax), "log_softmax"),
}


@calls.register
def _(layer: bmm, row: Row, inputs: Sequence[str]) -> Iterator[Written]:
    yield Written(" @ ".join(inputs))


@calls.register
def _(layer: einsum, row: Row, inputs: Sequence[str]) -> Iterator[Written]:
    if not re.fullmatch("[a-z]+(,[a-z]+)*->[a-z]+", layer.equation):
        raise NoCounterpartError("Keras is told what an einsum gives, after an arrow, in small letters")
    yield Written(f"ops.einsum({', '.join([literal(layer.equation), *inputs])})")


@calls.register
def _(layer: normalize, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if layer.p < 1 or layer.p % 1 or layer.eps <= 0:
        raise NoCounterpartError("Keras' norms are of whole orders, and need an epsilon")
    told = [Slot("axis", layer.dim, -1), Slot("order", int(layer.p), 2), Slot("epsilon", layer.eps, 1e-12)]
    yield Made("ops.normalize", told)


@calls.register(Arithmetic)
@calls.register(matmul)
def _(layer: Layer, row: Row, inputs: Sequence[str]) -> Iterator[Written]:
    """An operator of Python's means the same to Keras."""
    text = layer.in_python(*inputs) if layer.operator in ("+", "-", "*", "/", "**", "@") else None
    if text is None:
        raise NoCounterpartError
    yield Written(text)


@calls.register
def _(layer: reduction.Reducing, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    function = _REDUCTIONS.get(type(layer))
    if function is None or getattr(layer, "dtype", None) is not None:
        raise NoCounterpartError
    if row.inputs[0].dtype not in ("float32", row.output.dtype) or row.output.dtype not in (
        "float32",
        "int64",
    ):
        raise NoCounterpartError("Keras' sums and extremes of whole numbers are of their own dtype")
    axes: Any = layer.dim
    if axes is None and layer.keepdim:  # Keras on torch then forgets to keep them
        axes = [*range(row.inputs[0].rank)]
    axis = axes if not isinstance(axes, (tuple, list)) else short(axes) if len(axes) == 1 else tuple(axes)
    yield Made(f"ops.{function}", [Slot("axis", axis, None), Slot("keepdims", layer.keepdim, False)])


@calls.register
def _(layer: softmax.AlongAxis, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    function, axis = _SOFTMAX.get(type(layer)), vars(layer).get("dim")
    if function is None or axis is None:
        raise NoCounterpartError
    yield Made(f"ops.{function}", [Slot("axis", axis, -1)])
