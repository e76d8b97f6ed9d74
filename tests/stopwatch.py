"""Seconds of the processor: other programs that run beside do not make them more."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import TraceFunction

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


@contextmanager
def traced_by(tracer: TraceFunction | None) -> Iterator[None]:
    """With the measuring of coverage or, by None, without: measured, Python takes two to five times as long.

    pytest-cov's own mark stops one of two tracers that it starts in a process of pytest-xdist's.
    """
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(before)


def _once(ask: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    answer = ask()
    return answer, time.process_time() - start
