"""The variables of a function of Keras code: a name is free once nothing reads what it stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from shapecalc.engine.results import Edge
from shapecalc.exporting.literals import identifier, unique
from shapecalc.exporting.program import Region, owners

_LETTERS = ("x", "y", "z")
IMPORTED = ("keras", "layers", "ops", "inputs")


class Names:
    """The names of the tensors in a region, and of the layers that are called twice."""

    def __init__(self, region: Region, kept: Sequence[Edge]) -> None:
        """`kept`: what is read after all statements, too."""
        self.region = region
        self.of: dict[Edge, str] = {}
        self.left = Counter(edge for item in owners(region.items) for edge in item.inputs)
        self.left.update([*region.outputs, *kept])

    def begin(self, edge: Edge) -> str:
        """The name of an input."""
        return self.give(edge, {*self.of.values()})

    def used(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            self.left[edge] -= 1
            if not self.left[edge]:
                self.of.pop(edge, None)  # nothing reads it any more, and each new name is held to all

    def target(self, edge: Edge) -> str:
        """A name for a new tensor: its own, or a letter that is free."""
        live = {name for known, name in self.of.items() if self.left[known] > 0}
        return self.give(edge, live)

    def give(self, edge: Edge, live: set[str]) -> str:
        own = self.region.called.get(edge)
        taken = {*live, *IMPORTED}
        letter = next((letter for letter in _LETTERS if letter not in live), "x")
        name = unique(identifier(own) if own else letter, taken)
        for known in [known for known, other in self.of.items() if other == name]:
            del self.of[known]
        self.of[edge] = name
        return name
