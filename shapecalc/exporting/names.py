"""The variables of a function: a name is free once nothing reads what it stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from shapecalc.engine.results import Edge
from shapecalc.exporting.literals import identifier, unique
from shapecalc.exporting.program import Item, Region

_LETTERS = ("x", "y", "z")


class Variables:
    """The names of the tensors in a region, and of the layers that are called twice."""

    def __init__(
        self, region: Region, items: Iterable[Item], kept: Sequence[Edge] = (), taken: Collection[str] = ()
    ) -> None:
        """Of the region's `items` that are called; `kept`: what is read after all statements, too.

        `taken`: the names that stand for something else throughout.
        """
        self.region = region
        self.taken = taken
        self.of: dict[Edge, str] = {}
        self.left = Counter(edge for item in items for edge in item.inputs)
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
        return self.give(edge, self.live())

    def live(self) -> set[str]:
        """The names of what is still read."""
        return {name for edge, name in self.of.items() if self.left[edge] > 0}

    def give(self, edge: Edge, live: set[str]) -> str:
        own, taken = self.region.called.get(edge), {*live, *self.taken}
        name = unique(identifier(own), taken) if own else letter(taken)
        self.forget(name)
        self.of[edge] = name
        return name

    def forget(self, name: str) -> None:
        for edge in [edge for edge, known in self.of.items() if known == name]:
            del self.of[edge]


def letter(taken: Collection[str]) -> str:
    """A name for a tensor that has none of its own."""
    return unique(next((free for free in _LETTERS if free not in taken), "x"), taken)
