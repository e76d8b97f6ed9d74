"""Pipeline parallelism: contiguous stages of a network's repeated blocks, and what each holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.analysis.memory.ranks import Weight, share, weights_of
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import whole
from shapecalc.errors import UsageError
from shapecalc.symbolic import Dim, summed
from shapecalc.tensors import for_json

if TYPE_CHECKING:
    from shapecalc.analysis.memory.memory import Memory


class Stage(NamedTuple):
    """What one device of a pipeline holds, in bytes.

    Source: Narayanan et al. 2021, arXiv:2104.04473, 2.2: under 1F1B, of N stages the first has N batches
    under way at most, the next N − 1, and no stage more than there are.
    """

    blocks: range
    """Which of the repeated blocks it has, counted from 0."""
    rows: range
    parameters: Dim
    gradients: Dim
    optimizer: Dim
    """The optimizer's state, and its float32 copy of the parameters if it has one."""
    batches: int
    """How many are under way at once, at most."""
    saved: Dim
    """What autograd keeps for these together."""

    def to_dict(self) -> dict[str, Any]:
        names = ("parameters", "gradients", "optimizer", "saved")
        sizes = {name: for_json(getattr(self, name)) for name in names}
        return {"blocks": [self.blocks.start, self.blocks.stop], "batches": self.batches, **sizes}


def staged(analysis: Analysis, stages: int) -> Analysis:
    """The analysis with a row for every layer, where it is cut into stages.

    Raises:
        UsageError: there are fewer blocks than stages.
    """
    if stages == 1:
        return analysis
    found = whole(analysis, "--pipeline")
    list(_cuts(found, stages))
    return found


def stages_of(found: Memory) -> list[Stage]:
    """The stages of a network in training; a weight that two of them use is in both."""
    count, how = found.how.pipeline, found.how
    made = []
    for number, (blocks, rows) in enumerate(_cuts(found.analysis, count) if count > 1 else ()):
        batches = min(count - number, how.accumulate)
        own = share(_weights(found, rows), how)
        optimizer = own.optimizer + own.master
        saved = summed([found.saved_by_row[row] for row in rows])
        made.append(Stage(blocks, rows, own.parameters, own.gradients, optimizer, batches, batches * saved))
    return made


def _weights(found: Memory, rows: range) -> list[Weight]:
    """The weights of these rows, those that they share with earlier ones too, each once."""
    owners = {found.analysis.rows[row].shares for row in rows} - {None}
    numbers = {*rows, *owners}
    known = weights_of(found.analysis, "float32" if found.dtype == "amp" else found.dtype, found.splits)
    return [weight for weight in known if weight.row in numbers]


def _cuts(analysis: Analysis, stages: int) -> Iterator[tuple[range, range]]:
    """The blocks and the rows of each stage: as many blocks as others have, or one less."""
    blocks = _blocks(analysis)
    if len(blocks) < stages:
        kind = blocks[0].type if blocks else "block in a row"
        message = f"--pipeline {stages}: {analysis.name} has {len(blocks)} {kind}"
        raise UsageError(message, hint="each stage has at least one of the steps that are repeated")
    starts = [len(blocks) * stage // stages for stage in range(stages + 1)]
    rows = [0, *[blocks[start].start for start in starts[1:-1]], len(analysis.rows)]
    for stage in range(stages):
        yield range(starts[stage], starts[stage + 1]), range(rows[stage], rows[stage + 1])


def _blocks(analysis: Analysis) -> list[Node]:
    """The steps of the type that the network has most of at its top, of those that are of others."""
    nodes = [node for node in analysis.tree if node.children]
    counts = Counter([node.type for node in nodes])
    if not counts:
        return []
    most = max(counts, key=lambda kind: counts[kind])
    return [node for node in nodes if node.type == most]
