"""Reductions, orders and distributions along axes."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import ROWS, Lowering, Row, row
from shapecalc.importing.program import Value

_REDUCTIONS = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceMin": "amin"}


def reduced(to: Lowering, node: Node, type_: str, x: Value) -> Any:
    axes = to.constants.ints(node, "axes", 1)
    keep = bool(node.attributes.get("keepdims", 1))
    if not axes:
        if node.attributes.get("noop_with_empty_axes"):
            return x
        axes = list(range(to.rank(x)))
    return to.step(type_, x, dim=sorted(axis % to.rank(x) for axis in axes), keepdim=keep)


def _reduction(type_: str) -> Row:
    return lambda to, node: reduced(to, node, type_, to.input(node, 0))


ROWS.update({name: _reduction(type_) for name, type_ in _REDUCTIONS.items()})


@row("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum")
def _composed(to: Lowering, node: Node) -> Any:
    """Sums of something, and what is made of the sum."""
    before = {"ReduceL1": "abs", "ReduceL2": "square", "ReduceSumSquare": "square", "ReduceLogSumExp": "exp"}
    after = {"ReduceL2": "sqrt", "ReduceLogSumExp": "log", "ReduceLogSum": "log"}
    x = to.input(node, 0)
    if node.type in before:
        x = to.step(before[node.type], x)
    x = reduced(to, node, "sum", x)
    return to.step(after[node.type], x) if node.type in after else x


@row("Softmax", "LogSoftmax")
def _softmax(to: Lowering, node: Node) -> Any:
    """Along one axis; before opset 13 along that and all after it, which is the same if these are 1."""
    x = to.input(node, 0)
    old = to.graph.opset < 13
    axis = node.attributes.get("axis", 1 if old else -1) % to.rank(x)
    if old and any(size != 1 for size in to.shape(x)[axis + 1 :]):
        raise UnsayableError("Softmax over several axes at once")
    last = axis == to.rank(x) - 1
    return to.step("Softmax" if node.type == "Softmax" else "LogSoftmax", x, dim=-1 if last else axis)


@row("ArgMax", "ArgMin")
def _place(to: Lowering, node: Node) -> Any:
    if node.attributes.get("select_last_index"):
        raise UnsayableError("the last of several extremes")
    x = to.input(node, 0)
    dim = node.attributes.get("axis", 0) % to.rank(x)
    keep = bool(node.attributes.get("keepdims", 1))
    return to.step("argmax" if node.type == "ArgMax" else "argmin", x, dim=dim, keepdim=keep)


@row("TopK")
def _top(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    (k,) = to.constants.ints(node, "k", 1) or [1]
    axis = node.attributes.get("axis", -1) % to.rank(x)
    given = {
        "dim": -1 if axis == to.rank(x) - 1 else axis,
        "largest": bool(node.attributes.get("largest", 1)),
    }
    return to.step("topk", x, many=2, k=k, **given)


@row("CumSum")
def _cumulative(to: Lowering, node: Node) -> Any:
    if node.attributes.get("exclusive") or node.attributes.get("reverse"):
        raise UnsayableError("a sum that leaves out the element itself, or runs backwards")
    x = to.input(node, 0)
    (axis,) = to.constants.ints(node, "axis", 1) or [0]
    return to.step("cumsum", x, dim=axis % to.rank(x))
