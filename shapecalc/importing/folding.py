"""Structured bodies → blocks with parameters: what is made alike is written once.

Regions of one class whose steps differ in numbers alone are one block. A number that is the same in all of
them stands in the block; of the others, `parameters` makes parameters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapecalc.importing.parameters import Parameters, key
from shapecalc.importing.program import Call, Region, Value
from shapecalc.importing.steps import Body, Step
from shapecalc.language.values import is_name
from shapecalc.layers import LAYERS

CONTAINERS = {"Sequential", "ModuleList", "ModuleDict"}


@dataclass(eq=False, slots=True)
class Group:
    """Regions that are one block, and once solved, the arguments of its steps and its parameters."""

    type: str
    instances: list[Step] = field(default_factory=list)
    texts: dict[tuple[int, str], Any] = field(default_factory=dict)
    """What is written for an argument of a step, by its number in the body: a value, or an expression."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Parameters in their order, with their default or `REQUIRED`."""
    given: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By the identity of an instance, the values of the parameters."""
    name: str = ""

    @property
    def is_block(self) -> bool:
        """Whether it is written as one: it is used again, or gives several tensors."""
        first = self.instances[0]
        several = len(first.body.outputs) > 1 if first.body else False
        return (several or len(self.instances) > 1) and not inlined(first)


REQUIRED: Any = object()


class Folding:
    """The groups of all regions of a network, each after those that it uses."""

    def __init__(self, body: Body, frozen: frozenset[int] = frozenset()) -> None:
        self.frozen = frozen
        """The identities of the nodes beside which `frozen` stands."""
        self.groups: dict[Any, Group] = {}
        self.of: dict[int, Group] = {}
        """By the identity of a step, the group of the region that it calls."""
        self.skeleton_of(body)
        for group in self.groups.values():
            if group.is_block:
                self.solve(group)

    def skeleton_of(self, body: Body) -> Any:
        """All of a body but its numbers; regions within are put into their groups."""
        numbers: dict[Value, int] = {}
        for x in body.inputs:
            numbers.setdefault(x, len(numbers))
        steps = tuple([self.skeleton(step, numbers) for step in body.steps])
        return steps, tuple(numbers[x] for x in body.outputs), len(body.inputs)

    def skeleton(self, step: Step, numbers: dict[Value, int]) -> Any:
        branches = None
        if step.branches is not None:
            branches = tuple(
                numbers.setdefault(branch, len(numbers))
                if isinstance(branch, Value)
                else tuple([self.skeleton(inner, numbers) for inner in branch])
                for branch in step.branches
            )
        sources = tuple([numbers.setdefault(x, len(numbers)) for x in step.sources])
        node = step.node
        if isinstance(node, Call):
            kind: Any = (node.type, len(node.inputs), len(node.weights), node.reason and repr(node.arguments))
            outputs = node.outputs
        else:
            assert step.body is not None
            kind = self.region(step, node, step.body)
            outputs = step.body.outputs
        for y in outputs:
            numbers.setdefault(y, len(numbers))
        return kind, branches, sources, id(node) in self.frozen

    def region(self, step: Step, node: Region, body: Body) -> Any:
        key = node.guessed or node.type, self.skeleton_of(body)
        group = self.groups.setdefault(key, Group(node.type))
        group.instances.append(step)
        self.of[id(step)] = group
        return id(group)

    def solve(self, group: Group) -> None:
        """Find the parameters of a block: what differs between its instances."""
        rows = [self.arguments(instance) for instance in group.instances]
        slots = list(dict.fromkeys(slot for row in rows for slot in row))
        bodies = [[*walk(instance.body.steps)] for instance in group.instances if instance.body]
        parameters = Parameters()
        for slot in slots:
            number, argument = slot
            values = tuple(
                row[slot] if slot in row else self.default(steps[number], argument)
                for row, steps in zip(rows, bodies, strict=True)
            )
            group.texts[slot] = parameters.text(values, _names(bodies[0][number], argument))
        parameters.relate()
        names = parameters.names(lambda values: _attributes(group.instances, values))
        group.texts = {slot: parameters.filled(text, names) for slot, text in group.texts.items()}
        for number, parameter in names.items():
            vector = parameters.values[number]
            common, count = Counter(map(_key, vector)).most_common(1)[0]
            usual = next(v for v in vector if _key(v) == common)
            group.defaults[parameter] = usual if count > len(vector) / 2 else REQUIRED
            for instance, value in zip(group.instances, vector, strict=True):
                group.given.setdefault(id(instance), {})[parameter] = value
        ordered = sorted(group.defaults.items(), key=lambda item: item[1] is not REQUIRED)
        group.defaults = dict(ordered)

    def arguments(self, instance: Step) -> dict[tuple[int, str], Any]:
        """By step and name, the arguments of all steps of an instance, blocks' among them."""
        assert instance.body is not None
        found = {}
        for number, step in enumerate(walk(instance.body.steps)):
            for name, value in self.given(step).items():
                found[number, name] = value
        return found

    def given(self, step: Step) -> Mapping[str, Any]:
        """The arguments of a step: of a layer, or of a block those that are not the defaults."""
        if isinstance(step.node, Call):
            return step.node.arguments
        group = self.of[id(step)]
        values = group.given.get(id(step), {}) if group.is_block else {}
        return {name: v for name, v in values.items() if _key(v) != _key(group.defaults[name])}

    def default(self, step: Step, argument: str) -> Any:
        """What an argument is where it is left out."""
        if isinstance(step.node, Call):
            return LAYERS[step.node.type].fields[argument].default if step.node.type in LAYERS else None
        return self.of[id(step)].defaults[argument]


def _names(step: Step, argument: str) -> list[str]:
    """Names for a parameter that an argument has: that of the argument, or with the layer's own."""
    short = _SHORT.get(argument, argument)
    own = re.sub(r"\W+", "_", step.node.path.rpartition(".")[2]) if isinstance(step.node, Call) else ""
    return [short, f"{own}_{short}" if own.isidentifier() else short, short]


def _attributes(instances: Sequence[Step], values: Sequence[Any]) -> list[str]:
    """The attributes that have these values in the modules of a block."""
    rows = [step.node.attributes for step in instances if isinstance(step.node, Region)]
    if len({*map(key, values)}) < 2 or len(rows) != len(values):
        return []
    names = [name for name in rows[0] if is_name(name)]
    return [_SHORT.get(n, n) for n in names if [row.get(n) for row in rows] == [*values]]


_SHORT = {
    "out_channels": "out",
    "out_features": "out",
    "kernel_size": "kernel",
    "num_heads": "heads",
    "output_size": "size",
    "scale_factor": "scale",
    "split_size_or_sections": "sections",
    "shape": "size",
    "num_embeddings": "rows",
}


def _key(value: Any) -> str:
    return "required" if value is REQUIRED else key(value)


def inlined(step: Step) -> bool:
    """Whether a region's steps stand where it is called: a container's, and a single call's."""
    if not isinstance(step.node, Region) or step.body is None:
        return False
    if len(step.body.outputs) > 1:
        return False
    steps = step.body.steps
    single = len(steps) == 1 and isinstance(steps[0].node, Call) and not steps[0].branches
    return step.node.type in CONTAINERS or single


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """All steps in the order of their execution, those of branches and of containers too."""
    for step in steps:
        for branch in step.inner:
            yield from walk(branch)
        if step.body is not None and inlined(step):
            yield from walk(step.body.steps)
        else:
            yield step
