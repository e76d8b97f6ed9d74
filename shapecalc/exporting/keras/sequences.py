"""Attention, transformers and recurrent layers as calls of Keras: rules of `calls`.

Source: keras.io/api/layers/attention_layers and keras.io/api/layers/recurrent_layers, and torch's
documentation of the same layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import Call, Made, NoCounterpartError, Slot, calls, check_batch
from shapecalc.exporting.literals import literal
from shapecalc.layers import Layer
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.recurrent import RNN, Recurrent
from shapecalc.layers.recurrent_cell import GRUCell, LSTMCell, RecurrentCell
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.layers.selective_scan import selective_scan
from shapecalc.layers.transformer import Decoders, Encoders
from shapecalc.layers.transformer_parts import TransformerParts


def as_torch(layer: Layer, *names: str) -> list[Slot]:
    """Arguments that the layers of `own_sequences` have as torch's: under its names, with its defaults."""
    return [Slot(name, vars(layer)[name], layer.fields[name].default) for name in names]


@calls.register
def _(layer: scaled_dot_product_attention, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if layer.dropout_p:
        raise NoCounterpartError("torch's function drops in evaluation too")
    yield Made("ScaledDotProductAttention", as_torch(layer, "is_causal", "scale", "enable_gqa"))


@calls.register
def _(layer: MultiheadAttention, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    """Keras' own, of query, value and key; where the weights of keys are read too, a layer around it."""
    check_batch(row, 3)
    if layer.more_keys:
        raise NoCounterpartError("Keras' attention adds no keys")
    size = row.inputs[0].shape[-1]
    told = [Slot("dropout", layer.dropout, 0.0), Slot("use_bias", layer.bias, True)]
    heads = Slot.by_place("num_heads", layer.num_heads)
    plain = Made(
        "layers.MultiHeadAttention",
        [heads, Slot.by_place("key_dim", size // layer.num_heads), *told],
        order={1: (0, 0), 2: (0, 1), 3: (0, 2, 1)}[len(inputs)],
    )
    yield Made(
        "MultiheadAttention",
        [Slot.by_place("embed_dim", size), heads, *told, Slot("batch_first", layer.batch_first, False)],
        first=plain if layer.batch_first else None,
    )


@calls.register(Encoders)
@calls.register(Decoders)
def _(layer: TransformerParts, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    check_batch(row, 3)
    slots = [
        *([Slot.by_place("num_layers", layer.num_layers)] if layer.wraps else []),
        Slot.by_place("d_model", row.inputs[0].shape[-1]),
        Slot.by_place("nhead", layer.nhead),
        *as_torch(layer, "dim_feedforward", "dropout", "activation", "layer_norm_eps"),
        *as_torch(layer, "batch_first", "norm_first", "bias"),
    ]
    yield Made(layer.type, slots)


@calls.register
def _(layer: Recurrent, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    check_batch(row, 3)
    if getattr(layer, "proj_size", 0):
        raise NoCounterpartError("Keras' recurrent layers have no projection")
    told = as_torch(layer, "num_layers", "bias", "batch_first", "dropout", "bidirectional")
    more = as_torch(layer, "nonlinearity") if isinstance(layer, RNN) else []
    yield Made(layer.type, [Slot.by_place("hidden_size", layer.hidden_size), *told, *more])


@calls.register
def _(layer: RecurrentCell, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    """A cell of Keras', or of the file where Keras has one bias."""
    check_batch(row, 2)
    told = [literal(layer.hidden_size), *([] if layer.bias else ["use_bias=False"])]
    if isinstance(layer, GRUCell):
        cell = f"layers.GRUCell({', '.join([*told, 'reset_after=True'])})"
    elif isinstance(layer, LSTMCell):
        cell = f"LSTMCell({', '.join(told)})"
    else:
        own = [] if vars(layer)["nonlinearity"] == "tanh" else ['activation="relu"']
        cell = f"Cell({', '.join([*told, *own])})"
    yield Made("Step", [cell])


@calls.register
def _(layer: selective_scan, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    yield Made("SelectiveScan", as_torch(layer, "delta_softplus"))
