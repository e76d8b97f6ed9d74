"""A device that does the bookkeeping of the CPU without its arithmetic, for tools that can't count on `meta`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class Idle(TorchDispatchMode):
    """Convolutions and matrix products give what the memory holds, in the right shape."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        shape = SHAPES.get(function)
        if shape is None:
            return function(*args, **(kwargs or {}))
        return args[0].new_empty(shape(*args))


def _convolution(  # noqa: PLR0913, PLR0917
    x: Any,
    weight: Any,
    _: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    more: Any,
    groups: int,
) -> list[int]:
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, more, strict=True)
    if transposed:
        channels = weight.shape[1] * groups
        return [x.shape[0], channels] + [
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, d, o in sizes
        ]
    return [x.shape[0], weight.shape[0]] + [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d, _ in sizes
    ]


def _product(a: Any, b: Any) -> list[int]:
    return [*a.shape[:-1], b.shape[-1]]


SHAPES: dict[Any, Callable[..., list[int]]] = {
    aten.convolution.default: _convolution,
    aten.mm.default: _product,
    aten.bmm.default: _product,
    aten.addmm.default: lambda _, a, b, **__: _product(a, b),
}
"""torch's operation → the shape that it gives, of its arguments."""
