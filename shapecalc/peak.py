"""The greatest of many sizes, of which some are formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shapecalc.symbolic import Dim, at, difference, least, maximum


class Peak:
    """The greatest of many sizes, and where it was met; of formulas those that may be the greatest."""

    def __init__(self, assumed: Mapping[str, Dim] = MappingProxyType({})) -> None:
        """`assumed`: formulas for symbols that are known to be large, H + 66 for one of at least 67."""
        self.number = 0
        self.at = -1
        self.assumed = assumed
        self.formulas: list[tuple[Dim, Dim, int]] = []
        """Each with its form under what is assumed, and where it was met."""

    def meet(self, size: Dim, place: int) -> None:
        if isinstance(size, int):
            if size > self.number:
                self.number, self.at = size, place
            return
        if any(size == known for known, _, _ in self.formulas):
            return
        form = at(size, self.assumed) if self.assumed else size
        if not any(exceeds(other, form) for _, other, _ in self.formulas):
            kept = [known for known in self.formulas if not exceeds(form, known[1])]
            self.formulas = [*kept, (size, form, place)]

    def met(self) -> list[tuple[Dim, int]]:
        """The sizes that may be the greatest, and where they were met."""
        found = [(size, place) for size, _, place in self.formulas]
        covered = any(exceeds(form, self.number) for _, form, _ in self.formulas)
        return [*found, *([] if covered or not self.number else [(self.number, self.at)])]

    def size(self) -> Dim:
        """The greatest, a maximum of formulas where sizes decide."""
        return greatest_of([size for size, _ in self.met()])


def greatest_of(sizes: Sequence[Dim]) -> Dim:
    """The greatest of sizes, 0 of none."""
    result, *others = sizes or [0]
    for size in others:
        result = maximum(result, size)
    return result


def exceeds(first: Dim, second: Dim) -> bool:
    """Whether the first size is certainly at least as great as the second."""
    if first == second:
        return True
    low = least(difference(first, second))
    return low is not None and low >= 0
