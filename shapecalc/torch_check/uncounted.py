"""The operations that torch's FlopCounterMode has no formula for, with formulas of our own.

It knows convolutions, matrix products of two matrices, and attention. A matrix times a vector, a dot
product and the trilinear form of Bilinear have no entry in its table, and count as nothing.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch


def _trilinear(first: Any, weight: Any, *_: Any, **__: Any) -> int:
    """For each of the leading elements, o · i · j products of first_i · weight_oij · second_j."""
    return int(2 * prod(first[:-1]) * prod(weight))


def _mv(matrix: Any, *_: Any, **__: Any) -> int:
    return int(2 * prod(matrix))


def _addmv(_: Any, matrix: Any, *__: Any, **___: Any) -> int:
    return int(2 * prod(matrix))


def _dot(first: Any, *_: Any, **__: Any) -> int:
    return int(2 * prod(first))


UNCOUNTED = {
    torch.ops.aten._trilinear: _trilinear,
    torch.ops.aten.mv: _mv,
    torch.ops.aten.addmv: _addmv,
    torch.ops.aten.dot: _dot,
}
"""torch's operation → its FLOPs, two for each product, of the shapes of its arguments."""
