"""Own time and memory of each command for networks of 1,000 and 10,000 layers, in numbers and in letters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tests.benchmarks.measuring import SHAPECALC, Room, Row, used, written_out

room = Room("commands")


_COMMANDS: dict[str, tuple[str, ...]] = {
    "show": ("show", "-"),
    "show --format json": ("show", "-", "--format", "json"),
    "params": ("params", "-"),
    "flops": ("flops", "-"),
    "flops --convention all": ("flops", "-", "--convention", "all"),
    "memory": ("memory", "-"),
    "memory --train": ("memory", "-", "--train"),
    "receptive": ("receptive", "-"),
    "explain LAYER": ("explain", "-", "Conv2d[7]"),
    "domain": ("domain", "-"),
    "solve": ("solve", "-", "--output", "1x8x32x32"),
    "check": ("check", "-"),
    "diff": ("diff", "-", "lenet"),
}


def took(name: str, command: Sequence[str], layers: int, sizes: str) -> Row:
    """User seconds and memory of a command for so many layers, with numbers or with letters."""
    process = used(*SHAPECALC, *command, text=written_out(layers, sizes))
    cost = f"{process.seconds:.2f} s, {process.mebibytes:.0f} MiB"
    what = f"`{name}`, {layers:,} layers of {sizes}"
    return Row(what, cost, "", f"exit code {process.code}", "< 2 s, 500 MiB")


for name, command in _COMMANDS.items():
    for sizes in ("1x8x32x32", "Nx8xHxW"):
        for layers in (1_000, 10_000):
            take = partial(took, name, command, layers, sizes)
            letters = "_letters" if "N" in sizes else ""
            room.add(f"{name.lower().replace(' --', '_').replace(' ', '_')}_{layers}{letters}", 15, take)
