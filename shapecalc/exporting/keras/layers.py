"""Each layer as calls of Keras 3: its counterpart, by the class of its layer type.

A layer type itself says how torch is called, which is what it is defined by; what another framework has
for it is a matter of that framework, and stands here in one table. What is not here is refused.
Source: keras.io/api/layers and keras.io/api/ops, and torch's documentation of the same layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from shapecalc.engine.results import Row
from shapecalc.errors import ArchitectureError
from shapecalc.exporting.keras.calls import (
    FIRST,
    Call,
    Made,
    NoCounterpartError,
    Slot,
    calls,
    check_batch,
    one_call,
    short,
)
from shapecalc.layers import Layer, activation, elementwise
from shapecalc.layers import floating_activation as floating
from shapecalc.layers.dropout import Dropout, DropoutLayer
from shapecalc.layers.embedding import Embedding
from shapecalc.layers.linear import Linear
from shapecalc.layers.normalization import BatchNorm, GroupNorm
from shapecalc.layers.normalization_within import LayerNorm, RMSNorm
from shapecalc.layers.rearrange import Identity

_ACTIVATIONS: Mapping[type[Layer], str] = {
    activation.Sigmoid: "sigmoid",
    activation.Tanh: "tanh",
    activation.Softsign: "softsign",
    activation.Tanhshrink: "tanh_shrink",
    floating.SiLU: "silu",
    floating.Mish: "mish",
    floating.Hardswish: "hard_silu",
    floating.Hardsigmoid: "hard_sigmoid",
    floating.SELU: "selu",
    floating.LogSigmoid: "log_sigmoid",
}
"""By its class, the name in `keras.activations`, where the function is the same and takes no arguments."""
_SAME: tuple[type[Layer], ...] = (
    *(activation.relu, activation.sigmoid, activation.tanh, floating.silu),
    *(elementwise.exp, elementwise.log, elementwise.sqrt, elementwise.rsqrt, elementwise.reciprocal),
    *(elementwise.exp2, elementwise.expm1, elementwise.log2, elementwise.log10, elementwise.log1p),
    *(elementwise.sin, elementwise.cos, elementwise.tan, elementwise.sinh, elementwise.cosh),
    *(elementwise.erf, elementwise.abs, elementwise.square),
    *(elementwise.floor, elementwise.ceil, elementwise.round, elementwise.trunc, elementwise.sign),
)
_ARCS: tuple[type[Layer], ...] = (
    *(elementwise.asin, elementwise.acos, elementwise.atan),
    *(elementwise.asinh, elementwise.acosh, elementwise.atanh),
)
_FUNCTIONS: Mapping[type[Layer], str] = {
    **{each: each.__name__ for each in _SAME},
    **{each: f"arc{each.__name__[1:]}" for each in _ARCS},
    elementwise.neg: "negative",
}
"""By the class of a function of one tensor, its name in `keras.ops`."""
_DTYPES = ("float32", "int64", "int32", "bool")


def counterpart(row: Row, inputs: Sequence[str]) -> list[Call]:
    """The calls that are the layer, one after another; the first takes the inputs.

    Raises:
        ArchitectureError: Keras has none that gives the same.
    """
    if row.stored:
        raise refused(row, "Keras has no counterpart of weights that are stored as whole numbers")
    tensors = (*row.inputs, *row.outputs)
    if odd := next((x.dtype for x in tensors if x.dtype not in _DTYPES), None):
        raise refused(row, f"Keras' layers compute in float32, whatever they are given, and this is {odd}")
    try:
        made = [*calls(row.layer, row, inputs)]
    except NoCounterpartError as error:
        raise refused(row, error.why) from None
    plain = next((m.function for m in made if isinstance(m, Made) and m.function.startswith("layers.")), None)
    whole = next((x.dtype for x in tensors if x.dtype != "float32"), None)
    if plain and whole and not isinstance(row.layer, Embedding):
        raise refused(row, f"{plain} computes in float32, whatever it is given, and this is {whole}")
    return _frozen(row, made) if row.frozen - row.shared else made


def _frozen(row: Row, calls: Sequence[Call]) -> list[Call]:
    """The same calls, the layer among them not trained."""
    if row.trained:
        raise refused(row, "a Keras layer is trained whole or not at all")
    if row.buffers:
        raise refused(row, "Keras freezes its running statistics too, which torch does not")
    return [
        replace(made, arguments=[*made.arguments, "trainable=False"])
        if isinstance(made, Made) and made.is_main
        else made
        for made in calls
    ]


def refused(row: Row, why: str) -> ArchitectureError:
    """The error of a layer that can't be written."""
    return ArchitectureError(f"{row.type}: {why}", path=row.path)


@calls.register
def _(layer: Layer, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if row.inputs[0].dtype == "bool":
        raise NoCounterpartError("Keras' functions are of numbers")
    if name := _ACTIVATIONS.get(type(layer)):
        yield Made("layers.Activation", [f'"{name}"'])
    elif name := _FUNCTIONS.get(type(layer)):
        yield Made(f"ops.{name}")
    else:
        raise NoCounterpartError


one_call(
    {
        activation.ReLU: lambda *_: Made("layers.ReLU"),
        activation.ReLU6: lambda *_: Made("layers.ReLU", [Slot("max_value", 6.0)]),
        floating.ELU: lambda layer, _: Made("layers.ELU", [Slot("alpha", layer.alpha, 1.0)]),
        floating.GELU: lambda layer, _: Made("ops.gelu", [Slot("approximate", layer.approximate == "tanh")]),
        Identity: lambda *_: Made("layers.Identity"),
    }
)


@calls.register
def _(layer: activation.Hardtanh, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if layer.min_val == 0:
        yield Made("layers.ReLU", [Slot("max_value", layer.max_val)])
    else:
        yield Made("ops.clip", [Slot("x_min", layer.min_val), Slot("x_max", layer.max_val)])


@calls.register
def _(layer: floating.LeakyReLU, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if layer.negative_slope < 0:
        raise NoCounterpartError("Keras' LeakyReLU has no negative slope")
    yield Made("layers.LeakyReLU", [Slot("negative_slope", layer.negative_slope, 0.3)])


@calls.register
def _(layer: floating.Softplus, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if (layer.beta, layer.threshold) != (1, 20):
        raise NoCounterpartError("Keras' softplus has no beta, and a threshold that is beyond all digits")
    yield Made("layers.Activation", ['"softplus"'])


@calls.register
def _(layer: Linear, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    check_batch(row, 2)
    yield Made(
        "layers.Dense", [Slot.by_place("units", layer.out_features), Slot("use_bias", layer.bias, True)]
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
def _(layer: floating.PReLU, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    """torch's slopes are one, or one a channel; Keras' one an element, but along the axes that share it."""
    first = 1 if layer.num_parameters == 1 else 2
    axes = tuple(range(first, row.inputs[0].rank))
    yield Made("layers.PReLU", [Slot("shared_axes", axes, ())])


@calls.register
def _(layer: DropoutLayer, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    rate = Slot.by_place("rate", layer.p)
    axes = layer.axes
    if axes == 1:
        raise NoCounterpartError("Keras drops whole channels of a sequence only with channels last")
    if axes:
        check_batch(row, axes + 2)
        yield Made(f"layers.SpatialDropout{axes}D", [rate, FIRST])
    elif type(layer) is Dropout:
        yield Made("layers.Dropout", [rate])
    else:
        raise NoCounterpartError


@calls.register
def _(layer: Embedding, row: Row, inputs: Sequence[str]) -> Iterator[Made]:
    if vars(layer).get("max_norm") is not None:
        raise NoCounterpartError("Keras' embeddings have no max_norm")
    sizes = {"input_dim": layer.num_embeddings, "output_dim": layer.embedding_dim}
    yield Made("layers.Embedding", [Slot.by_place(name, size) for name, size in sizes.items()])
