"""Norms of channels, of groups of them and of last axes."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.rows.elementwise import real
from shapecalc.importing.onnx_file.weights import Weight
from shapecalc.importing.onnx_file.written import of_dtype

_NAMES = ("weight", "bias", "running_mean", "running_var")


def _learned(to: Lowering, node: Node, places: range) -> dict[str, Weight]:
    """The weights of a norm that are the inputs of these places, under torch's names.

    Raises:
        UnsayableError: one is computed.
    """
    found = {_NAMES[place - 1]: to.weights.learned(node, place) for place in places}
    owned = {name: weight for name, weight in found.items() if weight is not None}
    if len(owned) < len(places):
        raise UnsayableError("a norm by tensors that are computed")
    return owned


def _is_affine(to: Lowering, node: Node) -> bool:
    """Whether a norm scales and shifts: not by a constant of ones and one of zeros, which nobody learned."""
    given = (to.constants.number(node.input(place), alone=False) for place in (1, 2))
    return node.input(1) in to.weights or node.input(2) in to.weights or (*given,) != (1, 0)


@row("BatchNormalization")
def _batch_norm(to: Lowering, node: Node) -> Any:
    affine = _is_affine(to, node)
    owned = _learned(to, node, range(1 if affine else 3, 5))
    if node.attributes.get("training_mode") or len([y for y in node.outputs if y]) > 1:
        raise UnsayableError("BatchNormalization in training")
    x = to.input(node, 0)
    axes = max(1, to.rank(x) - 2)
    owned = to.weights.own(owned)
    for name in _NAMES[2:]:
        to.weights.stored_beside(owned[name])
    momentum = of_dtype(round(1 - real(node, "momentum", 0.9), 7), "float32")
    eps = real(node, "epsilon", 1e-5)
    return to.step(f"BatchNorm{axes}d", x, eps=eps, momentum=momentum, affine=affine, weights=owned)


@row("InstanceNormalization")
def _instance_norm(to: Lowering, node: Node) -> Any:
    affine = _is_affine(to, node)
    owned = _learned(to, node, range(1, 3)) if affine else {}
    x = to.input(node, 0)
    type_ = f"InstanceNorm{to.rank(x) - 2}d"
    return to.step(type_, x, eps=real(node, "epsilon", 1e-5), affine=affine, weights=owned)


@row("GroupNormalization")
def _group_norm(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    owned: dict[str, Any] = {"weight": to.weights.learned(node, 1), "bias": to.weights.learned(node, 2)}
    if any(w is None or (to.shape(x)[1],) != w.shape for w in owned.values()):
        raise UnsayableError(
            "GroupNormalization whose scale and bias are not learned numbers for each channel"
        )
    groups = node.attributes["num_groups"]
    return to.step("GroupNorm", x, num_groups=groups, eps=real(node, "epsilon", 1e-5), weights=owned)


@row("GroupNorm")
def _joined_group_norm(to: Lowering, node: Node) -> Any:
    """As `patterns` finds it in a norm of instances between reshapes."""
    owned = {name: _flat(weight) for name, weight in _learned(to, node, range(1, 3)).items()}
    given = {"num_groups": node.attributes["num_groups"], "eps": real(node, "epsilon", 1e-5)}
    return to.step("GroupNorm", to.input(node, 0), weights=owned, **given)


def _flat(weight: Weight) -> Weight:
    """A weight of a number for each channel, without the axes of 1 that it has beside."""
    return weight if len(weight.shape) == 1 else weight.part(":", weight.shape[0])


@row("LayerNormalization", "RMSNormalization")
def _layer_norm(to: Lowering, node: Node) -> Any:
    """Of learned scales; where these are ones that nobody learned, without."""
    if len([y for y in node.outputs if y]) > 1:
        raise UnsayableError("the statistics of a norm as outputs")
    x = to.input(node, 0)
    axis = node.attributes.get("axis", -1) % to.rank(x)
    shape = to.shape(x)[axis:]
    root = node.type == "RMSNormalization"
    owned: dict[str, Any] = {
        "weight": to.weights.learned(node, 1),
        **({} if root else {"bias": to.weights.learned(node, 2)}),
    }
    owned = {name: weight for name, weight in owned.items() if weight is not None}
    plain = not node.input(1) or (
        "weight" not in owned and to.constants.number(node.input(1), alone=False) == 1
    )
    if not plain and ("weight" not in owned or len(owned) != 1 + bool(node.input(2))):
        raise UnsayableError("a norm by tensors that are computed")
    if any(weight.shape != shape for weight in owned.values()):
        raise UnsayableError("a norm whose scale is of another shape than what is normalized")
    more: dict[str, Any] = {"elementwise_affine": not plain, "eps": real(node, "epsilon", 1e-5)}
    if len(shape) > 1:
        more["normalized_shape"] = list(shape)
    if not root and not plain:
        more["bias"] = "bias" in owned
    return to.step("RMSNorm" if root else "LayerNorm", x, weights=owned, **more)


@row("LpNormalization")
def _normalize(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    dim = node.attributes.get("axis", -1) % to.rank(x)
    return to.step("normalize", x, p=float(node.attributes.get("p", 2)), dim=dim)


@row("LRN")
def _local_response(to: Lowering, node: Node) -> Any:
    size = node.attributes["size"]
    if size % 2 == 0:
        raise UnsayableError("LRN of an even size, whose longer side is the other one in torch")
    given = {
        "alpha": real(node, "alpha", 1e-4),
        "beta": real(node, "beta", 0.75),
        "k": real(node, "bias", 1.0),
    }
    return to.step("LocalResponseNorm", to.input(node, 0), size=size, **given)
