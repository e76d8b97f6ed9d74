"""`weight_norm` and `spectral_norm` beside a layer, against torch's parametrizations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, training
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.errors import UnknownError
from shapecalc.operations import Operations, Unknown
from shapecalc.torch_check.memory import compare
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify
from tests.dice import one_way
from tests.kernels import compiled_kernels


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


@pytest.mark.parametrize("key", ["weight_norm", "spectral_norm"])
def test_around_a_layer_is_beside_it(key: str) -> None:
    """1,024 magnitudes beside the 513,024 of a Linear of 500 to 1,024, pytorch/pytorch#92809."""
    around = shapecalc.analyse(shapecalc.parse(f"input: 1x500\nlayers: [{key}: [Linear: 1024]]"))
    beside = shapecalc.analyse(shapecalc.parse(f"input: 1x500\nlayers: [{{Linear: 1024, {key}: true}}]"))
    assert around.rows == beside.rows
    assert around.totals.params == {"weight_norm": 514_048, "spectral_norm": 513_024}[key]
    named = shapecalc.parse(f"input: 1x4\nlayers: [{{{key}: [Linear times 3: 4], as: x}}, Linear from x: 2]")
    assert len(shapecalc.analyse(named).rows) == 4


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


MADE = "parametrizations.weight"
"""Where torch has what the weight is made of."""

LAYERS = {
    "Linear: 5": "2x6",
    "Linear: 50": "1x6",
    "Conv2d: {out_channels: 5, kernel_size: 3}": "2x6x9x9",
    "Conv2d: {out_channels: 50, kernel_size: 3, padding: 1, padding_mode: circular}": "1x6x4x4",
    "ConvTranspose1d: {out_channels: 20, kernel_size: 3, groups: 2}": "2x6x9",
    "Embedding: {num_embeddings: 90, embedding_dim: 4}": "2x6:int64",
    "LayerNorm: 6": "2x6",
    "PReLU: {num_parameters: 6}": "2x6",
    "BatchNorm1d": "2x6",
}


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with compiled_kernels():
        yield


NORMS = (
    *[f"weight_norm: {{dim: {dim}}}" for dim in ("null", 0, 1, 2, -1)],
    *[f"spectral_norm: {how}" for how in ("true", "{dim: 0}", "{dim: 1}", "{dim: -1}")],
    "spectral_norm: {n_power_iterations: 3}",
    "frozen: true, weight_norm: true",
)
NORMED = [
    (dtype, *case) for case in product(NORMS, LAYERS) for dtype in one_way(case, ("float32", "bfloat16"))
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("dtype", "by", "layer"), NORMED)
def test_memory_is_torchs(dtype: str, by: str, layer: str) -> None:
    """In prediction and training, whether one kernel makes the weight or several, of rows or of copies."""
    try:
        analysis = analyse(f"[{{{layer}, {by}}}]", LAYERS[layer])
    except ArchitectureError as error:
        pytest.skip(error.message)  # it has no such axis
    if by == "weight_norm: {dim: 0}" and len(analysis.rows[0].weights[f"{MADE}.original1"].shape) == 1:
        with pytest.raises(UnknownError, match="weight_norm of a weight of one axis keeps a norm for each"):
            list(compare(analysis, dtype))
    else:
        assert [each for each in compare(analysis, dtype) if not each.agrees or each.at_least] == []


@pytest.mark.parametrize("by", ["spectral_norm", "weight_norm"])
def test_a_vector_has_no_second_axis(by: str) -> None:
    """As in torch."""
    with pytest.raises(ArchitectureError, match=rf"{by}: dim is 1, but weight 6 has 1 axes"):
        analyse(f"[{{LayerNorm: 6, {by}: {{dim: 1}}}}]")
    with pytest.raises(IndexError):
        getattr(torch.nn.utils.parametrizations, by)(torch.nn.LayerNorm(6), dim=1)(torch.zeros(2, 6))


def test_of_another_weight_or_under_autocast_memory_is_a_bound() -> None:
    assert predicted(CASES["of another weight"]).bounded == {"LSTM": "is not known with weight_norm"}
    assert predicted(CASES["Linear"], "amp").bounded == {"Linear": "is not known with weight_norm"}


ERRORS = {
    "{ReLU: , weight_norm: true}": ("ReLU: weight_norm: ReLU has no parameter 'weight'", 12),
    "{Linear: 4, weight_norm: {name: wight}}": ("Linear: weight_norm: Linear has no parameter 'wight'", 12),
    "{Linear: 4, weight_norm: {dim: 2}}": ("Linear: weight_norm: dim is 2, but weight 4×6 has 2 axes", 12),
    "{Linear: 4, weight_norm: {dim: -2}}": (
        "weight_norm: dim must be at least 0, or -1 for one norm of all, not -2",
        42,
    ),
    "{Linear: 4, spectral_norm: 3}": ("spectral_norm: use must be true or false, not 3", 38),
    "{weight_norm: true}": ("weight_norm needs a layer beside it", 12),
    "{weight_norm: [ReLU, ReLU]}": ("weight_norm needs a layer beside it", 12),
    "{weight_norm: [Linear as x: 4], as: y}": ("as stands around the layer and beside it", 47),
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
