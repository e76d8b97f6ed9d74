"""The head of a step: what it is and, as in `encoder times 12`, what else would be written beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from shapecalc.errors import ArchitectureError, listed, nearest, shorten
from shapecalc.language.arguments import BESIDE, PARAMETRIZATIONS
from shapecalc.language.block import Signature
from shapecalc.language.pieces import outside, split
from shapecalc.language.values import identifier, is_name
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode, kind
from shapecalc.layers import LAYERS

GROUP = "seq"
EXPERTS = "experts"
RESERVED = (GROUP, EXPERTS)
"""What is a step in every file: no block, tensor or parameter can stand for another one."""
_BESIDE = "|".join(BESIDE)
_HEAD = re.compile(rf"\s*([\w.]+(?:\([^()]*\))?)\s+(?:{_BESIDE})(?!\S)")
_KEY = rf"(?<!\S)(?:{_BESIDE})(?!\S)"
_CALL = re.compile(r"((?:torch\.)?(?:nn\.)?)(\w+)(\s*[:( ]\s*[\w\[{)].*)?", re.DOTALL)
_EXAMPLES = {
    "times": "times 3",
    "as": "as name",
    "from": "from name",
    "share": "share name",
    "when": "when stride != 1",
    "weights": "weights int4",
    "for": "for width in widths",
}
_LISTS = ("as", "from")


class Written(NamedTuple):
    """A step as the file has it: what it is, its arguments, and the keys beside it or in its head."""

    key: Scalar
    value: YamlNode | None = None
    beside: Mapping[str, YamlNode] = MappingProxyType({})

    @property
    def read(self) -> int:
        """How many tensors it reads by `from`, or else one."""
        names = self.beside.get("from")
        return len(names.items) if isinstance(names, YamlList) else 1


class HeadReader:
    """Reads the head of a step; `blocks`: those of the file, with their signatures."""

    def __init__(self, source: Source, blocks: Mapping[str, Signature]) -> None:
        self.source = source
        self.blocks = blocks

    def is_type(self, name: str) -> bool:
        """Whether a step can be of this type."""
        return name in LAYERS or name in self.blocks or name == GROUP

    def read(self, node: YamlNode) -> Written:
        """A step's parts; the key of its type is the bare word, whatever is written after it."""
        if isinstance(node, Scalar):
            return self.apart(node, None, {})
        if not isinstance(node, YamlMapping):
            hint = "several steps as one are written seq: [first, second]"
            raise self.source.error(f"a step can't be {kind(node)}", node, hint)
        beside = {key: value for key, (_, value) in node.entries.items() if key in BESIDE}
        heads = [entry for key, entry in node.entries.items() if key not in BESIDE]
        if around := next((key for key in PARAMETRIZATIONS if key in beside and not heads), None):
            return self.inside(node, around)
        if not heads:
            message = "a step needs a layer, a block, a join or seq"
            raise self.source.error(message, node, only_read(node))
        if len(heads) > 1:
            raise self.several([key.text for key, _ in heads], heads[1][0])
        return self.apart(*heads[0], beside)

    def inside(self, node: YamlMapping, around: str) -> Written:
        """`weight_norm: [Linear: 4]` is the layer inside, with `weight_norm: true` beside it."""
        key, value = node.entries[around]
        if not isinstance(value, YamlList) or len(value.items) != 1:
            hint = f"{{Linear: 4, {around}: true}}, or around one layer {around}: [Linear: 4]"
            raise self.source.error(f"{around} needs a layer beside it", key, hint)
        layer = self.read(value.items[0])
        beside = {name: own for name, (_, own) in node.entries.items() if name != around}
        for name in beside.keys() & layer.beside.keys():
            raise self.source.error(
                f"{name} stands around the layer and beside it", beside[name], "write it once"
            )
        true = Scalar("true", plain=True, mark=key.mark)
        return layer._replace(beside={**beside, **layer.beside, around: true})

    def is_one(self, node: YamlMapping) -> bool:
        """Whether a mapping has one head, as a step has."""
        return sum(key not in BESIDE for key in node.entries) == 1

    def apart(self, head: Scalar, value: YamlNode | None, beside: Mapping[str, YamlNode]) -> Written:
        """The word of a head, and what follows it beside the step's own keys."""
        found = _HEAD.match(head.text) if " " in head.text else None
        if found is None:
            return Written(head, value, beside)
        start, stop = found.span(1)
        return Written(self.source.part(head, start, stop), value, self.after(head, stop, beside))

    def after(self, head: Scalar, start: int, beside: Mapping[str, YamlNode]) -> dict[str, YamlNode]:
        """Key → node of what stands in a head from `start` on, and of what stands beside the step."""
        found = dict(beside)
        keys = [*(match.span() for match in outside(head.text, _KEY, start)), (len(head.text),) * 2]
        for (begin, end), (stop, _) in pairwise(keys):
            key = self.source.part(head, begin, end)
            if key.text in found:
                where = "and beside the step too" if key.text in beside else "twice"
                raise self.source.error(f"{key.text} stands in the head {where}", key, "write it once")
            found[key.text] = self.piece(key, self.source.part(head, end, stop))
        return found

    def piece(self, key: Scalar, text: Scalar) -> YamlNode:
        """What is written after a key in a head, as it would be beside the step."""
        if not text.text:
            if key.text in ("frozen", *PARAMETRIZATIONS):
                return Scalar("true", True, key.mark)
            raise self.source.error(f"nothing stands after {key.text}", key, f"write {_EXAMPLES[key.text]}")
        return self.names(text) if key.text in _LISTS else text

    def names(self, text: Scalar) -> YamlNode:
        """`a`, or `a, b` with or without brackets."""
        bracketed = text.text.startswith("[") and text.text.endswith("]")
        if not bracketed and "," not in text.text:
            return text
        names = YamlList(text.mark)
        names.items.extend(split(text, self.source, ",", bracketed, len(text.text) - bracketed))
        return names

    def several(self, heads: list[str], second: Scalar) -> ArchitectureError:
        """The error of a step that would be of two types."""
        first, other = heads[:2]
        hint = f"give each step a dash or, in [ ], a comma of its own; beside it go {listed(BESIDE)}"
        takes = self.blocks[first].takes if first in self.blocks else ()
        if (first in LAYERS and other in LAYERS[first].fields) or other in takes:
            hint = f"{other} belongs to {first}: indent it deeper"
        elif not self.is_type(other):
            hint = nearest(other, BESIDE) or hint
            if " " in first and is_name(other):
                hint = f'inside of {{ }} a head with a comma is quoted: "{first}, {other}": …'
        message = f"one step can't be both {shorten(first)} and {shorten(other)}"
        return self.source.error(message, second, hint)

    def word(self, key: Scalar) -> str:
        """The word that says what a step is."""
        if self.is_type(key.text) or is_name(key.text, key.plain):
            return key.text
        hint = self.call_hint(key)
        if key.value() is None:
            hint = "a dash begins a step; [] is the current tensor"
        first = key.text.partition(" ")[0]
        if first in BESIDE:
            hint = f"{first} stands after a layer, a block, a join or seq"
        place = self.source.place_of(key)
        if self.is_type(first) and place.text[place.column - 1 :].strip() == first:  # its own line ends there
            hint = f"write {first}: with a colon: more is indented below it"
        if hint is None:
            return identifier(key, self.source, "a step")
        raise self.source.error(f"a step must be a name, not {kind(key)}", key, hint)

    def call_hint(self, key: Scalar) -> str | None:
        """The hint for a step that is written as in Python, or without a colon before its argument."""
        found = _CALL.fullmatch(key.text.strip())
        if not found or not (found[2] in LAYERS or found[2] in self.blocks):
            return None
        prefix, name, argument = found.groups(default="")
        argument = argument.strip("():, ")
        if prefix and not argument:
            return f"write {name} without {prefix}"
        if not argument:
            return f"write {name} alone"
        first = argument.partition(" ")[0]
        if near := first.isidentifier() and " " in argument and nearest(first, BESIDE):
            return near
        if "," in argument or "=" in argument:
            return f"write {name}: {{argument: value, …}}, each argument by its name"
        start = next((match.start() for match in outside(argument, _KEY)), len(argument))
        own, beside = argument[:start], argument[start:]
        head = f"{name} {beside}".strip()
        return f"write {head}: {shorten(own.strip(), 20)}, with a colon and a space"


def only_read(node: YamlMapping) -> str | None:
    """The hint for a step with nothing but `from`: how a named tensor is written."""
    _, source = node.entries.get("from", (None, None))
    if node.entries.keys() != {"from"} or not isinstance(source, Scalar):
        return None
    name = shorten(source.text)
    return f"a branch is the bare name: [{name}, …]; a step has a layer, a block or a join beside from"
