"""Numbers, sizes and formulas of a graph as a file has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.importing.program import Text
from shapecalc.symbolic import Expr
from shapecalc.tensors import is_floating


def plain(number: Any) -> Any:
    """A number of numpy's as a file has it: the shortest that is the same in its dtype."""
    if number.dtype.kind == "f":
        return float(str(number))
    return number.item() if number.dtype.kind in "iub" else None


def of_dtype(number: Any, dtype: str) -> Any:
    """A number beside a tensor: beside real ones a whole float is written as a whole number."""
    if isinstance(number, float) and number.is_integer() and is_floating(dtype) and abs(number) < 2**53:
        return int(number)
    return number


def alike(values: Sequence[Any]) -> Any:
    """Of equal numbers one, else the list of them."""
    items = list(values)
    return items[0] if items and all(type(x) is int and x == items[0] for x in items) else items


def text(value: Any) -> Any:
    """An argument as a file has it: of a formula its text."""
    if isinstance(value, list):
        return [text(item) for item in value]
    return Text(value.ascii()) if isinstance(value, Expr) else value


def sized(value: Any) -> Any:
    """An argument as a layer takes it: tuples in place of lists."""
    return tuple(map(sized, value)) if isinstance(value, list) else value
