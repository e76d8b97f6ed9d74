"""Draws for `shapecalc/layers/upsampling.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

from shapecalc.layers import LAYERS, Layer
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import Stricter, drawn, rarely, tensors_of

TYPES = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "interpolate")

MODES = {
    3: ("nearest", "linear", "area", "nearest-exact"),
    4: ("nearest", "bilinear", "bicubic", "lanczos", "area", "nearest-exact"),
    5: ("nearest", "trilinear", "area", "nearest-exact"),
}


def images(*ranks: int) -> st.SearchStrategy[tuple[Tensor, ...]]:
    return st.tuples(tensors_of(ranks, space=range(1, 9)))


@st.composite
def resizing(draw: st.DrawFn, layer_type: type[Layer], inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """One of size and scale_factor, and what a mode for this input takes beside; seldom anything."""
    from tests.strategies import arguments, values  # they are made of this module, among others

    given = draw(arguments(layer_type, inputs))
    if rarely(draw, 4):
        return given
    first, second = draw(st.permutations(["size", "scale_factor"]))
    given.pop(second, None)
    while given.get(first) is None:
        given[first] = draw(values(layer_type.fields[first], layer_type, inputs))
    if "mode" in layer_type.fields:
        given["mode"] = draw(st.sampled_from(MODES.get(inputs[0].rank, ("nearest",))))
        if given["mode"] in ("nearest", "nearest-exact", "area"):
            given.pop("align_corners", None)
        if first == "size":
            given.pop("recompute_scale_factor", None)
    if "antialias" in layer_type.fields:
        given["antialias"] = given["mode"] == "lanczos" or (given["mode"][:2] == "bi" and rarely(draw, 2))
    return given


INPUTS = {
    **dict.fromkeys(TYPES, partial(images, 4, 3, 5)),
    "UpsamplingBilinear2d": partial(images, 4),
}
ARGUMENTS = {name: partial(resizing, LAYERS[name]) for name in TYPES}

HUNDRED = Tensor((1, 1, 100))

STRICTER = (
    Stricter(
        "Upsampl.*|interpolate",
        r"(size|scale_factor) must be .*, not (.*\b)?0|leaves nothing of an axis",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("Upsample", Tensor((1, 1, 4)), scale_factor=0.1, mode="area"),
    ),
    Stricter(
        "interpolate",
        "a floating-point input is needed, not|antialias needs float32",
        "antialias to the size that there is already copies any dtype, and resizes none of these",
        drawn("interpolate", Tensor((1, 1, 4, 4), "int64"), size=4, mode="bilinear", antialias=True),
    ),
)

RARE = (
    # torch rounds the product to float64, and then down.
    *(drawn("Upsample", HUNDRED, scale_factor=factor) for factor in (0.29, 0.57, 0.58, 1.15, 2.3, 0.07)),
    drawn("Upsample", Tensor((1, 1, 10)), scale_factor=0.7),
    drawn("interpolate", HUNDRED, scale_factor=0.29, recompute_scale_factor=True),
    drawn("interpolate", HUNDRED, scale_factor=2, mode="area"),
    drawn("interpolate", Tensor((1, 1, 4, 4), "float16"), size=2, mode="bilinear", antialias=True),
    drawn("interpolate", Tensor((1, 1, 4, 4), "uint8"), size=2, mode="bilinear", antialias=True),
    drawn("interpolate", Tensor((1, 1, 4, 4)), size=2, mode="lanczos", antialias=True, align_corners=True),
    drawn("interpolate", Tensor((1, 1, 4, 4)), size=[8], scale_factor=None),
    drawn("interpolate", Tensor((1, 1, 4, 4)), scale_factor=[2]),
)
