"""Weights by themselves, tensors of no input, masks, shared layers and the batch, as Keras code."""

from __future__ import annotations

import os
from textwrap import dedent

import pytest
import torch

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.exporting.keras import keras_source
from tests.exporting.keras_running import built, check_equal

os.environ["KERAS_BACKEND"] = "torch"

STEPS = {
    "2x3x5": [
        "parameter: {shape: [3, 5]}\n- mul: [[], input]",
        "buffer: {shape: [5]}\n- add: [[], input]",
        "parameter frozen: {shape: [5]}\n- add: [[], input]",
        "buffer as i: {shape: [4], dtype: int64}\n- index_select from input, i: {dim: 1}",
        "zeros: [3, 5]\n- add: [[], input]",
        "ones: [3, 1]\n- sub: [[], input]",
        "full: {size: [5], fill_value: 0.5}\n- mul: [input, []]",
        "arange as a: 5\n- to: float32\n- div: [input, []]",
        "arange: {end: 9, start: 1, step: 2}\n- Embedding: {num_embeddings: 9, embedding_dim: 5}\n- sum: 0\n"
        "- add: [[], input]",
        "arange: 5\n- clamp: {max: 3}\n- clamp: {min: 1}\n- add: 1\n- where: [[gt: 2], [], 0]\n"
        "- to: float32\n- add: [[], input]",
        "gt: 0\n- where: [[], input, 0]",
        "ge: 0\n- logical_not\n- masked_fill: {branches: [input, []], value: -.inf}",
        "logical_and: [[le: 0.2], [lt: 0.1]]\n- logical_or: [[], [eq from input: 0.5]]\n- to: float32",
        "logical_xor: [[ne: 0.5], [gt: 0.1]]",
        "clamp: {min: -0.2, max: 0.3}",
        "clamp: {min: 0.1}",
        "clamp: {max: 0.1}",
        "narrow: {dim: 2, start: 1, length: 3}",
        "narrow: {dim: -1, start: -3, length: 3}",
        "slice: {dim: 1, start: 1, step: 2}",
        "select: {dim: 1, index: -1}",
        "unbind as a, b, c: 1\n- stack: {branches: [a, c], dim: 1}",
        "transpose: [0, 1]\n- select: {dim: 0, index: 2}",
        "permute: [2, 0, 1]\n- narrow: {dim: 0, start: 1, length: 2}",
        "reshape: [-1, 5]\n- Linear: 2\n- reshape: [-1, 3, 2]",
        "sum: 0",
        "Flatten: 0",
        "repeat: [1, 2, 1]",
        "roll: {shifts: [1, -2], dims: [1, 2]}",
        "flip: [1]",
        "cumsum: 2",
        "topk as v, i: 2\n- gather: {branches: [input, i], dim: 2}",
        "normalize: {dim: 2}",
        "Softplus",
        "pow: 2",
        "bmm: [[], [transpose: [1, 2]]]",
        "einsum: {branches: [[], []], equation: 'bqd,bkd->bqk'}",
        "gt: 0\n- to: int64\n- one_hot: 2",
        "parameter as p: {shape: [1, 5]}\n- unsqueeze: 0\n- expand: [2, 3, 5]\n- add: [[], input]",
        "parameter as p: {shape: [3, 1]}\n- expand_as: [p, input]\n- add: [[], input]",
    ],
}


@pytest.mark.parametrize(("input", "steps"), [(x, steps) for x, some in STEPS.items() for steps in some])
def test_steps_are_equal(input: str, steps: str) -> None:
    check_equal(*built(shapecalc.parse(f"input: {input}\nlayers:\n- {steps}\n")))


SHARED = {
    "a layer twice": "- Linear as a: 5\n- ReLU\n- Linear share a: 5",
    "padded": "- unsqueeze: 1\n- Conv2d as a: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}\n"
    "- Conv2d share a: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}",
    "a block twice": "- tower as t: 5\n- Tanh\n- tower share t: 5",
}


@pytest.mark.parametrize("steps", SHARED.values(), ids=SHARED)
def test_shared_layers_are_one(steps: str) -> None:
    blocks = "blocks:\n  tower(out): [Linear: out, ReLU, Linear: out]\n"
    check_equal(*built(shapecalc.parse(f"input: 2x3x5\n{blocks}layers:\n{steps}\n")))


def written(text: str) -> str:
    source = keras_source(shapecalc.analyse(shapecalc.parse(text))).text
    return source[source.index("def ") :]


def test_a_layer_that_is_called_twice_is_made_once() -> None:
    text = "name: net\ninput: 1x4\nlayers:\n- Linear as a: 4\n- ReLU\n- Linear share a: 4\n"
    assert written(text) == dedent("""\
        def net():
            inputs = x = keras.Input((4,))
            a_layer = layers.Dense(4)
            a = a_layer(x)
            x = layers.ReLU()(a)
            x = a_layer(x)
            return keras.Model(inputs, x, name="net")
        """)


def test_a_matrix_that_is_a_table_is_tied() -> None:
    steps = (
        "- Embedding as table: {num_embeddings: 9, embedding_dim: 3}\n- Linear share table: {out_features: 9"
    )
    for bias, call in (
        (", bias: false}", "TiedDense(table_layer)"),
        ("}", "TiedDense(table_layer, use_bias=True)"),
    ):
        text = f"input: 1x4:int64\nlayers:\n{steps}{bias}\n"
        source = keras_source(shapecalc.analyse(shapecalc.parse(text))).text
        assert "    table = table_layer(x)\n" in source
        assert f"    x = {call}(table)\n" in source
        check_equal(*built(shapecalc.parse(text)))


def test_some_weights_of_a_layer_are_refused() -> None:
    text = "input: 1x4\nlayers:\n- Linear: 4\n  as: a\n- Linear: {out_features: 4, bias: false}\n  share: a\n"
    with pytest.raises(ArchitectureError, match=r"uses weights of a that are no whole layer's") as error:
        written(text)
    assert error.value.path == "Linear[1]"


def test_the_batch_is_free_where_the_network_takes_any() -> None:
    steps = "- parameter: {shape: [1, 4]}\n- expand: [N, 4]\n- concat: {branches: [[], input], dim: 1}\n"
    text = f"input: Nx4\nparameters: {{N: 1}}\nlayers:\n{steps}"
    assert "keras.Input((4,))" in written(text)
    _, keras = built(shapecalc.parse(text))
    assert keras.model(torch.ones(3, 4)).shape == (3, 8)


def test_the_batch_is_a_number_where_the_network_needs_it() -> None:
    text = "input: 2x4\nlayers:\n- reshape: [8]\n- Unflatten: {dim: 0, unflattened_size: [4, 2]}\n"
    assert "keras.Input(batch_shape=(2, 4))" in written(text)
    check_equal(*built(shapecalc.parse(text)))


def test_a_constant_may_be_an_output() -> None:
    block = "blocks:\n  both(x;) -> y, a:\n  - arange as a: 3\n  - ReLU from x as y\n"
    check_equal(*built(shapecalc.parse(f"input: 2x3\n{block}layers:\n- both\n")))


def test_a_size_that_is_no_batch_is_refused() -> None:
    text = "input: 1xL:int64\nparameters: {L: 4}\nlayers:\n- arange: L\n- add: [[], input]\n"
    with pytest.raises(ArchitectureError, match="stop is L, where code needs a number") as error:
        keras_source(shapecalc.analyse(shapecalc.parse(text), "1xL"))
    assert error.value.path == "arange[0]"
