"""The products that XLA counts, by its analysis of each convolution and matrix product that a network makes.

XLA leaves out the products with the zeros of a padding. It is asked before compilation, so nothing runs.
It keeps counts as float32, exact below 2²⁴, and so is asked for one of equal parts: one sample and one pair
of channels of a convolution, one element of a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from math import prod
from typing import Any

from shapecalc.engine.results import Analysis, Row
from shapecalc.layers.experts import OfExperts
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import build
from tests.tools.counters import Count


def xla(analysis: Analysis) -> Count:
    """Products, of the rows that make any."""
    network = build(analysis)
    layers = {
        number: int(_of_row(row, network.layers[number]))
        for number, row in enumerate(analysis.rows)
        if row.macs != 0
    }
    return Count(sum(layers.values()), layers)


def _of_row(row: Row, module: Any) -> Any:
    """Of routed experts, those of the layer that each token goes through, for as many as it is sent to."""
    layer: Any = row.layer
    if isinstance(layer, OfExperts):
        return layer.top_k * PRODUCTS[row.type](module.one[1], *layer.inner.feed(*row.inputs))
    return PRODUCTS[row.type](module, *layer.feed(*row.inputs))


def _convolution(module: Any, x: Tensor) -> Any:
    """Of the whole batch: the taps that one pair of channels makes, for each pair within a group."""
    pairs = x.shape[0] * module.out_channels * module.in_channels // module.groups
    # The amounts on both sides of each axis, the last one first, as F.pad takes them.
    amounts = module._reversed_padding_repeated_twice
    padding = tuple(zip(amounts[-2::-2], amounts[::-2], strict=True))
    sizes, dilation = tuple(x.shape[2:]), module.dilation
    stretch = (1,) * len(sizes)
    stride = module.stride
    if module.transposed:
        reach = [d * (k - 1) for d, k in zip(dilation, module.kernel_size, strict=True)]
        cut = zip(reach, module.padding, module.output_padding, strict=True)
        padding = tuple((r - p, r - p + more) for r, p, more in cut)
        stride, stretch = stretch, module.stride
    elif module.padding_mode != "zeros":
        sizes = tuple(n + sum(pair) for n, pair in zip(sizes, padding, strict=True))
        padding = ((0, 0),) * len(sizes)
    return pairs * _taps(sizes, module.kernel_size, stride, padding, stretch, dilation)


@cache
def _taps(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    stretch: tuple[int, ...],
    dilation: tuple[int, ...],
) -> int:
    lax = import_module("jax").lax
    layout = "NC" + "DHW"[-len(sizes) :]

    def convolve(image: Any, weight: Any) -> Any:
        return lax.conv_general_dilated(
            image,
            weight,
            stride,
            padding,
            lhs_dilation=stretch,
            rhs_dilation=dilation,
            dimension_numbers=(layout, "OI" + layout[2:], layout),
        )

    return _products(convolve, (1, 1, *sizes), (1, 1, *kernel))


@cache
def _inner(length: int) -> int:
    return _products(lambda row, column: row @ column, (1, length), (length, 1))


def _products(function: Callable[..., Any], *shapes: tuple[int, ...]) -> int:
    jax = import_module("jax")
    arguments = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    flops = jax.jit(function).lower(*arguments).cost_analysis()["flops"]
    if not flops < 2**24:
        raise OverflowError(f"float32 may not hold the count {flops} of {shapes}")
    return int(flops) // 2


def _matrices(outputs: Any, length: int) -> Any:
    return outputs * _inner(length)


def _linear(module: Any, x: Tensor) -> Any:
    return _matrices(prod(x.shape[:-1]) * module.out_features, module.in_features)


def _matmul(_: Any, rows: Any, columns: Any) -> Any:
    """Matrices by the last two axes, the others side by side."""
    return _matrices(prod(rows.shape[:-1]) * columns.shape[-1], columns.shape[-2])


def _scan(_: Any, *inputs: Any) -> Any:
    """At each step the states of all channels with a column of C."""
    u, _, decay, *_ = inputs
    return prod(u.shape) * _matrices(1, decay.shape[1])


def _fused_attention(_: Any, query: Any, key: Any, value: Any, *_mask: Any) -> Any:
    """Each query with all keys, and its weights of these with all values."""
    (keys, width), values = key.shape[-2:], value.shape[-1]
    return prod(query.shape[:-1]) * (_matrices(keys, width) + _matrices(values, keys))


def _recurrent(module: Any, x: Tensor, _: Any = None) -> Any:
    """A matrix product of the input and one of the state for each step, layer and direction."""
    weights = [weight for name, weight in module.named_parameters() if name.startswith("weight")]
    return prod(x.shape[:2]) * sum(_matrices(rows, length) for rows, length in (w.shape for w in weights))


def _attention(module: Any, query: Tensor, key: Tensor, _: Any = None) -> Any:
    """Projections of query, key, value and output; each head's queries with all keys, and with all values."""
    size, width = module.embed_dim, module.head_dim
    samples, queries = query.shape[:2] if module.batch_first else query.shape[1::-1]
    keys = key.shape[1 if module.batch_first else 0]
    maps = 2 * _matrices(queries * size, size) + sum(
        _matrices(keys * size, length or size) for length in (module.kdim, module.vdim)
    )
    seen = keys + (module.bias_k is not None) + module.add_zero_attn
    pairs = _matrices(queries * seen, width) + _matrices(queries * width, seen)
    return samples * (maps + module.num_heads * pairs)


def _transformer_layer(module: Any, x: Tensor, *memory: Tensor) -> Any:
    attentions = _attention(module.self_attn, x, x) + sum(
        _attention(module.multihead_attn, x, other) for other in memory
    )
    positions = prod(x.shape[:-1])
    linears = (module.linear1, module.linear2)
    return attentions + sum(
        _matrices(positions * linear.out_features, linear.in_features) for linear in linears
    )


def _transformer(module: Any, *inputs: Tensor) -> Any:
    return sum(_transformer_layer(layer, *inputs) for layer in module.layers)


PRODUCTS: Mapping[str, Callable[..., Any]] = {
    **{f"Conv{kind}{n}d": _convolution for kind in ("", "Transpose") for n in (1, 2, 3)},
    "Linear": _linear,
    "matmul": _matmul,
    "scaled_dot_product_attention": _fused_attention,
    "selective_scan": _scan,
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _recurrent),
    "MultiheadAttention": _attention,
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer"), _transformer_layer),
    **dict.fromkeys(("TransformerEncoder", "TransformerDecoder"), _transformer),
}
"""A layer's type → its products, by its module in torch and what that is called with."""
