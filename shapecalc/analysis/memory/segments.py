"""Activation checkpointing: steps whose inputs alone are kept, and which the way back computes again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shapecalc.engine.nodes import Node, all_nodes
from shapecalc.engine.results import Analysis, Edge
from shapecalc.engine.run import whole
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.symbolic import Dim, summed

if TYPE_CHECKING:
    from shapecalc.allocation.footprint import Flow
    from shapecalc.analysis.memory.autograd import GradNode

_INDEX = re.compile(r"\[\d+\]$")


class Segment:
    """Rows from `start` up to `stop` under torch.utils.checkpoint, called with all tensors that they read.

    Autograd keeps these in place of what the rows would have it keep. Source: Chen, Xu, Zhang & Guestrin
    2016, arXiv:1604.06174; `torch.utils.checkpoint.checkpoint(…, use_reentrant=False)`, whose early stop,
    which leaves out what comes behind the last tensor that is kept, is off.
    """

    def __init__(self, analysis: Analysis, node: Node) -> None:
        self.start = node.start
        self.stop = node.stop
        read = [edge for row in analysis.rows[node.start : node.stop] for edge in row.edges]
        self.edges: Sequence[Edge] = [edge for edge in dict.fromkeys(read) if edge.row < node.start]
        """Where its inputs come from."""
        self.inputs: dict[tuple[int, int], Flow] = {}
        self.versions: list[int] = []
        """How often the storage of each input had been written over when it was entered."""
        self.nodes: list[GradNode] = []
        """The calls that autograd goes back through, in their order."""
        self.is_again = False
        """Whether it has been computed again."""

    @property
    def storages(self) -> list[int]:
        return [flow.storage for flow in self.inputs.values()]


def segments_of(analysis: Analysis, name: str | None) -> list[Segment]:
    """The steps of that name, each a segment of its own; of one within another the outer one alone.

    Raises:
        UsageError: no step has the name.
    """
    if name is None:
        return []
    return [Segment(analysis, node) for node in _named(analysis, name)]


def _named(analysis: Analysis, name: str) -> list[Node]:
    found = [node for node in _outermost(analysis.tree, name) if node.stop > node.start]
    if not found:
        known = dict.fromkeys([x for node in all_nodes(analysis.tree) for x in _names(node) if "[" not in x])
        blocks = dict.fromkeys([node.type for node in all_nodes(analysis.tree) if node.children])
        hint = nearest(name, known) or f"blocks and steps: {listed(blocks or known)}"
        raise UsageError(f"--checkpoint {quoted(name)} is no step of {analysis.name}", hint=hint)
    return found


def _names(node: Node) -> tuple[str, ...]:
    return node.path, node.label, _INDEX.sub("", node.label), node.type


def _outermost(nodes: Sequence[Node], name: str) -> Iterator[Node]:
    for node in nodes:
        if name in _names(node):
            yield node
        else:
            yield from _outermost(node.children, name)


def followed(analysis: Analysis, name: str | None, most: int) -> Analysis:
    """The analysis, with a row for every layer where copies that were left out are within a segment.

    Raises:
        UsageError: it has too many layers, or no step has the name.
    """
    if name is None or not analysis.brief:
        return analysis
    if "[" in name or any(
        node.copies > 1 for own in _named(analysis, name) for node in all_nodes(own.children)
    ):
        return whole(analysis, "--checkpoint", most)
    return analysis


def recomputed_macs(analysis: Analysis, segments: Sequence[Segment]) -> Dim:
    """The multiply-accumulates that the way back does again."""
    numbers = [number for segment in segments for number in range(segment.start, segment.stop)]
    return summed([analysis.times[number] * analysis.rows[number].macs for number in numbers])
