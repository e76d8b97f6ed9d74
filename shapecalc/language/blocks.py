"""The key `blocks` of a file: headers such as `nin(out, kernel, stride=1)`, each with its list of steps."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any

from shapecalc.errors import ArchitectureError, ShapecalcError, quoted, shorten
from shapecalc.language import document
from shapecalc.language.arguments import BESIDE
from shapecalc.language.heads import GROUP
from shapecalc.language.reader import StepReader
from shapecalc.language.tree import CHANNELS, Argument, Block, BlockStep, Steps
from shapecalc.language.values import Words, is_name, read_value, require_mapping
from shapecalc.language.yaml_nodes import Scalar, Source, YamlNode
from shapecalc.layers import LAYERS

_HEADER = re.compile(r"([A-Za-z_]\w*)(?:\s*\((.*)\))?", re.DOTALL)
_LONGEST_HEADER = 10_000  # characters
_MOST_OF_A_CYCLE = 10  # names that an error shows


def read_blocks(
    node: YamlNode, source: Source, parameters: dict[str, Any], words: Words, used: Mapping[str, Block]
) -> dict[str, Block]:
    """All blocks of a file. Their headers are read first, so that blocks may use later ones.

    They may also use the blocks in `used`, those of libraries.
    """
    headers = {}
    for key, body in require_mapping(node, source, "blocks").entries.values():
        name, defaults = _read_header(key, source, parameters, words)
        if name in headers:
            raise source.error(f"the block {name} is there twice", key)
        if name in used:
            message = f"the block {name} is also in {used[name].source.name}, which the file uses"
            raise source.error(message, key, "give the block another name")
        headers[name] = (key, defaults, body)
    known = {name: block.parameters for name, block in used.items()}
    known |= {name: defaults for name, (_, defaults, _) in headers.items()}
    blocks: dict[str, Block] = {}
    all_known = ChainMap(blocks, used)  # type: ignore[arg-type]  # it is only read
    for name, (key, defaults, body) in headers.items():
        reader = StepReader(source, ChainMap(dict.fromkeys(defaults), parameters), known, words)
        steps = reader.steps(body, f"the block {name}")
        blocks[name] = Block(name, key, defaults, steps, source, all_known)
    _refuse_cycles(blocks, source)
    return blocks


def block_names(node: YamlNode, source: Source) -> list[str]:
    """The names of the blocks, before their headers are read: a parameter may stand for a block."""
    headers = require_mapping(node, source, "blocks").entries
    return [text.partition("(")[0].strip() for text in headers]


def _read_header(
    key: Scalar, source: Source, parameters: dict[str, Any], words: Set[str]
) -> tuple[str, dict[str, Argument | None]]:
    """`nin(out, kernel, stride=1)` → its name and the defaults of its parameters."""
    match = _HEADER.fullmatch(key.text.strip()) if len(key.text) <= _LONGEST_HEADER else None
    if not match or not is_name(match[1]):
        hint = "write it as name(parameter, other=default)"
        if match:
            hint = f"{shorten(match[1])} can't be a name: to many readers of YAML it is a constant"
        raise source.error(f"{quoted(key.text)} is no block header", key, hint)
    name, listed = match.groups()
    if name in (GROUP, *BESIDE):
        raise source.error(f"{name} means something already: give the block another name", key)
    defaults: dict[str, Argument | None] = {}
    for part in _split(listed or ""):
        parameter, equals, default = (text.strip() for text in part.partition("="))
        if not is_name(parameter) or parameter in defaults or (equals and not default):
            hint = "each parameter is a name of its own, with a default or without: name(out, stride=1)"
            raise source.error(f"{quoted(part.strip())} is no new parameter of the block {name}", key, hint)
        scope = ChainMap({CHANNELS: None}, defaults, parameters)
        defaults[parameter] = _default(default, key, source, scope, words) if default else None
    return name, defaults


def _split(listed: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in listed:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts if listed.strip() else []


def _default(text: str, key: Scalar, source: Source, scope: Collection[str], words: Set[str]) -> Argument:
    try:
        snippet = Source(source.name, text)
        node = document.read(snippet)
        value = read_value(node, snippet, scope, words) if node else None
    except ShapecalcError as error:
        raise source.error(f"the default {quoted(text)}: {error.message}", key, error.hint) from None
    return Argument(value, key)


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
