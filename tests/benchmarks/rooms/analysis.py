"""Analyses in a process that runs already, and the first of one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.domain.generalise import generalised
from shapecalc.engine.inputs import inputs_of
from tests.benchmarks.measuring import Room, Row, compared, faster, in_turn, ms, printed

room = Room("analysis")


@room.row(seconds=20)
def against_torch() -> Row:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tests.benchmarks.resnet18_torch import resnet18

    with torch.device("meta"):
        module, x = resnet18(), torch.rand(1, 1, 224, 224)

    def forward() -> None:
        with torch.inference_mode(), FlopCounterMode(display=False):
            module(x)

    architecture = shapecalc.load("resnet18")
    times = in_turn(lambda: shapecalc.analyse(architecture), forward, 9, calls=10)
    what = "analysis of resnet18 against its forward on meta under FlopCounterMode"
    return faster(what, times, "≥ 50 ×", digits=0)


@room.row(seconds=10)
def llama() -> Row:
    large, small = (
        partial(shapecalc.analyse, shapecalc.load(name), brief=True)
        for name in ("llm/llama-3-70b", "resnet18")
    )
    times = in_turn(large, small, 9, calls=5)
    return compared("analysis of Llama 3 70B against that of resnet18", times, "< 50 ms")


@room.row(seconds=10)
def export() -> Row:
    from shapecalc.exporting.torch_source import torch_source

    found = shapecalc.analyse(shapecalc.load("imagenet/resnet50"))
    times = in_turn(lambda: torch_source(found), lambda: shapecalc.analyse(found.architecture), 9)
    return compared("export of resnet50 to torch against its analysis", times, "", digits=0)


@room.row(seconds=10)
def first() -> Row:
    code = "import time, shapecalc; t = time.perf_counter(); shapecalc.analyse(shapecalc.load('resnet18'))"
    code += "; print(time.perf_counter() - t)"
    [seconds] = printed(sys.executable, "-c", code, most=7)
    return Row("reading and analysing resnet18, first time in a process", ms(seconds))


FIGURES = """
import time, shapecalc
start = time.perf_counter()
architecture = shapecalc.load("resnet18")
analysis = shapecalc.analyse(architecture)
shapes = time.perf_counter()
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.receptive.field import receptive
from shapecalc.analysis.counting.totals import Work
figures = lambda: (Work.of(analysis.rows), memory(analysis), receptive(analysis))
figures()
done = time.perf_counter()
shapecalc.analyse(architecture)
again = time.perf_counter()
shapecalc.analyse(architecture)
middle = time.perf_counter()
figures()
print(shapes - start, done - start, middle - again, time.perf_counter() - again)
"""
"""The shapes alone, and all figures with them: first in a process, and once more."""


@cache
def _figures() -> list[float]:
    return printed(sys.executable, "-c", FIGURES, most=9)


@room.row(seconds=15)
def all_figures() -> Row:
    shapes, done, _, _ = _figures()
    what = "operations, memory, receptive field and shapes of resnet18 against these, first in a process"
    return compared(what, (done, shapes), "≤ 3 ×")


@room.row(seconds=15)
def all_figures_again() -> Row:
    _, _, shapes, done = _figures()
    return compared("the same once more", (done, shapes), "≤ 3 ×")


@room.row(seconds=60)
def symbolic() -> Row:
    """Formulas for every input against numbers for one, over the zoo; the slowest network decides."""
    once = {name: in_turn(*_in_letters(name), runs=1) for name in zoo.names()}
    times = {name: in_turn(*_in_letters(name), runs=9, calls=5) for name in _slowest(once)}
    [name] = _slowest(times, 1)
    return compared(f"symbolic analysis of {name} against a concrete one", times[name], "≤ 20 ×")


def _in_letters(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    architecture = shapecalc.load(name)
    inputs = generalised(architecture, inputs_of(architecture), batch=True)
    return partial(shapecalc.analyse, architecture, inputs), partial(shapecalc.analyse, architecture)


@room.row(seconds=60)
def symbolic_first() -> Row:
    """The same with nothing remembered, each analysis in a process of its own."""
    once = _first(*zoo.names())
    runs = [_first(*_slowest(once)) for _ in range(5)]
    times = {name: min(run[name] for run in runs) for name in runs[0]}
    [name] = _slowest(times, 1)
    return compared(f"the same of {name}, first in a process", times[name], "≤ 20 ×")


def _first(*names: str) -> dict[str, tuple[float, float]]:
    script = (sys.executable, "-m", "tests.benchmarks.first_analysis")
    found = subprocess.run(script, check=True, capture_output=True, input="\n".join(names).encode()).stdout
    lines = (line.split() for line in found.decode().splitlines())
    return {name: (float(letters), float(numbers)) for name, letters, numbers in lines}


def _slowest(times: dict[str, tuple[float, float]], most: int = 3) -> list[str]:
    return sorted(times, key=lambda name: times[name][0] / times[name][1])[-most:]
