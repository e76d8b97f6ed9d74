"""Random networks in other words: loops, elements, fans and blocks of several tensors make the same rows."""

from __future__ import annotations

import random
from collections import Counter

import shapecalc
from shapecalc import Analysis
from tests.dice import SEED, count
from tests.graphs import random_network

FORMS = ("block", "for", "when", "family.", "seq")


def rows(text: str) -> list[object]:
    analysis: Analysis = shapecalc.analyse(shapecalc.parse(text))
    return [
        analysis.output_edges,
        *((row.layer, row.edges, row.figures.outputs, row.shares, row.frozen) for row in analysis.rows),
    ]


def test_the_same_network_in_other_words() -> None:
    found: Counter[str] = Counter()
    for number in range(count(100, 20_000)):
        seed = f"{SEED}/{number}"
        knobs = {"frozen": 0.2, "steps": (1, 14)}
        plain = random_network(random.Random(seed), **knobs)  # type: ignore[arg-type]
        other = random_network(random.Random(seed), **knobs, forms=0.7)  # type: ignore[arg-type]
        assert rows(other) == rows(plain), f"{seed}\n{plain}\n{other}"
        found.update(form for form in FORMS if form in other)
    assert found.keys() == {*FORMS}
