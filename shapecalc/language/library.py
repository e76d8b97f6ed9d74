"""Libraries: files of blocks, which networks and other libraries use by the key `use`.

use: [blocks/conv_bn, blocks/squeeze_excite]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from shapecalc.errors import ShapecalcError, UsageError, nearest, quoted
from shapecalc.language import document
from shapecalc.language.block import Block
from shapecalc.language.blocks import block_names, read_blocks
from shapecalc.language.values import Words, read_line, read_text
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode, kind

KEYS = ("name", "version", "source", "notes", "use", "blocks")
OF_NETWORKS = ("input", "layers", "parameters", "variants", "expect", "weights")
"""The keys that a network has and a library has not."""
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*"
_LONGEST_NAME = 200
_MOST = 100  # libraries that one network uses, directly or not
_MOST_CHARACTERS = 200_000  # of all these; with the limits of a file, this keeps the worst within two seconds

Find: TypeAlias = Callable[[str, str], Source]
"""Gives the text of a library, by its name and the file that uses it; raises UsageError if there is none."""


class Library(NamedTuple):
    """A file of blocks."""

    name: str
    """The name by which it is used."""
    document: Source
    blocks: Mapping[str, Block]
    title: str | None = None
    version: str | None = None
    source: str | None = None
    notes: str | None = None

    @property
    def offered(self) -> dict[str, Block]:
        """Its blocks for others: those whose names begin with _ are its own."""
        return {name: block for name, block in self.blocks.items() if not name.startswith("_")}

    def to_dict(self) -> dict[str, str | None]:
        """Where it comes from: its name, its file and its version."""
        return {"name": self.name, "file": self.document.name, "version": self.version}


def nowhere(name: str, user: str) -> Source:
    """A `Find` that finds nothing, of a text that is read by itself."""
    raise UsageError(f"there is no library {quoted(name)}: none is looked up for {user}")


class Libraries:
    """The libraries that one network uses, directly or not, each read once."""

    def __init__(self, find: Find) -> None:
        self.find = find
        self.known: dict[str, Library] = {}
        """By their files."""
        self.open: dict[str, str] = {}
        """The names of those that are being read, by their files; each uses the next."""
        self.characters = 0

    def used(self, node: YamlNode, source: Source) -> dict[str, Block]:
        """The blocks that a file has by its key `use`."""
        found: dict[str, Block] = {}
        for name, at in _names(node, source):
            for block in self.library(name, at, source).offered.values():
                if block.name in found:
                    files = f"{found[block.name].source.name} and {block.source.name}"
                    hint = "use one of them; what both need can be a library of its own"
                    raise source.error(f"the block {block.name} is in both {files}", at, hint)
                found[block.name] = block
        return found

    def library(self, name: str, node: Scalar, source: Source) -> Library:
        """The library of this name; `node` in `source` uses it."""
        try:
            text = self.find(name, source.name)
        except ShapecalcError as error:
            raise source.error(error.message, node, error.hint) from None
        if text.name not in self.known:
            self.refuse_cycle(text.name, name, node, source)
            self.refuse_more(text, node, source)
            self.known[text.name] = self.read(name, text, node, source)
        return self.known[text.name]

    def refuse_cycle(self, file: str, name: str, node: Scalar, source: Source) -> None:
        if file in self.open:
            names = [*self.open.values(), name]
            names = names[list(self.open).index(file) :]
            raise source.error(f"a library can't use itself: {' → '.join(names)}", node)

    def refuse_more(self, text: Source, node: Scalar, source: Source) -> None:
        self.characters += len(text.text)
        if len(self.known) + len(self.open) >= _MOST or self.characters > _MOST_CHARACTERS:
            limit = f"at most {_MOST} are read, of at most {_MOST_CHARACTERS:,} characters together"
            raise source.error("the libraries that are used are too many or too large", node, limit)

    def read(self, name: str, text: Source, node: Scalar, source: Source) -> Library:
        self.open[text.name] = name
        try:
            root = _root(text)
            if found := [key for key in OF_NETWORKS[:2] if key in root.entries]:
                hint = "blocks that both need go into a file of their own, with the key blocks"
                message = f"{text.name} is a network, not a library: it has the key {found[0]}"
                raise source.error(message, node, hint)
            return self.read_keys(name, root, text)
        except ShapecalcError as error:
            place = source.place_of(node)
            inside = error.place and source.name != error.place.file == text.name
            raise (error.used_at(place) if inside or error.use else error.at(place)) from None
        finally:
            del self.open[text.name]

    def read_keys(self, name: str, root: YamlMapping, source: Source) -> Library:
        _check_keys(root, source)
        entries = {key: node for key, (_, node) in root.entries.items()}
        used = self.used(entries["use"], source) if "use" in entries else {}
        words = Words([*used, *block_names(entries["blocks"], source)])
        blocks = read_blocks(entries["blocks"], source, {}, words, used, alone=True)

        def text(key: str, read: Callable[[YamlNode, Source], str]) -> str | None:
            return read(entries[key], source) if key in entries else None

        return Library(
            name,
            source,
            blocks,
            title=text("name", read_line),
            version=text("version", read_line),
            source=text("source", read_text),
            notes=text("notes", read_text),
        )


def read_library(name: str, text: Source, find: Find) -> Library:
    """A library by itself.

    Raises:
        UsageError: the text is not YAML, or no mapping.
        ArchitectureError: what it describes is wrong.
    """
    libraries = Libraries(find)
    libraries.open[text.name] = name
    return libraries.read_keys(name, _root(text), text)


def is_library(keys: Mapping[str, Any]) -> bool:
    """Whether a file with these keys is a library."""
    return "blocks" in keys and not any(key in keys for key in OF_NETWORKS)


def _root(text: Source) -> YamlMapping:
    root = document.read(text)
    if not isinstance(root, YamlMapping):
        found = f"not {kind(root)}" if root else "the file is empty"
        raise UsageError(f"{text.name}: a library is a mapping with the key blocks; {found}")
    return root


def _check_keys(root: YamlMapping, source: Source) -> None:
    for key, (node, _) in root.entries.items():
        if key not in KEYS:
            hint = nearest(key, KEYS) or f"the keys of a library: {', '.join(KEYS)}"
            if key in OF_NETWORKS:
                hint = "its blocks see their own parameters alone: block(parameter, other=default)"
            raise source.error(f"the key {quoted(key)} is unknown in a library", node, hint)
    if "blocks" not in root.entries:
        raise source.error("the key 'blocks' is missing", root, "for example blocks: {conv(out): […]}")


def _names(node: YamlNode, source: Source) -> Iterator[tuple[str, Scalar]]:
    """The names that `use` gives, each with its place."""
    items = node.items if isinstance(node, YamlList) else [node]
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, Scalar) or item.value() is None:
            message = f"use must be the name of a library, or a list of names, not {kind(item)}"
            raise source.error(message, item)
        if item.text in seen:
            raise source.error(f"the library {item.text} is used twice", item)
        seen.add(item.text)
        yield _checked(item, source), item


def _checked(item: Scalar, source: Source) -> str:
    name = item.text
    if name.endswith((".yaml", ".yml")):
        raise source.error(f"{quoted(name)}: the name of a library has no .yaml", item)
    if not re.fullmatch(NAME, name) or len(name) > _LONGEST_NAME:
        hint = "it is a name as blocks/conv_bn: a file below the folder of this one, in architectures/ of the"
        hint += " working folder, or in a folder that SHAPECALC_PATH names"
        raise source.error(f"{quoted(name)} can't be the name of a library", item, hint)
    return name
