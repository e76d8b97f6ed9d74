"""A segment of a network run again on the way back, of which the way forward kept the inputs alone."""

from __future__ import annotations

from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.segments import Segment
from shapecalc.errors import ArchitectureError


class Again(Forward):
    """The rows of a segment, run again on the way back, on the ledger of the pass before.

    What is kept is held for the calls of that pass; its own graph, and what it gives, are let go.
    """

    def __init__(self, before: Forward, segment: Segment) -> None:
        vars(self).update(vars(before))
        self.start({})
        self.flows.update(segment.inputs)
        self.seen.update({flow.value: 0 for flow in segment.inputs.values()})
        for number in range(segment.start, segment.stop):
            self.run(number, self.analysis.rows[number])
            for edge in before.freed[number]:
                if edge.row >= segment.start:
                    self.release(self.flows.pop(edge))
        self.hand_over(segment)

    def hand_over(self, segment: Segment) -> None:
        """Hand the storages that this pass keeps to the calls of the first pass, and let its own go.

        Raises:
            ArchitectureError: they are not the same calls, since a view of a tensor that was written over is
                another one by then.
        """
        if len(segment.nodes) != len(self.graph.nodes):
            path = self.analysis.rows[segment.start].path
            message = "what is computed again differs: its inputs have been written over before"
            raise ArchitectureError(message, path=path, hint="take inplace: false")
        for node, again in zip(segment.nodes, self.graph.nodes, strict=True):
            if node.holders >= 0:
                node.again = again.own
                for storage in node.again:
                    self.ledger.hold(storage)
        for flow in [flow for edge, flow in self.flows.items() if edge not in segment.inputs]:
            self.ledger.release(flow.storage)
        for again in self.graph.nodes:
            if again.holders >= 0:
                for storage in again.kept:
                    self.ledger.release(storage)
        segment.is_again = True
