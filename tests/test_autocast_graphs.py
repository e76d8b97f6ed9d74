"""The memory of random graphs under torch.autocast, with casts for CUDA, against torch on fake tensors."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.symbolic import number
from shapecalc.torch_check.memory import Alive, attributes, kept
from shapecalc.torch_check.network import BuildError, build, tie
from tests.autocast import casting, pretended, put
from tests.dice import SEED, count
from tests.graphs import random_networks
from tests.test_autocast import PREDICTION, TRAINING
from tests.test_graphs import executed
from tests.test_layers import REFUSALS

pytestmark = pytest.mark.filterwarnings("ignore")


def predicted(analysis: Analysis, mode: Mode) -> tuple[int, int] | None:
    """Bytes kept, and the most alive on the way forward; None where torch refuses, or not all is known."""
    try:
        forward = Forward(analysis, mode)
    except ArchitectureError:
        return None
    saved, peak = sum(map(number, forward.ledger.saved().values())), number(forward.ledger.peak.size())
    return None if forward.bounded or (mode.grad and Backward(forward).refusal) else (saved, peak)


def in_torch(analysis: Analysis, mode: Mode) -> tuple[int, int]:
    """The same as torch has it; what hooks hold on to would stay alive, so each is a run of its own."""
    network = build(analysis)
    with pretended(), torch.set_grad_enabled(mode.grad):
        put(network, "cuda")
        tie(network)
        network.train(mode.training)
        inputs = [
            torch.zeros(x.shape, dtype=getattr(torch, x.dtype), device="cuda")
            for x in analysis.inputs.values()
        ]
        owned = [*network.parameters(), *network.buffers()]
        with kept(owned) as found, casting("cuda"):
            made = executed(network, inputs)
        saved = sum((found | attributes(made)).values())
        del made
        with Alive(owned, inputs) as alive, casting("cuda"):
            executed(network, inputs)
        return saved, alive.peak


def test_random_graphs_under_autocast() -> None:
    """Weights that layers share, dead branches and views among them."""
    found: Counter[str] = Counter()
    for key, text in random_networks(f"{SEED}/autocast", count(40, 5_000)).items():
        analysis = shapecalc.analyse(shapecalc.parse(text))
        for mode in (TRAINING, PREDICTION):
            if (expected := predicted(analysis, mode)) is None:
                continue
            try:
                measured = in_torch(analysis, mode)
            except (*REFUSALS, BuildError):  # a loss that is not for float16, a kernel that fake tensors lack
                continue
            found["compared"] += 1
            assert expected == measured, f"seed {key}, {mode}\n{text}"
    assert found["compared"] > count(40, 5_000)
