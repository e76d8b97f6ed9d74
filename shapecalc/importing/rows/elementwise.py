"""Activations, arithmetic and other functions of elements."""

from __future__ import annotations

from typing import Any

from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import ROWS, Lowering, Row, as_number, is_mask, of_two, row
from shapecalc.importing.program import Value
from shapecalc.layers import LAYERS
from shapecalc.tensors import Tensor

_MODULES = {
    "celu": "CELU",
    "elu": "ELU",
    "gelu": "gelu",
    "glu": "GLU",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU",
    "logsigmoid": "LogSigmoid",
    "mish": "Mish",
    "relu": "relu",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "sigmoid",
    "silu": "silu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "tanh",
}


def _activation(name: str, type_: str) -> Row:
    def make(to: Lowering, input: Value, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        fields = [key for key in LAYERS[type_].fields if key != "inplace"]
        given = {**dict(zip(fields, args, strict=False)), **kwargs}
        if "inplace" in LAYERS[type_].fields:
            given["inplace"] = inplace
        return to.step(type_, input, **given)

    make.__name__ = name
    return make


ROWS.update({name: _activation(name, type_) for name, type_ in _MODULES.items()})


def _join(type_: str) -> Row:
    def make(to: Lowering, input: Any, other: Any, *, alpha: Any = 1, rounding_mode: Any = None) -> Any:
        if alpha != 1 or rounding_mode is not None:
            raise UnsayableError(f"{type_} with alpha or rounding_mode")
        return of_two(to, type_, input, other)

    return make


ROWS.update({name: _join(name) for name in ("add", "sub", "mul", "div", "pow")})


def _of_two(type_: str) -> Row:
    def make(to: Lowering, input: Any, other: Any) -> Any:
        return of_two(to, type_, input, other)

    return make


ROWS.update({name: _of_two(name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "remainder", "fmod")})


def _logical(type_: str) -> Row:
    def make(to: Lowering, input: Value, other: Any) -> Any:
        if not is_mask(input) or not is_mask(other):
            raise UnsayableError("bits of whole numbers")
        return to.step(type_, input, other)

    return make


for _name in ("and", "or", "xor"):
    for _form in (_name, f"bitwise_{_name}"):
        ROWS[_form] = _logical(f"logical_{_name}")


@row("clamp")
def _clamp(to: Lowering, input: Value, min: Any = None, max: Any = None) -> Any:
    """Between two numbers; a bound that is a tensor is chosen where an element is beyond it."""
    sides = {"min": as_number(to, min), "max": as_number(to, max)}
    y = input
    for compare, bound in zip(("lt", "gt"), sides.values(), strict=True):
        if isinstance(bound, Value):
            beyond = to.inner(compare, y, bound, gives=Tensor(to.shapes[0].shape, "bool"))
            y = to.inner("where", beyond, bound, y, gives=to.shapes[0])
    numbers = {key: plain(bound) for key, bound in sides.items() if not isinstance(bound, Value)}
    return to.step("clamp", y, **numbers) if any(v is not None for v in numbers.values()) else y


def _chosen(compare: str) -> Row:
    def make(to: Lowering, input: Value, other: Value) -> Any:
        first = to.inner(compare, input, other, gives=Tensor(to.shapes[0].shape, "bool"))
        return to.step("where", first, input, other)

    return make


ROWS.update({"maximum": _chosen("gt"), "minimum": _chosen("lt")})


@row("invert", "bitwise_not")
def _invert(to: Lowering, input: Value) -> Any:
    if not is_mask(input):
        raise UnsayableError("bits of whole numbers")
    return to.step("logical_not", input)


@row("round")
def _round(to: Lowering, input: Value, *, decimals: int = 0) -> Any:
    if decimals:
        raise UnsayableError("round with decimals")
    return to.step("round", input)


@row("softmax", "log_softmax")
def _softmax(to: Lowering, input: Value, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    return to.step("log_softmax" if "log" in to.name else "softmax", input, dim=dim)


@row("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout")
def _dropout(to: Lowering, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    return input
