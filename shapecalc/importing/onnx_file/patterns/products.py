"""A product with a learned matrix and what is added to it."""

from __future__ import annotations

from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.patterns.joining import Joining, in_place_of, last


@last("Add")
def _linear(of: Joining, node: Node) -> Node | None:
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
            return in_place_of(node, "Linear", *matmul.inputs, bias)
    return None
