"""A bar on the terminal, for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

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
    bar: _Bar | None = None
    due = time.monotonic() + _MOMENT
    with ExitStack() as stack:
        for number, thing in enumerate(things, start=done):
            if (now := time.monotonic()) >= due:
                bar = bar or _Bar(stack, label, total)
                bar.at(number)
                due = now + _OFTEN
            yield thing


class _Bar:
    """The bar of rich, which is imported when there is one."""

    def __init__(self, stack: ExitStack, label: str, total: int) -> None:
        self.progress: Progress = stack.enter_context(_progress())
        self.task: TaskID = self.progress.add_task(label, total=total)

    def at(self, number: int) -> None:
        self.progress.update(self.task, completed=number)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
