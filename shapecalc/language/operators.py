"""What the operators and functions of expressions do with values: exact arithmetic, comparisons, conditions.

A value is a size, a rational, a float (the decimal that the file has), true or false, text, null or a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, TypeAlias

from shapecalc.errors import ArchitectureError, written
from shapecalc.symbolic import Expr
from shapecalc.symbolic.rational import (
    Number,
    Rational,
    ceiled,
    divided,
    divisible,
    exactly,
    floored,
    greater,
    is_below,
    is_equal,
    lesser,
    letters_of,
    modulo,
    parts,
    rounded,
    rounded_log,
    square_root,
)
from shapecalc.tensors import LARGEST

_GREATEST_EXPONENT = 63  # 2**63 is beyond all sizes
_GREATEST_OF_LETTERS = 8  # a power of a sum is a sum of many products

Operation: TypeAlias = Callable[..., Any]
"""Values → the value of an operator or a function of them; ArchitectureError where there is none."""


class UndecidedError(ArchitectureError):
    """It depends on the values of symbols whether a condition holds."""


def number_of(value: Any) -> Number:
    """A value as a number of exact arithmetic."""
    if type(value) is int or isinstance(value, (Expr, Rational)):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return within(exactly(value))
    if isinstance(value, float):
        hint = "it stands alone, as a value of masked_fill, where, full or clamp"
        raise ArchitectureError(f"{written(value)} is no number to calculate with", hint=hint)
    raise ArchitectureError(f"{written(value)} is no number")


def within(value: Number) -> Number:
    """A number, if its parts are no larger than sizes are."""
    over, by = parts(value)
    if isinstance(over, int) and abs(over) > LARGEST:
        raise ArchitectureError("it is too large: sizes stay below 2**63")
    if by > LARGEST:
        raise ArchitectureError("it is too fine a fraction: its parts stay below 2**63")
    return value


def _arithmetic(function: Callable[..., Number]) -> Operation:
    def value(*operands: Any) -> Number:
        numbers = [number_of(operand) for operand in operands]
        try:
            return within(function(*numbers))
        except ZeroDivisionError:
            raise ArchitectureError(f"it divides {numbers[0]} by zero") from None

    return value


def _folded(function: Callable[[Number, Number], Number]) -> Operation:
    """A function of two or more numbers."""
    return _arithmetic(lambda *numbers: reduce(function, numbers))


def _ordered(sign: str, function: Callable[[Number, Number], bool | None]) -> Operation:
    def value(first: Any, second: Any) -> bool:
        if isinstance(first, str) and isinstance(second, str):
            raise ArchitectureError("text has no order", hint="text is compared by == and != alone")
        _refuse_mixed(first, second)
        return _decided(function, sign, number_of(first), number_of(second))

    return value


def _decided(
    function: Callable[[Number, Number], bool | None], sign: str, first: Number, second: Number
) -> bool:
    found = function(first, second)
    if found is not None:
        return found
    letters = letters_of(first, second)
    hint = "a condition decides what the network is: it must hold for all sizes, or for none"
    raise UndecidedError(
        f"whether {first} {sign} {second} holds depends on {', '.join(letters)}: give a number", hint=hint
    )


def _refuse_mixed(first: Any, second: Any) -> None:
    """Refuse to compare values of different kinds."""
    kinds = _kind(first), _kind(second)
    if kinds[0] != kinds[1]:
        both = f"{kinds[0]}, {_shown(first)}, with {kinds[1]}, {_shown(second)}"
        raise ArchitectureError(f"it compares {both}", hint=_hint_of(kinds))


def _hint_of(kinds: tuple[str, str]) -> str | None:
    if "true or false" in kinds:
        return "a flag is a condition itself: norm, not norm"
    if "text" in kinds:
        return "text is compared with text, in single quotes: act == 'ReLU'"
    return "compare one value of the list: widths.0 == 64" if "a list" in kinds else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, tuple):
        return "a list"
    return "nothing" if value is None else "a number"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else written(value)


def _equal(first: Any, second: Any, sign: str) -> bool:
    _refuse_mixed(first, second)
    if isinstance(first, (str, bool)):
        return bool(first == second)
    if isinstance(first, tuple):
        raise ArchitectureError("lists are not compared", hint="compare their values: widths.0 == 64")
    return _decided(is_equal, sign, number_of(first), number_of(second))


def power(base: Number, exponent: Number) -> Number:
    """The exact power; one of a whole exponent below 0 is a fraction.

    Raises:
        ArchitectureError: the exponent is no small whole number, or there is no such power.
    """
    if type(exponent) is not int:
        hint = "sqrt is the root of a square"
        raise ArchitectureError(f"an exponent is a whole number, not {exponent}", hint=hint)
    number = isinstance(parts(base)[0], int)
    most = _GREATEST_EXPONENT if number else _GREATEST_OF_LETTERS
    if abs(exponent) > most:
        raise ArchitectureError(f"an exponent is at most {most}, not {exponent}")
    if exponent < 0 and base == 0:
        raise ArchitectureError("0 has no power below 0")
    found: Number = 1
    for _ in range(abs(exponent)):
        found = within(found * base)
    return found if exponent >= 0 else divided(1, found)


def is_true(value: Any) -> bool:
    """The value of a condition.

    Raises:
        ArchitectureError: it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    hint = "write x != 0" if not isinstance(value, (str, tuple)) and value is not None else None
    raise ArchitectureError(f"{_shown(value)} is no condition", hint=hint)


def _not_below(first: Number, second: Number) -> bool | None:
    below = is_below(first, second)
    return None if below is None else not below


OPERATORS: Mapping[str, Operation] = MappingProxyType(
    {
        "+": _arithmetic(lambda a, b: a + b),
        "-": _arithmetic(lambda a, b: a - b),
        "*": _arithmetic(lambda a, b: a * b),
        "/": _arithmetic(divided),
        "//": _arithmetic(floored),
        "%": _arithmetic(modulo),
        "**": _arithmetic(power),
        "==": lambda a, b: _equal(a, b, "=="),
        "!=": lambda a, b: not _equal(a, b, "!="),
        "<": _ordered("<", is_below),
        "<=": _ordered("<=", lambda a, b: _not_below(b, a)),
        ">": _ordered(">", lambda a, b: is_below(b, a)),
        ">=": _ordered(">=", _not_below),
        "not": lambda value: not is_true(value),
    }
)

FUNCTIONS: Mapping[str, tuple[int, int | None, Operation]] = MappingProxyType(
    {
        "min": (1, None, _folded(lesser)),
        "max": (1, None, _folded(greater)),
        "divisible": (2, 3, _arithmetic(divisible)),
        "round": (1, 1, _arithmetic(rounded)),
        "ceil": (1, 1, _arithmetic(ceiled)),
        "floor": (1, 1, _arithmetic(floored)),
        "rounded_log": (2, 2, _arithmetic(rounded_log)),
        "sqrt": (1, 1, _arithmetic(square_root)),
    }
)
"""Each with the least and the greatest number of values that it takes, and what it does."""
