"""The names of tensors: those that a step reads, and those that a body binds, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shapecalc.errors import nearest, quoted
from shapecalc.language.tree import Name
from shapecalc.language.values import identifier
from shapecalc.language.yaml_nodes import Source, YamlList, YamlNode


def read_name(node: YamlNode, source: Source, what: str) -> Name:
    """A tensor's name; `what` says in an error what it is for."""
    return Name(identifier(node, source, what), node)


def read_names(node: YamlNode, source: Source, what: str) -> tuple[Name, ...]:
    """A name, or a list of them."""
    items = node.items if isinstance(node, YamlList) else [node]
    if not items:
        raise source.error(f"{what} must be a name or a list of names", node)
    return tuple([read_name(item, source, what) for item in items])


class Bound:
    """The names that one body binds, so that a second tensor of a name is refused."""

    def __init__(self, source: Source, given: Mapping[str, str], is_type: Callable[[str], bool]) -> None:
        """`given`: the names that are there from the start, and what bears each."""
        self.source = source
        self.is_type = is_type
        self.known = dict(given)

    def __len__(self) -> int:
        return len(self.known)

    def bind(self, name: Name) -> None:
        if self.is_type(name.text):
            hint = "a name that is no layer type and no block can be told from them in a branch"
            raise self.source.error(f"as: {name.text} means something already", name.node, hint)
        if name.text in self.known:
            hint = "each tensor of a body has a name of its own"
            message = f"the name {quoted(name.text)} is taken by {self.known[name.text]}"
            raise self.source.error(message, name.node, hint)
        self.known[name.text] = f"a step on line {name.node.mark.line + 1}"

    def require(self, name: Name, block: str) -> None:
        """Refuse a tensor that a block would give, and does not bind."""
        if name.text not in self.known:
            hint = nearest(name.text, self.known) or "it gives its tensors, and those that as names in it"
            message = f"the block {block} gives {name.text}, and no tensor in it is named so"
            raise self.source.error(message, name.node, hint)
