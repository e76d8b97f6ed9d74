"""Attention, transformers, recurrent layers and language models as Keras code, held to verify's module."""

from __future__ import annotations

import os

import pytest

import shapecalc
from shapecalc.exporting.keras import keras_source
from tests.exporting.keras_running import Built, built, check_equal
from tests.networks import settings_of

os.environ["KERAS_BACKEND"] = "torch"

_HEADS = "num_heads: 2, batch_first: true"
_LAYER = "nhead: 2, dim_feedforward: 16"
STEPS = {
    "2x5x8": [
        f"MultiheadAttention: {{{_HEADS}}}",
        f"MultiheadAttention: {{{_HEADS}, bias: false}}",
        f"MultiheadAttention as y, w: {{{_HEADS}}}\n- concat: {{branches: [y, w], dim: 2}}",
        f"TransformerEncoderLayer: {{{_LAYER}, batch_first: true}}",
        f"TransformerEncoderLayer: {{{_LAYER}, norm_first: true, activation: gelu}}",
        f"TransformerEncoder: {{{_LAYER}, num_layers: 2, bias: false}}",
        "LSTM: {hidden_size: 3, num_layers: 2, batch_first: true, bidirectional: true}",
        "LSTM as y, h, c: {hidden_size: 3, bias: false}\n- LSTM from y, h, c: 3",
        "GRU as y, h: {hidden_size: 3, num_layers: 2}\n- GRU from y, h: {hidden_size: 3, num_layers: 2}",
        "GRU: {hidden_size: 3, bidirectional: true, bias: false, batch_first: true}",
        "RNN: {hidden_size: 3, nonlinearity: relu}",
        "RNN: {hidden_size: 3, num_layers: 2, bidirectional: true, batch_first: true}",
    ],
    "{x: 2x4, h: 2x3, c: 2x3}": [
        "RNNCell from x: 3",
        "RNNCell from x, h: {hidden_size: 3, nonlinearity: relu}",
        "GRUCell from x: {hidden_size: 3, bias: false}",
        "GRUCell from x, h: 3",
        "LSTMCell from x: {hidden_size: 3, bias: false}",
        "LSTMCell from x, h, c: 3",
    ],
    "{q: 2x5x8, k: 2x3x8, v: 2x3x6}": [
        f"MultiheadAttention from q, k: {{{_HEADS}}}",
        f"MultiheadAttention from q, k, v: {{{_HEADS}}}",
        f"TransformerDecoderLayer from q, k: {{{_LAYER}, batch_first: true}}",
        f"TransformerDecoder from q, k: {{{_LAYER}, num_layers: 2, batch_first: true, norm_first: true}}",
    ],
    "{q: 2x4x5x8, k: 2x2x3x8, m: '5x3:bool', n: 5x3}": [
        "scaled_dot_product_attention: {branches: [q, q, q], is_causal: true}",
        "scaled_dot_product_attention: {branches: [q, k, k], enable_gqa: true, scale: 0.5}",
        "scaled_dot_product_attention: {branches: [q, k, k, m], enable_gqa: true}",
        "scaled_dot_product_attention: {branches: [q, k, k, n], enable_gqa: true}",
    ],
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize(("input", "steps"), [(x, steps) for x, some in STEPS.items() for steps in some])
def test_steps_are_equal(input: str, steps: str) -> None:
    check_equal(*built(shapecalc.parse(f"input: {input}\nlayers:\n- {steps}\n")))


NETWORKS = [
    *("clip-vit-b-32", "deberta-v3-xsmall", "gemma-2-2b", "gpt2", "llama-2-7b", "mamba-130m"),
    *("mamba2-130m", "t5-small", "whisper-tiny"),
]
"""Those of language that differ most: several kinds of attention and of positions, tied weights."""


def test_weights_of_keys_that_a_block_gives_out_unread_are_not_there() -> None:
    block = f"blocks:\n  look: [MultiheadAttention: {{{_HEADS}}}]\n"
    _, keras = built(shapecalc.parse(f"input: 2x5x8\n{block}layers:\n- look\n- ReLU\n- look\n- Linear: 2\n"))
    assert [len(x) if isinstance(x, tuple) else 1 for x in keras.tensors] == [1, 1, 1, 1]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_language_model_is_equal(name: str) -> None:
    pytest.importorskip("keras", reason="keras is not installed: pip install 'shapecalc[keras]'")
    analysis = shapecalc.analyse(shapecalc.load(f"llm/{name}"), *settings_of(f"llm/{name}"))
    keras = Built(keras_source(analysis), analysis)
    assert keras.is_free
    check_equal(analysis, keras)
