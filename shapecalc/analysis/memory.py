"""What a network needs of memory: bytes alive at every moment, and bytes kept for the way back."""

from __future__ import annotations

from collections.abc import Sequence

from shapecalc.symbolic import Dim, difference, least, maximum
from shapecalc.tape import Kernel, Made, Recipe


class Peak:
    """The greatest of many sizes; of formulas those that none of the others is certain to exceed."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.formulas: list[Dim] = []

    def meet(self, size: Dim) -> None:
        if isinstance(size, int):
            if self.number is None or size > self.number:
                self.number = size
        elif size not in self.formulas:
            if not any(exceeds(other, size) for other in self.formulas):
                self.formulas = [other for other in self.formulas if not exceeds(size, other)] + [size]

    def size(self) -> Dim:
        sizes = [*self.formulas, *([] if self.number is None else [self.number])]
        result = sizes[0]
        for size in sizes[1:]:
            result = maximum(result, size)
        return result


def exceeds(first: Dim, second: Dim) -> bool:
    """Whether the first size is certainly at least as great as the second."""
    low = least(difference(first, second))
    return low is not None and low >= 0


class Account:
    """The storages that are alive, who holds them, and the bytes of all together."""

    def __init__(self) -> None:
        self.alive: Dim = 0
        self.peak = Peak()
        self.sizes: list[Dim] = []
        self.holders: list[int] = []
        self.kept: dict[int, int] = {}
        """What autograd keeps, and how many kernels it keeps it for."""

    def storage(self, size: Dim) -> int:
        self.sizes.append(size)
        self.holders.append(0)
        return len(self.sizes) - 1

    def hold(self, storage: int) -> None:
        self.holders[storage] += 1
        if self.holders[storage] == 1:
            self.alive = self.alive + self.sizes[storage]
            self.peak.meet(self.alive)

    def release(self, storage: int) -> None:
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self.alive = self.alive - self.sizes[storage]

    def play(self, recipe: Recipe, inputs: Sequence[int]) -> list[int]:
        """Follow the events of a layer on these storages; gives those of its outputs, which are held then."""
        known = [*inputs, *map(self.storage, recipe.sizes[len(inputs) :])]
        own: set[int] = set()
        for event in recipe.events:
            if isinstance(event, Kernel):
                for number in event.kept:
                    self.kept[known[number]] = self.kept.get(known[number], 0) + 1
                    self.hold(known[number])
            elif isinstance(event, Made):
                own.add(event.storage)
                self.hold(known[event.storage])
            elif event.storage in own:
                own.discard(event.storage)
                self.release(known[event.storage])
        outputs = [known[output.storage] for output in recipe.outputs]
        for storage in outputs:
            self.hold(storage)
        for number in own:
            self.release(known[number])
        return outputs

    def saved(self) -> Dim:
        total: Dim = 0
        for storage in self.kept:
            total = total + self.sizes[storage]
        return total
