"""What each layer type allocates and keeps, on drawn arguments and inputs, against torch on `meta`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings

from shapecalc import ArchitectureError
from shapecalc.analysis.account import Account, Run
from shapecalc.errors import UnknownError
from shapecalc.layers import LAYERS
from shapecalc.symbolic import number
from shapecalc.tape import INFERENCE, TRAINING, Given, Mode
from shapecalc.tensors import is_floating
from shapecalc.torch_check.memory import measured
from shapecalc.torch_check.startup import without_compiler
from tests.families.base import Drawn
from tests.strategies import draws
from tests.test_layers import NAMES, REFUSALS, call

MODES = (INFERENCE, TRAINING, Mode(grad=True))

UNKNOWN = {name for name in NAMES if name.endswith(("Loss", "Loss2d"))} | {
    "AdaptiveLogSoftmaxWithLoss",
    "CosineSimilarity",
    "CrossMapLRN2d",  # made of Python that no kernel stands for
    "EmbeddingBag",
    "PairwiseDistance",
    "einsum",  # torch chooses an order of its own
}
"""Types whose memory nothing is said about."""


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler():
        yield


def computed(drawn: Drawn, mode: Mode) -> tuple[int, int]:
    """Bytes kept, and the most alive at once."""
    inputs = tuple(Given(x, tracked=mode.grad and is_floating(x.dtype)) for x in drawn.inputs)
    found = drawn.layer_type(**drawn.arguments).recipe(inputs, mode)
    account = Account()
    given = [account.held(number(x.bytes), -1) for x in drawn.inputs]
    account.keep(Run(found.kernels, account.play(found, given, 0), (), 0))
    return sum(map(number, account.saved().values())), number(account.peak.size())


def in_torch(drawn: Drawn, mode: Mode) -> tuple[int, int]:
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    with warnings.catch_warnings(), torch.device("meta"), torch.set_grad_enabled(mode.grad):
        warnings.simplefilter("ignore")
        module, run = call(drawn, arguments)
        module.train(mode.training)
        inputs: list[Any] = [torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in drawn.inputs]
        if mode.grad:  # what is written over must be no leaf
            inputs = [x.requires_grad_().clone() if x.is_floating_point() else x for x in inputs]
        saved, peak, _ = measured(lambda: run(*inputs), [*module.parameters(), *module.buffers()], inputs)
    return saved, peak


@pytest.mark.parametrize("name", NAMES)
def test_torch_keeps_as_much(name: str) -> None:
    found: Counter[str] = Counter()

    # A fifth of the draws that shapes are held against: each is run three times.
    @settings(max_examples=settings().max_examples // 5)
    @given(draws(LAYERS[name]))
    def check(drawn: Drawn) -> None:
        try:
            drawn.layer_type(**drawn.arguments).figures(drawn.inputs)
        except ArchitectureError:
            return
        for mode in MODES:
            try:
                expected = computed(drawn, mode)
            except UnknownError:
                found["unknown"] += 1
                continue
            try:
                there = in_torch(drawn, mode)
            except REFUSALS:  # on `meta`, or to train on a single value
                found["refused"] += 1
                continue
            found["known"] += 1
            assert expected == there, mode

    check()
    assert (found["known"] == 0) is (name in UNKNOWN), found
    assert name in UNKNOWN or found["known"] >= 2 * (found["refused"] + found["unknown"]), found
