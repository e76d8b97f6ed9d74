"""What a network needs of memory: bytes alive at every moment, and bytes kept for the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shapecalc.symbolic import Dim, difference, least, maximum
from shapecalc.tape import Kernel, Made, Recipe


class Peak:
    """The greatest of many sizes, and where it was met; of formulas those that may be the greatest."""

    def __init__(self) -> None:
        self.number = -1
        self.at = -1
        self.formulas: list[tuple[Dim, int]] = []

    def meet(self, size: Dim, at: int) -> None:
        if isinstance(size, int):
            if size > self.number:
                self.number, self.at = size, at
        elif not any(exceeds(other, size) for other, _ in self.formulas):
            kept = [(other, place) for other, place in self.formulas if not exceeds(size, other)]
            self.formulas = [*kept, (size, at)]

    def size(self) -> Dim:
        sizes = [size for size, _ in self.formulas]
        result, *others = sizes or [self.number]
        for size in [*others, *([self.number] if sizes and self.number > 0 else [])]:
            result = maximum(result, size)
        return result

    def places(self) -> list[int]:
        """Where it is met; in several places where the sizes decide which of them it is."""
        return [place for _, place in self.formulas] or [self.at]


def exceeds(first: Dim, second: Dim) -> bool:
    """Whether the first size is certainly at least as great as the second."""
    if first == second:
        return True
    low = least(difference(first, second))
    return low is not None and low >= 0


class Step(NamedTuple):
    """A kernel as a row runs it: values and storages by their numbers in the network."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    passes: bool
    weights: tuple[int, ...]
    row: int


class Account:
    """The storages that are alive, who holds them, and the bytes of all together."""

    def __init__(self) -> None:
        self.alive: Dim = 0
        self.peak = Peak()
        self.row = -1
        self.sizes: list[Dim] = []
        self.holders: list[int] = []
        self.values: list[Dim] = []
        """The bytes of each value's gradient."""
        self.kept: set[int] = set()
        self.steps: list[Step] = []

    def storage(self, size: Dim) -> int:
        self.sizes.append(size)
        self.holders.append(0)
        return len(self.sizes) - 1

    def hold(self, storage: int) -> None:
        self.holders[storage] += 1
        if self.holders[storage] == 1:
            self.alive = self.alive + self.sizes[storage]
            self.peak.meet(self.alive, self.row)

    def release(self, storage: int) -> None:
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self.alive = self.alive - self.sizes[storage]

    def play(
        self, recipe: Recipe, inputs: Sequence[int], values: Sequence[int] = ()
    ) -> list[tuple[int, int]]:
        """Follow the events of a layer on these storages and values.

        Gives the storage and the value of each output; their storages are held then.
        """
        first = len(self.values) - len(values)
        numbers = [*values, *range(first + len(values), first + len(recipe.values))]
        self.values += recipe.values[len(values) :]
        storages = [*inputs, *map(self.storage, recipe.sizes[len(inputs) :])]
        own: set[int] = set()
        for event in recipe.events:
            if isinstance(event, Kernel):
                kept = tuple([storages[number] for number in event.kept])
                for storage in kept:
                    self.kept.add(storage)
                    self.hold(storage)
                of = (
                    tuple([numbers[n] for n in side]) for side in (event.inputs, event.outputs, event.weights)
                )
                sources, made, weights = of
                self.steps.append(Step(sources, made, kept, event.passes, weights, self.row))
            elif isinstance(event, Made):
                own.add(event.storage)
                self.hold(storages[event.storage])
            elif event.storage in own:
                own.discard(event.storage)
                self.release(storages[event.storage])
        outputs = [(storages[output.storage], numbers[output.value]) for output in recipe.outputs]
        for storage, _ in outputs:
            self.hold(storage)
        for number in own:
            self.release(storages[number])
        return outputs

    def saved(self) -> Dim:
        total: Dim = 0
        for storage in self.kept:
            total = total + self.sizes[storage]
        return total
