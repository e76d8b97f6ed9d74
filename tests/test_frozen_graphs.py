"""Random networks with frozen weights, against torch on `meta`: kept bytes, peaks, FLOPs there and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

import shapecalc
from shapecalc.allocation.mode import TRAINING, Mode
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.errors import UnknownError
from shapecalc.operations import Unknown
from shapecalc.torch_check.network import BuildError
from shapecalc.torch_check.startup import without_compiler
from tests.dice import SEED, count
from tests.graphs import random_networks
from tests.kernels import compiled_kernels
from tests.test_frozen_layers import flops
from tests.test_graphs import difference

COUNT = count(100, 20_000)
FROZEN = 0.5
WITH_PRODUCTS = {"linear": 6, "convolutions": 4, "products": 3, "attention": 2, "sharing": 3}
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, of what it will refuse one day


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def test_memory() -> None:
    found: Counter[str] = Counter()
    for seed, text in random_networks(SEED, COUNT, frozen=FROZEN).items():
        analysis = shapecalc.analyse(shapecalc.parse(text))
        for mode in (TRAINING, Mode(grad=True)):
            try:
                differs = difference(analysis, mode)
            except UnknownError:
                continue
            found["frozen"] += "frozen" in text
            assert differs is None, f"{seed}, {mode}: {differs}\n{text}"
    assert found["frozen"] > COUNT / 2


UNREACHED = {
    "a mask": """
        input: {x: 2x4, y: 2x4}
        layers: [Linear from x: 4, gt as big: 0, Linear from y as z: 4, {where: [big, z, y]}]
        """,
    "the shape of another": """
        input: {x: 2x4, y: 1x4}
        layers: [Linear from x as a: 8, Linear from y: 8, {expand_as: [[], a]}]
        """,
    "numbers of places": """
        input: {x: 2x4}
        layers:
          - Linear: 8
          - argmax: {dim: -1, keepdim: true}
          - take_along_dim: {branches: [x, []], dim: 1}
          - add: [[], [parameter: [2, 1]]]
        """,
    "the weights of keys, by the values": """
        input: {x: 2x5x8}
        layers:
          - Linear as v: 8
          - MultiheadAttention from x, x, v frozen as y, w: {num_heads: 2, batch_first: true}
          - Linear from w: 3
        """,
}


@pytest.mark.parametrize("name", UNREACHED)
def test_no_products_where_no_gradient_goes(name: str) -> None:
    """What an output depends on, but not in a way that a gradient goes back."""
    analysis = shapecalc.analyse(shapecalc.parse(UNREACHED[name]))
    assert (True, training(CONVENTIONS["torch"], analysis)) == flops(analysis)


def test_products_there_and_back() -> None:
    known = 0
    for seed, text in random_networks(SEED, COUNT, frozen=FROZEN, weights=WITH_PRODUCTS).items():
        analysis = shapecalc.analyse(shapecalc.parse(text))
        expected = training(CONVENTIONS["torch"], analysis)
        try:
            goes_back, measured = flops(analysis)
        except (BuildError, RuntimeError):  # what torch does not train
            continue
        where = f"{seed}\n{text}"
        if not isinstance(expected, Unknown):
            known += 1
            assert expected == measured, where
        elif "no output depends on a trainable parameter" in str(expected):
            assert not goes_back, where
    assert known > COUNT / 4
