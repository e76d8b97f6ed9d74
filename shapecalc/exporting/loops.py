"""Modules of a list that are called one after another: what goes from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from shapecalc.exporting.program import Item, Several


class ListLoop(NamedTuple):
    """Where the inputs of a module in a list come from; the others are the same for all."""

    from_output: Mapping[int, int]
    """By the place of an input, the output of the module before."""
    from_input: Mapping[int, int]
    """By the place of an input, the input of the module before."""


def loop_of(item: Several) -> ListLoop | None:
    """How a list's modules follow one another; None if no loop says it."""
    first, *_ = copies = item.items
    if any(len(copy.inputs) != len(first.inputs) for copy in copies):
        return None
    found = ListLoop({}, {})
    for place in range(len(first.inputs)):
        origin = _origin(copies, place)
        if origin is None:
            return None
        kind, number = origin
        if kind:
            getattr(found, kind)[place] = number
    left = {copies[-1].inputs[number] for number in found.from_input.values()}
    return found if found.from_output and item.read_after <= left else None


def _origin(copies: Sequence[Item], place: int) -> tuple[str, int] | None:
    """What an input of all modules but the first is: '' the same as of the first."""
    pairs = [*pairwise(copies)]
    if all(b.inputs[place] == a.inputs[place] for a, b in pairs):
        return "", 0
    for number in range(len(copies[0].outputs)):
        if all(b.inputs[place] == a.outputs[number] for a, b in pairs):
            return "from_output", number
    for number in range(len(copies[0].inputs)):
        if all(b.inputs[place] == a.inputs[number] for a, b in pairs):
            return "from_input", number
    return None
