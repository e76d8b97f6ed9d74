"""The products that XLA counts, by its analysis of each convolution and matrix product that a network makes.

XLA leaves out the products with the zeros of a padding. It is asked before compilation, so nothing runs.
It keeps counts as float32, exact below 2²⁴, and so is asked for one of equal parts: one sample and one pair of
channels of a convolution, one element of a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from math import prod
from typing import Any

from torch import nn

from shapecalc.results import Analysis, Row
from shapecalc.torch_check.network import build
from tests.tools.counters import Count

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


def xla(analysis: Analysis) -> Count:
    """Products, of the rows that make any."""
    network = build(analysis)
    layers = {
        number: _row(row, network.layers[number]) for number, row in enumerate(analysis.rows) if row.macs != 0
    }
    return Count(sum(layers.values()), layers)


def _row(row: Row, module: Any) -> int:
    x, y = row.inputs[0].shape, row.output.shape
    if isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)):
        return _convolution(module, x)
    if isinstance(module, nn.Linear):
        return _matrices(prod(y), module.in_features)
    if isinstance(module, RECURRENT):
        return _recurrent(module, x)
    if isinstance(module, nn.MultiheadAttention):
        return _attention(module, *(row.layer.feed(*row.inputs)[:2]))
    if isinstance(module, nn.TransformerEncoderLayer):
        return _transformer_layer(module, row.inputs[0], ())
    if isinstance(module, nn.TransformerEncoder):
        return sum(_transformer_layer(layer, row.inputs[0], ()) for layer in module.layers)
    if isinstance(module, nn.TransformerDecoder):
        return sum(_transformer_layer(layer, row.inputs[0], row.inputs[1:]) for layer in module.layers)
    raise NotImplementedError(f"{row.path}: the products of {row.type}")


def _convolution(module: Any, x: Sequence[Any]) -> int:
    """Of the whole batch: the taps that one pair of channels makes, for each pair within a group."""
    pairs = x[0] * module.out_channels * module.in_channels // module.groups
    # The amounts on both sides of each axis, the last one first, as F.pad takes them.
    amounts = module._reversed_padding_repeated_twice
    padding = tuple(zip(amounts[-2::-2], amounts[::-2], strict=True))
    sizes, dilation = tuple(x[2:]), module.dilation
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


def _matrices(outputs: Any, length: int) -> int:
    return int(outputs) * _inner(length)


def _recurrent(module: Any, x: Sequence[Any]) -> int:
    """A matrix product of the input and one of the state for each step, layer and direction."""
    weights = [weight for name, weight in module.named_parameters() if name.startswith("weight")]
    return prod(x[:2]) * sum(_matrices(rows, length) for rows, length in (w.shape for w in weights))


def _attention(module: nn.MultiheadAttention, query: Any, key: Any) -> int:
    """Projections of query, key, value and output; each head's queries with all keys, and with all values."""
    size, width = module.embed_dim, module.head_dim
    samples, queries = query.shape[:2] if module.batch_first else query.shape[1::-1]
    keys = key.shape[1 if module.batch_first else 0]
    maps = 2 * _matrices(queries * size, size) + sum(
        _matrices(keys * size, length or size) for length in (module.kdim, module.vdim)
    )
    pairs = _matrices(queries * keys, width) + _matrices(queries * width, keys)
    return int(samples) * (maps + module.num_heads * pairs)


def _transformer_layer(module: Any, x: Any, memory: Sequence[Any]) -> int:
    positions = prod(x.shape[:-1])
    linears = sum(
        _matrices(positions * linear.out_features, linear.in_features)
        for linear in (module.linear1, module.linear2)
    )
    seen = sum(_attention(module.multihead_attn, x, other) for other in memory)
    return int(_attention(module.self_attn, x, x) + seen + linears)
