"""Expressions of a file as expressions of Python, where these mean the same."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from shapecalc.exporting.literals import Text
from shapecalc.language.expressions import Expression
from shapecalc.symbolic import Expr

_BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CALLS = {"min": min, "max": max}


def in_python(expression: Expression, names: Mapping[str, Text]) -> Text | None:
    """The expression over these names; None if it uses others, or has no counterpart that is as exact."""
    if not expression.names <= names.keys():
        return None
    try:
        tree = ast.parse(expression.text.strip(), mode="eval").body
    except SyntaxError:
        return None
    if not _is_plain(tree):
        return None
    renamed = _Renamed(names).visit(tree)
    return Text(ast.unparse(renamed))


def of_formula(formula: Expr, letters: Mapping[str, str]) -> Text | None:
    """A size in letters as an expression over these names; None if it has others, or no exact counterpart."""
    tree = _Quotients().visit(ast.parse(formula.ascii(), mode="eval").body)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not _is_plain(tree) or not names <= letters.keys():
        return None
    return Text(ast.unparse(_Renamed({letter: Text(name) for letter, name in letters.items()}).visit(tree)))


class _Quotients(ast.NodeTransformer):
    """`floor(a/b)` and `ceil(a/b)` as Python has them for whole numbers."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        inside = node.args[0]
        if not (isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Div)):
            return node
        a, b = inside.left, inside.right
        if ast.unparse(node.func) == "floor":
            return ast.BinOp(a, ast.FloorDiv(), b)
        below = ast.BinOp(ast.UnaryOp(ast.USub(), a), ast.FloorDiv(), b)
        return ast.UnaryOp(ast.USub(), below) if ast.unparse(node.func) == "ceil" else node


def value_of(text: Text, values: Mapping[str, Any]) -> Any:
    """The value of an expression under these values of its names; None if it is no number."""
    try:
        return _value(ast.parse(text, mode="eval").body, values)
    except (TypeError, ZeroDivisionError, KeyError, NotImplementedError):
        return None


_NODES = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Load),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)


def _is_plain(tree: ast.AST) -> bool:
    """Whether it is of whole numbers and names, without a quotient."""
    nodes = [*ast.walk(tree)]
    whole = all(
        isinstance(node, _NODES) or (isinstance(node, ast.Constant) and type(node.value) is int)
        for node in nodes
    )
    return whole and not any(isinstance(node, ast.Div) for node in nodes)


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, Text]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        text = self.names.get(node.id)
        return node if text is None else ast.parse(text, mode="eval").body


def _value(node: Any, values: Mapping[str, Any]) -> Any:
    """The value of a node: what its kind does with the values of its parts."""
    kind = _KINDS.get(type(node))
    if kind is None:
        raise NotImplementedError
    return kind(node, values)


def _logical(node: ast.BoolOp, values: Mapping[str, Any]) -> bool:
    found = [_value(item, values) for item in node.values]
    return all(found) if isinstance(node.op, ast.And) else any(found)


def _signed(node: ast.UnaryOp, values: Mapping[str, Any]) -> Any:
    value = _value(node.operand, values)
    return (not value) if isinstance(node.op, ast.Not) else -value


_KINDS: Mapping[type[ast.AST], Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: lambda node, values: values[node.id],
    ast.BinOp: lambda node, values: _BINARY[type(node.op)](
        _value(node.left, values), _value(node.right, values)
    ),
    ast.Compare: lambda node, values: _BINARY[type(node.ops[0])](
        _value(node.left, values), _value(node.comparators[0], values)
    ),
    ast.UnaryOp: _signed,
    ast.BoolOp: _logical,
    ast.Call: lambda node, values: _CALLS[node.func.id](*[_value(item, values) for item in node.args]),
}
