"""The numbers that a dtype can hold: torch refuses to convert others."""

from __future__ import annotations

from math import isinf

from shapecalc.errors import ArchitectureError
from shapecalc.tensors import BYTES, is_floating, real_of

GREATEST_FLOAT = {
    "float16": (2 - 2.0**-10) * 2.0**15,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
}
"""The greatest number of each dtype; a float64 holds every number of a file."""


def bounds(dtype: str) -> tuple[float, float]:
    """The least and the greatest number of a dtype."""
    if is_floating(dtype):
        return -GREATEST_FLOAT[dtype], GREATEST_FLOAT[dtype]
    if dtype == "uint8":
        return 0, 255
    bits = 8 * BYTES[dtype] - 1
    return -(2**bits), 2**bits - 1


def fits(value: float, dtype: str) -> bool:
    """Whether torch converts a number to the dtype; to bool, all that is not 0 is true."""
    dtype = real_of(dtype)
    if dtype in ("bool", "float64"):
        return True
    if isinf(value):
        return is_floating(dtype)
    low, high = bounds(dtype)
    if type(value) is int:
        return (-high if dtype == "uint8" else low) <= value <= high  # there, −1 is 255
    return float(low) <= value <= float(high)  # as torch compares them: 2.0**63 passes for an int64


def check_fits(value: float, dtype: str, name: str) -> None:
    """Refuse an argument that torch can't convert to the dtype."""
    if not fits(value, dtype):
        low, high = bounds(real_of(dtype))
        raise ArchitectureError(f"{name} {value:g} is beyond {dtype}: {low:g} to {high:g}", argument=name)


def computed_in(dtype: str) -> str:
    """The dtype that torch's kernels compute in: half-precision ones in float32."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype
