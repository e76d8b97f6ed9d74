"""Convolutions, pools and padding."""

from __future__ import annotations

from math import inf
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.rows.elementwise import real
from shapecalc.importing.onnx_file.weights import Weight
from shapecalc.importing.onnx_file.written import alike, of_dtype
from shapecalc.importing.program import Value
from shapecalc.symbolic import Expr


def _window(to: Lowering, node: Node, x: Value, kernel: list[int]) -> tuple[Any, list[int], dict[str, Any]]:
    """The padding, if it is equal at both ends, else the pads of each axis; and the other arguments."""
    axes = len(kernel)
    strides = node.attributes.get("strides", [1] * axes)
    dilations = node.attributes.get("dilations", [1] * axes)
    auto = node.attributes.get("auto_pad", "NOTSET")
    pads = list(node.attributes.get("pads", [0] * 2 * axes))
    if auto == "VALID":
        pads = [0] * 2 * axes
    if auto.startswith("SAME"):
        pads = _same_pads(to, x, kernel, strides, dilations, auto == "SAME_LOWER")
    arguments = {"stride": alike(strides), "dilation": alike(dilations)}
    if pads[:axes] == pads[axes:]:
        return alike(pads[:axes]), [], arguments
    return 0, pads, arguments


def _same_pads(
    to: Lowering, x: Value, kernel: list[int], strides: list[int], dilations: list[int], lower: bool
) -> list[int]:
    """The pads with which there are ⌈n/s⌉ windows, an odd one at the end, or if `lower` at the beginning."""
    first: list[int] = []
    last: list[int] = []
    for n, k, s, d in zip(to.shape(x)[2:], kernel, strides, dilations, strict=True):
        size = n
        if isinstance(n, Expr) and s > 1:
            to.constants.pinned = True
            size = to.inferred.tensor(to.node, to.node.input(0)).shape[2 + len(first)]
        windows = -(-size // s) if s > 1 else size
        total = (windows - 1) * s + (k - 1) * d + 1 - size
        total = max(0, total if isinstance(total, int) else 0)
        small, large = total // 2, total - total // 2
        first.append(large if lower else small)
        last.append(small if lower else large)
    return first + last


def padded(to: Lowering, x: Value, pads: list[Any], mode: str = "constant", value: Any = None) -> Value:
    """A tensor with pads as ONNX lists them: the beginnings of all last axes, then the ends."""
    axes = len(pads) // 2
    pairs = [[pads[n], pads[axes + n]] for n in reversed(range(axes))]
    while len(pairs) > 1 and pairs[-1] == [0, 0]:
        pairs.pop()
    flat = [size for pair in pairs for size in pair]
    if not any(flat):
        return x
    made: Value = to.step("pad", x, pad=flat, mode=mode, value=value or None)
    return made


def _learned(to: Lowering, node: Node) -> dict[str, Weight]:
    """The weight of a convolution, and its bias if it has one.

    Raises:
        UnsayableError: one is computed.
    """
    weight, bias = to.weights.learned(node, 1), to.weights.learned(node, 2)
    if weight is None or (node.input(2) and bias is None):
        raise UnsayableError("a convolution by a tensor that is computed")
    return {"weight": weight, **({"bias": bias} if bias else {})}


@row("Conv")
def _conv(to: Lowering, node: Node) -> Any:
    owned = _learned(to, node)
    out, _, *kernel = owned["weight"].shape
    x = to.input(node, 0)
    padding, pads, arguments = _window(to, node, x, kernel)
    if pads:
        x = padded(to, x, pads)
    return to.step(
        f"Conv{len(kernel)}d",
        x,
        out_channels=out,
        kernel_size=alike(kernel),
        padding=padding,
        groups=node.attributes.get("group", 1),
        bias="bias" in owned,
        weights=owned,
        **arguments,
    )


@row("ConvTranspose")
def _conv_transpose(to: Lowering, node: Node) -> Any:
    owned = _learned(to, node)
    _, out, *kernel = owned["weight"].shape
    groups = node.attributes.get("group", 1)
    x = to.input(node, 0)
    padding, more, arguments = _transposed(to, node, x, kernel)
    return to.step(
        f"ConvTranspose{len(kernel)}d",
        x,
        out_channels=out * groups,
        kernel_size=alike(kernel),
        padding=padding,
        output_padding=more,
        groups=groups,
        bias="bias" in owned,
        weights=owned,
        **arguments,
    )


def _transposed(to: Lowering, node: Node, x: Value, kernel: list[int]) -> tuple[Any, Any, dict[str, Any]]:
    """Padding and output padding: what is cut off at the ends, and what of it is there all the same."""
    axes = len(kernel)
    if "output_shape" in node.attributes or node.attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        strides = node.attributes.get("strides", [1] * axes)
        dilations = node.attributes.get("dilations", [1] * axes)
        wanted = node.attributes.get("output_shape") or [
            n * s for n, s in zip(to.shape(x)[2:], strides, strict=True)
        ]
        cut = [
            (n - 1) * s + (k - 1) * d + 1 - y
            for n, k, s, d, y in zip(to.shape(x)[2:], kernel, strides, dilations, wanted[-axes:], strict=True)
        ]
        if not all(type(c) is int and c >= 0 for c in cut):
            raise UnsayableError("a transposed convolution that is larger than its windows")
        upper = node.attributes.get("auto_pad") != "SAME_LOWER"
        begins = [c // 2 if upper else c - c // 2 for c in cut]
        pads = begins + [c - b for c, b in zip(cut, begins, strict=True)]
        more = [0] * axes
        arguments = {"stride": alike(strides), "dilation": alike(dilations)}
    else:
        _, found, arguments = _window(to, node, x, kernel)
        pads = found or node.attributes.get("pads", [0] * 2 * axes)
        more = list(node.attributes.get("output_padding", [0] * axes))
    if any(b < e for b, e in zip(pads[:axes], pads[axes:], strict=True)):
        raise UnsayableError("a transposed convolution that is cut more at its end than at its beginning")
    more = [m + b - e for m, b, e in zip(more, pads[:axes], pads[axes:], strict=True)]
    return alike(pads[:axes]), alike(more), arguments


@row("MaxPool", "AveragePool")
def _pool(to: Lowering, node: Node) -> Any:
    if len([y for y in node.outputs if y]) > 1:
        raise UnsayableError("the places of maxima, counted through the whole tensor")
    kernel = list(node.attributes["kernel_shape"])
    x = to.input(node, 0)
    padding, pads, arguments = _window(to, node, x, kernel)
    mean = node.type == "AveragePool"
    if arguments["stride"] == alike(kernel):
        del arguments["stride"]
    arguments["ceil_mode"] = bool(node.attributes.get("ceil_mode", 0))
    if mean:
        if arguments.pop("dilation") != 1:
            raise UnsayableError("means of a dilated window")
        counted = bool(node.attributes.get("count_include_pad", 0))
        if pads and not counted:
            raise UnsayableError("means that leave out padding which differs at the two ends")
        arguments["count_include_pad"] = counted or padding == 0
    if pads:
        x = padded(to, x, pads, value=None if mean else -inf)
    axes = len(kernel)
    type_ = f"{'Avg' if mean else 'Max'}Pool{axes}d"
    return to.step(type_, x, kernel_size=alike(kernel), padding=padding, **arguments)


@row("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    axes = to.rank(x) - 2
    word = "Avg" if node.type == "GlobalAveragePool" else "Max"
    if 1 <= axes <= 3:
        return to.step(f"Adaptive{word}Pool{axes}d", x, output_size=1)
    return to.step("mean" if word == "Avg" else "amax", x, dim=list(range(2, axes + 2)), keepdim=True)


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@row("Pad")
def _pad(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    word = "pads" if "pads" in node.attributes else "paddings"
    pads = to.constants.ints(node, word, 1) or []
    rank = to.rank(x)
    if node.input(3):
        axes = [axis % rank for axis in to.constants.ints(node, "axes", 3) or []]
        full = [0] * 2 * rank
        for number, axis in enumerate(axes):
            full[axis], full[rank + axis] = pads[number], pads[len(axes) + number]
        pads = full
    value = real(node, "value", 0) if "value" in node.attributes else None
    if node.input(2):
        value = to.constants.number(node.input(2))
        if value is None:
            raise UnsayableError("a value of padding that is computed")
    value = of_dtype(value, to.shapes[x].dtype) if value else None
    return padded(to, x, pads, _MODES[node.attributes.get("mode", "constant")], value)
