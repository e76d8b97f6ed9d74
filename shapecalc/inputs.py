"""The text of an input: `1x3x224x224`, `Nx128:int64`, `Nx3x4*hx4*w`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shapecalc.errors import ArchitectureError, listed, nearest, quoted, shorten, written
from shapecalc.expressions import Expression, Scope, parse_expression
from shapecalc.tensors import BYTES, MOST_AXES, Tensor, check_size

DEFAULT_DTYPE = "float32"


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
                f"the input {shorten(self.text)} has symbolic sizes: {listed(symbols)}",
                hint="give numbers in their place with --input; a symbolic size has no x in its name",
            )
        sizes = tuple(size(scope) for size in self.sizes)
        for size in sizes:
            if type(size) is not int or size < 1:
                raise ArchitectureError(
                    f"the input {shorten(self.text)} has a size of {written(size)}: sizes are at least 1"
                )
        tensor = Tensor(sizes, self.dtype or dtype)
        check_size(tensor)
        return tensor


def parse_input(text: str) -> InputSpec:
    """Parse the text of an input.

    Raises:
        ArchitectureError: it is not of the form above; the error has no place yet.
    """
    shape, _, dtype = text.strip().partition(":")
    dtype = dtype.strip()
    if ":" in text and dtype not in BYTES:
        hint = nearest(dtype, BYTES) or f"dtypes: {', '.join(BYTES)}"
        raise ArchitectureError(f"{quoted(dtype)} in the input {quoted(text)} is no dtype", hint=hint)
    parts = [part.strip() for part in re.split("[x×]", shape)]
    try:
        if not all(parts) or len(parts) > MOST_AXES:
            raise ArchitectureError("")
        sizes = tuple(map(parse_expression, parts))
    except ArchitectureError:
        raise ArchitectureError(
            f"{quoted(text)} is no input shape",
            hint="sizes joined by a small x, as in 1x3x224x224; a symbolic size has no x in its name",
        ) from None
    return InputSpec(text, sizes, dtype or None)
