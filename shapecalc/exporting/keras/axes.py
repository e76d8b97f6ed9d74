"""What arranges axes and elements anew, joins and splits, as calls of Keras 3: rules of `calls`.

Source: keras.io/api/layers/reshaping_layers and keras.io/api/ops/numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import Made, NoCounterpartError, Slot, calls, one_call, short
from shapecalc.layers.fold import ChannelShuffle
from shapecalc.layers.joins import concat, stack
from shapecalc.layers.parting import chunk, split
from shapecalc.layers.rearrange import permute, squeeze, transpose, unsqueeze
from shapecalc.layers.reshaping import Reshaping

one_call(
    {
        stack: lambda layer, _: Made("ops.stack", [Slot("axis", layer.dim, 0)], listed=True),
        permute: lambda layer, row: Made(
            "ops.transpose", [Slot("axes", tuple(d % row.inputs[0].rank for d in layer.dims))]
        ),
        transpose: lambda layer, _: Made(
            "ops.swapaxes", [Slot.by_place("axis1", layer.dim0), Slot.by_place("axis2", layer.dim1)]
        ),
        unsqueeze: lambda layer, _: Made("ops.expand_dims", [Slot("axis", layer.dim)]),
    }
)


@calls.register
def _(layer: ChannelShuffle, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Two axes of the channels change places. Source: Zhang et al. 2017, arXiv:1707.01083."""
    channels, *space = row.inputs[0].shape[1:]
    yield Made(
        "layers.Reshape",
        [Slot.by_place("target_shape", (layer.groups, channels // layer.groups, *space))],
    )
    yield Made("ops.swapaxes", ["1", "2"])
    yield Made("layers.Reshape", [Slot.by_place("target_shape", (channels, *space))])


@calls.register
def _(layer: concat, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    axis = Slot("axis", layer.dim, -1)
    if row.output.dtype == "float32":
        yield Made("layers.Concatenate", [axis], listed=True)
    else:
        yield Made("ops.concatenate", [Slot("axis", layer.dim, 0)], listed=True)


@calls.register
def _(layer: Reshaping, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Keras' Reshape leaves the batch axis as it is."""
    x, y = row.inputs[0], row.output
    kept = x.rank > 0 and y.rank > 1 and x.shape[0] == y.shape[0] and y.dtype == "float32"
    if len([n for n in y.shape[kept:] if not isinstance(n, int)]) > 1:
        raise NoCounterpartError("only one size can be left to Keras")
    if kept:
        shape = tuple(n if isinstance(n, int) else -1 for n in y.shape[1:])
        shape = (-1,) if len(shape) == 1 else shape
        yield Made("layers.Reshape", [Slot.by_place("target_shape", shape)])
    else:
        shape = tuple(n if isinstance(n, int) else -1 for n in y.shape)
        yield Made("ops.reshape", [Slot.by_place("newshape", shape)])


@calls.register
def _(layer: squeeze, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    dim = vars(layer)["dim"]
    axes = () if dim is None else dim if isinstance(dim, tuple) else (dim,)
    if not axes or row.output.rank != row.inputs[0].rank - len(axes):
        raise NoCounterpartError("Keras' squeeze needs axes of size 1")
    yield Made("ops.squeeze", [Slot("axis", short(axes) if len(axes) == 1 else axes)])


@calls.register(chunk)
@calls.register(split)
def _(layer: Any, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Keras' split is told how many equal parts there are, or where each but the first begins."""
    sizes = [y.shape[layer.dim] for y in row.outputs]
    if len(sizes) < 2 or not all(isinstance(size, int) for size in sizes):
        raise NoCounterpartError("Keras' split needs two parts or more, of sizes that are numbers")
    parts = len(sizes) if len({*sizes}) == 1 else [*accumulate(sizes[:-1])]
    yield Made("ops.split", [Slot.by_place("indices_or_sections", parts), Slot("axis", layer.dim, 0)])
