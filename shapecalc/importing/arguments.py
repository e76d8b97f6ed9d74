"""Arguments of a layer as a file has them: those that are not the defaults, if it can have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, isinf
from typing import Any, TypeVar

from shapecalc.importing.program import Call, Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor


class UnsayableError(Exception):
    """A call or a node that has no form here."""


Row = TypeVar("Row", bound=Callable[..., Any])


def rows_of(table: dict[str, Row]) -> Callable[..., Callable[[Row], Row]]:
    """What declares rows of a table: `@row("matmul", "mm")` is one for both names."""

    def row(*names: str) -> Callable[[Row], Row]:
        def declare(function: Row) -> Row:
            table.update(dict.fromkeys(names, function))
            return function

        return declare

    return row


def fields_of(type_: str) -> Mapping[str, Any]:
    """The fields of a layer type.

    Raises:
        UnsayableError: there is no such type.
    """
    if type_ not in LAYERS:
        raise UnsayableError(f"{type_} is no layer type here")
    return LAYERS[type_].fields


def told(type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a file has.

    Raises:
        UnsayableError: there is no such type, or a number is infinite where no file may have one.
    """
    fields = fields_of(type_)
    if any(isinstance(v, float) and not _sayable(fields[k], v) for k, v in arguments.items()):
        raise UnsayableError(f"{type_} takes no infinite numbers")
    return without_defaults(type_, arguments)


def without_defaults(type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are not what a layer type takes where they are left out."""
    fields = LAYERS[type_].fields if type_ in LAYERS else {}
    usual = {k: field.default for k, field in fields.items() if not field.required}
    return {k: v for k, v in arguments.items() if k not in usual or not _same(v, usual[k])}


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def dtype_told(dtype: str, usual: str) -> dict[str, str]:
    """The argument `dtype`, unless a step gives that dtype by itself."""
    return {} if dtype == usual else {"dtype": dtype}


def stored(kind: str, name: str, value: Value, path: str = "") -> Call:
    """The step that makes a weight of the module's, a parameter or a buffer: that is the value."""
    given = {"shape": [*value.known.shape], **dtype_told(value.known.dtype, "float32")}
    return Call(kind, given, [], [value], {"weight": name}, path)


def of_one_number(number: Any, wanted: Tensor) -> tuple[str, dict[str, Any]]:
    """The type and the arguments of the step that makes a tensor whose elements are all one number."""
    size = {"size": [*wanted.shape]}
    if number in (0, 1):
        return "ones" if number else "zeros", {**size, **dtype_told(wanted.dtype, "float32")}
    usual = "int64" if isinstance(number, int) else "float32"
    return "full", {**size, "fill_value": number, **dtype_told(wanted.dtype, usual)}


def _sayable(field: Any, value: float) -> bool:
    """Whether a file may have a number there: .inf stands for few arguments, and nothing for nan."""
    return isfinite(value) or (field.infinite and isinf(value))
