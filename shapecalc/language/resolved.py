"""What the values of a file stand for: expressions are evaluated, and each is checked for its place."""

from __future__ import annotations

from typing import Any, TypeAlias

from shapecalc.errors import ArchitectureError, written
from shapecalc.language.expressions import Expression, Scope
from shapecalc.language.operators import is_true
from shapecalc.layers.schemes import Scheme, read_scheme
from shapecalc.symbolic import Dim, Expr
from shapecalc.symbolic.rational import MADE_WHOLE, Rational

Value: TypeAlias = "int | float | bool | str | None | Expression | tuple[Value, ...]"
"""A value as a file gives it: a constant, a word, an expression, or a list of these."""


def resolve(value: Value, scope: Scope) -> Any:
    """The value with its expressions evaluated."""
    if isinstance(value, Expression):
        return value(scope)
    if isinstance(value, tuple):
        return tuple(resolve(item, scope) for item in value)
    return value


def told_apart(value: Any) -> object:
    """A key that tells values apart: 1, 1.0 and True are equal, and not the same argument."""
    return value if type(value) is int or isinstance(value, Expr) else repr(value)


def copies_of(value: Any) -> int:
    """The value of `times`; ArchitectureError if it is no number of copies."""
    if type(value) is int and value >= 0:
        return value
    hint, found = None, written(value)
    if isinstance(value, Expr):
        hint = "the number of copies decides which layers there are: give a number"
    elif isinstance(value, Rational):
        hint, found = MADE_WHOLE, value.explained
    raise ArchitectureError(f"times must be a whole number of at least 0, not {found}", hint=hint)


def is_frozen(value: Any) -> bool:
    """The value of `frozen`; ArchitectureError if it is neither true nor false."""
    if isinstance(value, bool):
        return value
    raise ArchitectureError(f"frozen must be true or false, not {written(value)}")


def is_there(value: Any) -> bool:
    """The value of `when`; ArchitectureError if it is no condition."""
    try:
        return is_true(value)
    except ArchitectureError as error:
        raise error.about("when") from None


def stored_as(value: Any) -> Scheme | None:
    """The value of `weights`: int4 or int8 with their scales, or None; ArchitectureError if it is neither."""
    try:
        return read_scheme(value)
    except ArchitectureError as error:
        raise error.about("weights") from None


CHANNELS = "channels"
"""In an expression, the size of axis 1 of the tensor that enters the step, or the block."""


def with_channels(scope: Scope, channels: Dim | None) -> Scope:
    """The scope with `channels`, those of the step's input; a parameter called so takes precedence."""
    return scope if channels is None or CHANNELS in scope else {**scope, CHANNELS: channels}


def names_in(value: Value) -> frozenset[str]:
    """The parameters that a value depends on."""
    if isinstance(value, Expression):
        return value.names
    if isinstance(value, tuple):
        return frozenset().union(*map(names_in, value))
    return frozenset()
