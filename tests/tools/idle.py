"""The CPU without its arithmetic, for tools that can't count on `meta`."""

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


def _convolution(x: Any, weight: Any, _: Any, *arguments: Any) -> list[int]:
    *windows, transposed, more, groups = arguments
    stride, padding, dilation, more = (_for_each_axis(x, numbers) for numbers in (*windows, more))
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, more, strict=True)
    if transposed:
        spatial = [(n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, d, o in sizes]
        return [x.shape[0], weight.shape[1] * groups, *spatial]
    spatial = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d, _ in sizes]
    return [x.shape[0], weight.shape[0], *spatial]


def _for_each_axis(x: Any, numbers: list[int]) -> list[int]:
    """One number stands for all axes."""
    return numbers if len(numbers) > 1 else numbers * (x.ndim - 2)


def _product(a: Any, b: Any) -> list[int]:
    return [*a.shape[:-1], b.shape[-1]]


SHAPES: dict[Any, Callable[..., list[int]]] = {
    aten.convolution.default: _convolution,
    aten.mm.default: _product,
    aten.bmm.default: _product,
    aten.addmm.default: lambda _, a, b, **__: _product(a, b),
}
"""torch's operation → the shape that it gives, of its arguments."""
