"""Commands from the start of their process to its end."""

from __future__ import annotations

import sys
from pathlib import Path

from shapecalc import zoo
from tests.benchmarks.measuring import SHAPECALC, START, Room, Row, compared, faster, in_turn, process

room = Room("start")
_FOLDER = Path(__file__).parents[1]


@room.row(seconds=40)
def cold_show() -> Row:
    theirs = process(sys.executable, str(_FOLDER / "nin_torchinfo.py"))
    times = in_turn(process(*SHAPECALC, "show", "nin"), theirs, 7)
    return faster("cold `show nin` against torchinfo", times, "≥ 8 ×")


@room.row(seconds=40)
def cold_memory() -> Row:
    theirs = process(sys.executable, "-m", "tests.benchmarks.resnet18_memory")
    times = in_turn(process(*SHAPECALC, "memory", "resnet18", "--train"), theirs, 7)
    return faster("cold `memory resnet18 --train` against measuring it in torch on meta", times, "≥ 8 ×")


@room.row(seconds=30)
def cold_list() -> Row:
    """The whole zoo, every network parsed and analysed by one command."""
    times = in_turn(process(*SHAPECALC, "list"), process(*START), 7)
    what = f"cold `list` of {len(zoo.names())} networks against the interpreter's start"
    return compared(what, times, "< 1,500 ms", digits=0)


@room.row(seconds=15)
def cold_show_llama() -> Row:
    times = in_turn(process(*SHAPECALC, "show", "llm/llama-3-70b"), process(*SHAPECALC, "show", "nin"), 7)
    return compared("cold `show llm/llama-3-70b` against nin", times, "≤ 1.5 ×")


@room.row(seconds=15)
def cold_serve() -> Row:
    letters = (*SHAPECALC, "serve", "llm/llama-3-70b", "--context", "T", "--batch", "N")
    times = in_turn(process(*letters), process(*START), 7)
    what = "cold `serve llm/llama-3-70b` in letters against the interpreter's start"
    return compared(what, times, "< 300 ms", digits=0)
