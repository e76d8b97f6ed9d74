"""Layers that torch's exporter to ONNX has no operators for, written of those that there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.onnx import register_custom_op_symbolic, symbolic_helper, unregister_custom_op_symbolic
from torch.onnx.symbolic_opset14 import scaled_dot_product_attention


@contextmanager
def known(opset: int) -> Iterator[None]:
    """Let the exporter know these layers."""
    for name, write in _WRITTEN.items():
        register_custom_op_symbolic(name, write, opset)
    try:
        yield
    finally:
        for name in _WRITTEN:
            unregister_custom_op_symbolic(name, opset)


@symbolic_helper.parse_args("v", "is", "v", "f")  # type: ignore[untyped-decorator]
def _rms_norm(g: Any, x: Any, shape: list[int], weight: Any, eps: float | None) -> Any:
    """x/√(mean of x² + ε) along the last axes, times the weights. Source: torch.nn.RMSNorm."""
    mean = g.op("ReduceMean", g.op("Mul", x, x), axes_i=[*range(-len(shape), 0)], keepdims_i=1)
    least = torch.finfo(torch.float32).eps if eps is None else eps
    root = g.op("Sqrt", g.op("Add", mean, g.op("Constant", value_t=torch.tensor(least))))
    y = g.op("Div", x, root).setType(x.type())
    return y if symbolic_helper._is_none(weight) else g.op("Mul", y, weight).setType(x.type())


@symbolic_helper.parse_args("v", "i")  # type: ignore[untyped-decorator]
def _channel_shuffle(g: Any, x: Any, groups: int) -> Any:
    """The axis of channels as groups, which change places with the channels of one, and back."""
    shape = g.op("Shape", x)
    part = g.op("Div", _picked(g, shape, 1), _numbers(g, groups))
    parted = g.op("Concat", _numbers(g, 0, groups), part, _numbers(g, -1), axis_i=0)
    y = g.op("Transpose", g.op("Reshape", x, parted), perm_i=[0, 2, 1, 3])
    return g.op("Reshape", y, shape).setType(x.type())


def _attention(g: Any, query: Any, key: Any, value: Any, *more: Any) -> Any:
    """Attention whose heads of keys and values each serve several of queries: they are repeated."""
    *options, grouped = more
    if symbolic_helper._maybe_get_const(grouped, "b"):
        key, value = (_repeated(g, x, _picked(g, g.op("Shape", query), 1)) for x in (key, value))
    return scaled_dot_product_attention(g, query, key, value, *options)


def _repeated(g: Any, x: Any, heads: Any) -> Any:
    """N×H×L×D → N×heads×L×D, each head so many times in a row."""
    shape = g.op("Shape", x)
    own, rest = _picked(g, shape, 1), _picked(g, shape, 2, 4)
    times = g.op("Concat", _picked(g, shape, 0), own, g.op("Div", heads, own), rest, axis_i=0)
    y = g.op("Expand", g.op("Unsqueeze", x, _numbers(g, 2)), times)
    return g.op("Reshape", y, g.op("Concat", _picked(g, shape, 0), heads, rest, axis_i=0))


def _picked(g: Any, shape: Any, start: int, end: int | None = None) -> Any:
    """Some of the sizes of a shape."""
    return g.op("Slice", shape, _numbers(g, start), _numbers(g, start + 1 if end is None else end))


def _numbers(g: Any, *numbers: int) -> Any:
    return g.op("Constant", value_t=torch.tensor(numbers))


_WRITTEN = {
    "aten::rms_norm": _rms_norm,
    "aten::channel_shuffle": _channel_shuffle,
    "aten::scaled_dot_product_attention": _attention,
}
