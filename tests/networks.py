"""Which of the networks that shapecalc ships a test runs over, where all of them would take long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import shapecalc
from shapecalc import zoo
from tests.dice import DRAWS

OWN = [name for name in zoo.names() if not name.startswith("imagenet/")]
"""The networks that are taught, and those of other kinds."""

ONE_OF_EACH = sorted({entry.path: name for name, entry in reversed(zoo.known().items())}.values())
"""Of the variants of one file, the first."""


def covering(names: Sequence[str]) -> list[str]:
    """Networks that have each layer type of all of these: the small ones that add most; at length, all."""
    return [*names] if DRAWS == "long" else sorted(_covering(names))


def _covering(names: Sequence[str]) -> Iterator[str]:
    rows = {name: [row.type for row in shapecalc.analyse(shapecalc.load(name)).rows] for name in names}
    missing = {kind for kinds in rows.values() for kind in kinds}
    while missing:
        name = max(rows, key=lambda name: len(missing & {*rows[name]}) ** 2 / len(rows[name]))
        missing -= {*rows[name]}
        yield name
