"""The steps of random networks in other words that mean the same: in loops, in blocks of several tensors."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

Step = dict[str, Any]


def reworded(
    rng: random.Random, steps: Sequence[Step], share: float, joins: Mapping[str, Any]
) -> tuple[list[Step], dict[str, list[Step]]]:
    """The same steps, this share of them in other words, and the blocks that these need.

    `joins` are the types whose inputs are branches.
    """
    blocks: dict[str, list[Step]] = {}
    found = []
    for number, step in enumerate(steps):
        form = rng.choice((_block, _loop, _copies, _fan, _elements)) if rng.random() < share else None
        found += form(step, number, blocks, joins) if form else [step]
    return found, blocks


def _names(step: Step, key: str) -> list[str]:
    names = step.get(key, [])
    return [names] if isinstance(names, str) else names


def _sources(step: Step, kind: str, joins: Mapping[str, Any]) -> list[str]:
    """The tensors that it reads, each branch of a join that is a name among them."""
    if kind not in joins:
        return _names(step, "from")
    return [branch for branch in step[kind]["branches"] if isinstance(branch, str)]


def _block(step: Step, number: int, blocks: dict[str, list[Step]], joins: Mapping[str, Any]) -> list[Step]:
    """A block of its own takes all that the step reads, and gives all that it gives."""
    kind = next(iter(step))
    inputs, outputs = _sources(step, kind, joins), _names(step, "as")
    if not inputs:
        return [step]
    own = {name: f"x{place}" for place, name in enumerate(dict.fromkeys(inputs))}
    inside = {**step, "as": [f"y{place}" for place in range(len(outputs))]}
    if kind in joins:
        branches = [own.get(b, b) if isinstance(b, str) else b for b in step[kind]["branches"]]
        inside[kind] = {**step[kind], "branches": branches}
    else:
        inside["from"] = [own[name] for name in inputs]
    block = f"block{number}"
    blocks[f"{block}({', '.join(own.values())};) -> {', '.join(inside['as'])}"] = [inside]
    if number % 2:
        return [{block: None, "from": list(own), "as": outputs}]
    return [{block: {x: name for name, x in own.items()}, "as": outputs}]


def _loop(step: Step, *_: Any) -> list[Step]:
    return [{"seq": [step], "for": "turn in [7]"}]


def _copies(step: Step, *_: Any) -> list[Step]:
    """Of two copies the second alone is there."""
    return [{"seq": [{"seq": [step], "when": "turn == last"}], "for": "turn, last in enumerate([9, 1])"}]


def _fan(step: Step, _: int, __: object, joins: Mapping[str, Any]) -> list[Step]:
    """Each branch of a join that is a name, as one for each turn of a loop of one."""
    kind = next(iter(step))
    if kind not in joins:
        return _loop(step)
    forms = ("{} for turn in range(1)", "{} when 1 < 2")
    branches = [
        forms[place % 2].format(b) if isinstance(b, str) else b
        for place, b in enumerate(step[kind]["branches"])
    ]
    return [{**step, kind: {**step[kind], "branches": branches}}]


def _elements(step: Step, _: int, __: object, joins: Mapping[str, Any]) -> list[Step]:
    """Its inputs are elements of a family first, which the loop's variable counts."""
    kind = next(iter(step))
    if kind in joins or not _names(step, "from"):
        return [step]
    inputs = _names(step, "from")
    binds = [{"seq": [], "from": name, "as": f"family.{place}"} for place, name in enumerate(inputs)]
    first = len(inputs) - 1
    read = [f"family.({first} - {first - place})" for place in range(len(inputs))]
    return [*binds, {**step, "from": read}]
