"""The numbers that a dtype can hold: torch refuses to convert others."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.tensors import is_floating

GREATEST = {
    "uint8": 255,
    "int8": 127,
    "int16": 2**15 - 1,
    "int32": 2**31 - 1,
    "int64": 2**63 - 1,
    "float16": 65504.0,
    "bfloat16": 255 * 2.0**120,
    "float32": (2 - 2.0**-23) * 2.0**127,
}
"""The greatest number of each dtype; a float64 holds every number of a file."""


def check_fits(value: float, dtype: str, name: str) -> None:
    """Refuse an argument that torch can't convert to the dtype it computes in."""
    if dtype not in GREATEST:
        return
    high = GREATEST[dtype]
    low = 0 if dtype == "uint8" else -high - (not is_floating(dtype))
    if not low <= value <= high:
        raise ArchitectureError(f"{name} is {value:g}, which {dtype} can't hold", argument=name)


def computed_in(dtype: str) -> str:
    """The dtype that torch's kernels compute in: half-precision ones in float32."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype
