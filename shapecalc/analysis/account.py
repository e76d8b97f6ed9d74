"""The bytes that are alive at every moment, as the events of recipes hold storages and let them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
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
        self.kept: dict[int, int] = {}
        """The storages that autograd keeps, and the first row that it keeps each for."""
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

    def saved(self) -> dict[int, Dim]:
        """Bytes of the storages that autograd keeps, by the first row that it keeps each for."""
        saved: dict[int, Dim] = {}
        for storage, row in self.kept.items():
            saved[row] = saved.get(row, 0) + self.sizes[storage]
        return saved

    def play(
        self, recipe: Recipe, inputs: Sequence[int], values: Mapping[int, int] = MappingProxyType({})
    ) -> list[tuple[int, int]]:
        """Follow the events of a layer.

        Args:
            recipe: of the layer.
            inputs: the storages that its inputs lie in.
            values: for its values that are known in the network, their numbers there.

        Returns:
            Of each output its storage, which is held then, and its value.
        """
        first = len(self.values)
        self.values += recipe.values
        numbers = list(range(first, len(self.values)))
        for number, known in values.items():
            numbers[number] = known
        storages = [*inputs, *map(self.storage, recipe.sizes[len(inputs) :])]
        own: set[int] = set()
        for event in recipe.events:
            if isinstance(event, Kernel):
                self.keep(event, storages, numbers)
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

    def keep(self, kernel: Kernel, storages: Sequence[int], numbers: Sequence[int]) -> None:
        """What autograd keeps for a kernel, and how it goes back through it."""
        kept = tuple([storages[number] for number in kernel.kept])
        for storage in kept:
            self.hold(storage)
            self.kept.setdefault(storage, self.row)
        inputs, outputs, weights = (
            tuple([numbers[number] for number in side])
            for side in (kernel.inputs, kernel.outputs, kernel.weights)
        )
        self.steps.append(Step(inputs, outputs, kept, kernel.passes, weights, self.row))
