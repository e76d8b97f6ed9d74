"""A layer type is one class: some are declared here anew, in their simplest form, and all else follows.

Three spatial axes, inputs that may be left out and several outputs, an integer input, and weights whose
names hold dots: the declaration carries them from the YAML file to the verdict of torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import shapecalc
from shapecalc.errors import ArchitectureError
from shapecalc.layers import LAYERS, Layer, Weight
from shapecalc.layers.fields import Flag, Inferred, Size
from shapecalc.layers.weights import Weights
from shapecalc.symbolic import Dim, number
from shapecalc.tensors import Tensor, check_multiple
from shapecalc.torch_check.verify import verify


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    """In a test, the types declared below take the place of shapecalc's own; after it they are gone."""
    with LAYERS.restored():
        for name in ("Embedding", "LSTM", "MultiheadAttention"):
            del LAYERS[name]
        declare()
        yield


def declare() -> None:
    class Embedding(Layer):
        num_embeddings = Size()
        embedding_dim = Size()

        def output(self, x: Tensor) -> Tensor:
            if not x.dtype.startswith("int"):
                raise ArchitectureError(f"an integer input is needed, not {x.dtype}")
            return Tensor((*x.shape, self.embedding_dim))

        def weights(self, x: Tensor) -> Weights:
            return {"weight": Weight((self.num_embeddings, self.embedding_dim))}

    class LSTM(Layer):
        input_size = Inferred(axis=-1)
        hidden_size = Size()
        num_layers = Size(1)

        def output(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> tuple[Tensor, ...]:
            length, batch, _ = x.shape
            state = Tensor((self.num_layers, batch, self.hidden_size))
            return Tensor((length, batch, self.hidden_size)), state, state

        def weights(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Weights:
            gates = 4 * self.hidden_size
            weights = {}
            for layer in range(number(self.num_layers)):
                inputs = self.hidden_size if layer else x.shape[-1]
                weights[f"weight_ih_l{layer}"] = Weight((gates, inputs))
                weights[f"weight_hh_l{layer}"] = Weight((gates, self.hidden_size))
                weights[f"bias_ih_l{layer}"] = weights[f"bias_hh_l{layer}"] = Weight((gates,))
            return weights

        def macs(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None, *, y: Tensor) -> Dim:
            length, batch, size = x.shape
            inputs = size + (self.num_layers - 1) * self.hidden_size + self.num_layers * self.hidden_size
            return length * batch * 4 * self.hidden_size * inputs

        def feed(self, *inputs: object) -> tuple[object, ...]:
            return (inputs[0], inputs[1:]) if len(inputs) > 1 else inputs

    class MultiheadAttention(Layer):
        embed_dim = Inferred(axis=-1)
        num_heads = Size()
        batch_first = Flag(False)

        def output(self, query: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
            check_multiple(query.shape[-1], self.num_heads, "embed_dim {0} is not divisible by {1} heads")
            batch, length, _ = query.shape
            return query, Tensor((batch, length, (key or query).shape[1]))

        def weights(self, query: Tensor, key: Tensor | None = None) -> Weights:
            size = query.shape[-1]
            return {
                "in_proj_weight": Weight((3 * size, size)),
                "in_proj_bias": Weight((3 * size,)),
                "out_proj.weight": Weight((size, size)),
                "out_proj.bias": Weight((size,)),
            }

        def macs(self, query: Tensor, key: Tensor | None = None, *, y: Tensor) -> Dim:
            batch, length, size = query.shape
            others = (key or query).shape[1]
            return batch * (2 * length * size * size + 2 * others * size * size + 2 * length * others * size)

        def feed(self, *inputs: object) -> tuple[object, ...]:
            key = inputs[-1]
            return inputs[0], key, key


NETWORKS = {
    "Conv3d": (
        "{input: 1x3x8x9x10, layers:"
        " [Conv3d: {out_channels: 4, kernel_size: [3, 2, 5], padding: [1, 0, 2]}]}",
        (1, 4, 8, 8, 10),
    ),
    "unpooling to a size that torch takes in its call": (
        "{input: 1x3x9, layers: [{MaxPool1d: {kernel_size: 2, return_indices: true}, as: [y, i]},"
        " {MaxUnpool1d: {kernel_size: 2, output_size: 9}, from: [y, i]}]}",
        (1, 3, 9),
    ),
    "LSTM": ("{input: 7x2x5, layers: [LSTM: {hidden_size: 3, num_layers: 2}, Linear: 4]}", (7, 2, 4)),
    "LSTM with its state": (
        "{input: {x: 7x2x5, h: 1x2x3, c: 1x2x3}, layers: [{LSTM: 3, from: [x, h, c], as: [y, h_n, c_n]},"
        " {ReLU: , from: c_n}]}",
        (1, 2, 3),
    ),
    "Embedding": (
        "{input: 2x9:int64, layers: [Embedding: {num_embeddings: 11, embedding_dim: 6}]}",
        (2, 9, 6),
    ),
    "attention to itself": (
        "{input: 2x9x8, layers: [MultiheadAttention: {num_heads: 2, batch_first: true}]}",
        (2, 9, 8),
    ),
    "attention to another": (
        "{input: {x: 2x9x8, memory: 2x5x8}, layers:"
        " [{MultiheadAttention: {num_heads: 4, batch_first: true}, from: [x, memory]}, Linear: 3]}",
        (2, 9, 3),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_declaration_is_enough(name: str) -> None:
    text, shape = NETWORKS[name]
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert analysis.outputs[0].shape == shape
    for device in ("meta", "cpu"):
        assert verify(analysis, torch.device(device), name).mismatches == ()


def test_a_refusal_of_a_rule_names_the_place() -> None:
    with pytest.raises(
        ArchitectureError, match="MultiheadAttention: embed_dim 9 is not divisible by 2 heads"
    ):
        shapecalc.analyse(shapecalc.parse("{input: 2x9x9, layers: [MultiheadAttention: 2]}"))
    text = "{input: 2x9, layers: [Embedding: {num_embeddings: 4, embedding_dim: 4}]}"
    with pytest.raises(ArchitectureError, match="Embedding: an integer input is needed"):
        shapecalc.analyse(shapecalc.parse(text))
