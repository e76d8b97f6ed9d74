"""Shared weights, learned tensors, and parameters that an input decides, with torch's word on them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ShapecalcError, UsageError
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **how)


def check(analysis: Analysis) -> None:
    """torch has the same parameters, each once, and computes the same shapes."""
    assert verify(analysis, torch.device("cpu"), "net").mismatches == ()


TIED = """
input: 2x6
layers:
  - {Linear: 6, as: first}
  - ReLU
  - {Linear: 6, share: first}
  - {Linear: {out_features: 6, bias: false}, share: first}
"""


def test_a_shared_weight_is_counted_once() -> None:
    analysis = analyse(TIED)
    assert [row.params for row in analysis.rows] == [42, 0, 0, 0]
    assert analysis.totals.params == 42
    assert analysis.weight_bytes() == 4 * 42
    check(analysis)


def test_each_use_of_a_shared_weight_is_computed() -> None:
    assert [row.macs for row in analyse(TIED).rows] == [72, 0, 72, 72]


def test_what_only_the_second_layer_has_is_its_own() -> None:
    analysis = analyse(
        TIED.replace("{Linear: 6, as: first}", "{Linear: {out_features: 6, bias: false}, as: first}")
    )
    assert [row.params for row in analysis.rows] == [36, 0, 6, 0]
    check(analysis)


def test_torch_has_one_tensor_for_a_shared_weight() -> None:
    network = build(analyse(TIED))
    first, _, second, third = network.layers
    assert first.weight is second.weight is third.weight
    assert first.bias is second.bias


SIAMESE = """
input: {left: 1x1x8x8, right: 1x1x8x8}
blocks:
  tower:
    - Conv2d: {out_channels: 2, kernel_size: 3}
    - BatchNorm2d
    - Flatten
    - Linear: 3
layers:
  - {tower: , from: left, as: one}
  - {tower: , from: right, share: one}
  - {concat: [one, []]}
"""


def test_two_branches_of_one_network() -> None:
    analysis = analyse(SIAMESE)
    alone = analyse(SIAMESE.replace(", share: one", ""))
    assert 2 * analysis.totals.params == alone.totals.params
    assert 2 * analysis.totals.buffers == alone.totals.buffers
    assert analysis.totals.macs == alone.totals.macs
    check(analysis)


def test_a_share_of_a_share_is_the_first_one() -> None:
    text = TIED.replace("share: first}\n  - {Linear: {", "share: first, as: second}\n  - {Linear: {")
    analysis = analyse(text.replace("bias: false}, share: first", "bias: false}, share: second"))
    assert [row.shares for row in analysis.rows] == [None, None, 0, 0]
    check(analysis)


def test_copies_share_too() -> None:
    analysis = analyse(
        "{input: 2x6, layers: [{Linear: 6, as: first}, {seq: [{Linear: 6, share: first}], times: 3}]}"
    )
    assert analysis.totals.params == 42
    check(analysis)


def test_formulas_of_shared_weights() -> None:
    analysis = analyse(
        TIED.replace("6", "w").replace("input: 2xw", "input: 2xw\nparameters: {w: 6}"), parameters={"w": "k"}
    )
    assert str(analysis.totals.params) == "k² + k"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("{Linear: 6, share: other}", "share: no step above is named 'other'"),
        ("{Linear: 6, share: me, as: me}", "share: no step above is named 'me'"),
        ("{Linear: 5, share: first}", "share: bias of first and of this differ: 6 and 5"),
        ("{ReLU: , share: first}", None),
        ("{Conv1d_: , share: first}", "the step 'Conv1d_' is unknown"),
        ("{BatchNorm1d: , share: pool}", "share: pool has no weight that this one has too"),
        ("{seq: [Linear: 6, ReLU], share: first}", "share: first is another: it has 1 layers, this one 2"),
        ("{Linear: 6, share: [first, pool]}", "share: the weights of one step are shared, not of several"),
        ("{Linear: 6, share: x}", "share: no step above is named 'x'"),
    ],
)
def test_what_can_not_be_shared(steps: str, message: str | None) -> None:
    text = f"{{input: {{x: 2x6}}, layers: [{{Linear: 6, as: first}}, {{ReLU: , as: pool}}, {steps}]}}"
    if message is None:
        assert analyse(text).totals.params == 42
        return
    with pytest.raises(ShapecalcError) as caught:
        analyse(text)
    assert message in caught.value.message
    assert caught.value.place is not None


def test_a_learned_tensor() -> None:
    analysis = analyse(
        "{input: 2x3x4, layers: [add: [[], [parameter: {shape: [3, 4]}]], {parameter: [5, 7]}]}"
    )
    assert [str(row.output) for row in analysis.rows] == ["3×4", "2×3×4", "5×7"]
    assert analysis.totals.params == 12 + 35
    check(analysis)


def test_a_stored_tensor_may_hold_indices() -> None:
    """On a real device too, where memory that nothing was written to would be no row of a table."""
    analysis = analyse(
        "{input: 2x4, layers: [{buffer: {shape: [9], dtype: int64}}, "
        "Embedding: {num_embeddings: 5, embedding_dim: 3}, add: [[], [buffer: [9, 1]]]]}"
    )
    assert [row.output for row in analysis.rows] == [
        Tensor((9,), "int64"),
        *(Tensor(shape) for shape in [(9, 3), (9, 1), (9, 3)]),
    ]
    assert (analysis.totals.params, analysis.totals.buffers) == (15, 18)
    check(analysis)


def test_a_learned_tensor_takes_none() -> None:
    with pytest.raises(ShapecalcError, match="parameter: it takes no tensor, and from gives it 1"):
        analyse("{input: {x: 1x2}, layers: [{parameter: [2], from: x}]}")


SIZED = "{input: {a: NxL:int64, b: 2*NxL}, parameters: {N: 1, L: 4}, layers: [{reshape: [N, 2*L], from: b}]}"


def test_an_input_decides_the_parameters_that_it_is_written_with() -> None:
    assert str(analyse(SIZED).outputs[0]) == "1×8"
    analysis = analyse(SIZED, input={"a": "3x5", "b": "6x5"})
    assert (analysis.parameters["N"], analysis.parameters["L"]) == (3, 5)
    assert str(analysis.outputs[0]) == "3×10"
    assert str(analyse(SIZED, input={"a": "MxK", "b": "2*MxK"}).outputs[0]) == "M×2⋅K"


def test_a_parameter_that_is_set_is_not_decided_by_an_input() -> None:
    with pytest.raises(ShapecalcError, match="can't become 1×10: that has 10"):
        analyse(SIZED, input={"a": "3x5", "b": "6x5"}, parameters={"N": 1})


def test_inputs_that_differ_in_a_parameter() -> None:
    with pytest.raises(UsageError, match="the inputs differ in L, which is 5 and 6 in them"):
        analyse(SIZED, input={"a": "3x5", "b": "6x6"})
