"""Loops: `for: i, width in enumerate(widths)` beside a step, of which each value makes a copy.

    loop = NAME ("," NAME)* "in" list
    list = "[" item ("," item)* "]" | value | "range(" (value ",")? value ")"
         | "reversed(" list ")" | "enumerate(" list ")" | "zip(" list ("," list)* ")"

An item is a list or a value, as anywhere in a file; the value in place of a list is a parameter that is one.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError, listed, written
from shapecalc.language.expressions import Scope
from shapecalc.language.pieces import outside, split
from shapecalc.language.resolved import Value, resolve
from shapecalc.language.values import Words, is_name, read_value
from shapecalc.language.yaml_nodes import Scalar, Source, YamlNode, kind
from shapecalc.symbolic.rational import MADE_WHOLE, Rational

MOST_TURNS = 40_000
"""Copies of one loop: each is executed by itself, where those of `times` may be alike."""

_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_FORM = "write for: width in widths, for: i in range(4) or for: width in [64, 128]"
_QUOTED = "in { } and [ ], where a comma ends a value, the loop is quoted, or the head that it is in"
_FEW = 20
_DEEPEST = 20  # lists and functions within each other


class Call(NamedTuple):
    """A function that makes a list."""

    function: str
    arguments: tuple[Listed, ...]
    text: str


Listed: TypeAlias = "Value | Call | tuple[Listed, ...]"
"""What stands after `in`, or an item of it."""


class Loop(NamedTuple):
    """The variables of a loop, and the list that they go through."""

    names: tuple[str, ...]
    items: Listed
    node: Scalar
    """The list, as it is written."""

    def scopes(self, scope: Scope) -> Sequence[Scope]:
        """The values that each copy sees: those of `scope`, and the loop's variables.

        Raises:
            ArchitectureError: it goes over no list, over too long a one, or over items of other lengths.
        """
        items = _list(_evaluate(self.items, scope), self.node.text)
        _refuse_long(len(items))
        few = len(scope) <= _FEW
        own = map(self.values, items)
        return [{**scope, **o} if few else ChainMap(o, scope) for o in own]  # type: ignore[arg-type]

    def values(self, item: Any) -> dict[str, Any]:
        """The values of the variables for an item."""
        if len(self.names) == 1:
            return {self.names[0]: item}
        if not isinstance(item, tuple) or len(item) != len(self.names):
            found = f"{len(item)} values" if isinstance(item, tuple) else f"one value, {written(item)}"
            message = f"for: {listed(self.names)} are {len(self.names)} names, and an item has {found}"
            raise ArchitectureError(message)
        return dict(zip(self.names, item, strict=True))


def read_loop(node: YamlNode, source: Source, scope: Mapping[str, Any], words: Words) -> Loop:
    """The loop of a step, whose list may use the names in `scope`.

    Raises:
        ArchitectureError: it is of another form.
    """
    if not isinstance(node, Scalar):
        raise source.error(f"for must be names in a list, not {kind(node)}", node, _FORM)
    found = next(outside(node.text, r"(?<!\S)in(?!\S)"), None)
    if found is None:
        place = source.place_of(node)
        cut = place.text[place.column - 1 :].removeprefix(node.text).lstrip().startswith(",")
        hint = f"{_FORM}; {_QUOTED}" if cut else _FORM
        raise source.error(f"for must be names in a list, not {kind(node)}", node, hint)
    names = split(node, source, ",", 0, found.start())
    for number, name in enumerate(names):
        if not is_name(name.text) or name.text in [other.text for other in names[:number]]:
            raise source.error(f"for: {name.text!r} is no new name of a variable", name, _FORM)
    items = source.part(node, found.end(), len(node.text))
    if not names or not items.text:
        raise source.error(f"for must be names in a list, not {kind(node)}", node, _FORM)
    reader = _ListReader(source, scope, words)
    return Loop(tuple([name.text for name in names]), reader.read(items), items)


class _ListReader:
    def __init__(self, source: Source, scope: Mapping[str, Any], words: Words) -> None:
        self.source = source
        self.scope = scope
        self.words = words

    def read(self, node: Scalar, depth: int = 0) -> Listed:
        text = node.text
        if depth > _DEEPEST:
            raise self.source.error(f"for: more than {_DEEPEST} levels of lists", node)
        if text.count("(") > text.count(")") or text.count("[") > text.count("]"):
            raise self.source.error(f"for: a bracket of {text} is not closed", node, _QUOTED)
        call = _CALL.fullmatch(text)
        if text.startswith("[") and text.endswith("]"):
            return tuple(
                [self.read(item, depth + 1) for item in split(node, self.source, ",", 1, len(text) - 1)]
            )
        if call and call[1] in _FUNCTIONS:
            arguments = split(node, self.source, ",", *call.span(2))
            fewest, most = _COUNTS[call[1]]
            if not fewest <= len(arguments) <= most:
                hint = f"{call[1]} takes {_TAKES[call[1]]}"
                raise self.source.error(f"for: {text} has {len(arguments)} arguments", node, hint)
            return Call(call[1], tuple([self.read(argument, depth + 1) for argument in arguments]), text)
        return read_value(node, self.source, self.scope, self.words)


def _evaluate(items: Listed, scope: Scope) -> Any:
    if isinstance(items, Call):
        return _FUNCTIONS[items.function](items, [_evaluate(argument, scope) for argument in items.arguments])
    if isinstance(items, tuple):
        return tuple([_evaluate(item, scope) for item in items])
    return resolve(items, scope)


def _list(value: Any, text: str) -> Sequence[Any]:
    if isinstance(value, (tuple, range)):
        return value
    hint = f"range({text}) counts up to it" if type(value) is int else _FORM
    raise ArchitectureError(f"for: {text} is {written(value)}, which is no list", hint=hint)


def _refuse_long(length: int) -> None:
    if length > MOST_TURNS:
        message = f"for: the loop has {length:,} copies; at most {MOST_TURNS:,} are executed"
        raise ArchitectureError(message, hint="copies that do the same are written with times")


def _range(call: Call, bounds: list[Any]) -> range:
    for bound in bounds:
        if type(bound) is not int:
            hint = "the number of copies decides which layers there are: give a number"
            hint = MADE_WHOLE if isinstance(bound, Rational) else hint
            raise ArchitectureError(f"for: {call.text}: {written(bound)} is no whole number", hint=hint)
    found = range(*bounds)
    _refuse_long(max(bounds[-1] - (bounds[0] if len(bounds) > 1 else 0), 0))
    return found


def _zip(call: Call, lists: list[Any]) -> tuple[Any, ...]:
    columns = [_list(one, call.text) for one in lists]
    if len({len(column) for column in columns}) > 1:
        lengths = listed([str(len(column)) for column in columns])
        raise ArchitectureError(f"for: {call.text}: the lists have {lengths} items, and each needs as many")
    return tuple(zip(*columns, strict=True))


def _one(call: Call, lists: list[Any]) -> Sequence[Any]:
    found = _list(lists[0], call.text.partition("(")[2].removesuffix(")").strip())
    _refuse_long(len(found))
    return found


_FUNCTIONS: dict[str, Callable[[Call, list[Any]], Sequence[Any]]] = {
    "range": _range,
    "reversed": lambda call, lists: tuple(reversed(_one(call, lists))),
    "enumerate": lambda call, lists: tuple(enumerate(_one(call, lists))),
    "zip": _zip,
}
_COUNTS = {"range": (1, 2), "reversed": (1, 1), "enumerate": (1, 1), "zip": (1, 100)}
_TAKES = {
    "range": "a number of copies, or the first number and the one after the last",
    "reversed": "one list",
    "enumerate": "one list",
    "zip": "lists of the same length",
}
