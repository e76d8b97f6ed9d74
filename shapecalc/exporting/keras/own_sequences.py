"""Layers on sequences that Keras lacks, or has with other weights, as they are written into a file."""

from __future__ import annotations

from collections.abc import Mapping

_RECURRENT = '''class Recurrent(layers.Layer):
    """Layers one after another as torch has them, in both directions if it is told so."""

    def __init__(
        self,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        **options,
    ):
        super().__init__(**options)
        self.hidden_size = hidden_size
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = layers.Dropout(dropout)
        ends = {"": False, "_reverse": True} if bidirectional else {"": False}
        told = {"return_sequences": True, "return_state": True}
        self.stack = [
            [
                self.one(name=f"l{number}{end}", go_backwards=backwards, **told)
                for end, backwards in ends.items()
            ]
            for number in range(num_layers)
        ]

    def call(self, x, h=None, c=None):
        states = [state for state in (h, c) if state is not None]
        x = x if self.batch_first else ops.swapaxes(x, 0, 1)
        lasts = []
        for number, directions in enumerate(self.stack):
            x = self.dropout(x) if number else x
            ys = []
            for layer in directions:
                first = [state[len(lasts)] for state in states] or None
                y, *last = layer(x, initial_state=first)
                ys.append(ops.flip(y, axis=1) if layer.go_backwards else y)
                lasts.append(last)
            x = ops.concatenate(ys, axis=-1)
        x = x if self.batch_first else ops.swapaxes(x, 0, 1)
        return x, *(ops.stack(last) for last in zip(*lasts))'''

SEQUENCES: Mapping[str, str] = {
    "ScaledDotProductAttention": '''class ScaledDotProductAttention(layers.Layer):
    """softmax(query @ keyᵀ * scale + mask) @ value, over the last two axes."""

    def __init__(self, is_causal=False, scale=None, enable_gqa=False, **options):
        super().__init__(**options)
        self.is_causal = is_causal
        self.scale = scale
        self.enable_gqa = enable_gqa

    def call(self, query, key, value, mask=None):
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        if self.enable_gqa:  # a head of keys and values for several of queries
            heads = query.shape[-3]
            key = ops.repeat(key, heads // key.shape[-3], axis=-3)
            value = ops.repeat(value, heads // value.shape[-3], axis=-3)
        scores = ops.matmul(query * scale, ops.swapaxes(key, -1, -2))
        if self.is_causal:
            mask = ops.tril(ops.ones(ops.shape(scores)[-2:], dtype="bool"))
        if mask is None:
            return ops.matmul(ops.softmax(scores), value)
        if mask.dtype == query.dtype:
            scores = scores + mask
        else:
            scores = ops.where(mask, scores, float("-inf"))
        weights = ops.where(scores == float("-inf"), 0.0, ops.softmax(scores))
        return ops.matmul(weights, value)''',
    "MultiheadAttention": '''class MultiheadAttention(layers.Layer):
    """Keras' attention with torch's outputs: the weights of keys too, a mean over the heads."""

    def __init__(
        self, embed_dim, num_heads, dropout=0.0, use_bias=True, batch_first=False, **options
    ):
        super().__init__(**options)
        self.batch_first = batch_first
        self.attention = layers.MultiHeadAttention(
            num_heads, embed_dim // num_heads, dropout=dropout, use_bias=use_bias
        )

    def call(self, query, key=None, value=None):
        key = query if key is None else key
        value = key if value is None else value
        if not self.batch_first:
            query, key, value = (ops.swapaxes(x, 0, 1) for x in (query, key, value))
        y, weights = self.attention(query, value, key, return_attention_scores=True)
        y = y if self.batch_first else ops.swapaxes(y, 0, 1)
        return y, ops.mean(weights, axis=1)''',
    "TransformerLayer": '''class TransformerLayer(layers.Layer):
    """What layers of a Transformer have in common: attention, two Dense layers, and norms."""

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-05,
        batch_first=False,
        norm_first=False,
        bias=True,
        **options,
    ):
        super().__init__(**options)
        self.batch_first = batch_first
        self.norm_first = norm_first
        self.dropout = layers.Dropout(dropout)
        self.attentions = [
            layers.MultiHeadAttention(
                nhead, d_model // nhead, dropout=dropout, use_bias=bias, name=name
            )
            for name in self.named
        ]
        self.norms = [
            layers.LayerNormalization(epsilon=layer_norm_eps, center=bias, name=f"norm{n}")
            for n in range(1, len(self.named) + 2)
        ]
        gelu = activation == "gelu"
        activation = (lambda x: ops.gelu(x, approximate=False)) if gelu else activation
        self.linear1 = layers.Dense(
            dim_feedforward, activation=activation, use_bias=bias, name="linear1"
        )
        self.linear2 = layers.Dense(d_model, use_bias=bias, name="linear2")

    def attend(self, number, x, memory=None):
        """One of the attentions, to the sequence itself unless there is a memory."""
        memory = x if memory is None else memory
        if not self.batch_first:
            x, memory = ops.swapaxes(x, 0, 1), ops.swapaxes(memory, 0, 1)
        y = self.attentions[number](x, memory)
        return self.dropout(y if self.batch_first else ops.swapaxes(y, 0, 1))

    def feed(self, x):
        return self.dropout(self.linear2(self.dropout(self.linear1(x))))

    def call(self, x, memory=None):
        parts = [lambda x: self.attend(0, x), self.feed]
        if memory is not None:
            parts.insert(1, lambda x: self.attend(1, x, memory))
        for norm, part in zip(self.norms, parts):
            x = x + part(norm(x)) if self.norm_first else norm(x + part(x))
        return x''',
    "TransformerEncoderLayer": '''class TransformerEncoderLayer(TransformerLayer):
    """Attention of a sequence to itself, then two Dense layers."""

    named = ("self_attn",)''',
    "TransformerDecoderLayer": '''class TransformerDecoderLayer(TransformerLayer):
    """Attention of a sequence to itself, then to a memory, then two Dense layers."""

    named = ("self_attn", "multihead_attn")''',
    "TransformerEncoder": '''class TransformerEncoder(layers.Layer):
    """Encoder layers one after another."""

    def __init__(self, num_layers, *arguments, name=None, **options):
        super().__init__(name=name)
        self.stack = [
            TransformerEncoderLayer(*arguments, name=f"layers_{i}", **options)
            for i in range(num_layers)
        ]

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x''',
    "TransformerDecoder": '''class TransformerDecoder(layers.Layer):
    """Decoder layers one after another, which all attend to one memory."""

    def __init__(self, num_layers, *arguments, name=None, **options):
        super().__init__(name=name)
        self.stack = [
            TransformerDecoderLayer(*arguments, name=f"layers_{i}", **options)
            for i in range(num_layers)
        ]

    def call(self, x, memory):
        for layer in self.stack:
            x = layer(x, memory)
        return x''',
    "Recurrent": _RECURRENT,
    "Cell": '''class Cell(layers.Layer):
    """A step of torch's RNN and LSTM, which have two biases where those of Keras have one."""

    gates = 1

    def __init__(self, units, use_bias=True, activation="tanh", **options):
        super().__init__(**options)
        self.state_size = self.output_size = units
        self.activation = keras.activations.get(activation)
        self.ih = layers.Dense(self.gates * units, use_bias=use_bias, name="ih")
        self.hh = layers.Dense(self.gates * units, use_bias=use_bias, name="hh")

    def build(self, input_shape):
        self.ih.build(input_shape)
        self.hh.build((None, self.output_size))

    def get_initial_state(self, batch_size):
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size)) for size in sizes]

    def call(self, x, states):
        h = self.activation(self.ih(x) + self.hh(states[0]))
        return h, [h]''',
    "LSTMCell": '''class LSTMCell(Cell):
    """A step of torch's LSTM."""

    gates = 4

    def __init__(self, units, use_bias=True, **options):
        super().__init__(units, use_bias, **options)
        self.state_size = [units, units]

    def call(self, x, states):
        h, c = states
        i, f, g, o = ops.split(self.ih(x) + self.hh(h), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]''',
    "Step": '''class Step(layers.Layer):
    """One step of a cell: the next state, or both of them."""

    def __init__(self, cell, **options):
        super().__init__(**options)
        self.cell = cell

    def call(self, x, h=None, c=None):
        states = [state for state in (h, c) if state is not None]
        _, states = self.cell(x, states or self.cell.get_initial_state(ops.shape(x)[0]))
        return states[0] if len(states) == 1 else tuple(states)''',
    "RNN": '''class RNN(Recurrent):
    """torch's RNN: the sequence, and the last states."""

    def __init__(self, hidden_size, *arguments, nonlinearity="tanh", **options):
        self.nonlinearity = nonlinearity
        super().__init__(hidden_size, *arguments, **options)

    def one(self, **told):
        return layers.RNN(Cell(self.hidden_size, self.bias, self.nonlinearity), **told)''',
    "LSTM": '''class LSTM(Recurrent):
    """torch's LSTM: the sequence, the last states, and the last of the cells."""

    def one(self, **told):
        return layers.RNN(LSTMCell(self.hidden_size, self.bias), **told)''',
    "GRU": '''class GRU(Recurrent):
    """torch's GRU, of those of Keras: the sequence, and the last states."""

    def one(self, **told):
        return layers.GRU(self.hidden_size, use_bias=self.bias, reset_after=True, **told)''',
    "SelectiveScan": '''class SelectiveScan(layers.Layer):
    """h = exp(delta * A) * h + delta * B * u at each step, of which y = C @ h + D * u."""

    def __init__(self, delta_softplus=False, **options):
        super().__init__(**options)
        self.delta_softplus = delta_softplus

    def call(self, u, delta, A, B, C, D=None, z=None, delta_bias=None):
        delta = delta if delta_bias is None else delta + delta_bias[:, None]
        delta = ops.softplus(delta) if self.delta_softplus else delta
        decay = ops.exp(delta[..., None] * A[:, None])
        added = (delta * u)[..., None] * ops.swapaxes(B, 1, 2)[:, None]
        _, h = ops.associative_scan(
            lambda one, two: (one[0] * two[0], two[0] * one[1] + two[1]),
            (decay, added),
            axis=2,
        )
        y = ops.sum(h * ops.swapaxes(C, 1, 2)[:, None], axis=-1)
        y = y if D is None else y + u * D[:, None]
        return y if z is None else y * ops.silu(z)''',
}
"""By its name, the text of each, after those that it is made of."""
