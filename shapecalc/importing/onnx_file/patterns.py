"""What exporters write as several operators, as the one that it is: found where it computes exactly that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import pi, sqrt
from typing import Any

import numpy

from shapecalc.importing.onnx_file.graph import Graph, Node
from shapecalc.importing.onnx_file.inference import Inferred


def joined(graph: Graph, inferred: Inferred) -> list[Node]:
    """The nodes of a graph, those that are one layer of torch's written as one, where the last of them is."""
    return _Joining(graph, inferred).nodes()


class _Joining:
    def __init__(self, graph: Graph, inferred: Inferred) -> None:
        self.graph = graph
        self.inferred = inferred
        self.maker = {y: node for node in graph.nodes for y in node.outputs if y}
        self.uses = Counter(x for node in graph.nodes for x in node.inputs)
        self.uses.update(graph.outputs)

    def nodes(self) -> list[Node]:
        found: dict[int, Node] = {}
        for node in self.graph.nodes:
            for pattern in _PATTERNS.get(node.type, ()):
                made = pattern(self, node)
                if made is not None:
                    found[id(node)] = made
                    self.maker[node.outputs[0]] = made
                    break
        return self.needed([found.get(id(node), node) for node in self.graph.nodes])

    def needed(self, nodes: list[Node]) -> list[Node]:
        """Those of the nodes that an output hangs on."""
        wanted = {*self.graph.outputs}
        kept = []
        for node in reversed(nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        return kept[::-1]

    # What patterns ask for

    def made(self, name: str, *types: str) -> Node | None:
        """The node that makes a tensor, if it is of one of these types."""
        node = self.maker.get(name)
        return node if node is not None and node.type in types else None

    def only(self, name: str, *types: str) -> Node | None:
        """The same, if one node alone reads the tensor."""
        return self.made(name, *types) if self.uses[name] == 1 else None

    def number(self, name: str) -> float | None:
        """The one number that a constant is."""
        array = self.inferred.values.get(name)
        return (
            float(array.flat[0])
            if array is not None and array.size == 1 and array.dtype.kind in "fiu"
            else None
        )

    def learned(self, name: str) -> bool:
        """Whether a tensor is a weight, under its own name or another."""
        while alias := self.made(name, "Identity"):
            name = alias.input(0)
        return name in self.graph.learned

    def near(self, name: str, number: float) -> bool:
        """Whether a constant is a number, as exactly as float32 holds it."""
        found = self.number(name)
        return found is not None and abs(found - number) <= abs(number) * 2**-20

    def sides(self, node: Node) -> Iterable[tuple[str, str]]:
        """The two operands of what does not care for their order, in both."""
        first, second = node.inputs
        return (first, second), (second, first)

    def beside(self, node: Node | None, number: float) -> str | None:
        """The other operand of a number."""
        found = (x for x, y in self.sides(node) if self.near(y, number)) if node else ()
        return next(iter(found), None)


def _as(node: Node, type_: str, *inputs: str, **attributes: Any) -> Node:
    """A node in the place of another; what is not read any more is no step later on."""
    return replace(node, type=type_, inputs=[*inputs], attributes=attributes)


_Pattern = Callable[[_Joining, Node], "Node | None"]
_PATTERNS: dict[str, list[_Pattern]] = {}


def _last(*types: str) -> Callable[[_Pattern], _Pattern]:
    """Declares what may be found at a node of these types, which is the last of several."""

    def declare(function: _Pattern) -> _Pattern:
        for type_ in types:
            _PATTERNS.setdefault(type_, []).append(function)
        return function

    return declare


@_last("Add")
def _linear(of: _Joining, node: Node) -> Node | None:
    """x·W + b of a learned matrix and a learned vector."""
    for product, bias in of.sides(node):
        matmul = of.only(product, "MatMul")
        if matmul is None or not of.learned(bias):
            continue
        weight = of.inferred.tensors[matmul.input(1)].shape
        turned = of.made(matmul.input(1), "Transpose")
        if (
            of.learned(turned.input(0) if turned else matmul.input(1))
            and len(weight) == 2
            and of.inferred.tensors[bias].shape == weight[1:]
        ):
            return _as(node, "Linear", *matmul.inputs, bias)
    return None


@_last("Mul")
def _gelu(of: _Joining, node: Node) -> Node | None:
    """x·½·(1 + erf(x/√2)), in any order of its factors."""
    for x, erf in _halved(of, node, "Erf"):
        scaled = of.only(erf.input(0), "Div", "Mul")
        if scaled is None or x not in scaled.inputs:
            continue
        divided = scaled.type == "Div" and scaled.input(0) == x and of.near(scaled.input(1), sqrt(2))
        times = scaled.type == "Mul" and of.beside(scaled, sqrt(0.5)) == x
        if divided or times:
            return _as(node, "Gelu", x)
    return None


@_last("Mul")
def _tanh_gelu(of: _Joining, node: Node) -> Node | None:
    """x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³)))."""
    for x, tanh in _halved(of, node, "Tanh"):
        inner = of.beside(of.only(tanh.input(0), "Mul"), sqrt(2 / pi))
        total = of.only(inner, "Add") if inner else None
        cubed = next((y for a, y in of.sides(total) if a == x), None) if total else None
        cube = of.beside(of.only(cubed, "Mul"), 0.044715) if cubed else None
        if cube and _is_cube(of, cube, x):
            return _as(node, "Gelu", x, approximate="tanh")
    return None


def _is_cube(of: _Joining, name: str, x: str) -> bool:
    power = of.only(name, "Pow")
    if power:
        return power.input(0) == x and of.near(power.input(1), 3)
    product = of.only(name, "Mul")
    square = next((y for a, y in of.sides(product) if a == x), None) if product else None
    inner = of.only(square, "Mul") if square else None
    return bool(inner and inner.inputs == [x, x])


def _halved(of: _Joining, node: Node, type_: str) -> Iterable[tuple[str, Node]]:
    """The tensors x and the nodes f of which a product is x·½·(1 + f), in any order of its factors."""
    factors = _factors(of, node)
    for at, factor in enumerate(factors):
        added = of.beside(of.only(factor, "Add"), 1)
        function = of.only(added, type_) if added else None
        rest = [*factors[:at], *factors[at + 1 :]]
        halves = [y for y in rest if of.near(y, 0.5)]
        xs = [y for y in rest if y not in halves]
        if function and len(halves) == 1 and len(xs) == 1:
            yield xs[0], function


def _factors(of: _Joining, node: Node) -> list[str]:
    """The factors of a product of three, which is two nodes; of two, these."""
    for inner, other in of.sides(node):
        product = of.only(inner, "Mul")
        if product:
            return [*product.inputs, other]
        quotient = of.only(inner, "Div")
        if quotient and of.near(quotient.input(1), 2):
            return [quotient.input(0), other]
    return [*node.inputs]


@_last("Mul")
def _gated(of: _Joining, node: Node) -> Node | None:
    """x·sigmoid(x), x·hardsigmoid(x) and x·tanh(softplus(x)); x·clip(x + 3, 0, 6)/6 as well."""
    for x, gate in of.sides(node):
        sigmoid = of.only(gate, "Sigmoid")
        if sigmoid and sigmoid.input(0) == x:
            return _as(node, "Swish", x)
        hard = of.only(gate, "HardSigmoid")
        if hard and hard.input(0) == x and abs(hard.attributes.get("alpha", 0.2) - 1 / 6) < 1e-6:
            return _as(node, "HardSwish", x)
        tanh = of.only(gate, "Tanh")
        soft = of.only(tanh.input(0), "Softplus") if tanh else None
        if tanh and soft and soft.input(0) == x:
            return _as(node, "Mish", x)
        sixth = of.only(gate, "Div")
        if sixth and of.near(sixth.input(1), 6) and _clipped(of, sixth.input(0)) == x:
            return _as(node, "HardSwish", x)
    return None


@_last("Div", "Mul")
def _hard_swish(of: _Joining, node: Node) -> Node | None:
    """x·clip(x + 3, 0, 6)/6, divided at the end; without x a Hardsigmoid."""
    sixth = 6 if node.type == "Div" else 1 / 6
    if not of.near(node.input(1), sixth):
        return None
    product = of.only(node.input(0), "Mul")
    for x, gate in of.sides(product) if product else ():
        if _clipped(of, gate) == x:
            return _as(node, "HardSwish", x)
    x = _clipped(of, node.input(0)) or ""
    if x:
        return _as(node, "HardSigmoid", x, alpha=1 / 6, beta=0.5)
    return None


def _clipped(of: _Joining, name: str) -> str | None:
    """The x of which a tensor is clip(x + 3, 0, 6)."""
    clip = of.only(name, "Clip")
    if clip is None:
        return None
    low, high = (
        clip.attributes.get(word) if word in clip.attributes else of.number(clip.input(n))
        for n, word in ((1, "min"), (2, "max"))
    )
    return of.beside(of.only(clip.input(0), "Add"), 3) if (low, high) == (0, 6) else None


@_last("Div", "Mul")
def _norm(of: _Joining, node: Node) -> Node | None:
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
        return _as(node, type_, x or y, axis=axes[0], epsilon=eps)
    return None


def _root(of: _Joining, name: str, inverse: bool) -> tuple[Node | None, float | None]:
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


def _is_square(of: _Joining, node: Node, y: str) -> bool:
    if node.type == "Mul":
        return node.inputs == [y, y]
    return node.input(0) == y and of.near(node.input(1), 2)


def _axes(of: _Joining, node: Node) -> list[int]:
    """The axes of a reduction, from the first."""
    array = of.inferred.values.get(node.input(1))
    axes = node.attributes.get("axes", [] if array is None else array.flat)
    tensor = of.inferred.tensors.get(node.input(0))
    return sorted(int(axis) % tensor.rank for axis in axes) if tensor else []


def _centred(of: _Joining, y: str, axes: list[int]) -> str | None:
    """The x of which a tensor is x minus its mean along these axes."""
    less = of.made(y, "Sub")
    mean = of.made(less.input(1), "ReduceMean") if less else None
    if less and mean and mean.input(0) == less.input(0) and _axes(of, mean) == axes:
        return less.input(0)
    return None


@_last("Mul", "Add")
def _scaled(of: _Joining, node: Node) -> Node | None:
    """A norm times what is learned, and with something learned added."""
    for y, learned in of.sides(node):
        norm = of.only(y, "LayerNormalization", "RMSNormalization")
        if norm is None or not of.learned(learned):
            continue
        axis = norm.attributes.get("axis", -1)
        fits = of.inferred.tensors[learned].shape == of.inferred.tensors[norm.input(0)].shape[axis:]
        has = [bool(norm.input(1)), bool(norm.input(2))]
        if fits and node.type == "Mul" and has == [False, False]:
            return _as(node, norm.type, norm.input(0), learned, **norm.attributes)
        if fits and node.type == "Add" and has == [True, False] and norm.type == "LayerNormalization":
            return _as(node, norm.type, *norm.inputs[:2], learned, **norm.attributes)
    return None


@_last("Add")
def _group_norm(of: _Joining, node: Node) -> Node | None:
    """A norm of instances, which are groups of channels, between reshapes; then a scale and a shift."""
    for product, bias in of.sides(node):
        times = of.only(product, "Mul")
        for y, weight in of.sides(times) if times else ():
            back = of.only(y, "Reshape")
            norm = of.only(back.input(0), "InstanceNormalization") if back else None
            apart = of.only(norm.input(0), "Reshape") if norm else None
            if norm is None or apart is None or not (of.learned(weight) and of.learned(bias)):
                continue
            groups = _groups(of, apart, norm)
            channels = {of.inferred.tensors[name].elements for name in (weight, bias)}
            x = of.inferred.tensors.get(apart.input(0))
            if groups and x and x == of.inferred.tensors.get(y) and channels == {x.shape[1]}:
                given = {"num_groups": groups, "epsilon": norm.attributes.get("epsilon", 1e-5)}
                return _as(node, "GroupNorm", apart.input(0), weight, bias, **given)
    return None


def _groups(of: _Joining, apart: Node, norm: Node) -> int | None:
    """The number of groups that a reshape makes of the channels, if the norm of these does nothing more."""
    x, grouped = of.inferred.tensors.get(apart.input(0)), of.inferred.tensors.get(norm.input(0))
    if x is None or grouped is None or min(x.rank, grouped.rank) < 3 or grouped.shape[0] != x.shape[0]:
        return None
    channels, groups = x.shape[1], grouped.shape[1]
    whole = isinstance(channels, int) and isinstance(groups, int) and channels % groups == 0
    return groups if whole and isinstance(groups, int) and _does_nothing(of, norm) else None


def _does_nothing(of: _Joining, norm: Node) -> bool:
    """Whether a norm scales by 1 and shifts by 0."""
    scale, shift = (of.inferred.values.get(norm.input(n)) for n in (1, 2))
    return bool(scale is not None and shift is not None and (scale == 1).all() and not shift.any())


@_last("Squeeze")
def _unbound(of: _Joining, node: Node) -> Node | None:
    """One of the parts of size 1 that an axis is split into, without that axis: what is at its place."""
    split = of.made(node.input(0), "Split")
    if split is None or any(of.inferred.tensors[y].shape == () for y in split.outputs):
        return None
    tensor = of.inferred.tensors[node.input(0)]
    axis = split.attributes.get("axis", 0) % tensor.rank
    axes = node.attributes.get("axes", None)
    array = of.inferred.values.get(node.input(1))
    axes = [int(a) % tensor.rank for a in (axes if axes is not None else [] if array is None else array.flat)]
    if axes != [axis] or any(of.inferred.tensors[y].shape[axis] != 1 for y in split.outputs):
        return None
    place = f"place {split.outputs.index(node.input(0))}"
    of.inferred.values[place] = numpy.array(split.outputs.index(node.input(0)))
    return _as(node, "Gather", split.input(0), place, axis=axis)
