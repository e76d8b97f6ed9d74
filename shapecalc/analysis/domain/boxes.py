"""Boxes: the sizes that each symbol may have, independently of the others.

The inputs that meet some conditions are a union of boxes, kept as a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from itertools import product as every_choice
from typing import TypeAlias

from shapecalc.analysis.domain.residues import Unwieldy
from shapecalc.analysis.domain.sizesets import EVERY, SizeSet
from shapecalc.symbolic import Dim, at, number

Box: TypeAlias = Mapping[str, SizeSet]
"""Symbol → the sizes that it may have, whatever the others are; one that is missing may have any."""

MOST_BOXES = 2_000
"""The most boxes of a union; a longer list is too long to read."""


def both(first: Sequence[Box], second: Sequence[Box]) -> list[Box] | None:
    """The intersection of two unions of boxes; None where it would be more than `MOST_BOXES`."""
    if len(first) * len(second) > MOST_BOXES:
        return None
    boxes: dict[frozenset[tuple[str, SizeSet]], Box] = {}
    for one, other in every_choice(first, second):
        box = within(one, other)
        if box is None:
            return None
        if all(box.values()):
            boxes.setdefault(frozenset(box.items()), box)
    return list(boxes.values())


def within(one: Box | None, other: Box | None) -> Box | None:
    """The intersection of two boxes; None where it, or one of them, has no short form."""
    if one is None or other is None:
        return None
    try:
        return {**one, **{name: one[name] & own if name in one else own for name, own in other.items()}}
    except Unwieldy:
        return None


def smallest_first(
    boxes: Sequence[Box], names: Sequence[str], elements: Sequence[Dim]
) -> Iterator[dict[str, int]]:
    """The sizes in a union of boxes, those of the fewest elements first.

    `elements` are formulas of the symbols `names`, which grow with each of them; their sum is compared.
    """
    queue: list[tuple[int, int, tuple[int, ...], int, tuple[int, ...]]] = []
    known: list[list[list[int]]] = [[[] for _ in names] for _ in boxes]
    sources = [[iter(box.get(name, EVERY)) for name in names] for box in boxes]
    pushed = set()

    def push(which: int, place: tuple[int, ...]) -> None:
        for axis, index in enumerate(place):
            have = known[which][axis]
            have.extend(islice(sources[which][axis], max(0, index + 1 - len(have))))
            if len(have) <= index:
                return
        if (which, place) in pushed:
            return
        pushed.add((which, place))
        values = tuple(known[which][axis][index] for axis, index in enumerate(place))
        sizes = dict(zip(names, values, strict=True))
        total = sum(number(at(size, sizes)) for size in elements)
        heappush(queue, (total, max(values, default=0), values, which, place))

    for which in range(len(boxes)):
        push(which, (0,) * len(names))
    while queue:
        _, _, values, which, place = heappop(queue)
        yield dict(zip(names, values, strict=True))
        for axis in range(len(names)):
            push(which, (*place[:axis], place[axis] + 1, *place[axis + 1 :]))
