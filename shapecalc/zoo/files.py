"""The text of a file: of a pipe too, without waiting where nobody writes; none that is too large."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from shapecalc.checkpoints.files import without_waiting
from shapecalc.errors import UsageError, short_path
from shapecalc.language.document import LARGEST_FILE

_PATIENCE = 1  # seconds in which somebody who is to write to a pipe has opened it


SHORTER = "repeated layers are shorter with times and blocks"
"""What to do about a file of layers that is too large."""


def text_of(path: Path, hint: str | None = None) -> str:
    """The text of a file; `hint` says what to do if it is too large.

    Raises:
        UsageError: it can't be read, is too large, or is no text.
    """
    return decoded(_read(path), str(path), hint)


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=without_waiting) as file:
            regular = S_ISREG(os.fstat(file.fileno()).st_mode)
            first = b"" if regular else _begun(file.fileno(), path)
            return first + file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{short_path(path)} can't be read: {error.strerror}") from None


def _begun(descriptor: int, path: Path) -> bytes:
    """The first of what is written to a pipe, or to a terminal, which can then be read to its end.

    It is waited for as long as there is somebody to write.

    Raises:
        UsageError: there is nobody.
    """
    from select import select

    first = b""
    if not select([descriptor], [], [], _PATIENCE)[0]:
        with suppress(BlockingIOError):  # somebody is there, and slow
            first = os.read(descriptor, 1)
            if not first:
                hint = "the output of another command is read by -, as in `command | shapecalc show -`"
                raise UsageError(f"{path} is a pipe that nobody writes to", hint=hint)
    os.set_blocking(descriptor, True)
    return first


def decoded(content: bytes, name: str, hint: str | None) -> str:
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{name} is larger than {LARGEST_FILE:,} bytes", hint=hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is no UTF-8 text: byte {error.start} is {content[error.start]:#04x}"
        ) from None
