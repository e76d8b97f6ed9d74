"""The products of the gradients of attention and of transformers, as torch's FlopCounterMode counts them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, TypeAlias

from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor

Inputs: TypeAlias = "tuple[Tensor, ...]"
Trained: TypeAlias = "Set[str]"
"""The names of the weights that are trained."""

PARTLY_FROZEN = Unknown("the products of the gradients of a layer that is frozen in part are not known")


def of_attention(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim:
    """Each map's matrix and its input; queries, keys and values as far as anything before them is trained."""
    queries, keys, values = layer.sequences(*inputs)
    needs = layer.feed(*wanted)
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    matrices = ["in_proj_weight" in trained or name in trained for name in names]
    q, k, v = (
        need or matrix or "in_proj_bias" in trained for need, matrix in zip(needs, matrices, strict=True)
    )
    k, v = k or "bias_k" in trained, v or "bias_v" in trained
    each = queries.samples * queries.features
    lengths = [x.length * x.features for x in (queries, keys, values)]
    maps = [each * size * (need + own) for size, need, own in zip(lengths, needs, matrices, strict=True)]
    pairs = each * queries.length * (keys.length + layer.more_keys)
    out = each * lengths[0] * (("out_proj.weight" in trained) + (q or k or v))
    # Of scores = Q·Kᵀ and of their mean of the values, each factor's gradient is made of the other one.
    total: Dim = sum(maps) + pairs * (q + k) + pairs * ((q or k) + v) + out
    return total


def of_transformer(layer: Any, inputs: Inputs, wanted: Sequence[bool], trained: Trained) -> Dim | Unknown:
    """Those of the layers of its encoder and of its decoder; the first ones' inputs may need no gradient."""
    learned = {name for name, weight in layer.figures(inputs).weights.items() if not weight.buffer}
    if trained and trained != learned:
        return PARTLY_FROZEN
    stacks = _Stacks(layer, bool(trained))
    if layer.type.startswith("TransformerEncoder"):
        return stacks.encoder(inputs[0], wanted[0], getattr(layer, "num_layers", 1))
    first, second = inputs
    if layer.type.startswith("TransformerDecoder"):
        return stacks.decoder(first, second, wanted[0], wanted[1], getattr(layer, "num_layers", 1))
    encoded = stacks.encoder(first, wanted[0], layer.num_encoder_layers)
    reached = wanted[0] or (bool(trained) and layer.num_encoder_layers > 0)
    return encoded + stacks.decoder(second, first, wanted[1], reached, layer.num_decoder_layers)


class _Stacks:
    """Layers of a transformer's arguments one after another, all of whose weights are trained, or none."""

    def __init__(self, layer: Any, trained: bool) -> None:
        self.layer = layer
        self.trained = trained

    def encoder(self, x: Tensor, wanted: bool, number: int) -> Dim:
        first = self.encoder_layer(x, wanted)
        return first + (number - 1) * self.encoder_layer(x, wanted or self.trained)

    def decoder(self, x: Tensor, memory: Tensor, wanted: bool, reached: bool, number: int) -> Dim:
        first = self.decoder_layer(x, memory, wanted, reached)
        after = wanted or reached or self.trained
        return first + (number - 1) * self.decoder_layer(x, memory, after, reached)

    def encoder_layer(self, x: Tensor, wanted: bool) -> Dim:
        return self.attention((x,), (self.normed(wanted),)) + self.maps(x, wanted)

    def decoder_layer(self, x: Tensor, memory: Tensor, wanted: bool, reached: bool) -> Dim:
        own = self.attention((x,), (self.normed(wanted),))
        of_memory = self.attention((x, memory), (wanted or self.trained, reached))
        return own + of_memory + self.maps(x, wanted or reached)

    def normed(self, wanted: bool) -> bool:
        """Whether what comes to the first attention needs a gradient: a norm before it may be trained."""
        return wanted or (self.trained and self.layer.norm_first)

    def attention(self, inputs: Inputs, wanted: Sequence[bool]) -> Dim:
        attention = self.layer.attention
        trained = attention.weights(*inputs).keys() if self.trained else frozenset[str]()
        return of_attention(attention, inputs, wanted, trained)

    def maps(self, x: Tensor, wanted: bool) -> Dim:
        """Both linear maps, which come after the attention."""
        if not (wanted or self.trained):
            return 0
        size: Dim = 2 * x.elements * self.layer.dim_feedforward
        return size * (1 + self.trained)
