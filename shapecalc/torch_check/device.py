"""Devices of torch: whether one is there, and whether a network fits into its free memory."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from shapecalc.allocation.mode import Mode
from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.liveness import Releases
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import ArchitectureError, UnavailableError, UsageError
from shapecalc.symbolic import number

KINDS = ("cpu", "cuda", "meta", "mps")


def find_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UsageError: it is no name of a device.
        UnavailableError: this machine, or this build of torch, has none.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in KINDS:
        raise UsageError(f"{name!r} is no device", hint=f"devices: {', '.join(KINDS)}, or cuda:1")
    if device.type == "cuda":
        _require_cuda(device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise UnavailableError("the device mps is not available here: it needs Apple's Metal")
    return device


def _require_cuda(device: Any) -> None:
    if not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        reason = "no GPU was found" if built else f"torch {torch.__version__} is built without CUDA"
        raise UnavailableError(
            f"the device {device} is not available here: {reason} (--device cpu and meta run anywhere)"
        )
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise UnavailableError(f"there is no device {device}: this machine has {count}")


def describe(device: Any) -> str:
    """The device with the name of its hardware, if it has one."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def require_memory(analysis: Analysis, device: Any) -> None:
    """Refuse a network that can't fit into the device's free memory, before anything of it is allocated.

    Raises:
        UnavailableError: its weights and the tensors between layers alive at once need more than is free.
    """
    free = free_bytes(device)
    needed = number(analysis.weight_bytes()) + _tensor_bytes(analysis)
    if free is not None and needed > free:
        raise UnavailableError(
            f"{analysis.name} needs at least {_gib(needed)} of memory, {device} has {_gib(free)} free",
            hint="a smaller --input needs less, --device meta none",
        )


def _tensor_bytes(analysis: Analysis) -> int:
    """Bytes of the tensors that layers hand on, most alive at once: fewer will not do, whatever the kernels.

    Of a network that can't be followed through its layers, the bytes of its largest tensor.
    """
    try:
        return max(map(number, _BetweenLayers(analysis, Mode()).alive))
    except ArchitectureError:  # an UnknownError, or one of what torch refuses, which it will say itself
        tensors = chain(analysis.inputs.values(), *[row.outputs for row in analysis.rows])
        return max(number(tensor.bytes) for tensor in tensors)


class _BetweenLayers(Forward):
    """A forward pass that notes the bytes `alive` after each layer, before its inputs are let go."""

    def execute(self, freed: Releases) -> None:
        self.alive = [self.ledger.alive.size]
        super().execute(freed)

    def run(self, number: int, row: Row) -> None:
        super().run(number, row)
        self.alive.append(self.ledger.alive.size)


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"


def free_bytes(device: Any) -> int | None:
    """Bytes that can be allocated on the device, None where nothing says."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    if device.type == "mps":
        limit: int = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return limit
    known = [free for free in (_system_free(), _group_free()) if free is not None]
    return min(known, default=None)


def _system_free() -> int | None:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _group_free() -> int | None:
    """Bytes that the control group of a container still allows."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        return None if limit == "max" else int(limit) - int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return None
