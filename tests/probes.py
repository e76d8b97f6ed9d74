"""The probes that slipcover puts into code, kept from changing what it does and from taking time."""

from __future__ import annotations

import copyreg
import sys
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from slipcover import Slipcover, probe
from slipcover.importer import SlipcoverMetaPathFinder


def _unheard(_: object) -> tuple[Any, ...]:
    return probe.new, (SimpleNamespace(newly_seen=defaultdict(set)), "", 0, _STAYS)


_STAYS = -1
"""The threshold of a probe that is never taken out."""

# A function that is sent to another process goes with its probes, which nobody hears there.
copyreg.pickle(type(probe.new(SimpleNamespace(), "", 0, _STAYS)), _unheard)


def _listening() -> list[Slipcover]:
    return [finder.sci for finder in sys.meta_path if isinstance(finder, SlipcoverMetaPathFinder)]


# What the command says of the threshold does not reach pytest-xdist's processes. Where a probe is taken out
# of a function that runs, its locals live on: but a layer's allocations are followed by when tensors end.
for slipcover in _listening():
    slipcover.d_miss_threshold = _STAYS


def leave_files_to_workers() -> None:
    """Of a process that hands out tests: files that no test has read are told by each that runs them."""
    for slipcover in _listening():
        slipcover.source = None
