"""The largest batch by `memory --fit`, against the memory of every batch in a row."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc import Analysis, ShapecalcError
from shapecalc.analysis.memory.batch import with_batch
from shapecalc.analysis.memory.fitting import fitting
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.errors import UsageError
from shapecalc.symbolic import number

NETWORKS = {
    "a part of a batch of one lies in a row": """
        input: 3x8x4
        layers: [Linear: 4, narrow: {dim: 1, start: 0, length: 4}, flatten]
    """,
    "of one value there is no variance": "input: 4x8\nlayers: [Linear: 4, BatchNorm1d]",
    "images of four parts": "input: 4x8\nlayers: [reshape: [-1, 32], Linear: 6]",
    "in pairs, and never one": "input: 4x6\nlayers: [reshape: [-1, 12], Linear: 9, BatchNorm1d]",
    "as many as a learned tensor has, or one": """
        input: 3x4
        layers: [add: [[parameter: [3, 4]], []], Linear: 2]
    """,
}


def needed(analysis: Analysis, batch: int, training: bool) -> int | None:
    try:
        own = memory(with_batch(analysis, batch))
    except ShapecalcError:
        return None
    if training:
        return None if own.refusal else number(own.training.bytes)
    return number(own.prediction.bytes)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_largest_batch_is_that_of_all(network: str, training: bool) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(NETWORKS[network]))
    every = {batch: size for batch in range(1, 41) if (size := needed(analysis, batch, training)) is not None}
    found = memory(analysis) if training else predicted(analysis)
    edges = {size + more for size in every.values() for more in (-1, 0)}
    for budget in sorted(edges - {max(every.values())}):
        largest = max((batch for batch, size in every.items() if size <= budget), default=None)
        if largest is None:
            with pytest.raises(UsageError, match="--fit"):
                fitting(found, budget)
            continue
        fit = fitting(found, budget)
        assert (fit.batch, fit.needed) == (largest, every[largest])
