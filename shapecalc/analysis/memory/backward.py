"""The pass back through a network: the gradients that come and go, on the ledger of the pass forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from shapecalc.allocation.footprint import way_back
from shapecalc.allocation.gradients import Way
from shapecalc.allocation.recording import Kernel
from shapecalc.allocation.strides import dense, elementwise_strides, is_scattered
from shapecalc.allocation.values import Look
from shapecalc.analysis.memory.again import Again
from shapecalc.analysis.memory.autograd import GradNode
from shapecalc.analysis.memory.copies import Leaps
from shapecalc.analysis.memory.forward import Forward
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic.conditions import Condition, collecting


@dataclass(slots=True, eq=False)
class _Gradient:
    """A gradient that has been made; one that is passed on is the same object for each value."""

    storage: int
    look: Look
    seen: int = 0
    """How many values it is the gradient of, and the caller's own if it is one of these."""


class Arrived(Enum):
    """What becomes of the gradient of a weight, when it is there."""

    STAYS = auto()
    ADDED = auto()
    """To the one of the passes before, in place."""
    REDUCED = auto()
    """Summed over the ranks, one of which keeps it."""


class Backward:
    """The way back through all kernels, from gradients of the network's outputs, which the caller holds.

    The ledger of the pass forward goes on: what was kept for a kernel is let go after it, the gradients of
    weights stay. Gradients that meet are summed in a new storage, as where a mode of torch's looks on.
    """

    def __init__(self, forward: Forward, arrived: Arrived = Arrived.STAYS) -> None:
        self.ledger = forward.ledger
        self.arrived = arrived
        self.mode = forward.mode._replace(grad=False, autocast=False)
        self.forward = forward
        self.learned = set(forward.parameters.values())
        """The values that are weights."""
        self.gradients: dict[int, _Gradient] = {}
        """The gradient of each value, while it is there."""
        self.seed(forward)
        way = forward.graph.leading_to(set(self.gradients))
        self.refusal = forward.refusal or _refusal(forward, way)
        """Why torch can't go back, if it can't."""
        self.awaited = Counter([x for node in way for x in node.inputs])
        """How many gradients of each value are still to come."""
        for value in set(self.gradients) & self.learned:
            if not self.awaited[value]:
                self.accumulate(value, len(forward.analysis.rows) - 1)
        leaps = Leaps(forward.analysis) if forward.analysis.brief else None
        place = len(forward.analysis.rows)
        for node in way:
            while leaps and place > node.run.row:
                self.ledger.alive.become(leaps.back(place, self.ledger.alive.size))
                place -= 1
            self.pass_through(node)

    def seed(self, forward: Forward) -> None:
        """Ones that lie as the outputs do, from which the way back starts."""
        last = len(forward.analysis.rows) - 1
        for edge in dict.fromkeys(forward.analysis.output_edges):
            flow = forward.flows[edge]
            if flow.given.tracked:
                storage = self.ledger.held(self.ledger.gradients[flow.value], last)
                strides = flow.look.strides and dense(flow.look.shape, flow.look.strides)
                look = flow.look._replace(strides=strides, tracked=False)
                self.gradients[flow.value] = _Gradient(storage, look, seen=2)
                self.ledger.hold(storage)

    def pass_through(self, node: GradNode) -> None:
        """Make the gradients of a kernel's inputs from those of its outputs, and let go what it kept."""
        ledger, row, inputs = self.ledger, node.run.row, node.inputs
        found = [self.gradients.pop(value, None) for value in node.outputs]
        if (segment := node.run.segment) and node.own and not segment.is_again:
            Again(self.forward, segment)
        way = self.way(node.kernel, tuple([x.look if x else None for x in found]), row)
        ledger.rise(way.rises, row)
        for storage in node.again:
            ledger.release(storage)
        ledger.rise(way.late, row)
        here = [gradient for gradient in found if gradient]
        made = self.made(way, here)
        there = [gradient for gradient in made if gradient]
        for gradient in there:
            ledger.hold(gradient.storage)
        for gradient in here:
            gradient.seen -= 1
            ledger.release(gradient.storage)
        for storage in node.released:
            ledger.release(storage)
        added = [self.arrive(value, new, row) for value, new in zip(inputs, made, strict=True)]
        for gradient in filter(None, added):
            ledger.release(gradient.storage)
        for value in inputs:
            if value in self.gradients and value in self.learned and not self.awaited[value]:
                self.accumulate(value, row)

    def made(self, way: Way, here: Sequence[_Gradient]) -> list[_Gradient | None]:
        """What a kernel makes of the gradients that are here: new ones, or one of these itself."""
        storages = [*[x.storage for x in here], *[self.ledger.storage(size) for size in way.sizes]]
        return [
            new and (here[new.same] if new.same >= 0 else _Gradient(storages[new.storage], new.look))
            for new in way.gradients
        ]

    def way(self, kernel: Kernel, arriving: tuple[Look | None, ...], row: int) -> Way:
        """What the kernel's rule comes to for gradients that lie so; run once for each way to lie."""
        if arriving not in kernel.ways:
            with collecting() as conditions:
                way = way_back(kernel, arriving, self.mode)
            kernel.ways[arriving] = way._replace(conditions=tuple(conditions)) if conditions else way
        if kernel.ways[arriving].conditions:
            self.note(kernel.ways[arriving].conditions, row)
        return kernel.ways[arriving]

    def note(self, conditions: Sequence[Condition], row: int) -> None:
        self.forward.note(conditions, self.forward.analysis.rows[row].path)

    def arrive(self, value: int, gradient: _Gradient | None, row: int) -> _Gradient | None:
        """Take up a gradient of a value, if there is one: the first as it is, others added to what is there.

        One that is added is returned: the kernel that made it holds it until its other ones have arrived.
        Source: torch::autograd::InputBuffer::add.
        """
        self.awaited[value] -= 1
        known = self.gradients.get(value)
        if gradient is None:
            return None
        held = gradient if known is None else self.summed(value, known, gradient, row)
        held.seen += 1
        self.gradients[value] = held
        return known and gradient

    def summed(self, value: int, known: _Gradient, other: _Gradient, row: int) -> _Gradient:
        """The sum of two gradients of a value, in place of the one that is known."""
        shape, dtype = known.look.shape, known.look.dtype
        strides = elementwise_strides(shape, *[(shape, x.look.strides) for x in (known, other)])
        new = self.ledger.held(self.ledger.gradients[value], row)
        self.ledger.release(known.storage)
        known.seen -= 1
        return _Gradient(new, Look(shape, dtype, strides))

    def accumulate(self, value: int, row: int) -> None:
        """The gradient of a weight is there: it stays, or goes to where gradients are added up.

        Source: torch::autograd::AccumulateGrad.
        """
        if self.arrived is not Arrived.ADDED:
            self.stay(value, row)
        if self.arrived is not Arrived.STAYS:
            own = self.gradients.pop(value)
            own.seen -= 1
            self.ledger.release(own.storage)

    def stay(self, value: int, row: int) -> None:
        """Keep a gradient; what others see too, or lies in another way, is copied."""
        own = self.gradients[value]
        if own.seen == 1:
            with collecting() as conditions:
                scattered = is_scattered(own.look.shape, own.look.strides)
            self.note(conditions, row)
            if not scattered:
                return
        storage = self.ledger.held(self.ledger.gradients[value], row)
        self.ledger.release(own.storage)
        own.seen -= 1
        self.gradients[value] = _Gradient(storage, own.look._replace(strides=None), seen=1)


def _refusal(forward: Forward, way: Sequence[GradNode]) -> ArchitectureError | None:
    """torch refuses to go back where it has no gradient, and through what has been written over since."""
    rows, writers = forward.analysis.rows, forward.graph.writers
    for node in way:
        if node.kernel.refusal:
            return rows[node.run.row].error(*node.kernel.refusal)
        for storage, version in zip(node.kept, node.versions, strict=True):
            if version < forward.graph.version(storage):
                writer = rows[writers[storage][version]]
                message = f"it writes over what {rows[node.run.row].path} keeps for the backward pass"
                hint = "torch can't go back through that: take inplace: false"
                return ArchitectureError(message, hint=hint).about(writer.type).at(None, writer.path)
    return None
