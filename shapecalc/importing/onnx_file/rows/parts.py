"""What joins tensors, and what takes parts of them."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.program import Value
from shapecalc.symbolic import Expr

_FAR = 2**31 - 1
"""Where exporters say that a slice ends which has no end."""


@row("Concat")
def _concat(to: Lowering, node: Node) -> Any:
    xs = [to.tensor(x) for x in node.inputs]
    axis = node.attributes["axis"] % to.rank(xs[0])
    return xs[0] if len(xs) == 1 else to.step("concat", *xs, dim=axis)


@row("Split")
def _split(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    axis = node.attributes.get("axis", 0) % to.rank(x)
    many = len(node.outputs)
    sizes = to.constants.ints(node, "split", 1)
    if many == 1:
        return x
    if sizes is None or all(size == sizes[0] for size in sizes):
        return to.step("chunk", x, many=many, chunks=many, dim=axis)
    return to.step("split", x, many=many, split_size_or_sections=sizes, dim=axis)


@row("Slice")
def _slice(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    starts, ends = to.constants.ints(node, "starts", 1) or [], to.constants.ints(node, "ends", 2) or []
    axes, steps = to.constants.ints(node, "axes", 3), to.constants.ints(node, "steps", 4)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = axes[number] % to.rank(x) if axes else number
        x = _one_slice(to, x, axis, start, end, steps[number] if steps else 1)
    return x


def _one_slice(to: Lowering, x: Value, axis: int, start: Any, end: Any, step: Any) -> Any:
    size = to.shape(x)[axis]
    if type(step) is not int or step == 0:
        raise UnsayableError("a slice whose step hangs on letters")
    if step < 0:
        return _backwards(to, x, axis, start, end, step)
    start = 0 if type(start) is int and type(size) is int and start <= -size else start
    whole = end == size or (type(end) is int and (end >= _FAR or (type(size) is int and end >= size)))
    if start == 0 and whole and step == 1:
        return x
    bounded: dict[str, Any] = {"start": start or None, "end": None if whole else end}
    if any(isinstance(b, Expr) for b in (start, end)) and step == 1 and not isinstance(start, Expr):
        return to.step("narrow", x, dim=axis, start=start, length=(size if whole else end) - start)
    if step == 1 and type(size) is int and all(type(b) is int for b in (start, end)):
        first, last, _ = slice(start, size if whole else end).indices(size)
        return to.step("narrow", x, dim=axis, start=first, length=last - first)
    return to.step("slice", x, dim=axis, step=step, **bounded)


def _backwards(to: Lowering, x: Value, axis: int, start: Any, end: Any, step: int) -> Value:
    """A slice from the last to the first: all of the axis, turned around."""
    size = to.shape(x)[axis]
    all_of_it = type(start) is int and type(end) is int and (start == -1 or start >= _FAR) and end <= -_FAR
    if type(size) is int and type(start) is int and type(end) is int:
        all_of_it = len(range(*slice(start, None if end < -size else end, -1).indices(size))) == size
    if step != -1 or not all_of_it:
        raise UnsayableError("a slice from the end to the beginning of a part of an axis")
    made: Value = to.step("flip", x, dims=[axis])
    return made


@row("Gather")
def _gather(to: Lowering, node: Node) -> Any:
    """By a number a part, by known ones a range, by a tensor a look-up: of words in a table an Embedding."""
    axis = node.attributes.get("axis", 0)
    if node.input(1) in to.constants.ranges:
        return _range(to, to.input(node, 0), axis, *to.constants.ranges[node.input(1)])
    table, at = to.weights.get(node.input(0)), to.constants.array(node.input(1))
    if at is None:
        indices = to.input(node, 1)
        if table is not None and len(table.shape) == 2 and axis == 0:
            rows, width = table.shape
            return to.step(
                "Embedding", indices, num_embeddings=rows, embedding_dim=width, weights={"weight": table}
            )
        x = to.input(node, 0)
        return to.step("index", x, indices, dim=axis % to.rank(x))
    x = to.input(node, 0)
    axis = axis % to.rank(x)
    if at.ndim == 0:
        return to.step("select", x, dim=axis, index=_plain(at.item()))
    numbers = [_plain(n) for n in at.flat]
    size = to.shape(x)[axis]
    if at.ndim == 1 and all(type(n) is int for n in numbers):
        first = numbers[0] + (size if numbers[0] < 0 else 0) if numbers else 0
        if numbers and type(first) is int and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            whole = len(numbers) == size
            return x if whole else to.step("narrow", x, dim=axis, start=first, length=len(numbers))
    if not node.input(1) or any(n < 0 for n in numbers if type(n) is int):
        raise UnsayableError("indices from the end of an axis")
    return to.step("index", x, to.input(node, 1), dim=axis)


def _range(to: Lowering, x: Value, axis: int, start: int, length: Any, lead: int) -> Value:
    """What is at places in a row; an axis of 1 before these is one of the result."""
    axis = axis % to.rank(x)
    x = to.step("narrow", x, dim=axis, start=start, length=length)
    for _ in range(lead):
        x = to.step("unsqueeze", x, dim=axis)
    return x


def _plain(number: Any) -> Any:
    return number if isinstance(number, Expr) else int(number)


@row("GatherElements")
def _gather_elements(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    return to.step("gather", x, to.input(node, 1), dim=node.attributes.get("axis", 0) % to.rank(x))


@row("OneHot")
def _one_hot(to: Lowering, node: Node) -> Any:
    depth, values = to.constants.array(node.input(1)), to.constants.array(node.input(2))
    if depth is None or values is None or list(values.flat) != [0, 1]:
        raise UnsayableError("OneHot with values other than 0 and 1")
    x = to.input(node, 0)
    if node.attributes.get("axis", -1) not in (-1, to.rank(x)) or to.out(node).dtype != "int64":
        raise UnsayableError("OneHot along another axis, or of another dtype")
    return to.step("one_hot", x, num_classes=int(depth.flat[0]))
