"""Products of matrices, and the layers that they are made for."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.rows.elementwise import real
from shapecalc.importing.onnx_file.weights import Weight
from shapecalc.importing.onnx_file.written import of_dtype
from shapecalc.importing.program import Value


@row("MatMul")
def _matmul(to: Lowering, node: Node) -> Any:
    """A Linear if the second factor is a learned matrix, whose weight torch has turned."""
    weight = to.weights.learned(node, 1)
    if weight is not None and len(weight.shape) == 2 and not to.weights.get(node.input(0)):
        return linear(to, to.input(node, 0), weight.turned(), None)
    return to.step("matmul", to.input(node, 0), to.input(node, 1))


def linear(to: Lowering, x: Value, weight: Weight, bias: Weight | None) -> Any:
    """A Linear of a weight as torch has it, (out, in)."""
    owned = {"weight": weight, **({"bias": bias} if bias else {})}
    return to.step("Linear", x, out_features=weight.shape[0], bias=bias is not None, weights=owned)


@row("Linear")
def _linear(to: Lowering, node: Node) -> Any:
    """A product with a learned matrix and a learned vector added, as `patterns` joins them."""
    weight, bias = to.weights.learned(node, 1), to.weights.learned(node, 2)
    if weight is None or bias is None:
        raise UnsayableError("a Linear of tensors that are computed")
    return linear(to, to.input(node, 0), weight.turned(), bias)


@row("Gemm")
def _gemm(to: Lowering, node: Node) -> Any:
    alpha, beta = real(node, "alpha", 1.0), real(node, "beta", 1.0)
    turned = bool(node.attributes.get("transB", 0))
    weight, bias = to.weights.learned(node, 1), to.weights.learned(node, 2)
    x = to.input(node, 0)
    if node.attributes.get("transA"):
        x = to.step("transpose", x, dim0=0, dim1=1)
    out = weight and (weight.shape[0] if turned else weight.shape[1])
    fits = not node.input(2) or (bias is not None and bias.shape == (out,))
    if weight is not None and alpha == 1 and fits and (beta == 1 or bias is None):
        return linear(to, x, weight if turned else weight.turned(), bias)
    other = to.input(node, 1)
    if turned:
        other = to.step("transpose", other, dim0=0, dim1=1)
    product = to.step("matmul", x, other)
    product = product if alpha == 1 else to.step("mul", product, other=alpha)
    if not node.input(2):
        return product
    added = to.input(node, 2)
    return to.step("add", product, added if beta == 1 else to.step("mul", added, other=beta))


@row("Einsum")
def _einsum(to: Lowering, node: Node) -> Any:
    xs = [to.tensor(x) for x in node.inputs]
    return to.step("einsum", *xs, equation=node.attributes["equation"].replace(" ", ""))


@row("Attention")
def _attention(to: Lowering, node: Node) -> Any:
    """Attention of query, key and value that are split into heads already."""
    names = [node.input(n) for n in range(6)]
    xs = [to.tensor(x) for x in names[:3]]
    special = node.attributes.get("softcap") or any(names[4:]) or len([y for y in node.outputs if y]) > 1
    if special or any(to.rank(x) != 4 for x in xs):
        raise UnsayableError("Attention with a cache, a soft cap, or heads that are not split")
    if names[3]:
        xs.append(to.tensor(names[3]))
    scale = node.attributes.get("scale")
    heads, shared = to.shape(xs[0])[1], to.shape(xs[1])[1]
    given = {
        "is_causal": bool(node.attributes.get("is_causal", 0)),
        "scale": None if scale is None else of_dtype(real(node, "scale", 1.0), "float32"),
        "enable_gqa": heads != shared,
    }
    return to.step("scaled_dot_product_attention", *xs, **given)
