"""What torch allocates and keeps to run a layer, in bytes.

A layer's `run` is written with a `Trace`, on which torch's functions make and take a `Value`.
"""

from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Value

__all__ = ["Trace", "Value"]
