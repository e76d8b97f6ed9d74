"""Activations of several factors: GELU, SiLU, Mish, Hardswish and Hardsigmoid."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sqrt

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.patterns.joining import Joining, in_place_of, last


@last("Mul")
def _gelu(of: Joining, node: Node) -> Node | None:
    """x·½·(1 + erf(x/√2)), in any order of its factors."""
    for x, erf in _halved(of, node, "Erf"):
        scaled = of.only(erf.input(0), "Div", "Mul")
        if scaled is None or x not in scaled.inputs:
            continue
        divided = scaled.type == "Div" and scaled.input(0) == x and of.near(scaled.input(1), sqrt(2))
        times = scaled.type == "Mul" and of.beside(scaled, sqrt(0.5)) == x
        if divided or times:
            return in_place_of(node, "Gelu", x)
    return None


@last("Mul")
def _tanh_gelu(of: Joining, node: Node) -> Node | None:
    """x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³)))."""
    for x, tanh in _halved(of, node, "Tanh"):
        inner = of.beside(of.only(tanh.input(0), "Mul"), sqrt(2 / pi))
        total = of.only(inner, "Add") if inner else None
        cubed = next((y for a, y in of.sides(total) if a == x), None) if total else None
        cube = of.beside(of.only(cubed, "Mul"), 0.044715) if cubed else None
        if cube and _is_cube(of, cube, x):
            return in_place_of(node, "Gelu", x, approximate="tanh")
    return None


def _is_cube(of: Joining, name: str, x: str) -> bool:
    power = of.only(name, "Pow")
    if power:
        return power.input(0) == x and of.near(power.input(1), 3)
    product = of.only(name, "Mul")
    square = next((y for a, y in of.sides(product) if a == x), None) if product else None
    inner = of.only(square, "Mul") if square else None
    return bool(inner and inner.inputs == [x, x])


def _halved(of: Joining, node: Node, type_: str) -> Iterable[tuple[str, Node]]:
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


def _factors(of: Joining, node: Node) -> list[str]:
    """The factors of a product of three, which is two nodes; of two, these."""
    for inner, other in of.sides(node):
        product = of.only(inner, "Mul")
        if product:
            return [*product.inputs, other]
        quotient = of.only(inner, "Div")
        if quotient and of.near(quotient.input(1), 2):
            return [quotient.input(0), other]
    return [*node.inputs]


@last("Mul")
def _gated(of: Joining, node: Node) -> Node | None:
    """x·sigmoid(x), x·hardsigmoid(x) and x·tanh(softplus(x)); x·clip(x + 3, 0, 6)/6 as well."""
    for x, gate in of.sides(node):
        sigmoid = of.only(gate, "Sigmoid")
        if sigmoid and sigmoid.input(0) == x:
            return in_place_of(node, "Swish", x)
        hard = of.only(gate, "HardSigmoid")
        if hard and hard.input(0) == x and abs(hard.attributes.get("alpha", 0.2) - 1 / 6) < 1e-6:
            return in_place_of(node, "HardSwish", x)
        tanh = of.only(gate, "Tanh")
        soft = of.only(tanh.input(0), "Softplus") if tanh else None
        if tanh and soft and soft.input(0) == x:
            return in_place_of(node, "Mish", x)
        sixth = of.only(gate, "Div")
        if sixth and of.near(sixth.input(1), 6) and _clipped(of, sixth.input(0)) == x:
            return in_place_of(node, "HardSwish", x)
    return None


@last("Div", "Mul")
def _hard_swish(of: Joining, node: Node) -> Node | None:
    """x·clip(x + 3, 0, 6)/6, divided at the end; without x a Hardsigmoid."""
    sixth = 6 if node.type == "Div" else 1 / 6
    if not of.near(node.input(1), sixth):
        return None
    product = of.only(node.input(0), "Mul")
    for x, gate in of.sides(product) if product else ():
        if _clipped(of, gate) == x:
            return in_place_of(node, "HardSwish", x)
    x = _clipped(of, node.input(0)) or ""
    if x:
        return in_place_of(node, "HardSigmoid", x, alpha=1 / 6, beta=0.5)
    return None


def _clipped(of: Joining, name: str) -> str | None:
    """The x of which a tensor is clip(x + 3, 0, 6)."""
    clip = of.only(name, "Clip")
    if clip is None:
        return None
    low, high = (
        clip.attributes.get(word) if word in clip.attributes else of.number(clip.input(n))
        for n, word in ((1, "min"), (2, "max"))
    )
    return of.beside(of.only(clip.input(0), "Add"), 3) if (low, high) == (0, 6) else None
