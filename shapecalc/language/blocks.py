"""The key `blocks` of a file: headers such as `nin(out, kernel, stride=1)`, each with its list of steps."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any

from shapecalc.errors import ArchitectureError
from shapecalc.language.headers import name_of, read_header
from shapecalc.language.reader import StepReader
from shapecalc.language.tree import Block, BlockStep, Steps
from shapecalc.language.values import Words, require_mapping
from shapecalc.language.yaml_nodes import Source, YamlNode
from shapecalc.layers import LAYERS

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
        name, signature = read_header(key, source, parameters, words)
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
    return [name_of(text) for text in headers]


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
