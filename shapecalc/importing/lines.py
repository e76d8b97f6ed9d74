"""The steps of one body, a block's or the network's → lines of a file, with the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from shapecalc.importing.flow_style import Line, rows_once
from shapecalc.importing.folding import REQUIRED, Folding, Group, inlined, walk
from shapecalc.importing.program import Call, Region, Text, Value
from shapecalc.importing.steps import Body, Step, within
from shapecalc.language.values import is_name
from shapecalc.layers import LAYERS


@dataclass
class Scope:
    """The names of one body's tensors."""

    taken: set[str]
    names: dict[Value, str] = field(default_factory=dict)

    def name(self, value: Value, wanted: str) -> str:
        """The name of a value, made of what is wanted at its first use."""
        if value not in self.names:
            stem = re.sub(r"\W+", "_", wanted).strip("_").lower() or "x"
            stem = f"x{stem}" if not stem[0].isalpha() else stem
            joint = "_" if stem[-1].isdigit() else ""
            options = chain([stem], (f"{stem}{joint}{number}" for number in count(2)))
            self.names[value] = next(
                o for o in options if is_name(o) and o not in self.taken and o not in LAYERS
            )
            self.taken.add(self.names[value])
        return self.names[value]


@dataclass(frozen=True)
class Whole:
    """What all bodies of a file have in common."""

    folding: Folding
    repeats: bool
    """Whether steps in a row that are alike are one, so many times."""
    owners: Mapping[str, Value]
    """By the name of a weight that several calls use, what the first of them gives."""
    again: Mapping[Step, Step]
    """Steps of blocks whose weights are all those of an earlier one, and that one."""

    def lines(self, body: Body, scope: Scope, group: Group | None = None) -> list[Line]:
        """Those of a body: of a group's, or of the network's own."""
        numbers = {id(step): number for number, step in enumerate(walk(body.steps))} if group else {}
        return _Lines(self, scope, group, numbers, self.named(body)).of(body.steps, top=group is None)

    def named(self, body: Body) -> set[Value]:
        """The values that are read by name in a body, and in those that are written out within it."""
        found = {*body.named}
        for step in within(body.steps):
            if step.body is not None and not self.folding.of[id(step)].is_block:
                found |= self.named(step.body)
            elif isinstance(step.node, Call):
                found |= {*step.node.outputs[:1]} & {*self.owners.values()}
            elif step in self.again.values() and step.body is not None:
                found |= {*step.body.outputs[:1]}
        return found


@dataclass
class _Lines:
    """Writes the steps of one body."""

    file: Whole
    scope: Scope
    group: Group | None
    numbers: Mapping[int, int]
    """In a group, the numbers of the steps by their identities."""
    named: set[Value]

    def of(self, steps: Sequence[Step], top: bool = False) -> list[Line]:
        found: list[Line] = []
        for step in steps:
            for line in self.step(step, top):
                if self.file.repeats and found and found[-1].same(line):
                    found[-1].times += line.times
                else:
                    found.append(line)
        return rows_once(found) if self.file.repeats else found

    def step(self, step: Step, top: bool) -> list[Line]:
        if isinstance(step.node, Call):
            return [self.call(step, step.node)]
        if self.file.folding.of[id(step)].is_block:
            return [self.block(step, step.node)]
        return self.inline(step, step.node, top)

    def call(self, step: Step, node: Call) -> Line:
        beside = self.reading(step)
        value = _value(node, self.arguments(step), self.branches(step))
        beside += self.names(node.path if node.weights else "x", node.outputs) + self.share(node)
        return Line(node.type, beside, value, frozen=self.is_frozen(node))

    def block(self, step: Step, node: Region) -> Line:
        assert step.body is not None
        block = self.file.folding.of[id(step)]
        beside = self.reading(step) + self.names(node.path, step.body.outputs)
        first = self.file.again.get(step)
        if first and first.body and (name := self.scope.names.get(first.body.outputs[0])):
            beside += f" share {name}"
        value = _single(self.arguments(step), next(iter(block.defaults), None))
        return Line(block.name, beside, value, frozen=self.is_frozen(node))

    def inline(self, step: Step, node: Region, top: bool) -> list[Line]:
        """The steps of a region that is no block: among the others or, with a name of its own, as a group."""
        assert step.body is not None
        (y,) = step.body.outputs
        beside = self.reading(step, 1)  # the others are read by their names within
        shared = y in self.file.owners.values()  # a name that `share` has is the step's
        named = y in self.named and not shared
        self.named -= {y} if named else set()  # the group bears the name, not its last step
        # Of a region that is called once, all arguments are numbers.
        lines = (self if inlined(step) else replace(self, group=None, numbers={})).of(step.body.steps)
        self.named |= {y} if named else set()
        label = node.path.rpartition(".")[2]
        plain = is_name(label) and label not in LAYERS and label not in self.scope.taken
        several = len(lines) > 1 or lines[0].times > 1
        if named or (top and plain and several and not shared):
            beside += f" as {self.scope.name(y, label)}"
        frozen = self.is_frozen(node)
        if not beside and not frozen:
            return lines
        if len(lines) == 1 and not lines[0].beside:
            lines[0].beside, lines[0].frozen = beside, lines[0].frozen or frozen
            return lines
        return [Line("seq", beside, lines, frozen=frozen)]

    def is_frozen(self, node: Call | Region) -> bool:
        return id(node) in self.file.folding.frozen

    def reading(self, step: Step, most: int | None = None) -> str:
        """What a step reads by name, so many at most."""
        sources = [self.scope.name(x, "x") for x in step.sources][:most]
        return f" from {', '.join(sources)}" if sources else ""

    def branches(self, step: Step) -> list[Any] | None:
        if step.branches is None:
            return None
        return [self.scope.name(b, "x") if isinstance(b, Value) else self.of(b) for b in step.branches]

    def names(self, path: str, outputs: Sequence[Value]) -> str:
        """The names of a step's outputs, as far as the last that is read by name."""
        last = max((n for n, y in enumerate(outputs) if y in self.named), default=-1)
        names = [self.scope.name(y, path.rpartition(".")[2] or "x") for y in outputs[: last + 1]]
        return f" as {', '.join(names)}" if names else ""

    def share(self, node: Call) -> str:
        """The step whose weights a call uses again, if it does and that step is written here."""
        owners = [self.file.owners[name] for name in node.weights.values() if name in self.file.owners]
        if not owners or owners[0] in node.outputs or owners[0] not in self.scope.names:
            return ""
        return f" share {self.scope.names[owners[0]]}"

    def arguments(self, step: Step) -> dict[str, Any]:
        """What is written for a step's arguments: in a block, as the block's parameters say."""
        if self.group is None:
            return dict(self.file.folding.given(step))
        number = self.numbers[id(step)]
        texts = {name: text for (n, name), text in self.group.texts.items() if n == number}
        return {name: text for name, text in texts.items() if not self.is_default(step, name, text)}

    def is_default(self, step: Step, name: str, text: Any) -> bool:
        default = self.file.folding.default(step, name)
        return default is not REQUIRED and not isinstance(text, Text) and repr(default) == repr(text)


def _value(node: Call, arguments: dict[str, Any], branches: list[Any] | None) -> Any:
    """What stands after the colon of a call."""
    layer = LAYERS.get(node.type)
    if branches is not None and layer is not None:
        branches, arguments = _with_numbers(layer.numbers, branches, arguments)
    if branches is not None:
        return {"branches": branches, **arguments} if arguments else branches
    if layer is None:
        return arguments or None
    listed = layer.listed_arguments()
    if listed and arguments.keys() == set(listed):
        return [arguments[name] for name in listed]
    beside = layer.numbers  # of arithmetic, where a number alone is the second operand
    return _single(arguments, beside[1] if beside else layer.main_argument())


def _with_numbers(
    numbers: Sequence[str], branches: list[Any], arguments: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The branches with the numbers in their places, and the other arguments."""
    if not arguments.keys() & {*numbers}:
        return branches, arguments
    rest = iter(branches)
    placed = [arguments[name] if name in arguments else next(rest) for name in numbers]
    return [*placed, *rest], {name: value for name, value in arguments.items() if name not in numbers}


def _single(arguments: dict[str, Any], main: str | None) -> Any:
    if not arguments:
        return None
    alone = arguments.get(main) if main and arguments.keys() == {main} else None
    return arguments if alone is None or isinstance(alone, bool) else alone
