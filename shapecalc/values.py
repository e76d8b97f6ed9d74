"""Nodes of a YAML file → values and names: constants, words, expressions over the names in scope."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shapecalc import document
from shapecalc.document import Node, Scalar, Sequence, Source, kind
from shapecalc.errors import ArchitectureError, nearest
from shapecalc.expressions import Expression, parse_expression
from shapecalc.layers import LAYERS
from shapecalc.steps import Value

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS: frozenset[str] = frozenset().union(*(f.words for t in LAYERS.values() for f in t.fields.values()))
"""Words that mean something to an argument of some layer, and so may be handed through a block."""


def identifier(node: Node, source: Source, what: str) -> str:
    """The name that a node bears; `what` says in an error what it names."""
    text = node.text if isinstance(node, Scalar) and isinstance(node.value(), str) else ""
    if IDENTIFIER.fullmatch(text) and not (isinstance(node, Scalar) and node.ambiguous):
        return text
    hint = "a name is letters, digits and _, and begins with no digit"
    if isinstance(node, Scalar) and node.ambiguous:
        hint = f"{node.text} is a boolean to many readers of YAML: choose another name"
    raise source.error(f"{what} must be a name, not {kind(node)}", node, hint)


def require_mapping(node: Node, source: Source, what: str) -> document.Mapping:
    if not isinstance(node, document.Mapping):
        raise source.error(f"{what} must be a mapping, not {kind(node)}", node)
    return node


def read_value(
    node: Node, source: Source, scope: Iterable[str], words: frozenset[str] = frozenset()
) -> Value:
    """The value of a node: `words` stand for themselves, other text is an expression over `scope`."""
    if isinstance(node, Sequence):
        return tuple(read_value(item, source, scope, words) for item in node.items)
    if not isinstance(node, Scalar):
        raise source.error(f"a value can't be {kind(node)}", node)
    constant = node.value()
    if not isinstance(constant, str) or constant in words:
        return constant
    try:
        expression = parse_expression(constant)
    except ArchitectureError as error:
        raise error.at(source.place_of(node)) from None
    unknown = sorted(expression.names.difference(scope))
    if unknown:
        raise unknown_name(unknown[0], node, source, scope)
    return expression if expression.names else constant_value(expression, node, source)


def constant_value(expression: Expression, node: Node, source: Source) -> Value:
    try:
        value: Value = expression({})
    except ArchitectureError as error:
        raise error.at(source.place_of(node)) from None
    return value


def unknown_name(name: str, node: Scalar, source: Source, scope: Iterable[str]) -> ArchitectureError:
    if node.ambiguous:
        return source.error(f"{name!r} is no value", node, "a flag is written true or false")
    known = list(scope)
    hint = nearest(name, known) or (
        f"known here: {', '.join(known)}" if known else "no parameter is known here"
    )
    return source.error(f"the name {name!r} is unknown", node, hint)
