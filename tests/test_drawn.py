"""What random networks are made of: each layer type, but for those that say why not."""

from __future__ import annotations

import random

import yaml

from shapecalc.layers import LAYERS
from tests.graph_steps import UNDRAWN
from tests.graphs import random_network

MOST = 20_000


def types(text: str) -> set[str]:
    """Those of a network's steps."""
    return {name for step in yaml.load(text, yaml.CSafeLoader)["layers"] for name in step} & {*LAYERS}


def test_each_type_is_drawn_or_says_why_not() -> None:
    missing = {name for name in LAYERS if not LAYERS[name].measured} - {*UNDRAWN}
    for number in range(MOST):
        missing -= (drawn := types(random_network(random.Random(number))))
        assert not drawn & {*UNDRAWN}
        if not missing:
            return
    raise AssertionError(f"in {MOST} networks there is none of {sorted(missing)}")
