"""What a benchmark's rows are made of: two things measured in turn, within a time of their own.

A file of `tests/benchmarks/rooms` has a `Room` of the file's name, and a function for each of its rows:

    room = Room("start")

    @room.row(seconds=20)
    def cold_show() -> Row: ...
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

SHAPECALC = (sys.executable, "-m", "shapecalc")
START = (sys.executable, "-c", "pass")
"""The interpreter's start alone, against which a command is held."""

BLOCK = "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"


def written_out(layers: int, sizes: str = "1x8x32x32") -> str:
    """A file of so many layers, each on a line."""
    return f"input: {sizes}\nlayers:\n" + f"  - {BLOCK}\n" * layers


class Row(NamedTuple):
    """What was measured, as texts: the cells of the table."""

    what: str
    ours: str = ""
    theirs: str = ""
    ratio: str = ""
    aim: str = ""


class NotMeasuredError(Exception):
    """Why a row has no figures."""


class Measurement(NamedTuple):
    """A row that can be taken, and the seconds by the clock that it may need."""

    room: str
    name: str
    seconds: float
    take: Callable[[], Row]

    def row(self, most: float) -> Row:
        """The row; without figures, and with the reason, where its time or `most` seconds did not do."""
        seconds = min(self.seconds, most)
        try:
            with _deadline(seconds):
                return self.take()
        except TimeoutError:
            return self.missing(f"it took longer than {seconds:.3g} s")
        except subprocess.CalledProcessError as ended:
            last = (ended.stderr or b"").strip().splitlines()[-1:]
            words = f": {last[0].decode(errors='replace')}" if last else ""
            return self.missing(f"its process ended with code {ended.returncode}{words}")
        except (NotMeasuredError, ImportError) as reason:
            return self.missing(str(reason))

    def missing(self, reason: str) -> Row:
        return Row(self.name, ratio=f"not measured: {reason}")


class Room:
    """The rows of one file, in their order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Measurement] = []

    def row(self, seconds: float) -> Callable[[Callable[[], Row]], Callable[[], Row]]:
        """A function that measures a row, which has the function's name."""

        def added(take: Callable[[], Row]) -> Callable[[], Row]:
            self.add(take.__name__, seconds, take)
            return take

        return added

    def add(self, name: str, seconds: float, take: Callable[[], Row]) -> None:
        self.rows.append(Measurement(self.name, name, seconds, take))


class _Clock:
    until = float("inf")
    """When the time of the row that is being measured ends, by time.monotonic."""


clock = _Clock()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside, whatever runs there, after so many seconds."""

    def over(*_: object) -> None:
        raise TimeoutError

    if seconds <= 0:
        raise TimeoutError
    before = signal.signal(signal.SIGALRM, over)
    clock.until = time.monotonic() + seconds
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        clock.until = float("inf")


def turns(most: int) -> Iterator[int]:
    """0, 1, … below `most`, while the row's time does for another turn and a half as long as the longest yet.

    Turns 0 and 1 are taken in any case: the first of them does not count.
    """
    longest = 0.0
    for number in range(most):
        start = time.monotonic()
        if number > 1 and start + 1.5 * longest > clock.until:
            return
        yield number
        longest = max(longest, time.monotonic() - start)


def in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int, calls: int = 1
) -> tuple[float, float]:
    """The median seconds of both, so many calls of each in turn, after one turn that does not count.

    `runs` is the most turns that count; it is fewer where the row's time ends before.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in turns(runs + 1):
        for kept, function in zip(times, (ours, theirs), strict=True):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            if number:
                kept.append((time.perf_counter() - start) / calls)
    return median(times[0]), median(times[1])


def process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def printed(*command: str, most: int, text: str | None = None) -> list[float]:
    """The median of each number that a process prints, over so many processes at most."""
    found = [
        subprocess.run(command, check=True, capture_output=True, input=text and text.encode()).stdout
        for _ in turns(most)
    ]
    return [median(column) for column in zip(*(map(float, out.split()) for out in found), strict=True)]


class Used(NamedTuple):
    """A process's own time in seconds, its memory in MiB, and the code that it ended with."""

    seconds: float
    mebibytes: float
    code: int


def used(*command: str, text: str = "") -> Used:
    """What a process used that was given a text to read."""
    script = (sys.executable, "-m", "tests.benchmarks.usage", *command)
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            seconds, kibibytes, code = child.communicate(text.encode())[0].split()
        except TimeoutError:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return Used(float(seconds), int(kibibytes) / 1024, int(code))


def user_seconds(*command: str, most: int = 3) -> float:
    """The median of a process's own time, which must succeed."""
    found = []
    for _ in turns(most):
        one = used(*command)
        if one.code:
            raise NotMeasuredError(f"{' '.join(command)} ended with code {one.code}")
        found.append(one.seconds)
    return median(found)


def compared(what: str, times: Sequence[float], aim: str, digits: int = 1) -> Row:
    """A row of two times in seconds whose ratio is ours by the other's."""
    ours, theirs = times
    return Row(what, ms(ours), ms(theirs), f"{ours / theirs:.{digits}f} ×", aim)


def faster(what: str, times: Sequence[float], aim: str, digits: int = 1) -> Row:
    """A row of two times in seconds whose ratio is the other's by ours."""
    ours, theirs = times
    return Row(what, ms(ours), ms(theirs), f"{theirs / ours:.{digits}f} ×", aim)


def ms(seconds: float) -> str:
    """Milliseconds, or microseconds of a time below a tenth of one."""
    return f"{seconds * 1000:,.1f} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.1f} µs"
