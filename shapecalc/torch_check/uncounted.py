"""The operations that torch's FlopCounterMode has no formula for, with formulas of our own.

It knows convolutions, matrix products of two matrices, and attention. A matrix times a vector, a dot
product, the trilinear form of Bilinear and the kernel of an LSTM on the CPU have no entry in its table, and
count as nothing.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch


def _trilinear(first: Any, weight: Any, *_: Any, **__: Any) -> int:
    """For each of the leading elements, o · i · j products of first_i · weight_oij · second_j."""
    return int(2 * prod(first[:-1]) * prod(weight))


def _each_once(operand: Any, *_: Any, **__: Any) -> int:
    """One product for each element of the first operand."""
    return int(2 * prod(operand))


def _lstm(sequence: Any, into_gates: Any, back_into_gates: Any, *_: Any, **__: Any) -> int:
    """At each place of each sequence, both matrices of one direction of one layer."""
    return int(2 * prod(sequence[:-1]) * (prod(into_gates) + prod(back_into_gates)))


UNCOUNTED = {
    torch.ops.aten._trilinear: _trilinear,
    torch.ops.aten.mv: _each_once,
    torch.ops.aten.addmv: lambda _, *operands, **__: _each_once(*operands),
    torch.ops.aten.dot: _each_once,
    torch.ops.aten.vdot: _each_once,
    torch.ops.aten.mkldnn_rnn_layer: _lstm,
}
"""torch's operation → its FLOPs, two for each product, of the shapes of its arguments."""
