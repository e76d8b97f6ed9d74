"""Nodes of a YAML file → values and names: constants, words, expressions over the names in scope."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Set
from functools import cached_property

from shapecalc.errors import ArchitectureError, UnknownNameError, listed, nearest, quoted, shorten
from shapecalc.language.expressions import KEYWORDS, parse_expression
from shapecalc.language.resolved import Value
from shapecalc.language.yaml_nodes import (
    Scalar,
    Source,
    YamlList,
    YamlMapping,
    YamlNode,
    constant_of,
    is_ambiguous,
    kind,
)
from shapecalc.layers import LAYERS
from shapecalc.layers.schemes import is_scheme

_LONGEST_NAME = 100
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Words(Set[str]):
    """The words that may be a value: of arguments, of `weights`, the names of layer types and blocks."""

    def __init__(self, blocks: Iterable[str] = ()) -> None:
        self.blocks = frozenset(blocks)

    @cached_property
    def all(self) -> frozenset[str]:
        return self.blocks.union(LAYERS, *(f.words for t in LAYERS.values() for f in t.fields.values()))

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        if not text.isidentifier():
            return is_scheme(text)
        return text in LAYERS or text in self.blocks or text in self.all or is_scheme(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)


WORDS = Words()
"""Those of every file, without names of blocks."""


def is_name(text: str, plain: bool = True) -> bool:
    """Whether a text can be the name of a block, a parameter, a tensor; in quotes, `on` and `true` can.

    Words of expressions can't: `not`.
    """
    constant = plain and (is_ambiguous(text) or not isinstance(constant_of(text), str))
    taken = constant or text in KEYWORDS
    return bool(_IDENTIFIER.fullmatch(text)) and len(text) <= _LONGEST_NAME and not taken


def identifier(node: YamlNode, source: Source, what: str) -> str:
    """The name that a node bears; `what` says in an error what it names."""
    if isinstance(node, Scalar) and is_name(node.text, node.plain):
        return node.text
    hint = "a name is letters, digits and _, and begins with no digit"
    if isinstance(node, Scalar) and len(node.text) > _LONGEST_NAME:
        hint = f"a name has at most {_LONGEST_NAME} characters"
    if isinstance(node, Scalar) and node.plain and is_ambiguous(node.text):
        hint = f"{node.text} is a boolean to many readers of YAML: choose another name"
    if isinstance(node, Scalar) and node.text in KEYWORDS:
        hint = f"{', '.join(KEYWORDS)} join conditions: choose another name"
    raise source.error(f"{what} must be a name, not {kind(node)}", node, hint)


def read_text(node: YamlNode, source: Source) -> str:
    if not isinstance(node, Scalar) or not node.text.strip():
        raise source.error(f"text is needed here, not {kind(node)}", node)
    return node.text.strip()


def read_line(node: YamlNode, source: Source) -> str:
    """Text for one line of a terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(read_text(node, source).split()))


def require_mapping(node: YamlNode, source: Source, what: str) -> YamlMapping:
    if not isinstance(node, YamlMapping):
        raise source.error(f"{what} must be a mapping, not {kind(node)}", node)
    return node


def read_value(
    node: YamlNode,
    source: Source,
    scope: Collection[str],
    words: Set[str] = frozenset(),
    numeric: bool = True,
) -> Value:
    """The value of a node: `words` stand for themselves, other text is an expression over `scope`.

    Where no number is wanted, text that is no name in scope stays text, for the argument to judge.
    """
    if isinstance(node, YamlList):
        return tuple([read_value(item, source, scope, words, numeric) for item in node.items])
    if not isinstance(node, Scalar):
        raise source.error(f"a value can't be {kind(node)}", node)
    constant = node.value()
    if not isinstance(constant, str) or (constant not in scope and (constant in words or not numeric)):
        return constant
    try:
        expression = parse_expression(constant)
        unknown = sorted([name for name in expression.names if name not in scope])
        if unknown:
            raise _unknown_name(unknown[0], scope, words, constant)
        return expression if expression.names else expression({})
    except ArchitectureError as error:
        raise error.at(source.place_of(node)) from None


def _unknown_name(name: str, scope: Collection[str], words: Set[str], text: str) -> ArchitectureError:
    hint = nearest(name, [*scope, *sorted(words)])
    if name.lower() in ("inf", "infinity"):
        hint = "infinite numbers are .inf and -.inf, where a layer takes them"
    elif is_ambiguous(name):
        hint = "a flag is written true or false"
    elif isinstance(constant_of(name), bool):
        hint = "true and false stand alone; in an expression a flag is a condition itself: norm, not norm"
    elif hint is None and any(sign in text for sign in ("==", "!=")):
        hint = (
            f"text in an expression stands in single quotes: '{shorten(name)}'; known here: {listed(scope)}"
        )
    elif hint is None:
        hint = f"known here: {listed(scope)}" if scope else "no parameter is known here"
    return UnknownNameError(name, f"the name {quoted(name)} is unknown", hint=hint)
