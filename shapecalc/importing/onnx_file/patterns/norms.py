"""Norms that are written as means, roots and quotients, or as a norm of instances between reshapes."""

from __future__ import annotations

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.patterns.joining import Joining, in_place_of, last
from shapecalc.tensors import Tensor


@last("Div", "Mul")
def _norm(of: Joining, node: Node) -> Node | None:
    """(x − mean)/√(variance + ε), or x/√(mean of squares + ε): norms along the last axes, without scales."""
    for y, root in [(node.input(0), node.input(1))] if node.type == "Div" else of.sides(node):
        means, eps = _root(of, root, node.type == "Mul")
        if means is None or eps is None:
            continue
        axes = _axes(of, means)
        rank = of.inferred.tensors[y].rank if y in of.inferred.tensors else 0
        square = of.made(means.input(0), "Pow", "Mul")
        if square is None or not _is_square(of, square, y) or axes != list(range(rank - len(axes), rank)):
            continue
        x = _centred(of, y, axes)
        type_ = "LayerNormalization" if x else "RMSNormalization"
        return in_place_of(node, type_, x or y, axis=axes[0], epsilon=eps)
    return None


def _root(of: Joining, name: str, inverse: bool) -> tuple[Node | None, float | None]:
    """The mean and the ε of which a tensor is √(mean + ε) or, if `inverse`, one divided by that."""
    if inverse:
        turned = of.made(name, "Reciprocal", "Div")
        if turned is None or (turned.type == "Div" and not of.near(turned.input(0), 1)):
            return None, None
        name = turned.inputs[-1]
    root = of.made(name, "Sqrt")
    total = of.made(root.input(0), "Add") if root else None
    for mean, eps in of.sides(total) if total else ():
        found, number = of.made(mean, "ReduceMean"), of.number(eps)
        if found and number is not None and found.attributes.get("keepdims", 1):
            return found, number
    return None, None


def _is_square(of: Joining, node: Node, y: str) -> bool:
    if node.type == "Mul":
        return node.inputs == [y, y]
    return node.input(0) == y and of.near(node.input(1), 2)


def _axes(of: Joining, node: Node) -> list[int]:
    """The axes of a reduction, from the first."""
    array = of.inferred.values.get(node.input(1))
    axes = node.attributes.get("axes", [] if array is None else array.flat)
    tensor = of.inferred.tensors.get(node.input(0))
    return sorted(int(axis) % tensor.rank for axis in axes) if tensor else []


def _centred(of: Joining, y: str, axes: list[int]) -> str | None:
    """The x of which a tensor is x minus its mean along these axes."""
    less = of.made(y, "Sub")
    mean = of.made(less.input(1), "ReduceMean") if less else None
    if less and mean and mean.input(0) == less.input(0) and _axes(of, mean) == axes:
        return less.input(0)
    return None


@last("Mul", "Add")
def _scaled(of: Joining, node: Node) -> Node | None:
    """A norm times what is learned, and with something learned added."""
    for y, learned in of.sides(node):
        norm = of.only(y, "LayerNormalization", "RMSNormalization")
        if norm is None or not of.learned(learned):
            continue
        axis = norm.attributes.get("axis", -1)
        fits = of.inferred.tensors[learned].shape == of.inferred.tensors[norm.input(0)].shape[axis:]
        has = [bool(norm.input(1)), bool(norm.input(2))]
        if fits and node.type == "Mul" and has == [False, False]:
            return in_place_of(node, norm.type, norm.input(0), learned, **norm.attributes)
        if fits and node.type == "Add" and has == [True, False] and norm.type == "LayerNormalization":
            return in_place_of(node, norm.type, *norm.inputs[:2], learned, **norm.attributes)
    return None


@last("Add")
def _group_norm(of: Joining, node: Node) -> Node | None:
    """A norm of instances, which are groups of channels, between reshapes; then a scale and a shift."""
    for product, bias in of.sides(node):
        times = of.only(product, "Mul")
        for y, weight in of.sides(times) if times else ():
            back = of.only(y, "Reshape")
            norm = of.only(back.input(0), "InstanceNormalization") if back else None
            apart = of.only(norm.input(0), "Reshape") if norm else None
            learned = [_behind(of, name) for name in (weight, bias)]
            if norm is None or apart is None or not all(map(of.learned, learned)):
                continue
            groups = _groups(of, apart, norm)
            x = of.inferred.tensors.get(apart.input(0))
            alike = x and x == of.inferred.tensors.get(y)
            if groups and x and alike and all(_is_for_channels(of, name, x) for name in (weight, bias)):
                given = {"num_groups": groups, "epsilon": norm.attributes.get("epsilon", 1e-5)}
                return in_place_of(node, "GroupNorm", apart.input(0), *learned, **given)
    return None


def _behind(of: Joining, name: str) -> str:
    """The tensor that another one is with more axes of 1."""
    while node := of.made(name, "Unsqueeze"):
        name = node.input(0)
    return name


def _is_for_channels(of: Joining, name: str, x: Tensor) -> bool:
    """Whether a tensor has a number for each channel of x, which it is broadcast to."""
    shape = of.inferred.tensors[name].shape
    return (1,) * (x.rank - len(shape)) + shape == (1, x.shape[1], *(1,) * (x.rank - 2))


def _groups(of: Joining, apart: Node, norm: Node) -> int | None:
    """The number of groups that a reshape makes of the channels, if the norm of these does nothing more."""
    x, grouped = of.inferred.tensors.get(apart.input(0)), of.inferred.tensors.get(norm.input(0))
    if x is None or grouped is None or min(x.rank, grouped.rank) < 3 or grouped.shape[0] != x.shape[0]:
        return None
    channels, groups = x.shape[1], grouped.shape[1]
    whole = isinstance(channels, int) and isinstance(groups, int) and channels % groups == 0
    return groups if whole and isinstance(groups, int) and _does_nothing(of, norm) else None


def _does_nothing(of: Joining, norm: Node) -> bool:
    """Whether a norm scales by 1 and shifts by 0."""
    scale, shift = (of.inferred.values.get(norm.input(n)) for n in (1, 2))
    return bool(scale is not None and shift is not None and (scale == 1).all() and not shift.any())
