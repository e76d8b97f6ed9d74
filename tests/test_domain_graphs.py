"""The inputs of random networks of images, by trying: what `domain` holds is what the engine takes."""

from __future__ import annotations

import random

import pytest

from shapecalc import ArchitectureError
from shapecalc.analysis.domain.domain import domain
from tests.dice import SEED, count
from tests.graphs import random_networks
from tests.test_domain import general, has_its_weights, within
from tests.test_formulas import concrete


def test_inputs_of_random_graphs() -> None:
    for seed, text in random_networks(SEED, count(150, 2_000), images=True).items():
        draw = random.Random(seed)
        try:
            analysis = general(text)
        except ArchitectureError:
            continue  # a layer that takes no formulas
        any_weights, own = domain(analysis, any_weights=True), domain(analysis)
        for _ in range(20):
            sizes = {name: draw.randint(1, 40) for name in own.symbols}
            taken = concrete(analysis.architecture, analysis.inputs, sizes)
            wanted = taken is not None, taken is not None and has_its_weights(taken)
            if tuple(within(found.boxes, found.open, sizes) for found in (any_weights, own)) != wanted:
                pytest.fail(f"{seed}, {sizes}, {wanted}\n{text}")
