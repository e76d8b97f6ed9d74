"""Whole-number expressions, the arithmetic that a YAML file may write where a number is wanted.

    sum    = term (("+" | "-") term)*
    term   = factor (("*" | "//") factor)*
    factor = number | name | name "." number | "-" factor | "(" sum ")"
           | ("min" | "max") "(" sum ("," sum)* ")"

`widths.0` is the first value of the list `widths`.
Parsed by hand into a tree of closures; nothing is ever given to `eval`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Any, TypeAlias

from shapecalc.errors import ArchitectureError, quoted, written
from shapecalc.symbolic import Dim, Expr, least, maximum, minimum
from shapecalc.tensors import LARGEST

Scope: TypeAlias = Mapping[str, Any]
"""The values of the names that an expression may use."""

_Term: TypeAlias = Callable[[Scope], Any]

_TOKEN = re.compile(r"\s*(?:([0-9]+)|([A-Za-z_]\w*(?:\.[0-9]+)?)|(//|[-+*(),]))")
_HINT = "whole-number arithmetic knows + - * // ( ) min max, numbers and the names of parameters"
_HINTS = {"/": "division is //, of whole numbers", "[": "the first value of a list is written widths.0"}
_COMMA = 'a pair is written [3, 3]; in { } and [ ], an expression with a comma is quoted: "max(a, b)"'
_LONGEST = 500
_DEEPEST = 40
_FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {"min": minimum, "max": maximum}
_OPERATORS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}


class Expression:
    """A parsed expression: the names it uses, and its value once these have values."""

    __slots__ = ("_value", "names", "text")

    def __init__(self, text: str, names: frozenset[str], value: _Term) -> None:
        self.text = text
        self.names = names
        self._value = value

    def __call__(self, scope: Scope) -> Any:
        """The value in `scope`: a whole number, or, for a bare name, whatever it stands for."""
        return self._value(scope)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse `text`.

    Raises:
        ArchitectureError: it is no expression of the grammar above; the error has no place yet.
    """
    if len(text) > _LONGEST:
        raise ArchitectureError(f"an expression of {len(text):,} characters; {_LONGEST} are allowed")
    parser = _Parser(text)
    value = parser.sum()
    if parser.token:
        raise parser.error(f"unexpected {parser.token!r}")
    return Expression(text, frozenset(parser.names), value)


class _Parser:
    """Reads a text by the grammar above, a method for each of its rules."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self.position = 0
        self.depth = 0
        self.token = ""
        self.advance()

    def error(self, found: str, hint: str = _HINT) -> ArchitectureError:
        return ArchitectureError(f"{found} in {quoted(self.text)}", hint=hint)

    def advance(self) -> str:
        """Step to the next token and return the one left behind; the token after the last is empty."""
        left = self.token
        match = _TOKEN.match(self.text, self.position)
        if match:
            self.position = match.end()
            self.token = match.group().strip()
        elif self.text[self.position :].strip():
            character = self.text[self.position :].strip()[0]
            hint = _HINTS.get(character, _HINT)
            raise self.error(f"unexpected {character!r}", hint)
        else:
            self.token = ""
        return left

    def expect(self, token: str) -> None:
        if self.token != token:
            raise self.error(f"{token!r} is missing", _COMMA)
        self.advance()

    def sum(self) -> _Term:
        return self.chain(("+", "-"), lambda: self.chain(("*", "//"), self.factor))

    def chain(self, operators: tuple[str, ...], operand: Callable[[], _Term]) -> _Term:
        value = operand()
        while self.token in operators:
            value = _binary(_OPERATORS[self.advance()], value, operand(), self.text)
        return value

    def factor(self) -> _Term:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"more than {_DEEPEST} levels of nesting")
        value = self.operand()
        self.depth -= 1
        return value

    def operand(self) -> _Term:
        token = self.advance()
        if token == "-":
            return _binary(operator.sub, lambda _: 0, self.factor(), self.text)
        if token == "(":
            value = self.sum()
            self.expect(")")
            return value
        if token in _FUNCTIONS and self.token == "(":
            return self.call(_FUNCTIONS[token])
        if token.isdigit():
            return self.number(token)
        name, dot, index = token.partition(".")
        if name.isidentifier():
            self.names.add(name)
            return self.item(name, index) if dot else lambda scope: scope[name]
        raise self.error(f"a number or a name is missing{f' before {token!r}' if token else ''}")

    def call(self, function: Callable[[Dim, Dim], Dim]) -> _Term:
        self.expect("(")
        operands = [self.sum()]
        while self.token == ",":
            self.advance()
            operands.append(self.sum())
        self.expect(")")
        return reduce(lambda a, b: _binary(function, a, b, self.text), operands)

    def item(self, name: str, digits: str) -> _Term:
        """A value of a list, by its zero-based index, as in paths."""
        text = self.text
        index: int = self.number(digits)({})

        def value(scope: Scope) -> Any:
            values = scope[name]
            if not isinstance(values, tuple):
                raise ArchitectureError(f"{quoted(text)}: {name} is no list, but {written(values)}")
            if index >= len(values):
                count = f"{len(values)} value{'s'[: len(values) != 1]}"
                hint = f"the first is {name}.0, the last {name}.{len(values) - 1}" if values else None
                raise ArchitectureError(f"{quoted(text)}: {name} has {count}", hint=hint)
            return values[index]

        return value

    def number(self, token: str) -> _Term:
        if len(token) > 1 and token.startswith("0"):
            raise self.error(f"{token[:20]}: a number has no leading zeros")
        if len(token) > len(str(LARGEST)) or int(token) > LARGEST:
            raise self.error("a number that is too large")
        value = int(token)
        return lambda _: value


def _binary(function: Callable[[Dim, Dim], Dim], left: _Term, right: _Term, text: str) -> _Term:
    def value(scope: Scope) -> Dim:
        a, b = left(scope), right(scope)
        for operand in (a, b):
            if type(operand) is not int and not isinstance(operand, Expr):
                raise ArchitectureError(f"{quoted(text)}: {written(operand)} is no whole number")
        if function is operator.floordiv and isinstance(b, Expr) and (least(b) or 0) < 1:
            raise ArchitectureError(f"{quoted(text)} may divide by zero: {b} is not always at least 1")
        try:
            result = function(a, b)
        except ZeroDivisionError:
            raise ArchitectureError(f"{quoted(text)} divides {a} by zero") from None
        if isinstance(result, int) and abs(result) > LARGEST:
            raise ArchitectureError(f"{quoted(text)} is too large: sizes stay below 2**63")
        return result

    return value
