"""Values for the parameters of a file; what replaces a default must be of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapecalc.errors import ArchitectureError, UsageError, quoted, written
from shapecalc.language import document
from shapecalc.language.expressions import parse_expression
from shapecalc.language.inputs import check_symbol
from shapecalc.language.resolved import resolve
from shapecalc.language.tree import Argument
from shapecalc.language.values import WORDS
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping
from shapecalc.symbolic import Expr, symbol
from shapecalc.symbolic.rational import Rational

_KINDS = {
    **dict.fromkeys((int, Expr), "a whole number"),
    **dict.fromkeys((float, Rational), "a number"),
    bool: "true or false",
}


def values_of(
    parameters: Mapping[str, Argument], source: Source, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of parameters, `overrides` in place of their defaults.

    Raises:
        UsageError: an override is of another kind than the default.
        ArchitectureError: a default can't be evaluated.
    """
    scope: dict[str, Any] = {}
    for name, default in parameters.items():
        with source.placing(default.node):
            value = resolve(default.value, scope)
        scope[name] = override(name, overrides[name], value) if name in overrides else value
    return scope


def override(name: str, value: object, default: object) -> object:
    """The value for a parameter, which must be of its default's kind."""
    is_list = _is_table if isinstance(default, tuple) else _is_sizes
    if isinstance(value, (list, tuple)) and is_list(value):
        value = _frozen(value)
    elif isinstance(value, str) and _is_number(default) and value not in WORDS:
        value = _formula(name, value)
    elif type(value) not in (int, float, bool, str, Expr, Rational):
        raise UsageError(
            f"the parameter {name} can't be {written(value)}: a value is one, or a list of these"
        )
    require_kind(name, value, default)
    return value


def require_kind(name: str, value: object, default: object) -> None:
    """Refuse a value that is of another kind than the default.

    Raises:
        UsageError: it is.
    """
    if type(value) is type(default) or {type(value), type(default)} == {int, Expr}:
        return
    if isinstance(default, (float, Rational)) and _is_number(value):
        return
    if _judged_by_a_layer(value) and _judged_by_a_layer(default):
        return
    needed = _KINDS.get(type(default)) or f"of the kind of its default, {written(default)}"
    fraction = type(default) is int and _is_number(value)
    hint = f"its default is {default}; a default of {default}.0 takes fractions" if fraction else None
    raise UsageError(f"the parameter {name} must be {needed}, not {written(value)}", hint=hint)


def _is_number(value: object) -> bool:
    """Whether it is a number, and no formula."""
    return type(value) in (int, float) or (isinstance(value, Rational) and isinstance(value.over, int))


def _formula(name: str, text: str) -> Any:
    """The formula, or the number, that a text in place of a number stands for."""
    try:
        expression = parse_expression(text)
        for own in sorted(expression.names):
            check_symbol(own)
        return expression({own: symbol(own) for own in expression.names})
    except ArchitectureError as error:
        raise UsageError(
            f"the parameter {name} can't be {quoted(text)}: {error.message}", hint=error.hint
        ) from None


def _judged_by_a_layer(value: object) -> bool:
    """Whether it is for a layer to take or refuse: a kernel may be 3 or [3, 5], a padding 2 or same."""
    return type(value) is int or isinstance(value, tuple) or (isinstance(value, str) and value in WORDS)


def _is_sizes(values: Sequence[object]) -> bool:
    """Whether it is a list that may stand for one size: [3, 5] for a kernel of 3."""
    return all(type(item) in (int, Expr) for item in values)


def _is_table(values: Sequence[object]) -> bool:
    """Whether it is a list of numbers, flags and words, or of such lists."""
    return all(
        _is_table(item) if isinstance(item, (list, tuple)) else type(item) in (int, float, bool, str, Expr)
        for item in values
    )


def _frozen(values: Sequence[object]) -> tuple[object, ...]:
    return tuple([_frozen(item) if isinstance(item, (list, tuple)) else item for item in values])


def given_value(text: str) -> object:
    """What the text of a value for a parameter stands for, as in a file: a constant, a word or a list.

    Raises:
        UsageError: it is none of these.
    """
    node = document.read(Source("the value", text))
    if node is None:
        raise UsageError(f"{quoted(text)} is no value for a parameter")
    return _constants(node, text)


def _constants(node: Scalar | YamlList | YamlMapping, text: str) -> object:
    if isinstance(node, Scalar):
        return node.value()
    if isinstance(node, YamlMapping):
        raise UsageError(f"{quoted(text)} is no value for a parameter")
    return tuple([_constants(item, text) for item in node.items])
