"""Matrices of weights that are stored in 8 or 4 bits with scales, as whole numbers or as fp8: their bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.layers.weights import Weight
from shapecalc.symbolic import Dim
from shapecalc.tensors import BYTES, check_multiple

BITS = {"int8": 8, "int4": 4, "fp8": 8}
SCALE = "float16"
"""The dtype of scales, as in the files of GPTQ, AWQ and llama.cpp (Q4_0, Q8_0)."""
AS_THEY_ARE = "float32"
"""In the place of a scheme: no matrix is stored otherwise."""
PATTERN = r"(int8|int4|fp8)(?::([1-9][0-9]{0,8}))?(\+zeros)?"
FORMS = "int8, int4 or fp8, by groups as in int4:128, with zero points as in int4:128+zeros"
_SCHEME = re.compile(PATTERN, re.ASCII)


class Scheme(NamedTuple):
    """A dtype of weights, and what shares a scale: so many inputs of an output feature, or all of them."""

    dtype: str
    group: int | None = None
    zeros: bool = False
    """Whether each scale has a zero point beside it, of the dtype of the weights."""

    def __str__(self) -> str:
        group = "" if self.group is None else f":{self.group}"
        return f"{self.dtype}{group}{'+zeros' if self.zeros else ''}"

    def packed(self, elements: Dim) -> Dim:
        """Bytes of so many elements of one tensor; where two share a byte, the last one may have its own."""
        return elements if BITS[self.dtype] == 8 else (elements + 1) // 2

    def check(self, weight: Weight, hint: str) -> None:
        """Refuse a matrix (*, out_features, in_features) whose input features groups do not divide.

        Of input features that are a formula, that is a condition.
        """
        if self.group is not None:
            message = f"groups of {self.group} do not divide the {{0}} input features of the weight"
            check_multiple(weight.shape[-1], self.group, message, hint, why="groups of inputs have a scale")

    def scales(self, weight: Weight) -> Dim:
        """How many scales a matrix has that passes the check."""
        return weight.elements // (weight.shape[-1] if self.group is None else self.group)

    def sizes(self, weight: Weight) -> tuple[Dim, Dim, Dim]:
        """Bytes of a matrix, of its scales and of their zero points."""
        scales = self.scales(weight)
        zeros = self.packed(scales) if self.zeros else 0
        return self.packed(weight.elements), scales * BYTES[SCALE], zeros


def read_scheme(value: object) -> Scheme | None:
    """The scheme that `int4`, `int4:128` or `int4:128+zeros` names; None for `float32`, which names none.

    Raises:
        ArchitectureError: it is something else.
    """
    if value == AS_THEY_ARE:
        return None
    match = _SCHEME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        found = quoted(value) if isinstance(value, str) else f"{value}"
        raise ArchitectureError(f"{found} is no dtype of weights", hint=FORMS)
    dtype, group, zeros = match.groups()
    if zeros and dtype == "fp8":
        raise ArchitectureError("fp8 has no zero points", hint="fp8, or fp8:128 by groups")
    return Scheme(dtype, None if group is None else int(group), zeros is not None)


def is_scheme(text: str) -> bool:
    """Whether a text names a scheme."""
    return _SCHEME.fullmatch(text) is not None


def matrices(ends: tuple[str, ...], weights: Mapping[str, Weight]) -> tuple[str, ...]:
    """The names of the weights that a scheme stores otherwise: those with one of these ends."""
    dotted = tuple([f".{end}" for end in ends])
    return tuple([name for name in weights if f".{name}".endswith(dotted)])


def size_in_bytes(weight: Weight, scheme: Scheme | None, sizes: Mapping[str, int] = BYTES) -> Dim:
    """Bytes of a weight, of one under a scheme those of its scales too; `sizes` are those of dtypes."""
    if scheme is None:
        return weight.elements * sizes[weight.dtype]
    matrix, scales, zeros = scheme.sizes(weight)
    return matrix + scales + zeros
