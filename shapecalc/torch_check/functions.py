"""Functions that torch does not have under one name, written in it after their sources, by the same name.

`export` writes their text into its modules, so its lines are of 88 columns, ruff's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch

from shapecalc.layers import Layer
from shapecalc.layers.fields import Dtype


def function_of(name: str) -> Any:
    """The function of a layer type: one of these or, by its path, of torch."""
    return FUNCTIONS.get(name) or reduce(getattr, name.split("."), torch)


def keywords_of(layer: Layer, float32: str = "float32") -> dict[str, Any]:
    """The arguments with a name of a layer's function; the names of dtypes become torch's.

    `float32` is the dtype in its place, of a network that was converted.
    """
    given = layer.keywords()
    dtypes = [name for name in given if isinstance(layer.fields.get(name), Dtype) and given[name]]
    named = {name: float32 if given[name] == "float32" else given[name] for name in dtypes}
    return {**given, **{name: getattr(torch, dtype, dtype) for name, dtype in named.items()}}


def selective_scan(*inputs: Any, delta_softplus: bool = False) -> Any:
    """One step after another, in float32, of u, delta, A, B, C and D, z, delta_bias.

    The last three may be left out. Source: mamba_ssm's selective_scan_ref.

    Raises:
        ValueError: an input has another shape than the others ask for.
        TypeError: an input is not floating-point, or there are too few or too many.
    """
    u, a = inputs[0], inputs[2]
    (n, channels, steps), (_, state) = u.shape, a.shape
    whole, columns = (n, channels, steps), (n, state, steps)
    needed = [whole, whole, (channels, state), columns, columns]
    needed += [(channels,), whole, (channels,)]
    for x, shape in zip(inputs, needed, strict=False):
        if not x.is_floating_point():
            raise TypeError(f"{x.dtype} is not floating-point")
        if x.shape != shape:
            raise ValueError(f"{list(x.shape)} is not {list(shape)}")
    return scanned(delta_softplus, *[x.float() for x in inputs]).to(u.dtype)


def scanned(
    softplus: bool,
    u: Any,
    delta: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any = None,
    z: Any = None,
    bias: Any = None,
) -> Any:
    delta = delta if bias is None else delta + bias[:, None]
    delta = torch.nn.functional.softplus(delta) if softplus else delta
    decay = torch.exp(delta[..., None] * a[:, None])
    added = (delta[..., None] * b.transpose(1, 2)[:, None]) * u[..., None]
    h = torch.zeros_like(decay[:, :, 0])
    ys = []
    for step in range(u.shape[2]):
        h = decay[:, :, step] * h + added[:, :, step]
        ys.append(torch.bmm(h, c[:, :, step, None]).squeeze(-1))
    y = torch.stack(ys, dim=2)
    y = y if d is None else y + u * d[:, None]
    return y if z is None else y * torch.nn.functional.silu(z)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"selective_scan": selective_scan}
