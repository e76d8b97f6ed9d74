"""Convolutions, pools, paddings and resizing as calls of Keras.

Keras pads by "valid", which is nothing, or by "same", whose width follows from the size of the input where
there is a stride. Any other padding is a layer before. Source: keras.io/api/layers/convolution_layers,
keras.io/api/layers/pooling_layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import FIRST, Made, NoCounterpartError, Slot, calls, check_batch, short
from shapecalc.layers.adaptive_pooling import AdaptivePool
from shapecalc.layers.convolution import Convolution
from shapecalc.layers.padding import Padded
from shapecalc.layers.pooling import AvgPool, MaxPool, WindowPool
from shapecalc.layers.transposed_convolution import TransposedConvolution
from shapecalc.layers.upsampling import Interpolation


def padding(ends: Sequence[tuple[int, int]]) -> Any:
    """The argument of Keras' paddings: a number, one for each axis, or before and after for each."""
    if any(p < 0 for pair in ends for p in pair):
        raise NoCounterpartError("Keras pads by no negative numbers")
    if all(before == after for before, after in ends):
        return short([before for before, _ in ends])
    return ends[0] if len(ends) == 1 else tuple(ends)


def zeros(ends: Sequence[tuple[int, int]]) -> Made:
    return Made(f"layers.ZeroPadding{len(ends)}D", [Slot.by_place("padding", padding(ends)), FIRST])


def filled(row: Row, ends: Sequence[tuple[int, int]], more: Slot) -> Made:
    """A padding of the last axes by another value than zero, or by what the input has."""
    before = [(0, 0)] * (row.inputs[0].rank - len(ends))
    return Made("ops.pad", [Slot.by_place("pad_width", (*before, *ends)), more])


@calls.register
def _(layer: Convolution, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    check_batch(row, layer.axes + 2)
    if any(d > 1 for d in layer.dilation) and any(s > 1 for s in layer.stride):
        raise NoCounterpartError("Keras has no strides beside a dilation")
    ends = layer.ends()
    if same := layer.padding_mode == "zeros" and _is_same(layer):
        pass
    elif any(p for pair in ends for p in pair):
        yield zeros(ends) if layer.padding_mode == "zeros" else filled(row, ends, _mode(layer.padding_mode))
    yield Made(
        f"layers.Conv{layer.axes}D",
        [
            Slot.by_place("filters", layer.out_channels),
            Slot.by_place("kernel_size", short(layer.kernel_size)),
            Slot("strides", short(layer.stride), 1),
            *(['padding="same"'] if same else []),
            Slot("dilation_rate", short(layer.dilation), 1),
            Slot("groups", layer.groups, 1),
            Slot("use_bias", layer.bias, True),
            FIRST,
        ],
    )


def _mode(name: str) -> Slot:
    if name != "reflect":
        raise NoCounterpartError(f"Keras pads by constants or by reflection, not by mode {name}")
    return Slot("mode", name)


def _is_same(layer: Convolution) -> bool:
    """Whether Keras' padding "same" is as wide; with a stride that depends on the size of the input."""
    extents = [d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    ends = [(extent // 2, extent - extent // 2) for extent in extents]
    return any(extents) and all(s == 1 for s in layer.stride) and layer.ends() == ends


@calls.register
def _(layer: TransposedConvolution, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Keras' "valid" gives all that torch's does without padding, which is cropped here."""
    check_batch(row, layer.axes + 2)
    pads = [*zip(layer.padding, layer.output_padding, strict=True)]
    if layer.groups != 1:
        raise NoCounterpartError("Keras' transposed convolutions have no groups")
    if any(d > 1 for d in layer.dilation) or any(
        k < s for k, s in zip(layer.kernel_size, layer.stride, strict=True)
    ):
        raise NoCounterpartError(
            "Keras' size is another where a kernel is dilated, or smaller than its stride"
        )
    if any(more > p for p, more in pads):
        raise NoCounterpartError("Keras has no output_padding beyond the padding")
    yield Made(
        f"layers.Conv{layer.axes}DTranspose",
        [
            Slot.by_place("filters", layer.out_channels),
            Slot.by_place("kernel_size", short(layer.kernel_size)),
            Slot("strides", short(layer.stride), 1),
            Slot("use_bias", layer.bias, True),
            FIRST,
        ],
    )
    if any(p for p, _ in pads):
        if layer.axes == 1:  # the only one of Keras' croppings that is of channels last alone
            raise NoCounterpartError("Keras crops one axis only with channels last: padding has to be 0")
        ends = [(p, p - more) for p, more in pads]
        yield Made(f"layers.Cropping{layer.axes}D", [Slot.by_place("cropping", padding(ends)), FIRST])


def ends_of(layer: WindowPool, row: Row) -> list[tuple[int, int]]:
    """The padding that the windows reach into: with `ceil_mode` the last may reach beyond the input's."""
    space = zip(
        row.inputs[0].shape[-layer.axes :], row.output.shape[-layer.axes :], layer.window, strict=True
    )
    found = []
    for n, m, w in space:
        beyond = 0
        if layer.ceil_mode:
            if not isinstance(n, int) or not isinstance(m, int):
                raise NoCounterpartError(
                    "how far ceil_mode reaches beyond the input is a number only of a number"
                )
            beyond = max((m - 1) * w.stride + w.extent - (n + w.before + w.after), 0)
        found.append((w.before, w.after + beyond))
    return found


def pool(kind: str, layer: WindowPool, same: bool) -> Made:
    strides = [w.stride for w in layer.window]
    kernel = [w.kernel for w in layer.window]
    return Made(
        f"layers.{kind}Pooling{layer.axes}D",
        [
            Slot.by_place("pool_size", short(kernel)),
            *([Slot("strides", short(strides))] if strides != kernel else []),
            *(['padding="same"'] if same else []),
            FIRST,
        ],
    )


def is_same_pool(layer: WindowPool, ends: Sequence[tuple[int, int]]) -> bool:
    windows = zip(layer.window, ends, strict=True)
    return all(
        w.stride == 1 and (before, after) == ((w.kernel - 1) // 2, w.kernel // 2)
        for w, (before, after) in windows
    )


@calls.register
def _(layer: MaxPool, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    check_batch(row, layer.axes + 2)
    if layer.return_indices or any(w.dilation > 1 for w in layer.window):
        raise NoCounterpartError("Keras' pooling has no indices and no dilation")
    ends = ends_of(layer, row)
    padded = any(p for pair in ends for p in pair)
    same = padded and is_same_pool(layer, ends)
    if padded and not same:
        yield filled(row, ends, Slot("constant_values", float("-inf")))
    yield pool("Max", layer, same)


@calls.register
def _(layer: AvgPool, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Keras divides by the elements that lie inside of the input, torch by those of the padding too."""
    check_batch(row, layer.axes + 2)
    ends = ends_of(layer, row)
    if getattr(layer, "divisor_override", None) is not None:
        raise NoCounterpartError("Keras' pooling has no other divisor")
    if any(after != w.after for (_, after), w in zip(ends, layer.window, strict=True)):
        raise NoCounterpartError("Keras has no mean of a window that ceil_mode lets reach beyond the input")
    padded = any(p for pair in ends for p in pair)
    same = padded and not layer.count_include_pad
    if same and not is_same_pool(layer, ends):
        yield mean_inside(layer, ends)
        return
    if padded and not same:
        yield zeros(ends)
    yield pool("Average", layer, same)


def mean_inside(layer: WindowPool, ends: Sequence[tuple[int, int]]) -> Made:
    """Keras leaves padding out of a mean only with padding="same": of any other, a quotient of two means."""
    if layer.axes != 2:
        raise NoCounterpartError('Keras leaves padding out of a mean only with padding="same"')
    kernel, strides = ([getattr(w, name) for w in layer.window] for name in ("kernel", "stride"))
    pool_size = Slot.by_place("pool_size", short(kernel))
    return Made("MeanInside", [pool_size, Slot("strides", short(strides)), Slot("padding", padding(ends))])


@calls.register
def _(layer: AdaptivePool, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    check_batch(row, layer.axes + 2)
    kind = "Max" if getattr(layer, "return_indices", None) is not None else "Average"
    if getattr(layer, "return_indices", False):
        raise NoCounterpartError("Keras' pooling has no indices")
    if all(m == 1 for m in layer.output_size):
        yield Made(f"layers.Global{kind}Pooling{layer.axes}D", ["keepdims=True", FIRST])
        return
    sizes = []
    for n, m in zip(row.inputs[0].shape[-layer.axes :], layer.output_size, strict=True):
        if m is not None and (not isinstance(n, int) or n % m):
            raise NoCounterpartError(
                f"Keras has windows of one size alone, and {m} do not fill an axis of {n} alike"
            )
        sizes.append(1 if m is None else int(n) // m)
    yield Made(f"layers.{kind}Pooling{layer.axes}D", [Slot.by_place("pool_size", short(sizes)), FIRST])


@calls.register
def _(layer: Padded, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Where all axes after the channels are padded by zeros, a layer; else a function."""
    ends = [*zip(layer.sides[::2], layer.sides[1::2], strict=True)][::-1]
    value = vars(layer).get("value") or 0.0
    if not any(layer.sides):
        yield Made("layers.Identity")
    elif layer.mode != "constant":
        padding(ends)
        yield filled(row, ends, _mode(layer.mode))
    elif value == 0 and len(ends) == row.inputs[0].rank - 2 <= 3:
        yield from padded_or_cropped(ends)
    else:
        padding(ends)
        yield filled(row, ends, Slot("constant_values", value))


def padded_or_cropped(ends: Sequence[tuple[int, int]]) -> Iterator[Made]:
    """By zeros, and where the numbers are negative a part of the image, which one axis has no layer for."""
    less = [(max(-before, 0), max(-after, 0)) for before, after in ends]
    more = [(max(before, 0), max(after, 0)) for before, after in ends]
    if less != [(0, 0)] * len(ends):
        if len(ends) == 1:
            raise NoCounterpartError("Keras crops one axis only with channels last")
        yield Made(f"layers.Cropping{len(ends)}D", [Slot.by_place("cropping", padding(less)), FIRST])
    if more != [(0, 0)] * len(ends):
        yield zeros(more)


@calls.register
def _(layer: Interpolation, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    x, y = row.inputs[0], row.output
    if x.rank != 4 or layer.mode not in ("nearest", "bilinear") or layer.align_corners:
        raise NoCounterpartError("Keras resizes images, nearest or bilinear, without aligned corners")
    times = [
        m // n if isinstance(m, int) and isinstance(n, int) else 0
        for n, m in zip(x.shape, y.shape, strict=True)
    ]
    if any(n * by != m for n, by, m in zip(x.shape[2:], times[2:], y.shape[2:], strict=True)):
        if layer.mode == "nearest" or vars(layer).get("antialias"):
            raise NoCounterpartError("Keras' UpSampling2D is by whole numbers")
        if not all(isinstance(m, int) for m in y.shape[2:]):
            raise NoCounterpartError("Keras resizes to sizes that are numbers")
        sizes = Slot.by_place("size", y.shape[2:])
        yield Made("ops.image.resize", [sizes, Slot("interpolation", layer.mode, "bilinear"), FIRST])
        return
    mode = Slot("interpolation", layer.mode, "nearest")
    yield Made("layers.UpSampling2D", [Slot("size", short(times[2:]), 2), mode, FIRST])
