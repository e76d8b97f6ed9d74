"""Seconds of the processor: other programs that run beside do not make them more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

LONGEST = 2.0
"""Seconds that an answer may take."""

T = TypeVar("T")


def timed(ask: Callable[[], T], enough: float) -> tuple[T, float]:
    """An answer with the seconds that it takes; where they are more than enough, it is asked once more.

    The fewer seconds count: what the process has kept by then may be swept out during the first answer.
    """
    answer, seconds = _once(ask)
    if seconds > enough:
        answer, again = _once(ask)
        seconds = usual(min(seconds, again), enough)
    return answer, seconds


SLOWEST = 4.0
"""How many times as long as a usual machine one may take at times, in a cloud where others run beside."""


def usual(seconds: float, enough: float) -> float:
    """Seconds that are too many as those of a usual machine, which adds a million numbers in 60 ms."""
    if seconds <= enough:
        return seconds
    _, a_million = _once(_add)
    return seconds / min(max(1.0, a_million / 0.06), SLOWEST)


def _add() -> None:
    total = 0
    for number in range(10**6):
        total += number


def _once(ask: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    answer = ask()
    return answer, time.process_time() - start
