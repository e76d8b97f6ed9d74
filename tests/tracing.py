"""For which tests coverage is measured: under it Python takes two to five times as long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _typeshed import TraceFunction

FIRST = 2.0
"""Seconds for which coverage is measured of a test, of all its cases: the others mostly go the same ways."""

APART = {"importing": 8.0, "exporting": 8.0}
"""The same for the tests of a folder, whose cases go ways of their own."""

_left: dict[str, float] = {}
"""Test → seconds for which it is still measured in this process."""


@contextmanager
def traced_by(tracer: TraceFunction | None) -> Iterator[None]:
    """With the measuring of coverage or, by None, without.

    pytest-cov's own mark stops one of two tracers that it starts in a process of pytest-xdist's.
    """
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def measured_at_first(item: pytest.Item) -> Iterator[None]:
    """Measure coverage for the first seconds of a test; of one that hypothesis draws, example by example."""
    tracer, test = sys.gettrace(), item.nodeid.partition("[")[0]
    _left.setdefault(test, APART.get(item.path.parent.name, FIRST))
    drawn = getattr(getattr(item, "obj", None), "hypothesis", None)
    if tracer is None or item.get_closest_marker("untraced"):
        with traced_by(None):
            yield
    elif drawn is None:
        with _at_first(test, tracer):
            yield
    else:
        inner = drawn.inner_test
        drawn.inner_test = _example(inner, test, tracer)
        try:
            with traced_by(None):
                yield
        finally:
            drawn.inner_test = inner


def _example(run: Callable[..., None], test: str, tracer: TraceFunction) -> Callable[..., None]:
    @wraps(run)
    def measured(*values: object, **named: object) -> None:
        with _at_first(test, tracer):
            run(*values, **named)

    return measured


@contextmanager
def _at_first(test: str, tracer: TraceFunction) -> Iterator[None]:
    start = time.process_time()
    with traced_by(tracer if _left[test] > 0 else None):
        yield
    _left[test] -= time.process_time() - start
