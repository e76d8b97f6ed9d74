"""Standard output and error, whatever they can take."""

from __future__ import annotations

import codecs
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shapecalc.errors import UnavailableError, visible

_ASCII = {
    **dict(zip("×·│├└─…→−⋅⌋⌉₀₁₂₃₄₅₆₇₈₉", "x-||`-.>-*))0123456789", strict=True)),
    "⌊": "floor(",
    "⌈": "ceil(",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_HANDLER = "shapecalc.ascii"


def prepare() -> None:
    """Let every text through: a character that the encoding lacks becomes a plain one.

    Raises:
        UnavailableError: standard output is closed.
    """
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough, `| head`, is no error
    codecs.register_error(_HANDLER, _plain)
    _noted.clear()
    closed = sys.stdout is None
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # None where the caller closed it
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)
    if closed:
        raise UnavailableError("the output can't be written: standard output is closed")


def complain(text: str) -> None:
    """A text of one line or several on standard error, of which the terminal obeys no character."""
    with suppress(OSError):  # one that can't be written either: the exit code still tells
        print("\n".join(map(visible, text.split("\n"))), file=sys.stderr)


_noted: set[str] = set()


def note(text: str) -> None:
    """What is to be known beside the results, said once in a command."""
    if text not in _noted:
        _noted.add(text)
        complain(f"note: {text}")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # the handler is set for writing only
    lacking = error.object[error.start : error.end]
    powers = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: "**" + match[0].translate(_SUPERSCRIPTS), lacking)
    return "".join(_ASCII.get(c, "?") if not c.isascii() else c for c in powers), error.end


def ascii_only(wanted: bool) -> bool:
    """Write nothing but ASCII to standard output: formulas as `floor((H - 7)/4)`."""
    if wanted and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="ascii", errors=_HANDLER)
    return wanted


def writable(text: str) -> str:
    """A text as standard output will have it, line by line, without what a terminal would obey."""
    if not text.isprintable():
        text = "\n".join(map(visible, text.split("\n")))
    if text.isascii():
        return text
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, errors=_HANDLER).decode(encoding)


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Let an interrupt be a KeyboardInterrupt, whatever it is outside; one that is ignored stays so."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def silence() -> None:
    """Give up on standard output: what is left in its buffer can't be written at the end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
