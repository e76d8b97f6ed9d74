"""Files that are read in parts: regular ones, opened without waiting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NamedTuple

from shapecalc.errors import UsageError, short_path

LARGEST_TEXT = 32_000_000
"""Bytes of the headers of a file, of an index, of a pickle: more than those of a trillion parameters take."""


class Opened(NamedTuple):
    """An open file, its size in bytes, and its path in errors."""

    file: BinaryIO
    size: int
    name: str

    def at(self, start: int, length: int) -> bytes:
        """The bytes of a stretch; fewer where the file ends in it."""
        self.file.seek(start)
        return self.file.read(length)

    def error(self, message: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{self.name}: {message}", hint=hint)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A file, open while the `with` lasts.

    Raises:
        UsageError: it can't be read, or is none that can be read in parts.
    """
    try:
        with open(path, "rb", opener=without_waiting) as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                hint = "it is read in parts, which a pipe does not have: write it to a file"
                raise UsageError(f"{path} is no regular file", hint=hint)
            yield Opened(file, status.st_size, str(path))
    except OSError as error:
        raise UsageError(f"{short_path(path)} can't be read: {error.strerror}") from None
    except ValueError as error:  # of a path that no file can have
        raise UsageError(f"{short_path(path)} can't be read: {error}") from None


def without_waiting(path: str, flags: int) -> int:
    """Open a file; of a pipe, at once, whether somebody writes to it or not."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
