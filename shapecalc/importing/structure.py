"""The calls of a region → steps: chains, joins with branches, and names only where a connection jumps.

Two reductions are repeated until neither applies: a call that alone reads what another gives follows it in a
chain; a join whose branches begin at one tensor, and are read nowhere else, is one step on that tensor. What
is left is read by name, the join that comes first at first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from shapecalc.importing.program import Call, Node, Region, Value, free, given_by, made_in, read_by, renamed
from shapecalc.importing.steps import Body, Branch, Step, depth, is_branching, reads_on
from shapecalc.layers import LAYERS


@dataclass(eq=False, slots=True)
class _Item:
    """Some steps in a row: what they read, and what the last of them gives."""

    steps: list[Step]
    inputs: list[Value]
    outputs: list[Value]


def structure(region: Region, wanted: list[Value] | None = None) -> Body:
    """The steps of a region; `wanted` are the values that it gives, where not all are read."""
    body = _Structure(region, region.outputs if wanted is None else wanted, wanted is not None).body()
    last = body.steps[-1:] and (body.steps[-1].body or body.steps[-1].node).outputs[:1]
    if len(body.outputs) != 1 or last == body.outputs or body.outputs[0] not in made_in(region):
        return body
    _give_last(region, body.outputs[0])
    return structure(region, wanted)


def _give_last(region: Region, y: Value) -> None:
    """Let a region end with the tensor that it gives, by a step that reads it after all others."""
    before = Value(y.tensor, [*y.others])
    renamed(region, {y: before})
    region.outputs = [y if x is before else x for x in region.outputs]
    region.calls.append(Call("Identity", {}, [before], [y], path=region.path))


class _Structure:
    def __init__(self, region: Region, wanted: list[Value], within: bool) -> None:
        self.region = region
        self.wanted = wanted
        self.inputs = free(region) if within else region.inputs
        self.named: set[Value] = set()
        self.uses: Counter[Value] = Counter(wanted)
        for node in region.calls:
            self.uses.update(read_by(node))
        self.items: dict[int, _Item] = {
            n: item for n, node in enumerate(region.calls) if (item := self.item(node))
        }
        self.maker: dict[Value, int] = {y: n for n, item in self.items.items() for y in item.outputs}

    def item(self, node: Node) -> _Item | None:
        """A call by itself; of a region that makes nothing, nothing."""
        if isinstance(node, Call):
            return _Item([Step(node)], self.read(node), [*node.outputs])
        given = given_by(node)
        wanted = [y for y in given if self.uses[y]] or given[:1]
        if not wanted:
            return None
        body = structure(node, wanted)
        return _Item([Step(node, body=body)], body.inputs, wanted)

    def read(self, call: Call) -> list[Value]:
        """What a call reads: one tensor where a layer of several takes the same (self-attention)."""
        layer = LAYERS.get(call.type)
        several = layer is not None and (layer.branching or layer.measured)
        alone = layer is not None and not several and layer.inputs_range[0] == 1
        if alone and len(set(call.inputs)) == 1 < len(call.inputs):
            self.uses[call.inputs[0]] -= len(call.inputs) - 1
            return call.inputs[:1]
        return [*call.inputs]

    def body(self) -> Body:
        while self.reduce() or self.name_one():
            pass
        self.end_with_output()
        steps = [*self.in_order()]
        return Body(steps, self.inputs, self.wanted, self.named)

    def reduce(self) -> bool:
        """Apply the reductions where they apply; whether any did."""
        changed = False
        for number in [*self.items]:
            if number in self.items:
                changed |= self.join(number) or self.follow(number)
        return changed

    def made(self, x: Value) -> int | None:
        """The item that makes a value; none of a value from outside, or from within a branch."""
        number = self.maker.get(x)
        return number if number in self.items else None

    def follow(self, number: int) -> bool:
        """Let an item follow the one that makes what it alone reads."""
        item = self.items[number]
        if len(item.inputs) != 1:
            return False
        (x,) = item.inputs
        before = self.made(x)
        if before is None or self.uses[x] != 1 or self.items[before].outputs[0] is not x:
            return False
        if self.read_elsewhere(self.items[before]):
            return False
        first = self.items.pop(before)
        self.replace(number, _Item([*first.steps, *item.steps], first.inputs, item.outputs))
        return True

    def join(self, number: int) -> bool:
        """Make branches of what a join reads, if they begin at one tensor."""
        item = self.items[number]
        if len(item.inputs) < 2 or not is_branching(item.steps[0].node) or item.steps[0].branches:
            return False
        needed = {x for x in item.inputs if self.start(x) is not None}
        starts = needed if len(needed) == 1 else {self.start(x) for x in needed}
        if len(starts) > 1:
            return False
        self.branch(number, starts.pop() if starts else None)
        return True

    def start(self, x: Value) -> Value | None:
        """The tensor that a branch to `x` begins at; None if it needs none."""
        before = self.chain(x)
        return x if before is None else next(iter(self.items[before].inputs), None)

    def chain(self, x: Value) -> int | None:
        """The item that makes `x` and nothing else that is read, if `x` is read once and needs one tensor."""
        before = self.made(x)
        if before is None or self.uses[x] != 1:
            return None
        made = self.items[before]
        alone = made.outputs[0] is x and not self.read_elsewhere(made)
        return before if alone and len(made.inputs) < 2 else None

    def read_elsewhere(self, item: _Item) -> bool:
        """Whether what an item gives besides is read, or any of it by name: who does may come in between."""
        return any(self.uses[y] for y in item.outputs[1:]) or any(y in self.named for y in item.outputs)

    def branch(self, number: int, common: Value | None) -> None:
        """Put the chains that lead to a join into its branches; what begins elsewhere is read by name."""
        item = self.items[number]
        branches = [self.one_branch(x, common) for x in item.inputs]
        item.steps[0].branches = branches
        follows = common is not None and any(map(reads_on, branches))
        if common is not None:
            self.uses[common] += follows
        self.replace(number, _Item(item.steps, [common] if follows and common else [], item.outputs))

    def one_branch(self, x: Value, common: Value | None) -> Branch:
        before = self.chain(x)
        self.uses[x] -= 1
        if x is common:
            return []
        if before is None or common in self.items[before].outputs or self.is_deep(before, common):
            self.named.add(x)
            return x
        made = self.items.pop(before)
        for start in made.inputs:
            self.uses[start] -= 1
            if start is not common:
                self.named.add(start)
                made.steps[0].sources = [start]
        return made.steps

    def is_deep(self, number: int, common: Value | None) -> bool:
        """Whether a chain that begins elsewhere has joins in joins: it comes before, as the code has it."""
        item = self.items[number]
        return common not in item.inputs and depth(item.steps) > _DEEPEST

    def name_one(self) -> bool:
        """Read by name what the first call that can't be reduced reads; whether there is one."""
        for number, item in self.items.items():
            if len(item.inputs) < 2:
                continue
            if is_branching(item.steps[0].node) and not item.steps[0].branches:
                self.branch(number, self.nearest(item))
            else:
                self.by_name(number)
            return True
        return False

    def nearest(self, item: _Item) -> Value:
        """The tensor that most branches begin at, and of these the one that is made last."""
        counts = Counter(start for x in item.inputs if (start := self.start(x)) is not None)
        return max(counts, key=lambda x: (counts[x], self.maker.get(x, -1)))

    def by_name(self, number: int) -> None:
        """Let a layer of several tensors read each by its name."""
        item = self.items[number]
        distinct = [*dict.fromkeys(item.inputs)]
        item.steps[0].sources = item.inputs
        self.named.update(distinct)
        for x in item.inputs:
            self.uses[x] -= 1
        self.replace(number, _Item(item.steps, [], item.outputs))

    def end_with_output(self) -> None:
        """Let what is given come last, after what is computed and nobody reads: a file gives its last."""
        number = self.made(self.wanted[0]) if len(self.wanted) == 1 else None
        if number is None or self.named.intersection(self.items[number].outputs):
            return
        later = [item for other, item in self.items.items() if other != number]
        if not any(x in self.items[number].outputs for item in later for x in item.inputs):
            self.items[number] = self.items.pop(number)

    def replace(self, number: int, item: _Item) -> None:
        self.items[number] = item
        self.maker.update(dict.fromkeys(item.outputs, number))

    def in_order(self) -> Iterator[Step]:
        """The items one after the other; one that does not read what the last gave reads by name."""
        current = self.inputs[0] if self.inputs else None
        for item in self.items.values():
            x = item.inputs[0] if item.inputs else current
            if x is not current and x is not None:
                item.steps[0].sources = [x]
                self.named.add(x)
            yield from item.steps
            current = item.outputs[0] if item.outputs else None
        if [current] != self.wanted:
            self.named.update(self.wanted)


_DEEPEST = 3
"""Joins within joins in a branch that begins elsewhere than the others."""
