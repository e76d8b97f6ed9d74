"""Routed experts: their counts against published ones, dense layers, and torch, which routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.analysis.receptive.field import receptive
from shapecalc.errors import UnknownError
from shapecalc.torch_check.memory import Alive
from shapecalc.torch_check.network import Network, build
from shapecalc.torch_check.verify import verify
from tests.command import Command
from tests.dice import count as examples

MIXTRAL = """
source: Jiang et al. 2024, arXiv:2401.04088; mistralai/Mixtral-8x7B-v0.1
input: 1x32:int64
parameters: {d: 4096, ff: 14336}
blocks:
  lin(out): [Linear: {out_features: out, bias: false}]
  expert: [mul: [[lin: ff, SiLU], [lin: ff]], lin: d]
  layer:
    - {RMSNorm: d, as: h}
    - {lin: 1024, as: k}
    - {lin: 1024, from: h, as: v}
    - {lin: d, from: h}
    - lin: d
    - RMSNorm: d
    - experts: {num_experts: 8, top_k: 2, expert: [expert]}
layers:
  - Embedding: {num_embeddings: 32000, embedding_dim: d}
  - {layer: {}, times: 32}
  - RMSNorm: d
  - lin: 32000
"""
"""Mixtral 8×7B but for what has no weights: its scores of keys, its sums."""

SWIGLU = "[{mul: [[{Linear: {out_features: 6, bias: false}}, SiLU], [Linear: 6]]}, {Linear: 4}]"


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **how)


def routed(expert: str = SWIGLU, n: int = 5, k: int = 2, x: str = "2x3x4", more: str = "") -> Analysis:
    layer = f"experts: {{num_experts: {n}, top_k: {k}, expert: {expert}{more}}}"
    return analyse(f"input: {x}\nlayers:\n  - {layer}\n")


def test_mixtral_has_its_published_counts() -> None:
    analysis = analyse(MIXTRAL)
    assert analysis.totals.params == 46_702_792_704
    assert analysis.active_params == 12_879_925_248


def test_other_networks_have_no_active_parameters() -> None:
    analysis = analyse("input: 1x4\nlayers: [Linear: 2]")
    assert analysis.active_params is None
    assert "active_params" not in analysis.to_dict()["totals"]


def work(text: str) -> tuple[Any, ...]:
    analysis = analyse(f"input: 2x3x4\nlayers: {text}")
    rows = [row for row in analysis.rows if ".expert." in row.path or "experts" not in row.path]
    return rows, sum(row.macs for row in rows), sum(row.params for row in rows)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 2), (4, 4)])
def test_they_work_as_k_dense_blocks_and_own_n(n: int, k: int) -> None:
    dense, macs, params = work("[{Linear: 8}, GELU, {Linear: 4}]")
    expert = "[{Linear: 8}, GELU, {Linear: 4}]"
    sent, all_macs, all_params = work(f"[experts: {{num_experts: {n}, top_k: {k}, expert: {expert}}}]")
    assert (all_macs, all_params) == (k * macs, n * params)
    assert [row.ops for row in sent] == [row.ops * k for row in dense]
    assert sum(row.active_params for row in sent) == k * params
    assert [row.output for row in sent] == [row.output for row in dense]


CASES = {
    "swiglu": routed(),
    "one": routed(n=1, k=1),
    "all": routed(n=3, k=3),
    "more experts than tokens": routed(n=40, k=3),
    "other features": routed("[{Linear: 7}]"),
    "rows": routed(x="6x4"),
    "images, channels last": routed(x="2x3x5x4"),
    "heads": routed("[{Unflatten: {dim: -1, unflattened_size: [2, 2]}}, {Flatten: {start_dim: -2}}]"),
    "norms": routed("[{LayerNorm: 4}, {RMSNorm: 4}, {Linear: 4}]"),
    "numbers": routed("[{Linear: 4, as: a}, {mul: [a, [mul: [a, 1.5], Sigmoid], [{add: 1, from: a}]]}]"),
    "several outputs": routed("[{chunk: {chunks: 2, dim: -1}, as: [a, b]}, {mul: [a, b]}, {Linear: 4}]"),
    "shared": routed("[{Linear: 4, as: one}, ReLU, {Linear: 4, share: one}]"),
    "times": routed("[{Linear: 4, times: 3}]"),
    "frozen": routed("[{Linear: 4, frozen: true}]"),
    "its own router": routed(
        more=", router: [{Linear: 5}, Sigmoid, {add: [[], [buffer: {shape: [5]}]]}], norm_topk_prob: false"
    ),
    "scores that come in": analyse(
        "input: {x: 2x3x4, scores: 2x3x5}\n"
        "layers:\n  - experts: {num_experts: 5, top_k: 2, router: [{Identity: , from: scores}], "
        "expert: [{Linear: 4}]}"
    ),
    "several": analyse(
        "input: 2x3x4\nblocks: {moe(n): [{experts: {num_experts: n, top_k: 2, expert: [{Linear: 4}]}}]}\n"
        "layers:\n  - {moe: 4, times: 3}\n  - add: [[moe: 8], [Linear: 4]]\n"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_torch_routes_and_agrees(name: str) -> None:
    assert verify(CASES[name], torch.device("cpu"), name).mismatches == ()


STEPS = (
    "{Linear: 4}",
    "{Linear: {out_features: 4, bias: false}}",
    "{mul: [[{Linear: 4}], []]}",
    "{LayerNorm: 4}",
    "ReLU",
    "{Softmax: -1}",
    "{concat: {branches: [[], [{Linear: 2}]], dim: -1}}, {Linear: 4}",
    "{add: [[{Linear: 4}, GELU], []]}",
    "{mul: 0.5}",
    "{sub: [1, []]}",
)


@st.composite
def networks(draw: st.DrawFn) -> Analysis:
    n = draw(st.integers(1, 7))
    lead = draw(st.sampled_from(["1x5", "3", "2x1", "2x2x2", "1x1"]))
    expert = ", ".join(draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)))
    more = draw(st.sampled_from(["", ", norm_topk_prob: false"]))
    return routed(f"[{expert}]", n, draw(st.integers(1, n)), f"{lead}x4", more)


@settings(max_examples=examples(25, 1000))
@given(networks())
def test_torch_agrees_on_random_experts(analysis: Analysis) -> None:
    assert verify(analysis, torch.device("cpu"), "drawn").mismatches == ()


def with_weights(analysis: Analysis, dtype: torch.dtype = torch.float64) -> Network:
    """The network with random weights, which send tokens to experts unevenly."""
    network: Network = build(analysis).to_empty(device="cpu").to(dtype)
    for weight in network.parameters():
        torch.nn.init.normal_(weight)
    return network


@pytest.mark.parametrize("normalised", [True, False])
def test_what_torch_computes_is_the_sum_of_the_chosen_experts(normalised: bool) -> None:
    """Held to every expert run on every token, most of whose weights are 0."""
    analysis = routed("[{Linear: 4}]", 6, 2, more="" if normalised else ", norm_topk_prob: false")
    network = with_weights(analysis)
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    (found,) = network(x, observe=lambda *_: None)
    router, linear = network.layers[0], network.layers[4]
    scores = router(x).softmax(-1)
    least = scores.sort(-1, descending=True).values[..., 1:2]
    weights = torch.where(scores >= least, scores, 0)
    weights = weights / weights.sum(-1, keepdim=True) if normalised else weights
    each = torch.einsum("blf,eof->bleo", x, linear.weight) + linear.bias
    torch.testing.assert_close(found, (each * weights[..., None]).sum(2))


def test_the_products_of_uneven_routes_are_counted() -> None:
    analysis = routed(n=4, k=2, x="5x7x4")
    counter = FlopCounterMode(display=False)
    sent: list[int] = []

    def observe(row: Any, outputs: tuple[Any, ...]) -> None:
        if row.type == "dispatch":
            sent.extend(len(part) for part in outputs[0])

    torch.manual_seed(1)
    network = with_weights(analysis)
    with counter, torch.no_grad():
        network(torch.randn(5, 7, 4, dtype=torch.float64), observe=observe)
    assert len(set(sent)) > 1
    assert sum(sent) == 2 * 35
    assert counter.get_total_flops() == 2 * analysis.totals.macs


def test_the_products_of_gradients_are_counted() -> None:
    analysis = routed(x="5x7x4")
    counter = FlopCounterMode(display=False)
    network = with_weights(analysis)
    x = torch.randn(5, 7, 4, dtype=torch.float64)
    with counter:
        (y,) = network(x, observe=lambda *_: None)
        y.sum().backward()
    assert training(CONVENTIONS["torch"], analysis) == counter.get_total_flops()


def test_tools_count_the_layers_of_those_that_run() -> None:
    """On tokens along one axis, as an expert gets them."""
    dense = analyse("input: 6x4\nlayers: [{Linear: 8}, GELU, {Linear: 4}]")
    expert = "[{Linear: 8}, GELU, {Linear: 4}]"
    sent = routed(expert, 5, 2, more=", router: [{Linear: {out_features: 5, bias: false}}]")
    router = analyse("input: 2x3x4\nlayers: [{Linear: {out_features: 5, bias: false}}]")
    for convention in CONVENTIONS.values():
        one, chosen = count(convention, dense).total, count(convention, router).total
        assert count(convention, sent).total == 2 * one + chosen  # type: ignore[operator]


def test_prediction_needs_at_least_what_is_said() -> None:
    analysis = routed(x="5x7x4")
    found = predicted(analysis)
    assert found.bounded == {"experts": "depends on how many tokens go to each expert"}
    network = with_weights(analysis, torch.float32).eval()
    x = torch.randn(5, 7, 4)
    owned = [*network.parameters(), *network.buffers()]
    with torch.no_grad(), Alive(owned, [x]) as alive:
        network(x, observe=lambda *_: None)
    assert 2 * 4 * x.numel() <= found.activations.bytes <= alive.peak


def test_what_training_keeps_is_not_guessed() -> None:
    found = memory(routed())
    assert isinstance(found.refusal, UnknownError)
    assert found.refusal.message.endswith("depends on how many tokens go to each expert")


def test_a_token_sees_itself_alone() -> None:
    before = "[{Conv1d: {out_channels: 4, kernel_size: 3}}, {transpose: [1, 2]}"
    text = f"input: 1x4x9\nlayers: {before}, {{experts: {{num_experts: 4, top_k: 2, expert: [Linear: 4]}}}}]"
    (field,) = receptive(analyse(text)).fields[-1].along_axes
    assert field.at(2) == (2, 4)  # type: ignore[union-attr]


def test_letters_go_through() -> None:
    analysis = routed(x="NxLx4")
    assert str(analysis.totals.macs) == "164⋅N⋅L"
    assert analysis.active_params == 20 + 2 * (24 + 30 + 28)


def test_many_experts_take_no_time() -> None:
    expert = "[{Linear: {out_features: 4, bias: false}}]"
    text = f"layers: [{{experts: {{num_experts: 256, top_k: 8, expert: {expert}}}, times: 58}}]"
    analysis = analyse(f"input: 1x8x4\n{text}")
    assert len(analysis.rows) == 58 * 6
    assert analysis.totals.params == 58 * (256 * 4 + 256 * 16)


ACROSS = {
    "over tokens": "[{Softmax: 1}]",
    "of tokens": "[{mean: {dim: 1, keepdim: true}}]",
    "attention": "[{MultiheadAttention: {num_heads: 2, batch_first: true}}]",
    "a recurrent layer": "[{GRU: {hidden_size: 4, batch_first: true}}]",
    "the number of tokens": "[{reshape: {shape: [2, 3, 2, 2]}}]",
    "all in one": "[Flatten]",
    "other tokens": "[{roll: {shifts: 1, dims: 1}}]",
    "other axes": "[{transpose: [0, 1]}]",
    "some tokens": "[{narrow: {dim: 1, start: 0, length: 2}}]",
    "what is no token": "[{add: [[], [parameter: {shape: [4]}]]}]",
    "statistics of a batch": "[{BatchNorm1d: }]",
    "matrices of tokens": "[{matmul: [[], [{transpose: [1, 2]}]]}]",
}


@pytest.mark.parametrize("name", ACROSS)
def test_what_looks_across_tokens_is_refused(name: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        routed(ACROSS[name], x="2x3x4")
    assert "an expert sees the tokens that are sent to it, and each by itself" in caught.value.message
    assert (caught.value.path or "").startswith("experts[0].expert.")
    assert caught.value.place


ERRORS = {
    "{num_experts: 2, top_k: 3, expert: [ReLU]}": (
        "experts: top_k is 3, and num_experts 2: there are not so many",
        38,
    ),
    "{num_experts: 2, expert: [ReLU]}": ("experts: top_k is missing", 5),
    "{num_experts: 2, top_k: 1}": ("experts: expert is missing", 5),
    "{num_experts: 2, top_k: 0, expert: [ReLU]}": (
        "experts: top_k must be a whole number of at least 1, not 0",
        38,
    ),
    "{num_experts: 2, top_k: 1, expert: ReLU}": (
        "an expert must be a list of steps, not the text 'ReLU'",
        49,
    ),
    "{num_experts: 2, topk: 1, expert: [ReLU]}": ("experts: there is no argument 'topk'", 31),
    "8": ("experts: no argument takes a single value", 14),
    "{num_experts: 20000, top_k: 1, expert: [ReLU]}": (
        "experts: num_experts must be a number up to 10,000, not 20000",
        28,
    ),
    "{num_experts: 2, top_k: 1, expert: [{experts: {num_experts: 2, top_k: 1, expert: [ReLU]}}]}": (
        "experts can't be inside of an expert",
        51,
    ),
    "{num_experts: 2, top_k: 1, expert: [{add: [[], input]}]}": ("no tensor above is named 'input'", 61),
    "{num_experts: 2, top_k: 1, router: [Linear: 3], expert: [ReLU]}": (
        "route: the router gives 2×3×3: 3 scores for a token, and num_experts is 2",
        5,
    ),
    "{num_experts: 2, top_k: 1, router: [Flatten], expert: [ReLU]}": (
        "route: the router gives 2×12, and the tokens of 2×3×4 need num_experts scores each",
        5,
    ),
}


@pytest.mark.parametrize("value", ERRORS)
def test_errors_are_where_they_are(value: str) -> None:
    message, column = ERRORS[value]
    with pytest.raises(ArchitectureError) as caught:
        analyse(f"input: 2x3x4\nlayers:\n  - experts: {value}")
    assert caught.value.message == message
    assert caught.value.place
    assert (caught.value.place.line, caught.value.place.column) == (3, column)


def test_how_many_there_are_is_a_number() -> None:
    text = "input: 2x3x4\nparameters: {n: 4}\nlayers: [experts: {num_experts: n, top_k: 1, expert: [ReLU]}]"
    with pytest.raises(ArchitectureError, match="num_experts must be a number up to 10,000, not K"):
        analyse(text, parameters={"n": "K"})


def test_a_block_of_the_file_comes_first() -> None:
    text = "input: 2x4\nblocks: {experts(n): [Linear: n]}\nlayers: [experts: 3]"
    assert analyse(text).outputs[0].shape == (2, 3)


def test_commands_say_active_and_total(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "moe.yaml"
    expert = "[{Linear: {out_features: 4, bias: false}}]"
    file.write_text(f"input: 2x4\nlayers: [experts: {{num_experts: 5, top_k: 2, expert: {expert}}}]\n")
    for command in ("show", "params", "flops"):
        shown = run(command, str(file)).out
        assert "Active      52 of 100 parameters in total take part for a token\n" in shown
        totals = json.loads(run(command, str(file), "--format", "json").out)["totals"]
        assert totals["active_params"] == 52
