"""The command: `python -m shapecalc`, and what the script `shapecalc` starts.

An interrupt ends it quietly from its first moment on: nothing of shapecalc is imported before that holds.
"""

from __future__ import annotations

import gc
import os
import signal

INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run the command line; an interrupt is the end at once, and nothing of it is printed."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else nobody wants to hear it
        signal.signal(signal.SIGINT, _end)
    gc.disable()  # all that a command makes of a large file stays until it ends
    from shapecalc.cli import app

    try:
        app.main()
    finally:
        gc.freeze()  # nor is it looked through at the end, which takes as long as the command itself


def _end(*_: object) -> None:
    # Not by an exception: one that is raised while a module is imported may be lost, or printed.
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
