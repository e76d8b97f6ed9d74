"""`weight_norm` and `spectral_norm` beside a layer, against torch's parametrizations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.errors import UnknownError
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import number
from shapecalc.torch_check.memory import Alive
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify


def analyse(layers: str, x: str = "2x6", **how: Any) -> Analysis:
    text = f"input: {x}\nparameters: {{norm: true}}\nlayers: {layers}"
    return shapecalc.analyse(shapecalc.parse(text), **how)


CASES = {
    "Linear": analyse("[{Linear: 4, weight_norm: true}]"),
    "in the head": analyse("[Linear weight_norm: 4, Linear spectral_norm frozen: 3]"),
    "of one norm": analyse("[{Linear: 4, weight_norm: {dim: null}}, {Linear: 3, weight_norm: {dim: -1}}]"),
    "along another axis": analyse(
        "[{Linear: 4, weight_norm: {dim: 1}}, {Linear: 3, spectral_norm: {dim: -1}}]"
    ),
    "of another weight": analyse("[{LSTM: {hidden_size: 3}, weight_norm: {name: weight_hh_l0}}]"),
    "Conv1d": analyse("[{Conv1d: {out_channels: 4, kernel_size: 3}, weight_norm: true}]", "2x6x9"),
    "grouped": analyse(
        "[{Conv1d: {out_channels: 4, kernel_size: 3, groups: 2}, spectral_norm: true}]", "2x6x9"
    ),
    "transposed": analyse(
        "[{ConvTranspose1d: {out_channels: 4, kernel_size: 3}, weight_norm: {dim: 1}},"
        " {ConvTranspose1d: {out_channels: 5, kernel_size: 3}, spectral_norm: true}]",
        "2x6x9",
    ),
    "of a vector": analyse("[{LayerNorm: 6, spectral_norm: true}]"),
    "of a parameter": analyse("[{Linear: 4, weight_norm: norm, spectral_norm: false}]"),
    "times": analyse("[{Linear: 6, weight_norm: true, times: 3}]"),
    "in experts": analyse(
        "[{experts: {num_experts: 3, top_k: 2, expert: [{Linear: 6, weight_norm: true}, ReLU]}}]"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_torch_agrees(name: str) -> None:
    assert verify(CASES[name], torch.device("cpu"), name).mismatches == ()


def test_magnitudes_come_beside_the_weight() -> None:
    analysis = analyse("[{Linear: 1024, weight_norm: true}]", "1x500")
    assert analysis.totals.params == 513_024 + 1_024
    assert [*analysis.rows[0].weights] == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]


def test_a_parameter_of_the_file_switches_it() -> None:
    off = analyse("[{Linear: 4, weight_norm: norm}]", parameters={"norm": False})
    assert off.to_dict()["layers"] == analyse("[Linear: 4]").to_dict()["layers"]


def test_operations_that_make_the_weight() -> None:
    (row,) = analyse("[{Linear: {out_features: 4, bias: false}, weight_norm: true}]").rows
    squares = Operations(mul=24, add=4 * 5, exp=4)
    assert row.ops == squares + Operations(divide=4, mul=24)


def test_tools_that_were_not_measured_are_unknown() -> None:
    analysis = analyse("[{Linear: 4, spectral_norm: true}]")
    macs = 2 * 6 * 4 + 4 * 6 + 4
    assert analysis.totals.macs == count(CONVENTIONS["macs"], analysis).total == macs
    assert isinstance(count(CONVENTIONS["thop"], analysis).total, Unknown)


@pytest.mark.parametrize("key", ["weight_norm", "spectral_norm"])
def test_what_torch_counts(key: str) -> None:
    analysis = analyse(f"[{{Linear: 5, {key}: true}}, {{Linear: 4, {key}: true}}]")
    network = build(analysis)
    with FlopCounterMode(display=False) as counter:
        (y,) = network(torch.empty(2, 6, device="meta"), observe=lambda *_: None)
        assert count(CONVENTIONS["torch"], analysis).total == counter.get_total_flops()
        y.sum().backward()
    assert training(CONVENTIONS["torch"], analysis) == counter.get_total_flops()


@pytest.mark.parametrize("key", ["weight_norm", "spectral_norm"])
def test_memory_is_at_least_what_is_said(key: str) -> None:
    analysis = analyse(f"[{{Linear: 5, {key}: true}}]")
    found = predicted(analysis)
    assert found.bounded == {"Linear": f"is not known with {key}"}
    network = build(analysis)
    x = torch.empty(2, 6, device="meta")
    with torch.no_grad(), Alive([*network.parameters(), *network.buffers()], [x]) as alive:
        network(x, observe=lambda *_: None)
    assert 4 * (2 * 6 + 2 * 5) <= number(found.activations.bytes) <= alive.peak
    refusal = memory(analysis).refusal
    assert isinstance(refusal, UnknownError)
    assert refusal.message == f"Linear: what {key} keeps for the way back is not known"


ERRORS = {
    "{ReLU: , weight_norm: true}": ("ReLU: weight_norm: ReLU has no parameter 'weight'", 12),
    "{Linear: 4, weight_norm: {name: wight}}": ("Linear: weight_norm: Linear has no parameter 'wight'", 12),
    "{Linear: 4, weight_norm: {dim: 2}}": ("Linear: weight_norm: dim is 2, but weight 4×6 has 2 axes", 12),
    "{Linear: 4, weight_norm: {dim: -2}}": (
        "weight_norm: dim must be at least 0, or -1 for one norm of all, not -2",
        42,
    ),
    "{Linear: 4, spectral_norm: 3}": ("spectral_norm: use must be true or false, not 3", 38),
    "{seq: [ReLU], weight_norm: true}": ("weight_norm stands beside a layer, and seq is none", 38),
}


@pytest.mark.parametrize("step", ERRORS)
def test_errors_are_where_they_are(step: str) -> None:
    message, column = ERRORS[step]
    with pytest.raises(ArchitectureError) as caught:
        analyse(f"\n  -       {step}")
    assert caught.value.message == message
    assert caught.value.place
    assert (caught.value.place.line, caught.value.place.column) == (4, column)
