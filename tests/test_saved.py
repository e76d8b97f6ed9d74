"""What each layer type allocates and keeps, on drawn arguments and inputs, against torch on `meta`."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given

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
from tests.test_layers import NAMES, call

MODES = (INFERENCE, TRAINING, Mode(grad=True))


def computed(drawn: Drawn, mode: Mode) -> tuple[int, int]:
    inputs = tuple(Given(x, tracked=mode.grad and is_floating(x.dtype)) for x in drawn.inputs)
    found = drawn.layer_type(**drawn.arguments).recipe(inputs, mode)
    account = Account()
    given = [account.held(number(x.bytes), -1) for x in drawn.inputs]
    storages = account.play(found, given, 0)
    account.keep(Run(found.kernels, storages, (), 0))
    return sum(map(number, account.saved().values())), number(account.peak.size())


def in_torch(drawn: Drawn, mode: Mode) -> tuple[int, int]:
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    with warnings.catch_warnings(), torch.device("meta"), torch.set_grad_enabled(mode.grad):
        warnings.simplefilter("ignore")
        module, run = call(drawn, arguments)
        module.train(mode.training)
        inputs: list[Any] = [torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in drawn.inputs]
        if mode.grad:
            inputs = [x.requires_grad_().clone() if x.is_floating_point() else x for x in inputs]
        owned = [*module.parameters(), *module.buffers()]
        saved, peak, _ = measured(lambda: run(*inputs), owned, inputs)
    return saved, peak


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Any:
    with without_compiler():
        yield


@pytest.mark.parametrize("name", NAMES)
def test_torch_keeps_as_much(name: str) -> None:
    found: Counter[str] = Counter()

    @given(draws(LAYERS[name]))
    def check(drawn: Drawn) -> None:
        try:
            drawn.layer_type(**drawn.arguments).figures(drawn.inputs)
        except ArchitectureError:
            return
        for mode in MODES:
            try:
                expected = computed(drawn, mode)
            except UnknownError as error:
                found[error.message] += 1
                continue
            try:
                there = in_torch(drawn, mode)
            except (RuntimeError, ValueError, NotImplementedError, TypeError) as error:
                found["torch refuses"] += 1
                found[str(error)[:60]] += 1
                continue
            found["known"] += 1
            assert expected == there, (drawn, mode)

    check()
    print(name, dict(found))
