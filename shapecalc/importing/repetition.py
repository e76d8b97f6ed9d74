"""Blocks of a network of which nobody tells the modules: rows of steps that come again, numbers aside.

Of all rows that come at least twice, the one that saves most steps is made a block, and so on. A step that
reads or gives a tensor by name is part of none. A row begins with a join or with a layer that has weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from shapecalc.importing.folding import Folding, walk
from shapecalc.importing.program import Call, Region, Value
from shapecalc.importing.steps import Body, Step, within

_LONGEST = 24
"""Steps of a row, a join counted as one."""
_MOST = 2_000
"""Steps among which rows are looked for."""
_FEWEST = 3
"""Steps of a block, those within its joins among them."""


def divided(body: Body) -> Body:
    """The same steps, with regions for the rows that come again."""
    if len(body.steps) > _MOST:
        return body
    steps, keys = [*body.steps], _Keys(body)
    while row := _best(steps, keys):
        steps = _replaced(steps, row, keys, body)
    return Body(steps, body.inputs, body.outputs, body.named)


class _Keys:
    """What a step does but for its numbers; a step that can't be part of a row is like no other."""

    def __init__(self, body: Body) -> None:
        self.named = body.named
        self.folding = Folding(Body([], [], [], set()))
        self.known: dict[int, Any] = {}

    def of(self, step: Step) -> Any:
        if id(step) not in self.known:
            fixed = step.body is not None or _reads_names(step) or self.named.intersection(step.node.outputs)
            self.known[id(step)] = id(step) if fixed else self.folding.skeleton(step, {})
        return self.known[id(step)]


def _reads_names(step: Step) -> bool:
    return any(part.sources or len(part.inner) < len(part.branches or ()) for part in within([step]))


def _best(steps: Sequence[Step], keys: _Keys) -> tuple[Any, ...] | None:
    """The row that comes again and saves most, as the keys of its steps."""
    found = [keys.of(step) for step in steps]
    weights = [_weight([step]) for step in steps]
    places: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for start, step in enumerate(steps):
        if not _begins(step) or isinstance(found[start], int):
            continue
        for end in range(start + 1, min(len(steps), start + _LONGEST) + 1):
            if isinstance(found[end - 1], int):
                break
            row = tuple(found[start:end])
            if not places[row] or places[row][-1] + len(row) <= start:
                places[row].append(start)
    saved = {
        row: (len(starts) - 1) * sum(weights[starts[0] : starts[0] + len(row)])
        for row, starts in places.items()
        if len(starts) > 1 and sum(weights[starts[0] : starts[0] + len(row)]) >= _FEWEST
    }
    return max(saved, key=lambda row: (saved[row], -len(row)), default=None)


def _begins(step: Step) -> bool:
    """Whether a row may begin with a step, as people cut networks: not with an activation."""
    return step.branches is not None or (isinstance(step.node, Call) and bool(step.node.weights))


def _weight(steps: Sequence[Step]) -> int:
    return sum(1 for _ in walk(steps))


def _replaced(steps: Sequence[Step], row: tuple[Any, ...], keys: _Keys, body: Body) -> list[Step]:
    """The steps with a region for each place of a row."""
    found: list[Step] = []
    at = 0
    while at < len(steps):
        part = steps[at : at + len(row)]
        if tuple(map(keys.of, part)) == row:
            before = _given([found[-1]]) if found else body.inputs[:1]
            found.append(_region(part, before))
            at += len(row)
        else:
            found.append(steps[at])
            at += 1
    return found


def _region(steps: Sequence[Step], inputs: list[Value]) -> Step:
    outputs = _given(steps[-1:])
    region = Region("Block", "", [step.node for step in steps], inputs, outputs)
    return Step(region, body=Body([*steps], inputs, outputs, set()))


def _given(steps: Iterable[Step]) -> list[Value]:
    return [y for step in steps for y in (step.body.outputs if step.body else step.node.outputs)[:1]]
