"""Transformers, what their layers are made of: attention, a network for each place, norms and dropouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.kernels import dropout, layer_norm, sum_of
from shapecalc.allocation.values import OUTPUT
from shapecalc.errors import UnknownError
from shapecalc.layers.activation import relu
from shapecalc.layers.arithmetic import add
from shapecalc.layers.attention import MultiheadAttention
from shapecalc.layers.base import Layer
from shapecalc.layers.fields import Choice, Flag, Inferred, Real, Size
from shapecalc.layers.floating_activation import gelu
from shapecalc.layers.linear import Linear
from shapecalc.layers.normalization_within import LayerNorm
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.rules import PARTLY_FROZEN, InnerLayer, Wanted
from shapecalc.layers.sequences import Sequence, check_batch, check_heads, inside, sequence
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim, summed
from shapecalc.tensors import Tensor, check_equal


class TransformerParts(Layer, abstract=True):
    """The arguments of all transformers, and the two layers that they are stacked of."""

    splits: ClassVar[Mapping[str, str]] = {
        **MultiheadAttention.splits,
        **dict.fromkeys(("linear1.weight", "linear1.bias"), "columns"),
        "linear2.weight": "rows",
    }
    num_layers: int = 1
    """The number of layers of a stack; a single layer has no such argument."""
    d_model = Inferred(axis=-1)
    nhead = Size()
    dim_feedforward = Size(2048)
    dropout = Real(0.1, low=0, high=1)
    activation = Choice("relu", "gelu")
    layer_norm_eps = Real(1e-5)
    batch_first = Flag(False)
    norm_first = Flag(False)
    bias = Flag(True)
    quantized = ("linear1.weight", "linear2.weight")

    @property
    def attention(self) -> MultiheadAttention:
        return MultiheadAttention(num_heads=self.nhead, bias=self.bias, batch_first=self.batch_first)

    def reads(self, *inputs: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Each position reads all positions and features of all sequences."""
        return tuple(except_along(x, 0 if x.rank == 2 else int(self.batch_first), -1) for x in inputs)

    def read(self, x: Tensor, what: str = "the input") -> Sequence:
        """The axes of a sequence; refuses one whose features the heads do not divide."""
        found = sequence(x, self.batch_first, what)
        check_heads(found.features, self.nhead, ("d_model", "nhead"))
        return found

    def check_both(self, first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
        """Refuse two sequences that do not fit each other."""
        one = self.read(first, f"the {names[0]}")
        other = sequence(second, self.batch_first, f"the {names[1]}")
        check_batch(one, other, " and ".join(names))
        message = f"the {names[0]} has d_model {{1}} features, the {names[1]} {{0}}"
        check_equal(other.features, one.features, message, why="both have d_model features")

    def norm_weights(self, x: Tensor) -> Weights:
        """What a LayerNorm over the features owns."""
        return LayerNorm(bias=self.bias).weights(x)

    def layer_weights(self, x: Tensor, *attentions: str) -> Weights:
        """What one layer owns: its attentions, two linear maps, and a norm for each of these parts."""
        weights: dict[str, Weight] = {}
        for name in attentions:
            weights |= inside(name, self.attention.weights(x))
        hidden = Tensor((*x.shape[:-1], self.dim_feedforward))
        weights |= inside("linear1", Linear(out_features=hidden.shape[-1], bias=self.bias).weights(x))
        weights |= inside("linear2", Linear(out_features=x.shape[-1], bias=self.bias).weights(hidden))
        for number in range(1, len(attentions) + 2):
            weights |= inside(f"norm{number}", self.norm_weights(x))
        return weights

    def encoder_weights(self, x: Tensor) -> Weights:
        return self.layer_weights(x, "self_attn")

    def decoder_weights(self, x: Tensor) -> Weights:
        return self.layer_weights(x, "self_attn", "multihead_attn")

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        """Those of an encoder layer N·(4·S·E·E + 2·S·S·E + 2·S·E·F).

        Of a decoder layer with T for S, and N·(2·T·E·E + 2·S·E·E + 2·T·S·E) for its second attention.
        """
        return summed([part.times * part.layer.figures(part.inputs).macs for part in self.parts(*inputs)])

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """Those of its layers one after another, where all weights are trained, or none."""
        if wanted.weights and wanted.weights != set(self.figures(inputs).weights):
            raise UnknownError(PARTLY_FROZEN)
        return self.gradients(*inputs, needs=wanted.inputs, trained=bool(wanted.weights))

    def gradients(self, *inputs: Any, **given: Any) -> Dim:
        """The MACs of the gradients of all weights, if `trained`, and of those inputs that it `needs`."""
        raise NotImplementedError

    def encoder_gradients(self, x: Tensor, need: bool, trained: bool, layers: int) -> Dim:
        """The gradient MACs of encoder layers; the input of the first may need no gradient."""
        first, other = (
            self.attention_gradients((x,), (each or (trained and self.norm_first),), trained)
            + self.map_gradients(x, each, trained)
            for each in (need, need or trained)
        )
        return first + (layers - 1) * other

    def decoder_gradients(
        self, x: Tensor, memory: Tensor, needs: tuple[bool, ...], trained: bool, layers: int
    ) -> Dim:
        """Those of decoder layers; `needs` is of the first one's input, and of the memory."""
        need, reached = needs
        first, other = (
            self.attention_gradients((x,), (each or (trained and self.norm_first),), trained)
            + self.attention_gradients((x, memory), (each or trained, reached), trained)
            + self.map_gradients(x, each or reached, trained)
            for each in (need, need or reached or trained)
        )
        return first + (layers - 1) * other

    def attention_gradients(self, inputs: tuple[Tensor, ...], needs: tuple[bool, ...], trained: bool) -> Dim:
        weights = self.attention.weights(*inputs).keys() if trained else frozenset[str]()
        return self.attention.gradient_macs(*inputs, wanted=Wanted(needs, weights))

    def map_gradients(self, x: Tensor, need: bool, trained: bool) -> Dim:
        """Those of both linear maps, which come after the attention."""
        return 2 * x.elements * self.dim_feedforward * (1 + trained if need or trained else 0)

    # Written after the forward of torch's layers: names hold what is alive.

    def encode(self, trace: Trace, x: Value) -> Value:
        """One encoder layer."""
        if self.norm_first:
            x = sum_of(trace, x, self.attended(trace, self.normed(trace, x, "norm1")))
            return sum_of(trace, x, self.fed_forward(trace, self.normed(trace, x, "norm2")))
        x = self.normed(trace, sum_of(trace, x, self.attended(trace, x)), "norm1")
        return self.normed(trace, sum_of(trace, x, self.fed_forward(trace, x)), "norm2")

    def decode(self, trace: Trace, x: Value, memory: Value) -> Value:
        """One decoder layer."""
        if self.norm_first:
            x = sum_of(trace, x, self.attended(trace, self.normed(trace, x, "norm1")))
            x = sum_of(trace, x, self.attended(trace, self.normed(trace, x, "norm2"), memory))
            return sum_of(trace, x, self.fed_forward(trace, self.normed(trace, x, "norm3")))
        x = self.normed(trace, sum_of(trace, x, self.attended(trace, x)), "norm1")
        x = self.normed(trace, sum_of(trace, x, self.attended(trace, x, memory)), "norm2")
        return self.normed(trace, sum_of(trace, x, self.fed_forward(trace, x)), "norm3")

    def normed(self, trace: Trace, x: Value, name: str) -> Value:
        with trace.inside(name):
            return layer_norm(trace, x, owned(trace, self.norm_weights(x.tensor)))

    def attended(self, trace: Trace, x: Value, memory: Value | None = None) -> Value:
        """Attention to the sequence itself, or to a memory, with the dropout after it."""
        name, keys = ("self_attn", x) if memory is None else ("multihead_attn", memory)
        attention = self.attention
        attention.dropout = self.dropout
        with trace.inside(name):
            x, _ = attention.attend(trace, x, keys, keys, need_weights=False)
        del keys
        return dropout(trace, x, self.dropout)

    def fed_forward(self, trace: Trace, x: Value) -> Value:
        hidden = self.activated(trace, self.mapped(trace, x, self.dim_feedforward, "linear1"))
        hidden = dropout(trace, hidden, self.dropout)
        x = self.mapped(trace, hidden, x.shape[-1], "linear2")
        del hidden
        return dropout(trace, x, self.dropout)

    def mapped(self, trace: Trace, x: Value, out_features: Dim, name: str) -> Value:
        with trace.inside(name):
            return Linear(out_features=out_features, bias=self.bias).run(trace, x)[0]

    def activated(self, trace: Trace, x: Value) -> Value:
        """relu keeps its output, gelu its input."""
        relu = self.activation == "relu"
        return trace.kernel(x.tensor, x, keeps=(OUTPUT if relu else x,), strides=x.strides)

    def encode_all(self, trace: Trace, x: Value, number: int) -> Value:
        for i in range(number):
            with trace.inside(f"layers.{i}"):
                x = self.encode(trace, x)
        return x

    def decode_all(self, trace: Trace, x: Value, memory: Value, number: int) -> Value:
        for i in range(number):
            with trace.inside(f"layers.{i}"):
                x = self.decode(trace, x, memory)
        return x

    def encoder_parts(self, x: Tensor) -> tuple[InnerLayer, ...]:
        """Attention, then two linear maps with an activation between; a shortcut and a norm for both."""
        hidden = Tensor((*x.shape[:-1], self.dim_feedforward))
        return (
            *self.attention_parts(x),
            InnerLayer(Linear(out_features=self.dim_feedforward, bias=self.bias), (x,)),
            InnerLayer(kept_relu() if self.activation == "relu" else kept_gelu(), (hidden,)),
            InnerLayer(Linear(out_features=x.shape[-1], bias=self.bias), (hidden,)),
            *self.shortcut_parts(x),
        )

    def decoder_parts(self, x: Tensor, memory: Tensor) -> tuple[InnerLayer, ...]:
        """The parts of an encoder layer, and the attention to the memory."""
        return (*self.encoder_parts(x), *self.attention_parts(x, with_features(memory, x)))

    def attention_parts(self, *inputs: Tensor) -> tuple[InnerLayer, ...]:
        inner = InnerAttention(num_heads=self.nhead, bias=self.bias, batch_first=self.batch_first)
        return (InnerLayer(inner, inputs), *self.shortcut_parts(inputs[0]))

    def shortcut_parts(self, x: Tensor) -> tuple[InnerLayer, ...]:
        return (InnerLayer(add(), (x, x)), self.norm_part(x))

    def norm_part(self, x: Tensor) -> InnerLayer:
        return InnerLayer(LayerNorm(bias=self.bias), (x,))


class InnerAttention(MultiheadAttention, abstract=True):
    """Attention that gives out no weights of the keys, so that torch may never have them as a whole."""

    def ops(self, *inputs: Tensor, y: Tensor) -> Operations:
        return self.in_heads(*inputs)


class kept_relu(relu, abstract=True):
    """relu as the transformer modules hold it: a tool that patches torch.relu later does not see it."""


class kept_gelu(gelu, abstract=True):
    """gelu, held in the same way."""


def times(parts: tuple[InnerLayer, ...], count: int) -> tuple[InnerLayer, ...]:
    return tuple(part._replace(times=count) for part in parts)


def with_features(x: Tensor, first: Tensor) -> Tensor:
    """`x` with the features of `first`, which are as many: so a formula has one name for both."""
    return Tensor((*x.shape[:-1], first.shape[-1]), x.dtype)


def copies(weights: Weights, number: int) -> dict[str, Weight]:
    """The weights of `number` equal layers, `layers.0.…` and so on."""
    return {name: weight for i in range(number) for name, weight in inside(f"layers.{i}", weights).items()}
