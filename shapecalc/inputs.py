"""The text of an input: `1x3x224x224`, `Nx128:int64`, `Nx3x4*hx4*w`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shapecalc.errors import ArchitectureError, nearest
from shapecalc.expressions import Expression, Scope, parse_expression
from shapecalc.tensors import BYTES, LARGEST, Tensor

DEFAULT_DTYPE = "float32"
_MOST_AXES = 64  # torch's own bound


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Sizes as expressions, and a dtype, None where none is written."""

    text: str
    sizes: tuple[Expression, ...]
    dtype: str | None

    def tensor(self, scope: Scope, dtype: str = DEFAULT_DTYPE) -> Tensor:
        """The tensor with the sizes evaluated; `dtype` is for a text that has none.

        Raises:
            ArchitectureError: a size is symbolic or not positive.
        """
        symbols = sorted(frozenset().union(*(size.names for size in self.sizes)) - scope.keys())
        if symbols:
            raise ArchitectureError(
                f"the input {self.text} has symbolic sizes: {', '.join(symbols)}",
                hint="give numbers in their place with --input; a symbolic size has no x in its name",
            )
        sizes = tuple(size(scope) for size in self.sizes)
        for size in sizes:
            if type(size) is not int or not 1 <= size <= LARGEST:
                raise ArchitectureError(f"the input {self.text} has a size of {size}: sizes are at least 1")
        return Tensor(sizes, self.dtype or dtype)


def parse_input(text: str) -> InputSpec:
    """Parse the text of an input.

    Raises:
        ArchitectureError: it is not of the form above; the error has no place yet.
    """
    shape, _, dtype = text.strip().partition(":")
    dtype = dtype.strip()
    if ":" in text and dtype not in BYTES:
        hint = nearest(dtype, BYTES) or f"dtypes: {', '.join(BYTES)}"
        raise ArchitectureError(f"{dtype!r} in the input {text!r} is no dtype", hint=hint)
    parts = [part.strip() for part in re.split("[x×]", shape)]
    if not all(parts) or len(parts) > _MOST_AXES:
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        raise ArchitectureError(
            f"{shown!r} is no input shape",
            hint="sizes joined by x, as in 1x3x224x224; a symbolic size has no x in its name",
        )
    return InputSpec(text, tuple(map(parse_expression, parts)), dtype or None)
