"""A bar on the terminal, for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from typing import TypeVar

_MOMENT = 0.7
"""Seconds without a bar: it takes a tenth of one to begin, and most commands are done by then."""
_OFTEN = 0.1
"""Seconds between two states of the bar."""

T = TypeVar("T")


def with_bar(things: Iterable[T], label: str, total: int, done: int = 0) -> Generator[T]:
    """The things, so many in total, while a bar on standard error says how far it is; `done` are before them.

    Nothing is printed where standard error is no terminal, nor of what is done within a moment. At the end
    the bar is gone.
    """
    if not sys.stderr.isatty():
        yield from things
        return
    move: Callable[[int], None] | None = None
    due = time.monotonic() + _MOMENT
    with ExitStack() as stack:
        for number, thing in enumerate(things, start=done):
            if (now := time.monotonic()) >= due:
                move = move or _begun(stack, label, total)
                move(number)
                due = now + _OFTEN
            yield thing


def _begun(stack: ExitStack, label: str, total: int) -> Callable[[int], None]:
    """A bar of rich, which is imported when there is one: gives what moves it to a number."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = progress.add_task(label, total=total)
    return lambda number: progress.update(task, completed=number)
