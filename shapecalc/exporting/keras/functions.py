"""The functions of a Keras file: uses of a block that are the same but for values of arguments are one.

The arguments in which they differ are the function's parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shapecalc.exporting.keras.bodies import IMPORTED, BlockBody, Bodies, Called
from shapecalc.exporting.keras.calls import NEEDED, Slot
from shapecalc.exporting.literals import identifier, same, snake, unique
from shapecalc.exporting.program import Region


@dataclass(eq=False)
class BlockFunction:
    """What all uses of one block have in common."""

    name: str
    first: BlockBody
    parameters: list[Slot]
    """With the values of the first use."""
    names: list[str | None]
    """By slot, the parameter that it is."""


class Functions:
    """All functions of a file, each after those that it calls; the last is the network's."""

    def __init__(self, bodies: Bodies, taken: Sequence[str]) -> None:
        """`taken`: the names that the file has otherwise."""
        self.bodies = bodies
        self.taken = (*IMPORTED, *taken)
        self.all: list[BlockFunction] = []
        self.of: dict[int, tuple[BlockFunction, list[Slot]]] = {}
        """By the identity of a region, its function and its own slots."""
        grouped: dict[Any, list[BlockBody]] = {}
        for number, body in bodies.of.items():
            grouped.setdefault(bodies.kinds[number], []).append(body)
        for alike in grouped.values():
            self.all.append(self.function(alike))

    def slots(self, body: BlockBody) -> list[Slot]:
        """What uses of a block may differ in, in the order of its statements."""
        return [slot for statement in body.statements for slot in self.slots_of(statement.call)]

    def slots_of(self, made: Called) -> list[Slot]:
        if isinstance(made, Region):
            function, own = self.of[id(made)]
            return self.given(function, own)
        return [a for a in made.arguments if isinstance(a, Slot)]

    def given(self, function: BlockFunction, own: Sequence[Slot]) -> list[Slot]:
        """The arguments of one call of a block's function: its parameters, with that use's values."""
        values = dict(zip(function.names, own, strict=True))
        return [
            Slot(slot.name, values[slot.name].value, slot.default, slot.keyword)
            for slot in function.parameters
        ]

    def function(self, bodies: Sequence[BlockBody]) -> BlockFunction:
        """The function of uses that are alike, and its parameters: where their values differ."""
        columns = [*zip(*(self.slots(body) for body in bodies), strict=True)]
        first = bodies[0]
        tensors = {*first.inputs, *(name for s in first.statements for name in s.targets)}
        taken = {*tensors, *self.taken, *(function.name for function in self.all)}
        found: dict[Any, Slot] = {}
        names: list[str | None] = []
        for column in columns:
            values = [slot.value for slot in column]
            if all(same(value, values[0]) for value in values):
                names.append(None)
                continue
            name = self.named(column, bodies)
            key = (name, repr(values))
            if key not in found:
                free = unique(name, {*taken, *(slot.name for slot in found.values())})
                found[key] = Slot(free, values[0], column[0].default, True)
            names.append(found[key].name)
        function = BlockFunction(self.title(first, taken), first, _ordered(first, [*found.values()]), names)
        for body in bodies:
            self.of[id(body.region)] = function, self.slots(body)
        return function

    def title(self, body: BlockBody, taken: set[str]) -> str:
        title = identifier(snake(body.region.title))
        title = f"{title}_block" if title in self.bodies.variables else title
        return unique(title, {*taken, *self.bodies.variables})

    def named(self, column: Sequence[Slot], bodies: Sequence[BlockBody]) -> str:
        """The name of a parameter: the file's own, where the block has one of these values."""
        for name in bodies[0].region.values:
            values = [body.region.values.get(name) for body in bodies]
            if all(same(slot.value, value) for slot, value in zip(column, values, strict=True)):
                return identifier(name)
        return column[0].name


def _ordered(body: BlockBody, found: Sequence[Slot]) -> list[Slot]:
    """Parameters in the file's order; first those that have to be given."""
    order = [identifier(name) for name in body.region.values]
    ordered = sorted(found, key=lambda s: order.index(s.name) if s.name in order else len(order))
    needed = [slot for slot in ordered if slot.default is NEEDED]
    told = [slot for slot in ordered if slot.default is not NEEDED]
    return [*(Slot(s.name, s.value, s.default, len(needed) > 1) for s in needed), *told]
