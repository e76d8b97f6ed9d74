"""What a Linear layer is for, as its network shows: the query of an attention, the gate of a perceptron."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shapecalc.engine.results import Analysis, Row
from shapecalc.layers.arithmetic import mul
from shapecalc.layers.base import Rearranging

ATTENDED = ("query", "key", "value")
ROLES = (*ATTENDED, "output", "gate", "up", "down")
"""Of an attention its inputs and output; of a perceptron the layers that widen, one or two, and narrow."""


def is_linear(row: Row) -> bool:
    """Whether a layer multiplies the last axis by a matrix of its own, as torch.nn.Linear does."""
    weight = row.weights.get("weight")
    if weight is None or not row.weights.keys() <= {"weight", "bias"} or row.macs == 0:
        return False
    return weight.shape == (row.output.shape[-1], row.inputs[0].shape[-1])


def roles_of(analysis: Analysis) -> Mapping[int, frozenset[str]]:
    """Row number of a Linear layer → its roles; a fused layer has several."""
    return _Reading(analysis).found()


class _Reading:
    def __init__(self, analysis: Analysis) -> None:
        self.rows, self.readers = analysis.rows, analysis.readers
        self.linear = {number for number, row in enumerate(self.rows) if is_linear(row)}
        self.roles: dict[int, set[str]] = {}

    def found(self) -> Mapping[int, frozenset[str]]:
        attentions = [number for number, row in enumerate(self.rows) if row.layer.attends]
        for number in attentions:
            for role, edge in zip(ATTENDED, self.rows[number].edges, strict=False):
                self.enter(role, self.before(edge.row, set()))
            self.enter("output", self.after(number, set()))
        for number in sorted(self.linear - self.roles.keys()):
            self.perceptron(number)
        return {number: frozenset(roles) for number, roles in self.roles.items()}

    def enter(self, role: str, numbers: Iterator[int]) -> None:
        for number in numbers:
            self.roles.setdefault(number, set()).add(role)

    def perceptron(self, down: int) -> None:
        """Enter a layer, and those that go up before it, if nothing but element by element is in between."""
        ways = list(self.up(self.rows[down].edges[0].row, 0))
        if not ways or any(number in self.roles for number, _ in ways) or not all(steps for _, steps in ways):
            return
        self.enter("down", iter([down]))
        longest = max(steps for _, steps in ways)
        gated = len(ways) > 1 and min(steps for _, steps in ways) < longest
        for number, steps in ways:
            self.enter("gate" if gated and steps == longest else "up", iter([number]))

    def up(self, number: int, steps: int) -> Iterator[tuple[int, int]]:
        """The Linear layers before a row, and how many layers from element to element are in between."""
        if number in self.linear:
            yield number, steps
        elif number >= 0 and _is_between(row := self.rows[number]):
            for edge in row.edges:
                yield from self.up(edge.row, steps + row.layer.elementwise)

    def before(self, number: int, seen: set[int]) -> Iterator[int]:
        """The nearest Linear layers before a row, it among them."""
        if number in seen or number < 0:
            return
        seen.add(number)
        if number in self.linear:
            yield number
        elif all(len(weight.shape) < 2 for weight in self.rows[number].weights.values()):
            for edge in self.rows[number].edges:
                yield from self.before(edge.row, seen)

    def after(self, number: int, seen: set[int]) -> Iterator[int]:
        """The nearest Linear layers behind a row, past layers that have one input and no weights."""
        for reader in self.readers.get(number, []):
            if reader in self.linear:
                yield reader
            elif reader not in seen and len(self.rows[reader].edges) == 1 and not self.rows[reader].weights:
                seen.add(reader)
                yield from self.after(reader, seen)


def _is_between(row: Row) -> bool:
    """Whether a layer can stand within a perceptron: an activation, a part of a tensor, a gate's product."""
    if row.weights:
        return False
    alone = len(row.edges) == 1 and (row.layer.elementwise or isinstance(row.layer, Rearranging))
    return alone or isinstance(row.layer, mul)
