"""How long a forward pass really takes, beside the time that a device can't be below."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from shapecalc.analysis.compare.verdicts import Timed
from shapecalc.analysis.memory.prediction import check_dtype
from shapecalc.analysis.roofline.bound import roofline
from shapecalc.analysis.roofline.device import Device, devices
from shapecalc.engine.results import Analysis
from shapecalc.errors import UnavailableError, UsageError
from shapecalc.torch_check.network import Network, build

Measure: TypeAlias = Callable[[Network, Sequence[Any]], int]
"""The nanoseconds of the fastest forward pass of a network on inputs."""
_DTYPES = ("bfloat16", "float16", "float32")
"""The first of them that a device has a peak for is what a network is run in: in float32, libraries may
take an algorithm for convolutions that multiplies fewer factors."""
_WARMING, _RUNS = 3, 10
_HINT = "--roof NAME or FILE.yaml says what it can do"


def figures_of(device: Any) -> Device:
    """The device that comes with shapecalc under the name that torch gives a GPU.

    Raises:
        UsageError: there is none, or it is no GPU.
    """
    if device.type != "cuda":
        raise UsageError(f"--roofline: no figures are known of what {device} runs on", hint=_HINT)
    name = torch.cuda.get_device_name(device)
    found = [known for known in devices() if known.cuda == name]
    if not found:
        raise UsageError(f"--roofline: no figures are known of {name}", hint=_HINT)
    return found[0]


def timed(analysis: Analysis, device: Any, known: Device, measure: Measure | None = None) -> Timed:
    """A forward pass that is measured, and its bound.

    Args:
        analysis: a network with numbers for its sizes.
        device: torch's device.
        known: what it can do.
        measure: gives the nanoseconds of the fastest pass; unless given they are measured.

    Raises:
        ArchitectureError: torch has no kernel of a layer for the dtype.
        UnavailableError: the device can't run the network.
    """
    if device.type == "meta":
        raise UsageError("--roofline: on meta nothing is computed", hint="--device cuda")
    dtype = next((d for d in _DTYPES if any(peak.dtype == d for peak in known.peaks)), _DTYPES[-1])
    bound = roofline(analysis, known, dtype).at_least
    check_dtype(analysis, dtype)
    try:
        with warnings.catch_warnings(action="ignore"), torch.inference_mode():
            network, inputs = _ready(analysis, device, dtype)
            found = (measure or fastest)(network, inputs)
    except (RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise UnavailableError(f"--roofline: {analysis.name} can't be run in {dtype}: {reason}") from None
    return Timed(known.title, dtype, bound.seconds, found)


def _ready(analysis: Analysis, device: Any, dtype: str) -> tuple[Network, list[Any]]:
    """The network on the device, its weights 0, and inputs."""
    network = build(analysis).converted(dtype)
    network.requires_grad_(False)
    return network.on(device), network.samples(device)


def fastest(network: Network, inputs: Sequence[Any]) -> int:
    """The nanoseconds of the fastest of some passes, each waited for."""
    wait = torch.cuda.synchronize if any(x.is_cuda for x in inputs) else _nothing
    found = []
    for _ in range(_WARMING + _RUNS):
        wait()
        start = time.perf_counter_ns()
        network(*inputs, observe=_nothing)
        wait()
        found.append(time.perf_counter_ns() - start)
    return min(found[_WARMING:])


def _nothing(*_: Any) -> None:
    """On a CPU nothing is waited for, and of a pass that is timed nothing is looked at."""
