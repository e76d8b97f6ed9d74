"""The probes that slipcover puts into code, kept from changing what it does."""

from __future__ import annotations

import copyreg
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from slipcover import probe, pytest_plugin


def _unheard(_: object) -> tuple[Any, ...]:
    return probe.new, (SimpleNamespace(newly_seen=defaultdict(set)), "", 0, _STAYS)


_STAYS = -1
"""The threshold of a probe that is never taken out."""

# What the command says of the threshold does not reach pytest-xdist's processes. Where a probe is taken out
# of a function that runs, its locals live on: but a layer's allocations are followed by when tensors end.
if pytest_plugin._slipcover_instance:
    pytest_plugin._slipcover_instance.d_miss_threshold = _STAYS

# A function that is sent to another process goes with its probes, which nobody hears there.
copyreg.pickle(type(probe.new(SimpleNamespace(), "", 0, _STAYS)), _unheard)
