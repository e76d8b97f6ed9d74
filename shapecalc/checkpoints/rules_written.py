"""Names as a file of rules: a line each, or one with patterns for all copies of a block."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shapecalc.checkpoints.naming import Names, Rule, skeleton

_NUMBER = re.compile(r"\d+")
_PLAIN = re.compile(r"[A-Za-z0-9_][\w.\[\]/-]*(\*[\w.\[\]/-]*)*")
"""Text that YAML takes as it is, as a key and after one."""


class _Numbered(NamedTuple):
    """A pair of names, and the numbers in both."""

    here: str
    there: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


def written(names: Mapping[str, str]) -> str:
    """The lines of YAML that `names` and `--names` take."""
    return "".join(f"{_quoted(here)}: {_quoted(there)}\n" for here, there in names.items())


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def folded(names: Mapping[str, str]) -> dict[str, str]:
    """The same in fewer rules, with `*` where numbers of both sides go together."""
    groups: dict[tuple[str, str], list[_Numbered]] = {}
    for here, there in names.items():
        ours, theirs = (tuple(_NUMBER.findall(name)) for name in (here, there))
        groups.setdefault((skeleton(here), skeleton(there)), []).append(_Numbered(here, there, ours, theirs))
    rules = dict(rule for group in groups.values() for rule in _rules(group))
    known = Names([Rule(here, there) for here, there in rules.items()])
    return {**rules, **{here: there for here, there in names.items() if known.there(here) != there}}


def _rules(group: Sequence[_Numbered]) -> Iterator[tuple[str, str]]:
    """One rule for pairs whose numbers go together; else several, each for one of a number's values."""
    ours, theirs = _varying([one.ours for one in group]), _varying([one.theirs for one in group])
    first = group[0]
    together = len(ours) == len(theirs) and all(
        one.ours[a] == one.theirs[b] for one in group for a, b in zip(ours, theirs, strict=True)
    )
    if together:
        yield _starred(first.here, ours), _starred(first.there, theirs)
        return
    place = next((a for a in ours if not any(_same(group, a, b) for b in theirs)), None)
    parts: dict[str, list[_Numbered]] = {}
    for one in group:
        value = one.theirs[theirs[0]] if place is None else one.ours[place]
        parts.setdefault(value, []).append(one)
    for part in parts.values():
        yield from _rules(part)


def _varying(numbers: Sequence[tuple[str, ...]]) -> list[int]:
    """The places at which numbers of a group differ."""
    return [place for place, column in enumerate(zip(*numbers, strict=True)) if len(set(column)) > 1]


def _same(group: Sequence[_Numbered], a: int, b: int) -> bool:
    return all(one.ours[a] == one.theirs[b] for one in group)


def _starred(name: str, places: Sequence[int]) -> str:
    """A name with `*` in place of some of its numbers."""
    numbers = iter(range(len(name)))
    return _NUMBER.sub(lambda match: "*" if next(numbers) in places else match[0], name)
