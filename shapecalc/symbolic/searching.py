"""The last number for which something holds, found by doubling and then by halving."""

from __future__ import annotations

from collections.abc import Callable


def last(holds: Callable[[int], bool], most: int) -> int:
    """The last number up to `most` of those from 1 on for which something holds; 0 if it does for none."""
    low, high = 0, 1
    while high <= most and holds(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
