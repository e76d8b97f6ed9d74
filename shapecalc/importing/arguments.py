"""Arguments of a layer as a file has them: those that are not the defaults, if it can have them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isinf
from typing import Any

from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor


class UnsayableError(Exception):
    """A call or a node that has no form here."""


def fields_of(type_: str) -> Mapping[str, Any]:
    """The fields of a layer type.

    Raises:
        UnsayableError: there is no such type.
    """
    if type_ not in LAYERS:
        raise UnsayableError(f"{type_} is no layer type here")
    return LAYERS[type_].fields


def told(type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a file has: those that are the defaults are left out.

    Raises:
        UnsayableError: there is no such type, or a number is infinite where no file may have one.
    """
    fields = fields_of(type_)
    if any(isinstance(v, float) and not _sayable(fields[k], v) for k, v in arguments.items()):
        raise UnsayableError(f"{type_} takes no infinite numbers")
    return {k: v for k, v in arguments.items() if fields[k].required or not _is_default(fields[k], v)}


def dtype_told(dtype: str, usual: str) -> dict[str, str]:
    """The argument `dtype`, unless a step gives that dtype by itself."""
    return {} if dtype == usual else {"dtype": dtype}


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


def _is_default(field: Any, value: Any) -> bool:
    if value is None or field.default is None:
        return value is None and field.default is None
    return type(value) is type(field.default) and bool(value == field.default)
