"""The key `blocks` of a file: heads such as `nin(out, kernel, stride=1)`, each with its list of steps.

With tensors a head is `cell(a, b; width) -> new, cur`.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any

from shapecalc.errors import ArchitectureError, ShapecalcError, quoted, shorten
from shapecalc.language import document
from shapecalc.language.arguments import BESIDE
from shapecalc.language.block import Block, BlockStep, Signature
from shapecalc.language.heads import GROUP, RESERVED
from shapecalc.language.names import read_name
from shapecalc.language.pieces import outside, split
from shapecalc.language.reader import StepReader
from shapecalc.language.resolved import CHANNELS
from shapecalc.language.tree import Argument, Name, Steps
from shapecalc.language.values import Words, identifier, is_name, read_value, require_mapping
from shapecalc.language.yaml_nodes import Scalar, Source, YamlNode
from shapecalc.layers import LAYERS

_HEADER = re.compile(r"\s*([A-Za-z_]\w*)(?:\s*\((.*)\))?(?:\s*->(.*))?\s*", re.DOTALL)
_LONGEST = 10_000  # characters
_MOST_OF_A_CYCLE = 10  # names that an error shows


def read_blocks(
    node: YamlNode,
    source: Source,
    parameters: dict[str, Any],
    words: Words,
    used: Mapping[str, Block],
    *,
    alone: bool = False,
) -> dict[str, Block]:
    """All blocks of a file. Their headers are read first, so that blocks may use later ones.

    They may also use the blocks in `used`, those of libraries. Blocks that are `alone`, as those of a
    library, see no names of tensors outside.
    """
    headers = {}
    for key, body in require_mapping(node, source, "blocks").entries.values():
        name, signature = _read_header(key, source, parameters, words)
        if name in headers:
            raise source.error(f"the block {name} is there twice", key)
        if name in used:
            message = f"the block {name} is also in {used[name].source.name}, which the file uses"
            raise source.error(message, key, "give the block another name")
        headers[name] = (key, signature, body)
    known = {name: block.signature for name, block in used.items()}
    known |= {name: signature for name, (_, signature, _) in headers.items()}
    blocks: dict[str, Block] = {}
    all_known = ChainMap(blocks, used)  # type: ignore[arg-type]  # it is only read
    for name, (key, signature, body) in headers.items():
        scope: Mapping[str, Any] = ChainMap({**signature.parameters}, parameters)
        given = {tensor.text: "a tensor of the block" for tensor in signature.tensors}
        reader = StepReader(source, scope, known, words, given, outside=not alone)
        steps = reader.steps(body, f"the block {name}")
        blocks[name] = Block(name, key, signature, steps, source, reader.own, all_known)
        for given_name in signature.gives:
            reader.bound.require(given_name, name, signature)
    _refuse_cycles(blocks, source)
    return blocks


def block_names(node: YamlNode, source: Source) -> list[str]:
    """The names of the blocks, before their headers are read: a parameter may stand for a block."""
    headers = require_mapping(node, source, "blocks").entries
    return [_name_of(text) for text in headers]


def _refuse_cycles(blocks: Mapping[str, Block], source: Source) -> None:
    try:
        TopologicalSorter({name: _blocks_in(block.steps) for name, block in blocks.items()}).prepare()
    except CycleError as error:
        names = error.args[1][::-1]
        found = cycle(names).at(source.place_of(blocks[names[0]].node))
        if taken := [name for name in names if name in LAYERS]:
            found.hint = f"{taken[0]} is the block's name, inside of it too: give the block another name"
        raise found from None


def cycle(names: list[str]) -> ArchitectureError:
    """The error of blocks each of which uses the next, the last of which is the first again."""
    if len(names) > _MOST_OF_A_CYCLE:
        names = [*names[: _MOST_OF_A_CYCLE - 1], "…", names[-1]]
    return ArchitectureError(f"a block can't use itself: {' → '.join(names)}")


def _blocks_in(steps: Steps) -> set[str]:
    """The blocks that a list of steps uses directly; each shared step is looked at once."""
    found: set[str] = set()
    seen: set[int] = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        if id(step) in seen:
            continue
        seen.add(id(step))
        if isinstance(step, BlockStep):
            found.add(step.block)
        pending.extend(chain(*step.inside))
    return found


def _name_of(header: str) -> str:
    """The name in a header, which may be wrong otherwise."""
    return re.split(r"[(\-]", header, maxsplit=1)[0].strip()


def _read_header(
    key: Scalar, source: Source, parameters: dict[str, Any], words: Words
) -> tuple[str, Signature]:
    """The name in a header, and what the block takes and gives."""
    match = _HEADER.fullmatch(key.text) if len(key.text) <= _LONGEST else None
    if not match or not is_name(match[1]):
        hint = "write it as name(parameter, other=default)"
        if match:
            hint = f"{shorten(match[1])} can't be a name: to many readers of YAML it is a constant"
        raise source.error(f"{quoted(key.text)} is no block header", key, hint)
    if match[1] in (GROUP, *BESIDE):
        raise source.error(f"{match[1]} means something already: give the block another name", key)
    header = _Header(match, key, source, words)
    tensors, values = header.halves()
    names = {tensor.text for tensor in tensors}
    own = header.parameters(values, names, parameters)
    return match[1], Signature(own, tensors, header.gives(ChainMap(own, parameters)))


class _Header:
    """Reads the parts of one header: `match` has its name, what it takes and what it gives."""

    def __init__(self, match: re.Match[str], key: Scalar, source: Source, words: Words) -> None:
        self.match = match
        self.block = match[1]
        self.key = key
        self.source = source
        self.words = words

    def halves(self) -> tuple[tuple[Name, ...], list[Scalar]]:
        """The tensors before the semicolon, and the parameters after it."""
        if self.match[2] is None:
            return (), []
        start, stop = self.match.span(2)
        marks = [mark.start() for mark in outside(self.key.text, ";", start, stop)]
        if len(marks) > 1:
            hint = "tensors stand before the one semicolon, values after it: cell(cur, prev; width)"
            raise self.source.error(f"{quoted(self.key.text)} is no block header", self.key, hint)
        values = split(self.key, self.source, ",", marks[0] + 1 if marks else start, stop)
        return tuple(self.tensors(start, marks[0])) if marks else (), values

    def tensors(self, start: int, stop: int) -> Iterator[Name]:
        """The names of tensors, each new."""
        seen: set[str] = set()
        for part in split(self.key, self.source, ",", start, stop):
            name = Name(identifier(part, self.source, "a tensor"), part)
            if name.text in seen or name.text in RESERVED:
                message = f"the tensor {name.text} of the block {self.block} needs a name of its own"
                hint = f"a name that no other tensor has, and not {' or '.join(RESERVED)}"
                raise self.source.error(message, name.node, hint)
            seen.add(name.text)
            yield name

    def gives(self, scope: Collection[str]) -> tuple[Name, ...]:
        """The names of the tensors after the arrow."""
        if self.match[3] is None:
            return ()
        parts = split(self.key, self.source, ",", *self.match.span(3))
        if not parts:
            hint = "write the names of the tensors that the block gives: -> new, cur"
            raise self.source.error(f"nothing stands after the arrow of {self.block}", self.key, hint)
        what = "a tensor that a block gives"
        return tuple([read_name(part, self.source, scope, what) for part in parts])

    def parameters(
        self, parts: list[Scalar], tensors: set[str], known: dict[str, Any]
    ) -> dict[str, Argument | None]:
        """By name, the defaults; None of a parameter without."""
        found: dict[str, Argument | None] = {}
        for part in parts:
            name, equals, default = (text.strip() for text in part.text.partition("="))
            if not is_name(name) or name in found or name in tensors or (equals and not default):
                message = f"{quoted(part.text)} is no new parameter of the block {self.block}"
                hint = "each parameter is a name of its own, with a default or without: name(out, stride=1)"
                raise self.source.error(message, self.key, hint)
            scope: ChainMap[str, Any] = ChainMap({CHANNELS: None}, found, known)
            found[name] = self.default(default, scope) if default else None
        return found

    def default(self, text: str, scope: Collection[str]) -> Argument:
        try:
            snippet = Source(self.source.name, text)
            node = document.read(snippet)
            value = read_value(node, snippet, scope, self.words) if node else None
        except ShapecalcError as error:
            message = f"the default {quoted(text)}: {error.message}"
            raise self.source.error(message, self.key, error.hint) from None
        return Argument(value, self.key)
