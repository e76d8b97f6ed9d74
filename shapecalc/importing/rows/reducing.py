"""Reductions, pooling, resizing."""

from __future__ import annotations

from math import prod
from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import (
    ROWS,
    Lowering,
    Row,
    axis_of,
    listed,
    rank,
    row,
    shape_of,
)
from shapecalc.importing.program import Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor


def _reduction(type_: str) -> Row:
    def make(
        to: Lowering, input: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **_: Any
    ) -> Any:
        axes = [axis_of(input, d) for d in listed(dim, ())] if dim not in (None, [], ()) else None
        given = {} if dtype is None else {"dtype": plain(dtype)}
        return to.step(type_, input, dim=axes, keepdim=keepdim, **given)

    return make


ROWS.update({name: _reduction(name) for name in ("mean", "sum", "amax", "amin")})


@row("max", "min")
def _extreme(to: Lowering, input: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The greatest or least element, along an axis also its place."""
    word = "max" if to.name.endswith("max") else "min"
    if dim is None:
        return to.step(f"a{word}", input, keepdim=False)
    if not isinstance(dim, int):
        return ROWS[f"{word}imum"](to, input, dim)
    axis = axis_of(input, dim)
    return [to.step(kind, input, dim=axis, keepdim=keepdim) for kind in (f"a{word}", f"arg{word}")]


@row("var")
def _var(
    to: Lowering,
    input: Value,
    dim: Any = None,
    *rest: Any,
    correction: Any = 1,
    keepdim: bool = False,
    **more: Any,
) -> Any:
    """The mean of the squared distances from the mean, of n − correction elements."""
    if isinstance(dim, bool):
        raise UnsayableError("var with unbiased in the place of dim")
    unbiased = rest[0] if rest else more.get("unbiased", True)
    less = correction if unbiased else 0
    axes = [*range(rank(input))] if dim is None else [axis_of(input, d) for d in listed(dim, ())]
    shape, dtype = shape_of(input), to.shapes[0].dtype
    kept = Tensor(tuple([1 if i in axes else n for i, n in enumerate(shape)]), dtype)
    whole = Tensor(tuple(shape), dtype)
    mean = to.inner("mean", input, dim=axes, keepdim=True, gives=kept)
    squares = to.inner("square", to.inner("sub", input, mean, gives=whole), gives=whole)
    n = prod(shape[i] for i in axes)
    keepdim = bool(rest[1] if len(rest) > 1 else keepdim)
    y = to.inner("mean", squares, dim=axes, keepdim=keepdim, gives=to.shapes[0])
    return to.step("mul", y, other=n / (n - less)) if less else y


@row("norm", "vector_norm", "linalg_vector_norm")
def _norm(to: Lowering, input: Value, *args: Any, **kwargs: Any) -> Any:
    """The root of the sum of squares."""
    first = "ord" if "vector_norm" in to.name else "p"
    given = {**dict(zip((first, "dim", "keepdim"), args, strict=False)), **kwargs}
    given = {key: value for key, value in given.items() if value is not None}
    if given.pop(first, 2) not in (2, "fro", None) or given.keys() - {"dim", "keepdim"}:
        raise UnsayableError("a norm of another order than 2")
    dim = given.get("dim")
    axes = None if dim is None else [axis_of(input, d) for d in listed(dim, ())]
    squares = to.inner("square", input, gives=input.known)
    keepdim = bool(given.get("keepdim", False))
    return to.step("sqrt", to.inner("sum", squares, dim=axes, keepdim=keepdim, gives=to.shapes[0]))


@row("cosine_similarity")
def _cosine_similarity(to: Lowering, x1: Value, x2: Value, dim: int = 1, eps: float = 1e-8) -> Any:
    return to.step("CosineSimilarity", x1, x2, dim=dim, eps=eps)


@row("pairwise_distance")
def _pairwise_distance(
    to: Lowering, x1: Value, x2: Value, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    return to.step("PairwiseDistance", x1, x2, p=float(p), eps=eps, keepdim=keepdim)


@row("weight_norm")
def _weight_norm(to: Lowering, v: Value, g: Value, dim: int = 0) -> Any:
    """A direction by its length along all axes but one, times a length of its own."""
    axes = [axis for axis in range(rank(v)) if dim == -1 or axis != dim]
    kept = Tensor(tuple([1 if i in axes else n for i, n in enumerate(shape_of(v))]), to.shapes[0].dtype)
    squares = to.inner("square", v, gives=v.known)
    lengths = to.inner("sqrt", to.inner("sum", squares, dim=axes, keepdim=True, gives=kept), gives=kept)
    return to.step("mul", v, to.inner("div", g, lengths, gives=g.known))


def _pooling(type_: str, defaults: dict[str, Any]) -> Row:
    def make(to: Lowering, input: Value, *args: Any, **kwargs: Any) -> Any:
        given = {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}
        given = {key: plain(value) for key, value in given.items() if key in LAYERS[type_].fields}
        if given.get("stride") in (None, [], given.get("kernel_size")):
            given.pop("stride", None)
        return to.step(type_, input, **given)

    return make


_MAX = {
    "kernel_size": None,
    "stride": None,
    "padding": 0,
    "dilation": 1,
    "ceil_mode": False,
    "return_indices": False,
}
_AVG = {
    "kernel_size": None,
    "stride": None,
    "padding": 0,
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
}
for _axes in (1, 2, 3):
    ROWS[f"max_pool{_axes}d"] = _pooling(f"MaxPool{_axes}d", _MAX)
    ROWS[f"avg_pool{_axes}d"] = _pooling(f"AvgPool{_axes}d", _AVG)
    ROWS[f"adaptive_avg_pool{_axes}d"] = _pooling(f"AdaptiveAvgPool{_axes}d", {"output_size": None})
    ROWS[f"adaptive_max_pool{_axes}d"] = _pooling(f"AdaptiveMaxPool{_axes}d", {"output_size": None})


@row("interpolate", "upsample")
def _interpolate(
    to: Lowering,
    input: Value,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Any:
    if recompute_scale_factor:
        raise UnsayableError("interpolate with recompute_scale_factor")
    given: dict[str, Any] = (
        {"size": [*to.shapes[0].shape[2:]]} if size is not None else {"scale_factor": plain(scale_factor)}
    )
    more = {"mode": mode, "align_corners": align_corners, "antialias": antialias}
    return to.step("interpolate", input, **given, **more)
