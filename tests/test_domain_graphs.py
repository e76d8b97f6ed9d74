"""The inputs of random networks of images, by trying: what `domain` holds is what the engine takes.

DOMAIN_GRAPHS is how many networks are drawn. Their seeds are fresh unless DOMAIN_GRAPHS_SEED is the first;
a failure names its own.
"""

from __future__ import annotations

import os
import random

import pytest

from shapecalc import ArchitectureError
from shapecalc.analysis.domain.domain import domain
from tests.graphs import random_network
from tests.test_domain import accepts, accepts_with_its_weights, general, within

NETWORKS = int(os.environ.get("DOMAIN_GRAPHS", "300"))
FIRST = int(os.environ.get("DOMAIN_GRAPHS_SEED") or random.SystemRandom().randrange(2**32))


def test_inputs_of_random_graphs() -> None:
    for seed in range(FIRST, FIRST + NETWORKS):
        draw = random.Random(seed)
        try:
            analysis = general(random_network(draw, images=True))
        except ArchitectureError:
            continue  # a layer that takes no formulas
        any_weights, own = domain(analysis, any_weights=True), domain(analysis)
        for _ in range(20):
            sizes = {name: draw.randint(1, 40) for name in own.symbols}
            for found, taken in ((any_weights, accepts), (own, accepts_with_its_weights)):
                if within(found.boxes, found.open, sizes) != taken(analysis, sizes):
                    pytest.fail(f"seed {seed}, {sizes}, {taken.__name__}")
