"""Attention, transformers and recurrent layers as calls of Keras: rules of `calls`.

Source: keras.io/api/layers/attention_layers and keras.io/api/layers/recurrent_layers, and torch's
documentation of the same layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shapecalc.engine.results import Row
from shapecalc.exporting.keras.calls import Call, Made, NoCounterpartError, Slot, calls, check_batch
from shapecalc.exporting.literals import literal
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.recurrent import RNN, Recurrent
from shapecalc.layers.recurrent_cell import GRUCell, LSTMCell, RecurrentCell
from shapecalc.layers.scaled_dot_product import scaled_dot_product_attention
from shapecalc.layers.selective_scan import selective_scan
from shapecalc.layers.transformer import Decoders, Encoders
from shapecalc.layers.transformer_parts import TransformerParts


@calls.register
def _(layer: scaled_dot_product_attention, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    if layer.dropout_p:
        raise NoCounterpartError("torch's function drops in evaluation too")
    own = {"is_causal": False, "scale": None, "enable_gqa": False}
    yield Made(
        "ScaledDotProductAttention", [Slot(name, vars(layer)[name], usual) for name, usual in own.items()]
    )


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
    told = [("dropout", 0.1), ("activation", "relu"), ("layer_norm_eps", 1e-5)]
    told += [("batch_first", False), ("norm_first", False), ("bias", True)]
    slots = [
        *([Slot.by_place("num_layers", layer.num_layers)] if layer.wraps else []),
        Slot.by_place("d_model", row.inputs[0].shape[-1]),
        Slot.by_place("nhead", layer.nhead),
        Slot("dim_feedforward", layer.dim_feedforward, 2048),
        *(Slot(name, vars(layer)[name], usual) for name, usual in told),
    ]
    yield Made(layer.type, slots)


@calls.register
def _(layer: Recurrent, row: Row, inputs: Sequence[str]) -> Iterator[Call]:
    check_batch(row, 3)
    if getattr(layer, "proj_size", 0):
        raise NoCounterpartError("Keras' recurrent layers have no projection")
    told = [("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0)]
    told += [("bidirectional", False)]
    named = [Slot(name, vars(layer)[name], usual) for name, usual in told]
    if isinstance(layer, RNN):
        named.append(Slot("nonlinearity", layer.nonlinearity, "tanh"))
    yield Made(layer.type, [Slot.by_place("hidden_size", layer.hidden_size), *named])


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
    yield Made("SelectiveScan", [Slot("delta_softplus", layer.delta_softplus, False)])
