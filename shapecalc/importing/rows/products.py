"""Products of matrices, and layers whose weights a module hands to a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import (
    ROWS,
    Lowering,
    Row,
    listed,
    of_two,
    rank,
    row,
    shape_of,
)
from shapecalc.importing.program import Value
from shapecalc.importing.rows.rearranging import reshaped
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor


@row("matmul", "mm", "mv", "dot", "vdot")
def _matmul(to: Lowering, input: Value, other: Value) -> Any:
    return to.step("matmul", input, other)


@row("rmatmul")
def _rmatmul(to: Lowering, input: Value, other: Value) -> Any:
    return to.step("matmul", other, input)


@row("baddbmm", "addmm")
def _addmm(to: Lowering, input: Value, *factors: Value, beta: Any = 1, alpha: Any = 1, **named: Value) -> Any:
    """Two factors, which are named mat1 and mat2 or batch1 and batch2."""
    first, second = [*factors, *(named[name] for name in sorted(named))]
    product = to.inner("matmul", first, second, gives=to.shapes[0])
    if alpha != 1:
        product = of_two(to, "mul", product, alpha)
    scaled = input if beta == 1 else of_two(to, "mul", input, beta)
    return to.step("add", scaled, product)


@row("einsum")
def _einsum(to: Lowering, equation: str, *operands: Any, **_: Any) -> Any:
    xs = listed(operands[0], operands[1:])
    equation = equation.replace(" ", "")
    return to.step("einsum", *xs, equation=equation) if len(xs) > 1 else _einsum_of_one(to, equation, xs[0])


def _einsum_of_one(to: Lowering, equation: str, x: Value) -> Any:
    """Axes that are summed, and the others in another order."""
    before, arrow, after = equation.partition("->")
    if not arrow or "." in equation or len({*before}) < len(before):
        raise UnsayableError("einsum of one tensor with a diagonal, an ellipsis, or no ->")
    gone = [axis for axis, letter in enumerate(before) if letter not in after]
    left = [letter for letter in before if letter in after]
    order = [left.index(letter) for letter in after]
    if order == sorted(order):
        return to.step("sum", x, dim=gone) if gone else x
    kept = tuple(shape_of(x)[before.index(letter)] for letter in left)
    y = to.inner("sum", x, dim=gone, gives=Tensor(kept, to.shapes[0].dtype)) if gone else x
    return to.step("permute", y, dims=order)


@row("scaled_dot_product_attention")
def _attention(
    to: Lowering,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    inputs = [query, key, value, *([attn_mask] if attn_mask is not None else [])]
    more = {"is_causal": is_causal, "scale": scale, "enable_gqa": enable_gqa}
    return to.step("scaled_dot_product_attention", *inputs, **more)


def _owns(to: Lowering, weights: dict[str, Any]) -> bool:
    """Whether a layer may be made of these: each is a parameter as a whole, or there is none."""
    return all(w is None or (isinstance(w, Value) and to.weight(w)) for w in weights.values())


def weighted(
    to: Lowering, type_: str, inputs: Sequence[Value], weights: dict[str, Any], many: int = 0, **given: Any
) -> Any:
    """A layer made of parameters that are read nowhere else; else there is no such layer."""
    told = {name: to.weight(value) for name, value in weights.items() if value is not None}
    owned = {name: owner for name, owner in told.items() if owner is not None}
    if len(owned) < len(told):
        raise UnsayableError(f"{type_} with a weight that is computed")
    made = to.step(type_, *inputs, many=many, **given)
    to.last.weights = owned
    return made


def _weighted(to: Lowering, type_: str, x: Value, weights: dict[str, Any], **arguments: Any) -> Any:
    """The same of one input, with a bias if one is there."""
    if "bias" in LAYERS[type_].fields:
        arguments["bias"] = weights.get("bias") is not None
    return weighted(to, type_, [x], weights, **arguments)


@row("linear")
def _linear(to: Lowering, input: Value, weight: Value, bias: Any = None) -> Any:
    weights = {"weight": weight, "bias": bias}
    if _owns(to, weights):
        return _weighted(to, "Linear", input, weights, out_features=shape_of(weight)[0])
    turned = to.step("transpose", weight, dim0=0, dim1=1)
    product = to.step("matmul", input, turned)
    return product if bias is None else to.step("add", product, bias)


def _convolution(axes: int) -> Row:
    def make(
        to: Lowering,
        input: Value,
        weight: Value,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        out, _, *kernel = shape_of(weight)
        window = {"stride": plain(stride), "padding": plain(padding), "dilation": plain(dilation)}
        more = {**window, "groups": groups}
        weights = {"weight": weight, "bias": bias}
        if not _owns(to, weights):
            return to.step(f"conv{axes}d", input, *[w for w in (weight, bias) if w is not None], **more)
        return _weighted(
            to, f"Conv{axes}d", input, weights, out_channels=out, kernel_size=plain(kernel), **more
        )

    return make


ROWS.update({f"conv{axes}d": _convolution(axes) for axes in (1, 2, 3)})


def _normed(to: Lowering, type_: str, x: Value, weights: dict[str, Any], axis: int, **arguments: Any) -> Any:
    """A norm with its parameters; with weights that are computed, one without, then a product and a sum.

    `axis` is that of the channels, which weights of one axis are for.
    """
    if _owns(to, weights):
        return _weighted(to, type_, x, weights, **arguments)
    affine = "affine" if "affine" in arguments else "elementwise_affine"
    y = to.step(type_, x, **{**arguments, affine: False})
    for join, weight in zip(("mul", "add"), weights.values(), strict=False):
        if weight is not None:
            y.tensor = to.shapes[0]
            y = to.step(join, y, _along(to, weight, axis, rank(x)))
    return y


def _along(to: Lowering, weight: Value, axis: int, axes: int) -> Value:
    """A weight of one axis with axes of 1 after it, so that it is for the axis of that number."""
    if axis < 0 or axes == axis + 1:
        return weight
    shape = (*weight.known.shape, *[1] * (axes - axis - 1))
    return reshaped(to, weight, Tensor(shape, weight.known.dtype))


@row("batch_norm")
def _batch_norm(
    to: Lowering,
    input: Value,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """The layer of as many axes; without running statistics it takes those of the batch."""
    type_ = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}[rank(input)]
    if training and running_mean is not None:
        raise UnsayableError("batch_norm that learns statistics while it predicts")
    more = {"eps": eps, "affine": weight is not None, "track_running_stats": running_mean is not None}
    more |= {"momentum": momentum} if running_mean is not None else {}
    return _normed(to, type_, input, {"weight": weight, "bias": bias}, 1, **more)


@row("layer_norm")
def _layer_norm(
    to: Lowering, input: Value, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    shape = list(normalized_shape)
    more: dict[str, Any] = {"elementwise_affine": weight is not None, "eps": eps}
    if len(shape) > 1:
        more["normalized_shape"] = shape
    return _normed(to, "LayerNorm", input, {"weight": weight, "bias": bias}, -1, **more)


@row("rms_norm")
def _rms_norm(to: Lowering, input: Value, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    more = {"elementwise_affine": weight is not None, "eps": eps}
    return _normed(to, "RMSNorm", input, {"weight": weight}, -1, **more)


@row("group_norm")
def _group_norm(
    to: Lowering, input: Value, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    more = {"num_groups": num_groups, "eps": eps, "affine": weight is not None}
    return _normed(to, "GroupNorm", input, {"weight": weight, "bias": bias}, 1, **more)


@row("embedding")
def _embedding(
    to: Lowering, input: Value, weight: Value, padding_idx: Any = None, *rest: Any, **_: Any
) -> Any:
    if not _owns(to, {"weight": weight}):
        return to.step("index", weight, input)
    return _weighted(to, "Embedding", input, {"weight": weight}, **_table(weight), padding_idx=padding_idx)


def _table(weight: Value) -> dict[str, int]:
    rows, width = shape_of(weight)
    return {"num_embeddings": rows, "embedding_dim": width}
