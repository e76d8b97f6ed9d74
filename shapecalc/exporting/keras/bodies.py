"""Each use of a block as statements of Keras code: names, and calls that are the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from shapecalc.engine.results import Edge
from shapecalc.exporting.keras.calls import Again, Call, Made, Slot
from shapecalc.exporting.keras.layers import counterpart, refused
from shapecalc.exporting.keras.lending import LAYER, Lent, numbers_in, shared_calls
from shapecalc.exporting.literals import snake
from shapecalc.exporting.names import Variables
from shapecalc.exporting.program import Leaf, Owner, Region, owners
from shapecalc.symbolic import symbols_in

IMPORTED = ("keras", "layers", "ops", "inputs")
"""The names that a file has besides, which no tensor can have."""
Called: TypeAlias = "Call | Region"
"""What a statement calls: a layer, or another block's function."""


class Statement(NamedTuple):
    """Targets and what they are given."""

    targets: Sequence[str]
    call: Called
    inputs: Sequence[str]


@dataclass(eq=False)
class BlockBody:
    """One use of a block: its statements."""

    region: Region
    inputs: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Bodies:
    """The statements of all regions of a network."""

    def __init__(self, root: Region, lent: Lent) -> None:
        """Raises ArchitectureError where a layer has no counterpart in Keras."""
        self.root, self.lent = root, lent
        self.count: dict[int, int] = {}
        """By row, how many statements its layer is: padding, say, and what is padded for."""
        self.of: dict[int, BlockBody] = {}
        self.kinds: dict[int, tuple[Any, ...]] = {}
        """By the identity of a region, what it has in common with those of the same function."""
        self.variables: set[str] = set()
        """All names of tensors, which hide a function's of the same name."""
        self.read(root)

    def read(self, region: Region) -> None:
        """Write the statements of a region, of those in it first."""
        body = BlockBody(region)
        several = region is self.root and len(region.inputs) > 1
        kept = region.inputs if several else ()
        names = Variables(region, owners(region.items), kept, IMPORTED)
        body.inputs = [names.begin(edge) for edge in region.inputs]
        for item in owners(region.items):
            body.statements += self.once(region, item, names)
            inputs = [names.of[edge] for edge in item.inputs]
            if isinstance(item, Region):
                self.read(item)
                calls: Sequence[Called] = [item]
            else:
                calls, inputs = self.layer(item, inputs)
            names.used(item.inputs)
            targets = [names.target(edge) for edge in item.outputs]
            held = inputs[:1] if isinstance(item, Leaf) and item.number in self.lent.owning else []
            for place, made in enumerate(calls):
                own = targets if place else inputs[len(held) :]
                is_held = isinstance(made, Again) or (isinstance(made, Made) and made.held)
                body.statements.append(Statement(targets, made, [*(held if is_held else []), *own]))
        body.outputs = [names.of[edge] for edge in region.outputs]
        self.finish(region, body)

    def finish(self, region: Region, body: BlockBody) -> None:
        self.variables.update(body.inputs, *(statement.targets for statement in body.statements))
        kind = [(*s.targets, "=", *s.inputs, *self.kind(s.call)) for s in body.statements]
        self.of[id(region)] = body
        self.kinds[id(region)] = (snake(region.title), *body.inputs, "→", *body.outputs, *kind)

    def once(self, region: Region, item: Owner, names: Variables) -> list[Statement]:
        """The making of layers that are called twice or more, before the first call."""
        numbers = numbers_in([item])
        edges = [Edge(owner, LAYER) for owner, at in self.lent.made.items() if at is region]
        wanted = [edge for edge in edges if edge.row in numbers]
        found = []
        for edge in wanted:
            row = self.lent.rows[edge.row]
            main = next(call for call in counterpart(row, ["x"]) if isinstance(call, Made) and call.is_main)
            found.append(Statement([names.begin(edge)], replace(main, once=True), []))
        return found

    def kind(self, made: Called) -> tuple[Any, ...]:
        return (self.kinds[id(made)],) if isinstance(made, Region) else made.kind

    def layer(self, item: Leaf, inputs: Sequence[str]) -> tuple[list[Call], list[str]]:
        """The calls that are a layer, and the names of what it takes."""
        row = item.row
        if any(_has_letters(weight.shape) for weight in row.weights.values()):
            raise refused(row, "the shape of its weights has a letter, where code needs a number")
        own = [*inputs]
        held = [own.pop(0)] if item.number in self.lent.owning else []
        if item.number in self.lent.constant_inputs:
            *own, anchor = own
            own = [f"Constant({name})({anchor})" for name in own]
        read = len(item.outputs)
        calls = [made.needed(read) if isinstance(made, Made) else made for made in counterpart(row, own)]
        if held:
            owner = self.lent.rows[self.lent.owner.get(item.number, item.number)]
            calls = shared_calls(row, owner, calls)
        for made in calls:
            for slot in made.arguments:
                if isinstance(slot, Slot) and _has_letters(slot.value):
                    raise refused(row, f"{slot.name} is {slot.value}, where code needs a number")
        self.count[item.number] = len(calls)
        return calls, [*held, *own]


def _has_letters(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_has_letters, value))
    return bool(symbols_in(value)) if not isinstance(value, (str, float, bool, int, type(None))) else False
