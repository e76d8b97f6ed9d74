"""Each layer as calls of Keras 3: its counterpart, by the class of its layer type.

A layer type itself says how torch is called, which is what it is defined by; what another framework has
for it is a matter of that framework, and stands here in one table. What is not here is refused.
Source: keras.io/api/layers and keras.io/api/ops, and torch's documentation of the same layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shapecalc.engine.results import Row
from shapecalc.errors import ArchitectureError
from shapecalc.exporting import keras_axes, keras_windows  # noqa: F401 - have rules of their own
from shapecalc.exporting.keras_calls import FIRST, Made, NoCounterpartError, Slot, Written, calls, short
from shapecalc.layers import Layer
from shapecalc.layers.activation import ReLU
from shapecalc.layers.arithmetic import Arithmetic
from shapecalc.layers.dropout import DropoutLayer
from shapecalc.layers.embedding import Embedding
from shapecalc.layers.floating_activation import PReLU
from shapecalc.layers.linear import Linear
from shapecalc.layers.normalization import BatchNorm, GroupNorm
from shapecalc.layers.normalization_within import LayerNorm, RMSNorm
from shapecalc.layers.products import matmul
from shapecalc.layers.rearrange import Identity
from shapecalc.layers.recurrent import Recurrent
from shapecalc.layers.reduction import Reducing
from shapecalc.layers.softmax import AlongAxis

ACTIVATIONS: Mapping[str, str] = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "SiLU": "silu",
    "Mish": "mish",
    "Hardswish": "hard_silu",
    "Hardsigmoid": "hard_sigmoid",
    "SELU": "selu",
    "Softsign": "softsign",
    "Tanhshrink": "tanh_shrink",
    "LogSigmoid": "log_sigmoid",
}
"""By torch's name, that of `keras.activations`, where the function is the same and takes no arguments."""
FUNCTIONS: Mapping[str, str] = {
    "relu": "relu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "silu": "silu",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "rsqrt": "rsqrt",
    "reciprocal": "reciprocal",
    "sin": "sin",
    "cos": "cos",
    "neg": "negative",
    "abs": "abs",
    "square": "square",
}
"""By torch's name of a function of one tensor, that of `keras.ops`."""
REDUCTIONS = {"mean": "mean", "sum": "sum", "amax": "max", "amin": "min"}
SOFTMAX = {
    "Softmax": "softmax",
    "softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "log_softmax": "log_softmax",
}


def counterpart(row: Row, inputs: Sequence[str]) -> list[Made | Written]:
    """The calls that are the layer, one after another; the first takes the inputs.

    Raises:
        ArchitectureError: Keras has none that gives the same.
    """
    if row.shared:
        raise refused(row, "its weights are another layer's, and a Keras layer owns its weights")
    if row.stored:
        raise refused(row, "Keras has no counterpart of weights that are stored as whole numbers")
    read = () if isinstance(row.layer, Embedding) else row.inputs
    if odd := next((x.dtype for x in (*read, *row.outputs) if x.dtype != "float32"), None):
        raise refused(row, f"Keras' layers compute in float32, whatever they are given, and this is {odd}")
    try:
        made = [*calls(row.layer, row, inputs)]
    except NoCounterpartError as error:
        raise refused(row, error.why) from None
    return _frozen(row, made) if row.frozen else made


def _frozen(row: Row, calls: Sequence[Made | Written]) -> list[Made | Written]:
    """The same calls, the layer among them not trained."""
    if row.trained:
        raise refused(row, "a Keras layer is trained whole or not at all")
    if row.buffers:
        raise refused(row, "Keras freezes its running statistics too, which torch does not")
    beside = ("ops.", "layers.ZeroPadding", "layers.Cropping")
    return [
        Made(made.function, [*made.arguments, "trainable=False"], made.listed)
        if isinstance(made, Made) and not made.function.startswith(beside)
        else made
        for made in calls
    ]


def refused(row: Row, why: str) -> ArchitectureError:
    """The error of a layer that can't be written."""
    return ArchitectureError(f"{row.type}: {why}", path=row.path)


@calls.register
def _(layer: Layer, row: Row, inputs: Sequence[str]) -> Iterator[Made | Written]:
    if layer.type in ACTIVATIONS:
        yield Made("layers.Activation", [f'"{ACTIVATIONS[layer.type]}"'])
    elif layer.type in FUNCTIONS:
        yield Made(f"ops.{FUNCTIONS[layer.type]}")
    elif own := _OWN.get(layer.type):
        yield own(layer)
    else:
        raise NoCounterpartError


def _gelu(layer: Any) -> Made:
    return Made("ops.gelu", [Slot("approximate", layer.approximate == "tanh")])


def _leaky(layer: Any) -> Made:
    if layer.negative_slope < 0:
        raise NoCounterpartError("Keras' LeakyReLU has no negative slope")
    return Made("layers.LeakyReLU", [Slot("negative_slope", layer.negative_slope, 0.3)])


def _bounded(layer: Any) -> Made:
    if layer.min_val != 0:
        return Made("ops.clip", [Slot("x_min", layer.min_val), Slot("x_max", layer.max_val)])
    return Made("layers.ReLU", [Slot("max_value", layer.max_val)])


_OWN = {
    "ReLU6": lambda _: Made("layers.ReLU", [Slot("max_value", 6.0)]),
    "Hardtanh": _bounded,
    "LeakyReLU": _leaky,
    "ELU": lambda layer: Made("layers.ELU", [Slot("alpha", layer.alpha, 1.0)]),
    "GELU": _gelu,
    "gelu": _gelu,
}


@calls.register
def _(layer: ReLU, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    yield Made("layers.ReLU")


@calls.register
def _(layer: Identity, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    yield Made("layers.Identity")


@calls.register
def _(layer: Linear, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if row.inputs[0].rank < 2:
        raise NoCounterpartError("Keras needs the batch axis")
    yield Made(
        "layers.Dense", [Slot("units", layer.out_features, keyword=False), Slot("use_bias", layer.bias, True)]
    )


@calls.register
def _(layer: BatchNorm, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Keras' momentum is the weight of what was before, torch's that of what is new."""
    if not layer.track_running_stats or layer.momentum is None:
        raise NoCounterpartError("Keras has running statistics, with a momentum")
    yield Made(
        "layers.BatchNormalization",
        [
            Slot("axis", 1),
            Slot("momentum", round(1 - layer.momentum, 12), 0.99),
            Slot("epsilon", layer.eps, 1e-3),
            *_affine(layer.affine, layer.bias),
        ],
    )


def _affine(affine: bool, bias: bool) -> list[Slot]:
    return [Slot("center", affine and bias, True), Slot("scale", affine, True)]


@calls.register
def _(layer: GroupNorm, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    groups = [Slot("groups", layer.num_groups, 32), Slot("axis", 1), Slot("epsilon", layer.eps, 1e-3)]
    yield Made("layers.GroupNormalization", [*groups, *_affine(layer.affine, layer.bias)])


@calls.register
def _(layer: LayerNorm, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    count = len(row.arguments["normalized_shape"])
    if count == row.inputs[0].rank:
        raise NoCounterpartError("Keras has no weights along the batch axis")
    axes = short(range(-count, 0))
    own = _affine(layer.elementwise_affine, layer.bias)
    yield Made("layers.LayerNormalization", [Slot("axis", axes, -1), Slot("epsilon", layer.eps, 1e-3), *own])


@calls.register
def _(layer: RMSNorm, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """Without weights, or with an eps that follows from the dtype, it is torch's alone."""
    eps, count = vars(layer)["eps"], len(row.arguments["normalized_shape"])
    if not layer.elementwise_affine or eps is None or count != 1 or row.inputs[0].rank == 1:
        raise NoCounterpartError("Keras' RMSNormalization has weights, an epsilon and one axis")
    yield Made("layers.RMSNormalization", [Slot("epsilon", eps, 1e-6)])


@calls.register
def _(layer: PReLU, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """torch's slopes are one, or one a channel; Keras' one an element, but along the axes that share it."""
    first = 1 if layer.num_parameters == 1 else 2
    axes = tuple(range(first, row.inputs[0].rank))
    yield Made("layers.PReLU", [Slot("shared_axes", axes, ())])


@calls.register
def _(layer: Recurrent, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    raise NoCounterpartError("Keras' recurrent layers have one bias where torch's have two")


@calls.register
def _(layer: DropoutLayer, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    rate = Slot("rate", layer.p, keyword=False)
    axes = {"Dropout1d": 1, "Dropout2d": 2, "Dropout3d": 3}.get(layer.type)
    if axes == 1:
        raise NoCounterpartError("Keras drops whole channels of a sequence only with channels last")
    if axes and row.inputs[0].rank != axes + 2:
        raise NoCounterpartError("Keras needs the batch axis")
    if axes:
        yield Made(f"layers.SpatialDropout{axes}D", [rate, FIRST])
    elif layer.type in ("Dropout", "dropout"):
        yield Made("layers.Dropout", [rate])
    else:
        raise NoCounterpartError


@calls.register
def _(layer: Embedding, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if vars(layer).get("max_norm") is not None:
        raise NoCounterpartError("Keras' embeddings have no max_norm")
    sizes = {"input_dim": layer.num_embeddings, "output_dim": layer.embedding_dim}
    yield Made("layers.Embedding", [Slot(name, size, keyword=False) for name, size in sizes.items()])


@calls.register
def _(layer: Arithmetic, row: Row, inputs: Sequence[str]) -> Iterator[Written]:
    yield _in_python(layer, inputs)


@calls.register
def _(layer: matmul, row: Row, inputs: Sequence[str]) -> Iterator[Written]:
    yield _in_python(layer, inputs)


def _in_python(layer: Layer, inputs: Sequence[str]) -> Written:
    """An operator of Python's means the same to Keras."""
    text = layer.in_python(*inputs) if layer.operator in ("+", "-", "*", "/", "@") else None
    if text is None:
        raise NoCounterpartError
    return Written(text)


@calls.register
def _(layer: Reducing, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    function = REDUCTIONS.get(layer.type)
    if function is None or getattr(layer, "dtype", None) is not None:
        raise NoCounterpartError
    axes = layer.dim
    axis = axes if not isinstance(axes, (tuple, list)) else short(axes) if len(axes) == 1 else tuple(axes)
    yield Made(f"ops.{function}", [Slot("axis", axis, None), Slot("keepdims", layer.keepdim, False)])


@calls.register
def _(layer: AlongAxis, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    function, axis = SOFTMAX.get(layer.type), vars(layer).get("dim")
    if function is None or axis is None:
        raise NoCounterpartError
    yield Made(f"ops.{function}", [Slot("axis", axis, -1)])
