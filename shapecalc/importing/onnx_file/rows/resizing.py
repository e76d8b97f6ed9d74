"""Images in other sizes: resized, sampled, or with channels in place of pixels."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.onnx_file.graph import Node
from shapecalc.importing.onnx_file.lowering import Lowering, row
from shapecalc.importing.onnx_file.rows.rearranging import reshaped
from shapecalc.importing.onnx_file.written import alike


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
