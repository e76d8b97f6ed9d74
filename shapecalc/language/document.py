"""YAML text → nodes that know where they stand. The only code that imports yaml.

Built on PyYAML's events rather than its loaders, so that duplicate keys are refused, aliases cost
nothing, every value keeps its place, and plain text stays text: `on`, `yes` and `010` are no surprises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from shapecalc.errors import Place, UsageError, quoted, shorten
from shapecalc.language.yaml_nodes import Mark, Scalar, Source, YamlList, YamlMapping, YamlNode

LARGEST_FILE = 8_000_000  # bytes; with the next line, this keeps the worst file within two seconds
_MOST_NODES = 300_000
_DEEPEST = 60  # levels of nesting

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(source: Source) -> YamlNode | None:
    """The root node of a YAML text, None of an empty one.

    Raises:
        UsageError: the text is not YAML, has more than one document, a key twice, or is too deep.
    """
    try:
        return _Builder(source).build()
    except yaml.MarkedYAMLError as error:
        mark, reason = error.problem_mark or error.context_mark, error.problem or error.context
        if error.context_mark and mark and mark.index >= len(source.text.rstrip()):
            # At the end of the file is where the reader noticed; where it began is what a person looks for.
            mark, reason = error.context_mark, f"{error.context}, {error.problem}"
        if mark and (colon := _missing_colon(source, mark.line)):
            raise colon from None
        place = source.place(mark) if mark else None
        hint = "indent with spaces, not tabs" if place and place.text[: place.column].endswith("\t") else None
        if reason == "mapping values are not allowed in this context":
            hint = "a line is indented deeper than its key allows, or text with a colon in it is not quoted"
        if "','" in str(reason) and place and re.search(r"\sin\s*[\[{]", place.text):
            hint = "inside of [ ] and { } a head with a bracket is quoted"
        raise UsageError(f"this is not YAML: {reason}", hint=hint, place=place) from None
    except UnicodeEncodeError as error:
        raise UsageError(f"{source.name}: character {error.start} is half of a surrogate pair") from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{source.name}: this is not YAML text: {reason}") from None


_BARE = re.compile(r"(?P<before>\s*(?:- +)*)(?P<name>[A-Za-z_][^:#]*?)\s*(?:#.*)?")
_KEY = re.compile(r"(?:- +)*(?P<key>[^\s:#]+)\s*:(?:\s|$)|- ")


def _missing_colon(source: Source, number: int) -> UsageError | None:
    """The error of a name on a line of its own, without a colon, below which a key is indented.

    It is the last line above that is indented less than line `number`, which is where the reader stumbled.
    """
    above = [*enumerate(source.text.splitlines()[: number + 1])]
    _, line = above.pop()
    key = _KEY.match(line.lstrip(" "))
    bare, line = _indented_less(above, line)
    found = _BARE.fullmatch(line)
    if not key or not found or not (found["before"].strip() or _opens(_indented_less(above, line)[1])):
        return None
    name, below = shorten(found["name"]), shorten(key["key"] or "a list")
    place = Place(source.name, bare + 1, found.start("name") + 1, line, len(found["name"]))
    message = f"a colon is missing after {name}, below which {below} is indented"
    return UsageError(message, hint=f"write {name}: with a colon", place=place)


def _indented_less(above: list[tuple[int, str]], line: str) -> tuple[int, str]:
    """The last line in `above` that is indented less than `line`, with its number; `above` ends before it."""
    indent = len(line) - len(line.lstrip(" "))
    while above:
        number, last = above.pop()
        if last.strip() and not last.lstrip().startswith("#") and len(last) - len(last.lstrip(" ")) < indent:
            return number, last
    return 0, ""


def _opens(line: str) -> bool:
    """Whether what is indented below a line belongs to a key, or to the file."""
    return not line or line.partition(" #")[0].rstrip().endswith(":")


class _Builder:
    """Turns the events of one document into nodes, with a stack instead of recursion."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, YamlNode] = {}
        self.open: list[tuple[YamlList | YamlMapping, str | None]] = []
        self.keys: list[Scalar | None] = []  # for each open node, the key that waits for its value
        self.root: YamlNode | None = None
        self.nodes = 0

    def build(self) -> YamlNode | None:
        handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.SequenceStartEvent: lambda event: self.start(YamlList(self.mark(event)), event),
            yaml.SequenceEndEvent: self.end,
            yaml.MappingStartEvent: lambda event: self.start(YamlMapping(self.mark(event)), event),
            yaml.MappingEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        next_event = _LOADER(self.source.text).get_event
        while (event := next_event()) is not None:
            handle = handlers.get(type(event))
            if handle:
                handle(event)
        return self.root

    def document(self, event: yaml.DocumentStartEvent) -> None:
        if self.root is not None:
            raise self.error("a second document begins: a file holds one architecture", event)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        node = Scalar(event.value, not event.style, self.mark(event))
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def start(self, node: YamlList | YamlMapping, event: yaml.CollectionStartEvent) -> None:
        if len(self.open) >= _DEEPEST:
            raise self.error(f"more than {_DEEPEST} levels of nesting", event)
        node.size = 1 - self.nodes  # made whole where it ends
        self.open.append((node, event.anchor))
        self.keys.append(None)

    def end(self, _: yaml.Event) -> None:
        node, anchor = self.open.pop()
        self.keys.pop()
        node.size += self.nodes
        if anchor:
            self.anchors[anchor] = node
        self.add(node)

    def alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self.anchors:
            name = shorten(event.anchor or "")
            raise self.error(f"*{name} stands for nothing that is complete above it", event)
        node = self.anchors[event.anchor]
        self.count(node.size, event)
        if len(self.open) + node.height > _DEEPEST:
            raise self.error(f"more than {_DEEPEST} levels of nesting", event)
        self.add(node)

    def mark(self, event: Any) -> Mark:
        """The place of a node; each node passes here once, so this is also where they are counted."""
        self.count(1, event)
        if event.tag is not None and event.tag != "!":
            raise self.error(f"the tag {quoted(event.tag)} means nothing here", event, "leave the tag out")
        mark: Mark = event.start_mark
        return mark

    def count(self, nodes: int, event: Any) -> None:
        """Count nodes, those behind an alias each time: a bomb of anchors is as large as it would become."""
        self.nodes += nodes
        if self.nodes > _MOST_NODES:
            hint = "repeated layers are shorter with times and blocks"
            raise self.error(f"more than {_MOST_NODES:,} values", event, hint)

    def add(self, node: YamlNode) -> None:
        """Put a finished node into the innermost open one."""
        if not self.open:
            self.root = node
            return
        parent, _ = self.open[-1]
        if node.height >= parent.height:
            parent.height = node.height + 1
        if isinstance(parent, YamlList):
            parent.items.append(node)
        elif self.keys[-1] is None:
            self.keys[-1] = self.key(node, parent)
        else:
            parent.entries[self.keys[-1].text] = (self.keys[-1], node)
            self.keys[-1] = None

    def key(self, node: YamlNode, parent: YamlMapping) -> Scalar:
        if not isinstance(node, Scalar):
            raise UsageError("a key must be text", place=self.source.place_of(node))
        if node.text in parent.entries:
            first = parent.entries[node.text][0].mark.line + 1
            raise UsageError(
                f"the key {quoted(node.text)} stands twice in one mapping, first on line {first}",
                hint="in a list, each entry has a dash of its own; a mapping has each key once",
                place=self.source.place_of(node),
            )
        return node

    def error(self, message: str, event: Any, hint: str | None = None) -> UsageError:
        return UsageError(message, hint=hint, place=self.source.place(event.start_mark))
