"""The values and the input tensors that a network is analysed with: the file's own, or given ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from shapecalc.errors import ArchitectureError, UsageError, nearest, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.expressions import Scope
from shapecalc.language.inputs import DEFAULT_DTYPE, InputSpec, checked, parse_input
from shapecalc.symbolic import Dim, Expr
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor

OneInput: TypeAlias = "str | Sequence[Dim] | Tensor"
Given: TypeAlias = "OneInput | Mapping[str, OneInput] | None"
"""The first input, or inputs by their names; the others are as in the file."""


def inputs_of(
    architecture: Architecture, input: Given = None, parameters: Mapping[str, Any] | None = None
) -> dict[str, Tensor]:
    """The inputs that `analyse` would take; the same arguments, the same errors of them."""
    with collecting():
        return scope_and_inputs(architecture, input, parameters)[1]


def scope_and_inputs(
    architecture: Architecture, input: Given, parameters: Mapping[str, Any] | None
) -> tuple[Scope, dict[str, Tensor]]:
    """The values of the file's parameters, and the inputs.

    A given input decides the parameters that the file writes as its sizes.
    """
    scope = architecture.scope(parameters)
    inputs = _inputs(architecture, input, scope)
    if input is None:
        return scope, inputs
    sizes: dict[str, Dim] = {}
    for name, own in architecture.inputs.items():
        for expression, size in zip(own.sizes, inputs[name].shape, strict=False):
            parameter = expression.text
            if parameter not in scope or parameter in (parameters or {}) or scope[parameter] == size:
                continue
            if sizes.setdefault(parameter, size) != size:
                both = f"{sizes[parameter]} and {size}"
                raise UsageError(f"the inputs differ in {parameter}, which is {both} in them")
    return (architecture.scope({**(parameters or {}), **sizes}) if sizes else scope), inputs


def _inputs(architecture: Architecture, given: Given, scope: Scope) -> dict[str, Tensor]:
    """The network's inputs; a given text without a dtype keeps the one in the file."""
    if given is None:
        given = {}
    elif not isinstance(given, Mapping):
        given = {next(iter(architecture.inputs)): given}
    for name in map(str, given):
        if name not in architecture.inputs:
            hint = nearest(name, architecture.inputs) or f"inputs: {', '.join(architecture.inputs)}"
            raise UsageError(f"{architecture.name} has no input {quoted(name)}", hint=hint)
    tensors = {}
    # What an input decides is a symbol in the one given, other parameters are what they are.
    decided = architecture.decided
    known = {name: value for name, value in scope.items() if name not in decided}
    for name, own in architecture.inputs.items():
        if name in given:
            tensors[name] = _given_input(given[name], own, known)
            continue
        with architecture.document.placing(architecture.input_nodes[name]):
            tensors[name] = own.tensor(scope)
    return tensors


def _given_input(given: OneInput, own: InputSpec, scope: Scope) -> Tensor:
    dtype = own.dtype or DEFAULT_DTYPE
    try:
        if isinstance(given, str):
            return parse_input(given).tensor(scope, dtype)
        if isinstance(given, Tensor):
            return checked(given)
        if isinstance(given, (list, tuple)) and all(type(size) in (int, Expr) for size in given):
            return checked(Tensor(tuple(given), dtype))
        raise UsageError(f"an input is text such as '1x3x224x224' or a list of sizes, not {given!r}")
    except ArchitectureError as error:
        raise UsageError(error.message, hint=error.hint) from None
