"""Recurrent layers, whose output has an axis of directions in ONNX, and whose gates come in another order."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.weights import Weight
from shapecalc.importing.program import Value

_GATES = {"LSTM": "iofc->ifco", "GRU": "zrh->rzh", "RNN": ""}
"""The order of the gates in ONNX, and in torch: input, forget, cell, output; reset, update, new."""
_DEFAULT = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


@row("LSTM", "GRU", "RNN")
def _recurrent(to: Lowering, node: Node) -> Any:
    """Of a sequence (L, N, in) the outputs (L, D, N, hidden), and the last states (D, N, hidden).

    `whole` has the weights by torch's names, where `patterns` finds that they are torch's own.
    """
    both = node.attributes.get("direction", "forward") == "bidirectional"
    hidden = node.attributes["hidden_size"]
    more = _check(node, both)
    x = to.input(node, 0)
    count = 1 + (node.type == "LSTM")
    states = [
        to.input(node, n) for n in range(5, 5 + count) if node.input(n) and not _zero(to, node.input(n))
    ]
    whole = {name: to.weights[own] for name, own in node.attributes.get("whole", {}).items()}
    bias = "bias_ih_l0" in whole or (bool(node.input(3)) and not _zero(to, node.input(3)))
    owned = whole or _weights(to, node, both, hidden, bias)
    made = to.step(
        node.type,
        x,
        *states,
        many=1 + count,
        hidden_size=hidden,
        bias=bias,
        bidirectional=both,
        weights=owned,
        **more,
    )
    states = [to.again(state) for state in made[1:]]  # which may be all that a module gives
    return [_with_directions(to, node, made[0], both, hidden), *states]


def _with_directions(to: Lowering, node: Node, y: Value, both: bool, hidden: int) -> Any:
    """(L, N, D·hidden) → (L, D, N, hidden)."""
    if not node.outputs[0]:
        return y
    if not both:
        return to.step("unsqueeze", y, dim=1)
    apart = to.step("unflatten", y, dim=2, sizes=[2, hidden])
    return to.step("transpose", apart, dim0=1, dim1=2)


def _check(node: Node, both: bool) -> dict[str, Any]:
    """The arguments that a kind of layer has beside; refuses what torch's does otherwise."""
    attributes = node.attributes
    usual = _DEFAULT[node.type] * (2 if both else 1)
    given = attributes.get("activations", usual)
    relu = node.type == "RNN" and set(given) == {"Relu"}
    if given != usual and not relu:
        raise UnsayableError(f"{node.type} with the activations {', '.join(given)}")
    if attributes.get("direction") == "reverse":
        raise UnsayableError(f"{node.type} that runs backwards alone")
    if attributes.get("layout") or attributes.get("clip") or attributes.get("input_forget"):
        raise UnsayableError(f"{node.type} with layout, clip or input_forget")
    if node.type == "GRU" and not attributes.get("linear_before_reset"):
        raise UnsayableError("GRU that resets before its product: torch's does so after it")
    if node.input(7) or node.input(4):
        raise UnsayableError(f"{node.type} with peepholes, or with lengths of the sequences")
    return {"nonlinearity": "relu"} if relu else {}


def _zero(to: Lowering, name: str) -> bool:
    return bool(to.constants.number(name, alone=False) == 0)


def _weights(to: Lowering, node: Node, both: bool, hidden: int, bias: bool) -> dict[str, Weight]:
    """The weights of each direction, as parts of the tensors that ONNX keeps those of both in."""
    inner, outer = to.weights.learned(node, 1), to.weights.learned(node, 2)
    biases = to.weights.learned(node, 3) if bias else None
    if inner is None or outer is None or (bias and biases is None):
        raise UnsayableError(f"{node.type} by tensors that are computed")
    order = f", {_GATES[node.type]}" if _GATES[node.type] else ""
    rows = inner.shape[1]
    found = {}
    for number, end in enumerate(("", "_reverse") if both else ("",)):
        found[f"weight_ih_l0{end}"] = inner.part(f"{number}{order}", rows, inner.shape[2])
        found[f"weight_hh_l0{end}"] = outer.part(f"{number}{order}", rows, hidden)
        if biases is not None:
            found[f"bias_ih_l0{end}"] = biases.part(f"{number}, :{rows}{order}", rows)
            found[f"bias_hh_l0{end}"] = biases.part(f"{number}, {rows}:{order}", rows)
    return found
