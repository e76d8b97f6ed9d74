"""Seconds of the processor: other programs that run beside do not make them more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tests.tracing import traced_by

LONGEST = 2.0
"""Seconds that an answer may take."""

T = TypeVar("T")


def timed(ask: Callable[[], T], enough: float) -> tuple[T, float]:
    """An answer with the seconds that it takes; where they are more than enough, it is asked once more.

    Then without the measuring of coverage, and the fewer seconds count: what the process has kept by then may
    be swept out during the first answer.
    """
    answer, seconds = _once(ask)
    if seconds > enough:
        with traced_by(None):
            answer, again = _once(ask)
        seconds = min(seconds, again)
    return answer, seconds


def _once(ask: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    answer = ask()
    return answer, time.process_time() - start
