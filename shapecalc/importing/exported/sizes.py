"""Sizes that hang on symbols, as sympy writes them in a program: `Mul(Integer(2), Symbol('s0'))`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from shapecalc.errors import ArchitectureError, quoted

_LONGEST = 2_000


def _product(numbers: Sequence[int]) -> int:
    return reduce(lambda a, b: a * b, numbers, 1)


_FUNCTIONS: Mapping[str, Callable[[Sequence[int]], int]] = {
    "Integer": lambda n: n[0],
    "Add": sum,
    "Mul": _product,
    "Pow": lambda n: n[0] ** n[1] if 0 <= n[1] <= 64 and abs(n[0]) < 2**63 else _wrong(),
    "FloorDiv": lambda n: n[0] // n[1],
    "CleanDiv": lambda n: n[0] // n[1],
    "CeilDiv": lambda n: -(-n[0] // n[1]),
    "Mod": lambda n: n[0] % n[1],
    "PythonMod": lambda n: n[0] % n[1],
    "Max": max,
    "Min": min,
}


def _wrong() -> int:
    raise ValueError


_FAILURES = (
    *(ValueError, TypeError, KeyError, IndexError, SyntaxError),
    *(ArithmeticError, RecursionError, MemoryError),
)


def value(text: str, symbols: Mapping[str, int]) -> int:
    """What an expression is for these values of its symbols.

    Raises:
        ArchitectureError: it has a function that is not known here, or a symbol without a value.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError
        return _value(ast.parse(text, mode="eval").body, symbols)
    except _FAILURES:
        raise ArchitectureError(f"the size {quoted(text)} is no expression that is known here") from None


def _value(node: Any, symbols: Mapping[str, int]) -> int:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, symbols)
    if isinstance(node, ast.Constant):
        if type(node.value) is not int:
            raise ValueError
        return node.value
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError
    if node.func.id == "Symbol":
        return symbols[symbol(node)]
    return _FUNCTIONS[node.func.id]([_value(argument, symbols) for argument in node.args])


def symbol(node: ast.Call) -> str:
    name = node.args[0]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        raise ValueError
    return name.value


def symbol_alone(text: str) -> str | None:
    """The symbol that an expression is by itself, if it is one."""
    try:
        node = ast.parse(text, mode="eval").body if len(text) <= _LONGEST else None
        alone = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Symbol"
        return symbol(node) if alone and isinstance(node, ast.Call) else None
    except (ValueError, SyntaxError, IndexError, RecursionError, MemoryError):
        return None
