"""Which layers of two networks stand for each other: the pairs, in order, of the greatest likeness in all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

MOST_COMPARED = 1_000_000
"""Pairs that are compared; in larger networks, layers of equal paths stand for each other."""

_Ids = tuple[int, ...]
"""Numbers for path, label, type, arguments and output of a key."""


class Key(NamedTuple):
    """What the likeness of two layers depends on."""

    path: str
    type: str
    arguments: Hashable
    output: Hashable

    @property
    def label(self) -> str:
        return self.path.rpartition(".")[2]


def align(first: Sequence[Key], second: Sequence[Key]) -> list[tuple[int, int]]:
    """Pairs of positions that stand for each other, ascending in both."""
    start, limit = 0, min(len(first), len(second))
    while start < limit and first[start] == second[start]:
        start += 1
    end = 0
    while end < limit - start and first[-1 - end] == second[-1 - end]:
        end += 1
    a, b = first[start : len(first) - end], second[start : len(second) - end]
    found = _most_alike(a, b) if len(a) * len(b) <= MOST_COMPARED else _of_equal_paths(a, b)
    tail = zip(range(len(first) - end, len(first)), range(len(second) - end, len(second)), strict=True)
    return [*((i, i) for i in range(start)), *((start + i, start + j) for i, j in found), *tail]


def _likeness(a: _Ids, b: _Ids) -> int:
    """How much speaks for a pair; 0 if the two can't stand for each other.

    Arguments and output together count more than the path: where a layer is put in front of others of its
    type, their paths change, and they are the same layers.
    """
    if a[2] != b[2]:  # the types
        return int(a[0] == b[0])
    return 3 * (a[0] == b[0]) + (a[1] == b[1]) + 3 * (a[3] == b[3]) + 2 * (a[4] == b[4])


def _most_alike(first: Sequence[Key], second: Sequence[Key]) -> list[tuple[int, int]]:
    a, b = _numbered(first, second)
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]  # from these positions to the ends
    for i in range(len(a) - 1, -1, -1):
        own, row, below = a[i], best[i], best[i + 1]
        most = 0  # in the row so far
        for j in range(len(b) - 1, -1, -1):
            together = below[j + 1] + _likeness(own, b[j])
            most = max(most, below[j], together)
            row[j] = most
    return _walk(best, lambda i, j: _likeness(a[i], b[j]))


def _walk(best: list[list[int]], likeness: Callable[[int, int], int]) -> list[tuple[int, int]]:
    """The pairs of the greatest likeness in all; of several such choices, the one that pairs earlier."""
    pairs, i, j = [], 0, 0
    while i < len(best) - 1 and j < len(best[0]) - 1:
        own = likeness(i, j)
        if own and best[i][j] == best[i + 1][j + 1] + own:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _numbered(*sides: Sequence[Key]) -> list[list[_Ids]]:
    """The keys with numbers in place of their values, equal where these are: they are compared faster."""
    numbers: dict[Hashable, int] = {}

    def number(value: Hashable) -> int:
        return numbers.setdefault(value, len(numbers))

    return [
        [tuple(map(number, (k.path, k.label, k.type, k.arguments, k.output))) for k in keys] for keys in sides
    ]


def _of_equal_paths(first: Sequence[Key], second: Sequence[Key]) -> list[tuple[int, int]]:
    """The longest ascending list of pairs with equal paths."""
    places = {key.path: j for j, key in enumerate(second)}
    pairs = [(i, places[key.path]) for i, key in enumerate(first) if key.path in places]
    ends: list[int] = []  # for each length, the smallest end of a list of that length
    lengths = []
    for _, j in pairs:
        length = bisect_left(ends, j)
        ends[length : length + 1] = [j]
        lengths.append(length)
    found: list[tuple[int, int]] = []
    wanted = len(ends) - 1
    for pair, length in zip(reversed(pairs), reversed(lengths), strict=True):
        if length == wanted and (not found or pair[1] < found[-1][1]):
            found.append(pair)
            wanted -= 1
    return found[::-1]
