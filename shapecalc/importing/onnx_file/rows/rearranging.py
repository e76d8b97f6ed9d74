"""What rearranges elements and computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.program import Value
from shapecalc.symbolic import Expr
from shapecalc.tensors import product


@row("Reshape")
def _reshape(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    before = to.shape(x)
    sizes = to.constants.ints(node, "shape", 1) or []
    if not node.attributes.get("allowzero"):
        sizes = [before[n] if size == 0 and type(size) is int else size for n, size in enumerate(sizes)]
    if -1 in sizes:
        known = product(tuple(size for size in sizes if size != -1))
        rest = product(before) // known
        sizes = [rest if type(size) is int and size == -1 else size for size in sizes]
    return reshaped(to, x, sizes)


@row("Flatten")
def _flatten(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    rank = to.rank(x)
    axis = node.attributes.get("axis", 1)
    axis = axis + rank if axis < 0 else axis
    if axis == 1 and rank > 1:
        return to.step("Flatten", x)
    shape = to.shape(x)
    return reshaped(to, x, [product(shape[:axis]), product(shape[axis:])])


def reshaped(to: Lowering, x: Value, after: Sequence[Any]) -> Any:
    """A reshape as what it does to the axes that change: some become one, one becomes some."""
    before, wanted = [*to.shape(x)], [*after]
    if before == wanted:
        return x
    first, last = _kept(before, wanted)
    old, new = before[first : len(before) - last], wanted[first : len(wanted) - last]
    if len(new) == 1 and len(old) > 1:
        end = first + len(old) - 1
        whole = first == 1 and end == len(before) - 1
        type_ = "Flatten" if whole else "flatten"
        return to.step(type_, x, start_dim=first, end_dim=-1 if end == len(before) - 1 else end)
    if len(old) == 1 and len(new) > 1:
        return to.step("unflatten", x, dim=first, sizes=_filled(new, batch=False))
    if not old and set(new) == {1}:
        for axis in range(first, first + len(new)):
            x = to.step("unsqueeze", x, dim=axis)
        return x
    return to.step("reshape", x, shape=_filled(wanted))


def _kept(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, int]:
    """How many of the first axes, and then of the last, stay as they are; one is left at least."""
    most = min(len(before), len(after))
    first = 0
    while first < most and before[first] == after[first]:
        first += 1
    last = 0
    while last < most - first and before[-1 - last] == after[-1 - last]:
        last += 1
    if len(before) == first + last and any(size != 1 for size in after[first : len(after) - last]):
        first, last = (first - 1, last) if first else (first, last - 1)
    if len(after) == first + last:
        first, last = (first - 1, last) if first else (first, last - 1)
    return first, last


def _filled(sizes: Sequence[Any], batch: bool = True) -> list[Any]:
    """Sizes with −1 for one that hangs on letters, or else for the batch if the first is one."""
    at = next((n for n, size in enumerate(sizes) if isinstance(size, Expr)), None)
    if at is None and batch and len(sizes) > 1:
        at = 0
    return [-1 if n == at else size for n, size in enumerate(sizes)]


@row("Transpose")
def _transpose(to: Lowering, node: Node) -> Any:
    weight = to.weights.get(node.input(0))
    order = node.attributes.get("perm")
    if weight is not None and len(weight.shape) == 2 and order in (None, [1, 0]):
        to.weights[node.outputs[0]] = weight.turned()
        return []
    x = to.input(node, 0)
    return permuted(to, x, order or list(reversed(range(to.rank(x)))))


def permuted(to: Lowering, x: Value, order: Sequence[int]) -> Any:
    """Axes in another order: two that change places are a transpose."""
    moved = [n for n, axis in enumerate(order) if n != axis]
    if not moved:
        return x
    if len(moved) == 2:
        return to.step("transpose", x, dim0=moved[0], dim1=moved[1])
    return to.step("permute", x, dims=list(order))


@row("Squeeze")
def _squeeze(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    rank = to.rank(x)
    axes = to.constants.ints(node, "axes", 1)
    if axes is None:
        axes = [n for n, size in enumerate(to.shape(x)) if size == 1]
    axes = sorted(axis % rank for axis in axes)
    if not axes:
        return x
    if any(to.shape(x)[axis] != 1 for axis in axes):
        raise UnsayableError("Squeeze of an axis that is not 1")
    return to.step("squeeze", x, dim=axes)


@row("Unsqueeze")
def _unsqueeze(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    axes = to.constants.ints(node, "axes", 1) or []
    rank = to.rank(x) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = to.step("unsqueeze", x, dim=axis)
    return x


@row("Expand")
def _expand(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    own = to.shape(x)
    wanted = to.constants.ints(node, "shape", 1) or []
    lead = max(0, len(wanted) - len(own))
    wanted = [1] * (len(own) - len(wanted)) + wanted
    kept = [1] * lead + list(own)
    sizes = [n if type(size) is int and size == 1 else size for n, size in zip(kept, wanted, strict=True)]
    if sizes == list(own):
        return x
    return to.step("expand", x, sizes=[-1 if i >= lead and kept[i] == n else n for i, n in enumerate(sizes)])


@row("Tile")
def _tile(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    repeats = to.constants.ints(node, "repeats", 1) or []
    return x if all(n == 1 for n in repeats) else to.step("repeat", x, repeats=repeats)
