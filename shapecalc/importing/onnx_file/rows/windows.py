"""Convolutions, pools, norms of channels, padding and resizing."""

from __future__ import annotations

from math import inf
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.rows.elementwise import real
from shapecalc.importing.onnx_file.rows.rearranging import reshaped
from shapecalc.importing.onnx_file.written import alike, of_dtype
from shapecalc.importing.program import Value
from shapecalc.symbolic import Expr
from shapecalc.tensors import is_floating


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


@row("Conv")
def _conv(to: Lowering, node: Node) -> Any:
    weight, bias = to.weights.learned(node, 1), to.weights.learned(node, 2)
    if weight is None or (node.input(2) and bias is None):
        raise UnsayableError("a convolution by a tensor that is computed")
    out, _, *kernel = weight.shape
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
        bias=bias is not None,
        weights={"weight": weight, **({"bias": bias} if bias else {})},
        **arguments,
    )


@row("ConvTranspose")
def _conv_transpose(to: Lowering, node: Node) -> Any:
    weight, bias = to.weights.learned(node, 1), to.weights.learned(node, 2)
    if weight is None or (node.input(2) and bias is None):
        raise UnsayableError("a convolution by a tensor that is computed")
    _, out, *kernel = weight.shape
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
        bias=bias is not None,
        weights={"weight": weight, **({"bias": bias} if bias else {})},
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


@row("BatchNormalization")
def _batch_norm(to: Lowering, node: Node) -> Any:
    names = ("weight", "bias", "running_mean", "running_var")
    owned: dict[str, Any] = {
        name: to.weights.learned(node, number) for number, name in enumerate(names, start=1)
    }
    if any(weight is None for weight in owned.values()):
        raise UnsayableError("a norm by tensors that are computed")
    if node.attributes.get("training_mode") or len([y for y in node.outputs if y]) > 1:
        raise UnsayableError("BatchNormalization in training")
    x = to.input(node, 0)
    axes = max(1, to.rank(x) - 2)
    owned = to.weights.own(owned)
    for name in names[2:]:
        to.weights.stored_beside(owned[name])
    momentum = of_dtype(round(1 - real(node, "momentum", 0.9), 7), "float32")
    eps = real(node, "epsilon", 1e-5)
    return to.step(f"BatchNorm{axes}d", x, eps=eps, momentum=momentum, weights=owned)


@row("InstanceNormalization")
def _instance_norm(to: Lowering, node: Node) -> Any:
    owned: dict[str, Any] = {"weight": to.weights.learned(node, 1), "bias": to.weights.learned(node, 2)}
    if None in owned.values():
        raise UnsayableError("a norm by tensors that are computed")
    x = to.input(node, 0)
    type_ = f"InstanceNorm{to.rank(x) - 2}d"
    return to.step(type_, x, eps=real(node, "epsilon", 1e-5), affine=True, weights=owned)


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


@row("Resize", "Upsample")
def _resize(to: Lowering, node: Node) -> Any:
    x = to.input(node, 0)
    rank = to.rank(x)
    old = node.type == "Upsample" or to.graph.opset < 11
    scales, sizes = _scales(to, node, old), None
    if not old and node.input(3):
        sizes = to.constants.ints(node, "sizes", 3)
    axes = node.attributes.get("axes")
    if axes and sorted(a % rank for a in axes) != list(range(2, rank)):
        raise UnsayableError("Resize of other axes than the last ones")
    after = sizes if sizes is not None else list(scales or [])
    if not axes:
        before = list(to.shape(x)[:2]) if sizes is not None else [1, 1]
        if after[:2] != before:
            raise UnsayableError("Resize of the batch or of the channels")
        after = after[2:]
    given: dict[str, Any] = (
        {"size": after} if sizes is not None else {"scale_factor": alike([_whole(s) for s in after])}
    )
    if sizes is not None and (times := _multiples(to.shape(x)[2:], after)):
        given = {"scale_factor": alike(times)}
    mode, corners = _mode(node, old, given)
    if all(a == b for a, b in zip(to.shape(x)[2:], to.out(node).shape[2:], strict=True)):
        return x
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}
    words = {"linear": linear.get(rank), "cubic": "bicubic" if rank == 4 else None}
    found = words.get(mode, mode)
    if found is None:
        raise UnsayableError(f"Resize by {mode} of {rank - 2} axes")
    return to.step("Upsample", x, **given, mode=found, align_corners=corners)


def _scales(to: Lowering, node: Node, old: bool) -> Any:
    if "scales" in node.attributes:
        return [float(s) for s in node.attributes["scales"]]
    name = node.input(1 if old else 2)
    array = to.constants.elements(name) if name else None
    if array is None and name and not node.input(3):
        raise UnsayableError("scales that hang on values")
    return None if array is None or not array.size else [float(str(s)) for s in array]


def _whole(scale: float) -> Any:
    return int(scale) if scale.is_integer() else scale


def _multiples(before: Any, after: Any) -> list[int] | None:
    """The whole numbers that sizes are multiplied with, if they are."""
    found = []
    for x, y in zip(before, after, strict=True):
        times = next((k for k in range(1, 65) if x * k == y), None)
        if times is None:
            return None
        found.append(times)
    return found


def _mode(node: Node, old: bool, given: dict[str, Any]) -> tuple[str, bool | None]:
    """The mode of torch's, and whether corners are aligned, of the places that ONNX looks at."""
    mode = node.attributes.get("mode", "nearest")
    places = "asymmetric" if old else node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if node.attributes.get("antialias") or node.attributes.get("exclude_outside"):
        raise UnsayableError("Resize with antialias or exclude_outside")
    if mode == "nearest":
        rounding = "floor" if old else node.attributes.get("nearest_mode", "round_prefer_floor")
        factors = given.get("scale_factor", ())
        whole = (
            all(type(f) is int for f in (factors if isinstance(factors, list) else [factors]))
            and factors != ()
        )
        exact = places == "asymmetric" and rounding == "floor"
        centred = places in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
        if exact or (whole and centred and rounding.startswith("round")):
            return "nearest", None
        raise UnsayableError(f"Resize of the nearest by {places} and {rounding}")
    if places == "align_corners":
        return mode, True
    if places in ("half_pixel", "pytorch_half_pixel"):
        return mode, None
    raise UnsayableError(f"Resize by {mode} at {places} places")


@row("DepthToSpace", "SpaceToDepth")
def _to_space(to: Lowering, node: Node) -> Any:
    b = node.attributes["blocksize"]
    x = to.input(node, 0)
    n, c, h, w = to.shape(x)
    if node.type == "SpaceToDepth":
        apart = reshaped(to, x, [n, c, h // b, b, w // b, b])
        return reshaped(
            to, to.step("permute", apart, dims=[0, 3, 5, 1, 2, 4]), [n, c * b * b, h // b, w // b]
        )
    if node.attributes.get("mode", "DCR") == "CRD":
        return to.step("PixelShuffle", x, upscale_factor=b)
    apart = reshaped(to, x, [n, b, b, c // (b * b), h, w])
    return reshaped(to, to.step("permute", apart, dims=[0, 3, 4, 1, 5, 2]), [n, c // (b * b), h * b, w * b])


@row("GridSample")
def _grid_sample(to: Lowering, node: Node) -> Any:
    mode = node.attributes.get("mode", "linear")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    given = {"padding_mode": node.attributes.get("padding_mode", "zeros")}
    corners = bool(node.attributes.get("align_corners", 0))
    xs = to.input(node, 0), to.input(node, 1)
    return to.step("grid_sample", *xs, mode=mode, align_corners=corners or None, **given)


__all__ = ["is_floating", "padded"]
