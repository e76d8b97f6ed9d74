"""A sweep on several cores, or on a cluster, by joblib: the points of one core, in their order.

The numbers of the points are cut into pieces, which workers compute; they come back in the order of their
numbers, whichever was ready first. A few pieces for each worker are under way, never all of them: so what
a sweep keeps in memory does not grow with its points.
"""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.analysis.sweep.computing import Computing
from shapecalc.analysis.sweep.points import Point, Sweep
from shapecalc.errors import UnavailableError, quoted

if TYPE_CHECKING:
    from distributed import Client

_UNDER_WAY = 8
"""Pieces for each worker that are handed out together."""
_ENOUGH = 0.25
"""Seconds that a piece should take, beside which the way to a worker and back does not count."""
_MOST = 512
"""Points of a piece, of those that are analysed one by one."""
_MOST_TOGETHER = 2048
"""Points of a piece that have their formulas in common."""


class Workers(NamedTuple):
    """Who computes: so many processes, all cores if 0; or the workers of a Dask cluster."""

    jobs: int = 1
    scheduler: str | None = None
    """Its address, as tcp://127.0.0.1:8786."""

    @property
    def are_others(self) -> bool:
        """Whether other processes than this one compute."""
        return self.jobs != 1 or self.scheduler is not None


ALONE = Workers()


def computed(sweep: Sweep, workers: Workers = ALONE, start: int = 0) -> Generator[Point]:
    """The points of a sweep from a number on, the same whoever computes them.

    Raises:
        UnavailableError: what is needed for other workers is not installed, or they can't be reached.
    """
    if not workers.are_others:
        return Computing(sweep).points(start)
    return _by_others(_joblib(), sweep, workers, start)


def _by_others(joblib: Any, sweep: Sweep, workers: Workers, start: int) -> Generator[Point]:
    pickled = _pickled(sweep)
    work = joblib.delayed(_points if workers.scheduler else _points_here)
    with _backend(workers) as backend, joblib.parallel_config(**backend):
        number = joblib.effective_n_jobs(-1 if workers.scheduler else workers.jobs or -1)
        pieces = _Pieces(sweep, start, number)
        with joblib.Parallel(number, batch_size=1, return_as="generator") as parallel:
            while batch := list(islice(pieces, _UNDER_WAY * number)):
                begun = time.perf_counter()
                with _told(workers), _ended(parallel, (work(pickled, *piece) for piece in batch)) as found:
                    for points in found:
                        yield from points
                pieces.took((time.perf_counter() - begun) * number / len(batch))


class _Pieces:
    """Numbers of points as pieces: at first single points, more once these turn out to take no time."""

    def __init__(self, sweep: Sweep, start: int, workers: int) -> None:
        self.next = start
        self.stop = sweep.size
        self.size = 1
        self.share = (self.stop - start) // (4 * workers)
        """The most points of a piece, for all workers to have some."""
        letters = [] if sweep.zipped else [len(axis.values) for axis in sweep.axes if axis.letter]
        self.together = prod(letters) if prod(letters) <= _MOST_TOGETHER else 1
        """Points that have their formulas in common, and are best computed by one worker."""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return self

    def __next__(self) -> tuple[int, int]:
        if self.next >= self.stop:
            raise StopIteration
        first = self.next
        begun = first % self.together if self.size >= self.together else 0
        self.next = min(first - begun + self.size, self.stop)
        return first, self.next

    def took(self, seconds: float) -> None:
        """Make pieces larger if one takes less than enough."""
        larger = self.size * 4
        if 2 * larger >= self.together:
            larger = max(round(larger / self.together), 1) * self.together
        if seconds < _ENOUGH and larger <= min(self.share, max(_MOST, self.together)):
            self.size = larger


def _pickled(sweep: Sweep) -> bytes:
    """A sweep for other processes: of the formulas of a file, its functions themselves."""
    import cloudpickle

    found: bytes = cloudpickle.dumps(sweep)
    return found


@lru_cache(maxsize=1)
def _computing(pickled: bytes) -> Computing:
    import pickle

    return Computing(pickle.loads(pickled))


def _points(pickled: bytes, start: int, stop: int) -> list[Point]:
    """What a worker does."""
    return list(_computing(pickled).points(start, stop))


def _points_here(pickled: bytes, start: int, stop: int) -> list[Point]:
    """What a worker on this machine does, which an interrupt reaches too: it is ended by who began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _points(pickled, start, stop)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError:
        raise UnavailableError(
            "joblib is not installed, and several processes are its work",
            hint="pip install 'shapecalc[sweep]', or leave out --jobs",
        ) from None
    return joblib


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no interrupt reach processes that begin meanwhile, from the first moment of Python's start on.

    Before them begin those that look after what they share, whose own beginning lets interrupts in again.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    from multiprocessing import resource_tracker as pythons

    from joblib.externals.loky.backend import resource_tracker as lokys

    pythons.ensure_running()
    lokys.ensure_running()
    heeded = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heeded)


@contextmanager
def _ended(parallel: Any, calls: Iterator[Any]) -> Iterator[Iterator[list[Point]]]:
    """Results that end with those who ask for them: what is not asked for is no matter of a warning."""
    found: Generator[list[Point]] | None = None
    try:
        with _undisturbed():
            found = parallel(calls)
        yield found
    finally:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            if found:
                found.close()


@contextmanager
def _told(workers: Workers) -> Iterator[None]:
    """Say what it means that a worker is gone, or can't begin."""
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        yield
    except ModuleNotFoundError as error:
        if not workers.scheduler:
            raise
        raise UnavailableError(
            f"the workers of --scheduler {quoted(workers.scheduler)} lack {error.name}",
            hint="they need the same versions of shapecalc and Python as this one",
        ) from None
    except BrokenProcessPool:
        raise UnavailableError(
            "a process that computes points was ended from outside, perhaps for the memory that it took",
            hint="--jobs with a smaller number; --resume FILE goes on from what is written",
        ) from None


def _backend(workers: Workers) -> AbstractContextManager[dict[str, Any]]:
    if workers.scheduler is None:
        return nullcontext({"backend": "loky"})
    return _cluster(workers.scheduler)


@contextmanager
def _cluster(address: str) -> Iterator[dict[str, Any]]:
    client = _client(address)
    try:
        if not client.scheduler_info()["workers"]:
            raise UnavailableError(
                f"--scheduler {quoted(address)} has no workers", hint=f"dask worker {address} starts some"
            )
        yield {"backend": "dask", "client": client}
    finally:
        with suppress(OSError):
            client.close()


def _client(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError(
            "Dask is not installed, and --scheduler is the address of its scheduler",
            hint="pip install 'shapecalc[dask]', or use --jobs",
        ) from None
    try:
        return Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"--scheduler {quoted(address)} can't be reached: {error}",
            hint="dask scheduler prints its address, as tcp://127.0.0.1:8786",
        ) from None
