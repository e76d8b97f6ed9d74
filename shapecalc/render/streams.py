"""Standard output and error, whatever they can take."""

from __future__ import annotations

import codecs
import os
import signal
import sys

_ASCII = {"×": "x", "·": "-", "│": "|", "├": "|", "└": "`", "─": "-", "…": ".", "→": ">", "−": "-", "¹": "1"}
_HANDLER = "shapecalc.ascii"


def prepare() -> None:
    """Let every text through: a character that the encoding lacks becomes a plain one of the same width."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough, `| head`, is no error
    codecs.register_error(_HANDLER, _plain)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # None where the caller closed it
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # the handler is set for writing only
    lacking = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in lacking), error.end


def silence() -> None:
    """Give up on standard output: what is left in its buffer can't be written at the end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
