"""What random networks are made of: each layer type, but for those that say why not."""

from __future__ import annotations

import random
import re

from shapecalc.layers import LAYERS
from tests.graph_steps import UNDRAWN
from tests.graphs import random_network

MOST = 2_000
STEPS = (40, 40)
"""More than other tests draw: masks of masks need some steps before them."""


def types(text: str) -> set[str]:
    """Those of a network's steps, each of which is a line that begins with its type."""
    return {*re.findall(r'^  - \{"(\w+)"', text, re.MULTILINE)}


def test_each_type_is_drawn_or_says_why_not() -> None:
    missing = {name for name in LAYERS if not LAYERS[name].measured} - {*UNDRAWN}
    for number in range(MOST):
        missing -= (drawn := types(random_network(random.Random(number), steps=STEPS)))
        assert not drawn & {*UNDRAWN}
        if not missing:
            return
    raise AssertionError(f"in {MOST} networks there is none of {sorted(missing)}")
