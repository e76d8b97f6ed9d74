"""Expressions, the arithmetic and the conditions that a YAML file may write where a value is wanted.

    either     = both ("or" both)*
    both       = negated ("and" negated)*
    negated    = "not" negated | comparison
    comparison = sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)?
    sum        = term (("+" | "-") term)*
    term       = factor (("*" | "/" | "//" | "%") factor)*
    factor     = "-" factor | operand ("**" factor)?
    operand    = number | decimal | "'" text "'" | name ("." (number | name))*
               | "(" either ")" | function "(" either ("," either)* ")"
    function   = "min" | "max" | "divisible" | "round" | "ceil" | "floor" | "sqrt"
               | "rounded_log"

`widths.0` is the first value of the list `widths`, `widths.i` that of the index `i`.
Parsed by hand into a tree of closures; nothing is ever given to `eval`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

from shapecalc.errors import ArchitectureError, quoted, written
from shapecalc.language.operators import FUNCTIONS, OPERATORS, Operation, is_true
from shapecalc.symbolic.rational import Rational, quotient
from shapecalc.tensors import LARGEST

Scope: TypeAlias = Mapping[str, Any]
"""The values of the names that an expression may use."""

_Term: TypeAlias = Callable[[Scope], Any]

KEYWORDS = ("and", "or", "not")
_TOKEN = re.compile(
    r"\s*(?:[0-9]+(?:\.[0-9]+)?|[A-Za-z_]\w*(?:\.(?:[0-9]+|[A-Za-z_]\w*))*|'[^']*'|//|\*\*|[=!<>]=|[-+*/%<>(),])"
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_HINT = (
    f"an expression has numbers, names, + - * / // % ** ( ), {' '.join(_COMPARISONS)}, {' '.join(KEYWORDS)}"
)
_HINTS = {
    "[": "the first value of a list is written widths.0",
    "=": "a comparison is written ==",
    "!": "conditions are joined by and, or, not",
    "&": "conditions are joined by and, or, not",
    "|": "conditions are joined by and, or, not",
    '"': "text in an expression stands in single quotes: act == 'ReLU'",
    "'": "text in an expression stands between two single quotes: act == 'ReLU'",
}
_COMMA = 'a pair is written [3, 3]; in { } and [ ], an expression with a comma is quoted: "max(a, b)"'
_LONGEST = 500
_DEEPEST = 40


class Expression:
    """A parsed expression: the names it uses, and its value once these have values."""

    __slots__ = ("_value", "names", "text")

    def __init__(self, text: str, names: frozenset[str], value: _Term) -> None:
        self.text = text
        self.names = names
        self._value = value

    def __call__(self, scope: Scope) -> Any:
        """The value in `scope`: a number, true or false, or, for a bare name, whatever it stands for."""
        value = self._value(scope)
        if isinstance(value, Rational) and not value.origin:
            return Rational(value.over, value.by, self._with_values(scope))
        return value

    def _with_values(self, scope: Scope) -> str:
        """The text and what its names stand for: `width*33 with width 0.75`."""
        values = [f"{name} {written(scope[name])}" for name in sorted(self.names)]
        return f"{self.text} with {', '.join(values)}" if values else self.text

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
    value = parser.either()
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

    def either(self) -> _Term:
        value = self.both()
        while self.token == "or":
            self.advance()
            value = _joined(value, self.both(), self.text, unless=True)
        return value

    def both(self) -> _Term:
        value = self.negated()
        while self.token == "and":
            self.advance()
            value = _joined(value, self.negated(), self.text, unless=False)
        return value

    def negated(self) -> _Term:
        if self.token != "not":
            return self.comparison()
        self.advance()
        with self.deeper():
            return _applied(OPERATORS["not"], [self.negated()], self.text)

    def comparison(self) -> _Term:
        value = self.sum()
        if self.token in _COMPARISONS:
            value = _applied(OPERATORS[self.advance()], [value, self.sum()], self.text)
            if self.token in _COMPARISONS:
                raise self.error("comparisons in a row", "write a < b and b < c")
        return value

    def sum(self) -> _Term:
        return self.chain(("+", "-"), lambda: self.chain(("*", "/", "//", "%"), self.factor))

    def chain(self, operators: tuple[str, ...], operand: Callable[[], _Term]) -> _Term:
        value = operand()
        while self.token in operators:
            value = _applied(OPERATORS[self.advance()], [value, operand()], self.text)
        return value

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """A level of nesting more, inside of the `with`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"more than {_DEEPEST} levels of nesting")
        yield
        self.depth -= 1

    def factor(self) -> _Term:
        with self.deeper():
            if self.token == "-":
                self.advance()
                return _applied(OPERATORS["-"], [lambda _: 0, self.factor()], self.text)
            value = self.operand()
            if self.token != "**":
                return value
            self.advance()
            return _applied(OPERATORS["**"], [value, self.factor()], self.text)

    def operand(self) -> _Term:
        token = self.advance()
        if token == "(":
            value = self.either()
            self.expect(")")
            return value
        if token in FUNCTIONS and self.token == "(":
            return self.call(token)
        if token[:1].isdigit():
            return self.number(token)
        if token.startswith("'"):
            return lambda _: token[1:-1]
        name, *indices = token.split(".")
        if name.isidentifier() and name not in KEYWORDS:
            self.names.add(name)
            return self.item(name, indices)
        raise self.error(f"a number or a name is missing{f' before {token!r}' if token else ''}")

    def call(self, name: str) -> _Term:
        self.expect("(")
        operands = [self.either()]
        while self.token == ",":
            self.advance()
            operands.append(self.either())
        self.expect(")")
        fewest, most, function = FUNCTIONS[name]
        if not fewest <= len(operands) <= (most or len(operands)):
            count = f"{fewest}" if fewest == most else f"{fewest} or {most}"
            hint = f"{name} takes {count} value{'s'[: most != 1]}"
            raise self.error(f"{name} of {len(operands)} value{'s'[: len(operands) != 1]}", hint)
        return _applied(function, operands, self.text)

    def item(self, name: str, indices: list[str]) -> _Term:
        """What a name stands for; with indices, a value of a list: indices begin at 0, as in paths."""
        value: _Term = lambda scope: scope[name]  # noqa: E731
        for position, index in enumerate(indices):
            number = self.number(index) if index.isdigit() else self.item(index, [])
            self.names.update(() if index.isdigit() else (index,))
            value = _indexed(value, number, ".".join([name, *indices[:position]]), self.text)
        return value

    def number(self, token: str) -> _Term:
        whole, _, decimals = token.partition(".")
        if len(whole) > 1 and whole.startswith("0"):
            raise self.error(f"{token[:20]}: a number has no leading zeros")
        value = None
        if len(token) <= len(str(LARGEST)):
            value = quotient(int(whole + decimals), 10 ** len(decimals))
        if value is None or (isinstance(value, int) and value > LARGEST):
            raise self.error("a number that is too large")
        return lambda _: value


def _applied(function: Operation, operands: list[_Term], text: str) -> _Term:
    """The value of an operator or a function of the values of its operands."""

    def value(scope: Scope) -> Any:
        values = [operand(scope) for operand in operands]
        try:
            return function(*values)
        except ArchitectureError as error:
            raise error.about(quoted(text)) from None

    return value


def _joined(left: _Term, right: _Term, text: str, *, unless: bool) -> _Term:
    """`and`, `or`: the condition on the right decides, unless the left one is already false, or true."""
    first, second = (_applied(is_true, [operand], text) for operand in (left, right))
    return lambda scope: unless if first(scope) is unless else second(scope)


def _indexed(values: _Term, index: _Term, name: str, text: str) -> _Term:
    """A value of the list that is called `name`."""

    def value(scope: Scope) -> Any:
        items, number = values(scope), index(scope)
        if not isinstance(items, tuple):
            raise ArchitectureError(f"{quoted(text)}: {name} is no list, but {written(items)}")
        if type(number) is not int:
            raise ArchitectureError(f"{quoted(text)}: an index is a whole number, not {written(number)}")
        if not 0 <= number < len(items):
            count = f"{len(items)} value{'s'[: len(items) != 1]}"
            hint = f"the first is {name}.0, the last {name}.{len(items) - 1}" if items else None
            raise ArchitectureError(f"{quoted(text)}: {name} has {count}", hint=hint)
        return items[number]

    return value
