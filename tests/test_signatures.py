"""The arguments of each type, their order and their defaults against the signature that torch declares."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.fields import Flag, Inferred, Trailing
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from shapecalc.torch_check.functions import function_of
from shapecalc.torch_check.modules import module_class
from tests.families.base import shown

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature(layer_type: type[Layer]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of torch's class or function, None where they are not declared in Python."""
    name = layer_type.function
    try:
        called = function_of(name) if name else module_class(layer_type.__name__)
        declared = dict(inspect.signature(called).parameters)
    except ValueError:
        return None
    if layer_type.wraps:
        argument, inner = layer_type.wraps
        kept = {name: parameter for name, parameter in declared.items() if name != argument}
        declared = {**(signature(LAYERS[inner]) or {}), **kept}
    return None if any(parameter.kind in VARIADIC for parameter in declared.values()) else declared


def cases() -> Iterator[tuple[str, Mapping[str, inspect.Parameter]]]:
    for name in sorted(LAYERS):
        if LAYERS[name].measured:  # which torch has not
            continue
        declared = signature(LAYERS[name])
        if LAYERS[name].fields and declared and name not in OWNED:
            yield name, declared


OWNED = ("parameter", "buffer")
"""Their shape is that of the tensor that torch is given."""

CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_arguments_are_those_of_torch(name: str) -> None:
    declared, layer_type = CASES[name], LAYERS[name]
    fields = {n: field for n, field in layer_type.fields.items() if n not in layer_type.called_with}
    assert [*fields] == [argument for argument in declared if argument in fields]
    for argument, field in fields.items():
        default = declared[argument].default
        if isinstance(field, (Inferred, Trailing)):
            continue  # left out in a file, required in torch
        assert field.required is (default is inspect.Parameter.empty), argument
        if not field.required:
            assert field.default == getattr(default, "__name__", default), argument


def test_most_types_are_compared() -> None:
    """Most functions of torch, and recurrent layers, declare no parameters."""
    assert len(CASES) > 110


OTHERWISE = {
    "concat": "it joins channels unless told otherwise",
    "dropout": "it is the identity, as in evaluation",
    "parameter": "its argument is a shape",
    "buffer": "its argument is a shape",
}
"""Functions that are not called as torch's are by default, and why."""

FUNCTIONS = [
    name
    for name in sorted(LAYERS)
    if LAYERS[name].function and not LAYERS[name].measured and name not in OTHERWISE
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_left_out_of_a_function_is_what_torch_takes(name: str) -> None:
    """Its signature may be unknown, so it is called with all arguments, and with those that were written."""
    layer_type = LAYERS[name]
    _, arguments, inputs = shown(layer_type)
    try:
        layer = layer_type(**{n: arguments[n] for n in layer_type.required()})
    except ArchitectureError:  # it needs more than that
        layer = layer_type(**arguments)
    keywords = layer.keywords()
    written = {n: keywords[n] for n in keywords if n in layer.given}
    assert outcome(layer, inputs, written) == outcome(layer, inputs, keywords)


def outcome(layer: Layer, inputs: Sequence[Tensor], keywords: Mapping[str, Any]) -> Any:
    """What torch makes of the inputs: sizes and values as text, in which nan is itself; or a refusal."""
    function = function_of(str(layer.function))
    tensors = [torch.linspace(1, 2, number(x.elements)).reshape(x.shape) for x in inputs]
    try:
        with warnings.catch_warnings(action="ignore"):  # of a default that was another one
            made = function(*layer.feed(*tensors), **keywords)
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error)
    return [str(y.tolist()) for y in (made if isinstance(made, tuple) else (made,))]


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_true_is_no_number(name: str) -> None:
    """Python takes it for 1."""
    axes = LAYERS[name].axes
    for field in LAYERS[name].fields.values():
        assert (field.accept(True, axes) is True) is isinstance(field, Flag)
        for count in (1, max(1, axes), max(2, 2 * axes)):
            assert field.accept([True] * count, axes) is None


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_single_value_is_the_output_size(axes: int) -> None:
    shape = "x".join(["2", "4", *["9"] * axes])
    for kind in ("Avg", "Max"):
        text = f"{{input: {shape}, layers: [Adaptive{kind}Pool{axes}d: 3]}}"
        assert shapecalc.analyse(shapecalc.parse(text)).outputs[0].shape == (2, 4, *[3] * axes)
