"""Tensors that are views of others, and what a write to one of them does to all.

A file has values alone, which nothing changes. A write to a tensor is a new value of it, and one of each
tensor that it is a view of; other views of the same memory are made anew when they are read next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from shapecalc.importing.lowering import Lowering
from shapecalc.importing.program import Value
from shapecalc.importing.rows.views import put_back


class View(NamedTuple):
    """How a view was made: of which tensor, by which function called with what, as which of its outputs."""

    of: Any
    name: str
    args: Any
    kwargs: Any
    all: list[Any]
    port: int


class Aliases:
    """Which tensors share memory, and which of them are not what they were when they were last read."""

    def __init__(self, value: Callable[[Any], Value], bind: Callable[[Any, Value], object]) -> None:
        self._value = value
        self._bind = bind
        self._views: dict[int, View] = {}
        self._writes: Counter[int] = Counter()
        self._seen: dict[int, int] = {}

    def made(self, y: Any, view: View | None) -> None:
        """Take note of a tensor, and of how it was made if it is a view; its value is of this moment."""
        if view is not None:
            self._views[id(y)] = view
        self._seen[id(y)] = self._writes[_memory(y)]

    def is_stale(self, x: Any) -> bool:
        """Whether the memory of a tensor was written to since its value was known."""
        return self._seen.get(id(x), 0) < self._writes[_memory(x)]

    def view(self, x: Any) -> View | None:
        return self._views.get(id(x))

    def write(self, x: Any, value: Value, lowering: Callable[[], Lowering]) -> None:
        """Let a tensor, and those that it is a view of, be what a write makes of them."""
        chain = [x]
        while view := self._views.get(id(chain[-1])):
            chain.append(view.of)
        before = [self._value(y) for y in chain[1:]]
        self._writes[_memory(x)] += 1
        self._renew(x, value)
        for y, whole, old in zip(chain, chain[1:], before, strict=False):
            value = put_back(lowering(), self._views[id(y)], old, value)
            self._renew(whole, value)

    def _renew(self, x: Any, value: Value) -> None:
        self._bind(x, value)
        self._seen[id(x)] = self._writes[_memory(x)]


def shares(x: Any, y: Any) -> bool:
    """Whether two tensors lie in the same memory."""
    return _memory(x) == _memory(y)


def _memory(x: Any) -> int:
    return int(x.untyped_storage()._cdata)
