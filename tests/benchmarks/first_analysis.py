"""Prints, for each network that standard input names, the seconds of its first analysis with letters and with
numbers: each in a process of its own, forked from one that has imported shapecalc and remembers nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import shapecalc
from shapecalc.analysis.domain.generalise import generalised
from shapecalc.engine.inputs import inputs_of
from shapecalc.language.architecture import Architecture
from shapecalc.tensors import Tensor


def in_own_process(answer: Callable[[], str]) -> str:
    """What a function gives in a process forked for it."""
    readable, writable = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writable, answer().encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as found:
        text = found.read()
    os.waitpid(child, 0)
    return text


def both(name: str) -> str:
    """Seconds with letters and with numbers, once the file is read."""
    architecture = shapecalc.load(name)
    numbers = inputs_of(architecture)
    letters = partial(generalised, architecture, numbers, batch=True)
    return " ".join(
        in_own_process(partial(seconds, architecture, each)) for each in (letters, lambda: numbers)
    )


def seconds(architecture: Architecture, given: Callable[[], Mapping[str, Tensor]]) -> str:
    inputs = given()
    start = time.perf_counter()
    shapecalc.analyse(architecture, inputs)
    return str(time.perf_counter() - start)


if __name__ == "__main__":
    for network in sys.stdin.read().split():
        print(network, in_own_process(partial(both, network)), flush=True)
