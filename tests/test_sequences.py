"""Recurrent layers, attention, transformers and lookups as files use them: several inputs and outputs."""

from __future__ import annotations

import pytest
import torch

import shapecalc
from shapecalc.errors import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.symbolic import symbol
from shapecalc.tensors import Tensor
from shapecalc.torch_check.verify import verify

NETWORKS = {
    "states that go from one layer to the next": (
        "{input: 7x2x5, layers: [{LSTM: {hidden_size: 6, proj_size: 4}, as: [y, h, c]},"
        " {LSTM: {hidden_size: 6, proj_size: 4}, from: [y, h, c], as: [z, hz, cz]},"
        " {GRU: 4, from: [y, h]}, {add: [[], z]}]}",
        (7, 2, 4),
    ),
    "one step": (
        "{input: {x: 2x5, h: 2x3, c: 2x3}, layers: [{LSTMCell: 3, from: [x, h, c], as: [h1, c1]},"
        " {GRUCell: {hidden_size: 3}, from: [h1, c1]}]}",
        (2, 3),
    ),
    "words and what they are about": (
        "{input: {words: 2x9:int64, seen: 2x7x8}, layers: [{Embedding: {num_embeddings: 11,"
        " embedding_dim: 8, padding_idx: -1}, from: words, as: x}, {TransformerDecoder: {nhead: 2,"
        " num_layers: 2, dim_feedforward: 12, batch_first: true}, from: [x, seen]}]}",
        (2, 9, 8),
    ),
    "a stack of encoder layers": (
        "{input: 9x2x8, layers: [TransformerEncoder: {nhead: 2, num_layers: 3, dim_feedforward: 12,"
        " activation: gelu, norm_first: true, bias: false, enable_nested_tensor: false}]}",
        (9, 2, 8),
    ),
    "an encoder and a decoder": (
        "{input: {source: 5x8, target: 3x8}, layers: [{Transformer: {nhead: 2, num_encoder_layers: 1,"
        " num_decoder_layers: 2, dim_feedforward: 12}, from: [source, target]}]}",
        (3, 8),
    ),
    "heads of other features": (
        "{input: {q: 2x9x8, k: 2x5x6, v: 2x5x4}, layers: [{MultiheadAttention: {num_heads: 4,"
        " batch_first: true, add_bias_kv: true, add_zero_attn: true}, from: [q, k, v], as: [y, w]},"
        " {Linear: 3, from: w}]}",
        (2, 9, 3),
    ),
    "heads by hand": (
        "{input: 2x4x9x8, layers: [scaled_dot_product_attention: {branches: [[], [Linear: 8], [Linear: 5]],"
        " is_causal: true}]}",
        (2, 4, 9, 5),
    ),
    "bags": (
        "{input: {words: 20:int64, starts: 4:int64}, layers: [{EmbeddingBag: {num_embeddings: 11,"
        " embedding_dim: 8, include_last_offset: true}, from: [words, starts]}]}",
        (3, 8),
    ),
    "two inputs against each other": (
        "{input: {x: 2x5, y: 2x6}, layers: [{Bilinear: 4, from: [x, y], as: z}, {Linear: 4, from: x},"
        " {add: [[], z]}]}",
        (2, 4),
    ),
    "how far apart": (
        "{input: {x: 2x5, y: 5}, layers: [{PairwiseDistance: {keepdim: true}, from: [x, y], as: d},"
        " {CosineSimilarity: {dim: -1}, from: [x, y]}, {add: [[], d]}]}",
        (2, 2),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_torch_agrees_on_a_network(name: str) -> None:
    text, shape = NETWORKS[name]
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert analysis.outputs[0].shape == shape
    assert verify(analysis, torch.device("cpu"), name).mismatches == ()


REFUSED = {
    "LSTM: {hidden_size: 4, proj_size: 4}": "LSTM: proj_size 4 has to be smaller than hidden_size 4",
    "LSTM: {hidden_size: 4, num_layers: n}": "LSTM: num_layers must be a whole number from 1 to 100, not n",
    "LSTM: 4, from: [x, x]": "LSTM: 2 inputs: the states h and c are given together, or both left out",
    "GRU: 4, from: [x, m]": "GRU: the state h is 2×5×6, and 1×9×4 is needed",
    "MultiheadAttention: 3": "MultiheadAttention: embed_dim 8 is not divisible by num_heads 3",
    "MultiheadAttention: 2, from: [x, m]": "MultiheadAttention: query and key differ in the batch: 9 and 5",
    "TransformerEncoder: {nhead: 3, num_layers: 1}": (
        "TransformerEncoder: d_model 8 is not divisible by nhead 3"
    ),
    "TransformerDecoderLayer: {nhead: 2, batch_first: true}, from: [x, m]": (
        "TransformerDecoderLayer: the target has d_model 8 features, the memory 6"
    ),
    "Embedding: {num_embeddings: 4, embedding_dim: 4}": (
        "Embedding: an input of int32 or int64 is needed, not float32"
    ),
    "Embedding: {num_embeddings: 4, embedding_dim: 4, padding_idx: 4}": (
        "Embedding: padding_idx 4 is none of the 4 rows"
    ),
    "EmbeddingBag: {num_embeddings: 4, embedding_dim: 4}, from: i": (
        "EmbeddingBag: an input of 1 axis needs offsets as a second input, and one of 2 axes takes none (7)"
    ),
    "scaled_dot_product_attention: [x, m, m]": (
        "scaled_dot_product_attention: query and key differ in their features: 8 and 6"
    ),
}


@pytest.mark.parametrize("step", REFUSED)
def test_a_refusal_says_what_is_wrong(step: str) -> None:
    text = "{input: {x: 2x9x8, m: 2x5x6, i: '7:int64'}, parameters: {n: 2}, layers: [{STEP}]}"
    with pytest.raises(ArchitectureError) as caught:
        shapecalc.analyse(shapecalc.parse(text.replace("STEP", step)), parameters={"n": "n"})
    assert caught.value.message == REFUSED[step]


def test_an_error_of_one_argument_is_placed_there() -> None:
    text = "{input: 2x9x8, layers: [TransformerEncoderLayer: {dim_feedforward: 8, nhead: 3}]}"
    with pytest.raises(ArchitectureError) as caught:
        shapecalc.analyse(shapecalc.parse(text))
    assert caught.value.place
    assert caught.value.place.column == text.index("3}") + 1


def test_one_symbol_for_the_features_of_all_makes_a_formula_and_two_do_not() -> None:
    query, same, other = (Tensor((symbol("N"), symbol("T"), symbol(name))) for name in ("E", "E", "K"))
    attention = LAYERS["MultiheadAttention"](num_heads=2, batch_first=True)
    assert "in_proj_weight" in attention.figures((query, same)).weights
    with pytest.raises(ArchitectureError, match="no formula of this kind says which"):
        attention.figures((query, other))
    written = LAYERS["MultiheadAttention"](embed_dim=8, num_heads=2, batch_first=True, kdim=6)
    eight = Tensor((symbol("N"), symbol("T"), 8))
    assert written.figures((eight, other, eight)).weights["k_proj_weight"].shape == (8, 6)
    six = Tensor((symbol("N"), symbol("T"), 6))  # which says that there are three matrices, whatever K is
    assert attention.figures((eight, other, six)).weights["k_proj_weight"].shape == (8, symbol("K"))


def test_arguments_come_in_the_order_of_torch() -> None:
    recurrent = ["input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "dropout"]
    assert [*LAYERS["RNN"].fields] == [*recurrent, "bidirectional"]
    assert [*LAYERS["Transformer"].fields][:5] == [
        "d_model", "nhead", "num_encoder_layers", "num_decoder_layers", "dim_feedforward"
    ]  # fmt: skip
