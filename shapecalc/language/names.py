"""The names of tensors: those that a step reads, and those that a body binds, each once."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Mapping

from shapecalc.errors import nearest, quoted
from shapecalc.language.block import Signature
from shapecalc.language.expressions import Expression
from shapecalc.language.tree import Name
from shapecalc.language.values import identifier, is_name, read_value
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlNode

_ELEMENT = re.compile(r"\s*([A-Za-z_]\w*)\.(\w+|\(.*\))\s*")


def read_name(node: YamlNode, source: Source, scope: Collection[str], what: str) -> Name:
    """A tensor's name, or an element's, `skip.i` or `skip.(i - 1)`, whose index is of the names in `scope`.

    `what` says in an error what the name is for.
    """
    element = _ELEMENT.fullmatch(node.text) if isinstance(node, Scalar) else None
    if element is None or not is_name(element[1]) or not isinstance(node, Scalar):
        return Name(identifier(node, source, what), node)
    index = source.part(node, *element.span(2))
    value = read_value(index, source, scope)
    if not isinstance(value, (int, Expression)) or isinstance(value, bool):
        raise source.error(f"{what}: {quoted(node.text)} has no index", index, "write skip.0 or skip.i")
    return Name(element[1], node, value)


def read_names(node: YamlNode, source: Source, scope: Collection[str], what: str) -> tuple[Name, ...]:
    """A name, or a list of them."""
    items = node.items if isinstance(node, YamlList) else [node]
    if not items:
        raise source.error(f"{what} must be a name or a list of names", node)
    return tuple([read_name(item, source, scope, what) for item in items])


class Bound:
    """The names that one body binds, so that a second tensor of a name is refused."""

    def __init__(self, source: Source, given: Mapping[str, str], reserved: Collection[str]) -> None:
        """`given`: the names that are there at first, and what bears each; `reserved`: those of no tensor."""
        self.source = source
        self.reserved = reserved
        self.known = dict(given)
        self.families: dict[str, str] = {}
        """The names with elements, each of which may be bound again and again."""

    def __len__(self) -> int:
        return len(self.known)

    def __contains__(self, name: object) -> bool:
        return name in self.known or name in self.families

    def bind(self, name: Name, *, perhaps: bool = False) -> None:
        """Note a name that a step gives to a tensor; `perhaps`: it has a condition."""
        if name.text in self.reserved:
            raise self.source.error(f"as: {name.text} means something already", name.node, "another name")
        step = f"a step on line {name.node.mark.line + 1}"
        if name.index is None:
            self.refuse_taken(name, ChainMap(self.known, self.families), perhaps)
            self.known[name.text] = step
        else:
            self.refuse_taken(name, self.known, perhaps)
            self.families.setdefault(name.text, f"the elements of {step}")

    def refuse_taken(self, name: Name, known: Mapping[str, str], perhaps: bool) -> None:
        if name.text in known:
            hint = "each tensor of a body has a name of its own"
            if perhaps:
                hint += f"; of one or the other: seq as {name.text}: [first when norm, second when not norm]"
            message = f"the name {quoted(name.text)} is taken by {known[name.text]}"
            raise self.source.error(message, name.node, hint)

    def require(self, name: Name, block: str, signature: Signature) -> None:
        """Refuse a tensor that a block would give, and does not bind."""
        known = self.known if name.index is None else self.families
        if name.text not in known:
            gives = "it gives tensors: those before a semicolon in its head, and those that as names"
            if name.text in signature.parameters:
                head = f"{block}({name.text};)"
                gives = f"{name.text} is a value: tensors stand before a semicolon in the head: {head}"
            hint = nearest(name.text, known) or gives
            message = f"the block {block} gives {name.text}, and no tensor in it is named so"
            raise self.source.error(message, name.node, hint)
