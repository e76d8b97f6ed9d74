"""Seconds and memory of an analysis of 1,000 layers and many more."""

from __future__ import annotations

import sys
from functools import partial

from tests.benchmarks.measuring import BLOCK, Room, Row, printed, written_out

room = Room("growth")


def repeated(layers: int) -> str:
    return f"input: 1x8x32x32\nlayers:\n  - {{{BLOCK}, times: {layers}}}\n"


def analysed(layers: int, text: str, what: str) -> Row:
    """Seconds and memory of an analysis in a process of its own."""
    script = (sys.executable, "-m", "tests.benchmarks.growing")
    seconds, memory, _ = printed(*script, most=1, text=text)
    per_layer = f"{seconds / layers * 1e6:.0f} µs, {memory / layers:.2f} KiB a layer"
    bound = "< 1 s" if layers == 10_000 else ""
    return Row(
        f"{layers:,} layers, {what}", f"{seconds:.2f} s, {memory / 1024:.0f} MiB", "", per_layer, bound
    )


for number in (1_000, 10_000, 1_000_000):
    room.add(f"times_{number}", 60, partial(analysed, number, repeated(number), "by `times`"))
for number in (1_000, 10_000, 30_000):  # the last is almost as many as a file may have
    room.add(f"written_out_{number}", 20, partial(analysed, number, written_out(number), "written out"))
