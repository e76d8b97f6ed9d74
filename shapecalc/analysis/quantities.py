"""Numbers with a prefix and a unit, as people write them: 600M, 1.5 GiB, 900 GB/s, 19.5 TFLOP/s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

COUNT = ("",)
SIZE = ("", "B", "b")
"""Bytes as they are typed."""
MEMORY, BANDWIDTH = ("B",), ("B/s",)
"""Bytes of datasheets, in which b is a bit."""
OPERATIONS = ("FLOP/s", "FLOPS", "OP/s", "OPS")
_PREFIXES: Mapping[str, int] = {"": 1} | {
    f"{letter}{binary}": base**power
    for power, letter in enumerate("kmgtpe", start=1)
    for binary, base in (("", 1000), ("i", 1024))
}
"""In small letters, for both: M is 10^6, whichever is written, since nothing here is a thousandth."""
_QUANTITY = re.compile(r"([-+]?[0-9]{1,9999}(?:\.[0-9]{1,9999})?) *([A-Za-z/]*)")


class Quantity(NamedTuple):
    """A number as it is written, and what stands behind it."""

    number: str
    suffix: str

    def of(self, units: tuple[str, ...]) -> Fraction | None:
        """The value in one of these units, with its prefix; None if it is in another."""
        for unit in units:
            power = _PREFIXES.get(self.suffix.removesuffix(unit).lower())
            if power and self.suffix.endswith(unit):
                return Fraction(Decimal(self.number)) * power
        return None


def read_quantity(text: str) -> Quantity | None:
    """What a text says, whatever its unit is; None if it is no number with letters behind it."""
    match = _QUANTITY.fullmatch(text.strip())
    return Quantity(match[1], match[2]) if match else None
