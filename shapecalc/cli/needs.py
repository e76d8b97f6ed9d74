"""Libraries that some commands need, imported by these alone: what to install where one is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shapecalc.errors import UnavailableError
from shapecalc.pause_gc import collect_again

ONNX = "pip install 'shapecalc[onnx]'"


@contextmanager
def needed(what: str = "torch", install: str = "pip install torch") -> Iterator[None]:
    """Imports of a library, after which garbage is collected: modules and their hooks refer to each other.

    Raises:
        UnavailableError: it can't be imported.
    """
    try:
        yield
    except ImportError as error:
        raise UnavailableError(f"{what} can't be imported: {error}", hint=install) from None
    collect_again()
