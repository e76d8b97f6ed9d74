"""Steps and blocks → the text of a file, in the style of the zoo: flow style as long as it fits on a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from shapecalc.importing.flow_style import Line, flow, listed
from shapecalc.importing.folding import REQUIRED, Folding, Group
from shapecalc.importing.lines import Scope, Whole
from shapecalc.importing.program import Call, Program, Region, Value, calls
from shapecalc.importing.steps import Body, Step, reads, within
from shapecalc.language.arguments import BESIDE
from shapecalc.language.values import is_name
from shapecalc.layers import LAYERS

_RESERVED = {"seq", "channels", "input", *BESIDE}


class Writer:
    """Writes the file of a program; `repeats` says whether alike steps in a row are one, so many times."""

    def __init__(self, program: Program, body: Body, folding: Folding, repeats: bool) -> None:
        self.program = program
        self.body = body
        self.groups = [group for group in folding.groups.values() if group.is_block]
        self.blocks: dict[str, list[str]] = {}
        self.taken = {*_RESERVED, *LAYERS, *program.parameters}
        self.whole = Whole(folding, repeats, owners(program), dict(blocks_again(body, folding)))

    def text(self) -> str:
        scope = Scope({*self.taken})
        for name, value in self.program.inputs.items():
            scope.names[value] = "input" if len(self.program.inputs) == 1 else input_name(name)
            scope.taken.add(scope.names[value])
        for group in self.groups:
            group.name = self.block_name(group.type)
            scope.taken.add(group.name)
        for group in self.groups:
            self.write_block(group)
        layers = self.whole.lines(self.body, scope)
        if unused := [*self.unused()]:
            first = self.body.steps[0]
            if reads(first) and " from " not in layers[0].beside:  # what comes to it otherwise is a weight
                layers[0].beside = f" from {scope.names[self.body.inputs[0]]}{layers[0].beside}"
            layers = [*unused, *layers]
        parts = [f"name: {flow(self.program.name)}", f"input: {self.inputs()}"]
        if self.program.parameters:
            parts.append(f"parameters: {flow(dict(self.program.parameters))}")
        if self.blocks:
            parts.append("blocks:")
            for header, lines in self.blocks.items():
                parts += [f"  {header}:", *(f"    {line}" for line in lines)]
        parts += ["layers:", *(f"  {line}" for line in listed(layers, 2))]
        return "\n".join(parts) + "\n"

    def inputs(self) -> str:
        specs = {}
        for name, value in self.program.inputs.items():
            shape = "x".join(map(str, value.known.shape))
            dtype = "" if value.known.dtype == "float32" else f":{value.known.dtype}"
            specs[input_name(name)] = self.program.spelled.get(name, shape + dtype)
        if len(specs) == 1:
            return next(iter(specs.values()))
        return "{" + ", ".join(f"{name}: {spec}" for name, spec in specs.items()) + "}"

    def unused(self) -> Iterator[Line]:
        """Weights that nothing reads, which the module has all the same."""
        for name in self.program.unused():
            frozen = name in (self.program.frozen or ())
            yield Line("parameter", "", {"shape": list(self.program.weights[name].shape)}, frozen=frozen)

    def block_name(self, type_: str) -> str:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type_.strip("_")).lower()
        options = [words, *(f"{words}_{number}" for number in range(2, 1000))]
        found = next(o for o in options if o not in self.taken and is_name(o))
        self.taken.add(found)
        return found

    def write_block(self, group: Group) -> None:
        body = group.instances[0].body
        assert body is not None
        scope = Scope({*self.taken, *group.defaults})
        header = ", ".join(
            name if default is REQUIRED else f"{name}={flow(default)}"
            for name, default in group.defaults.items()
        )
        tensors = self.tensors(body, scope)
        if tensors:
            header = f"{tensors}; {header}" if header else f"{tensors};"
        lines = self.whole.lines(body, scope, group)
        gives = self.gives(body, scope)
        self.blocks[f"{group.name}({header}){gives}" if header or gives else group.name] = listed(lines, 4)

    def tensors(self, body: Body, scope: Scope) -> str:
        """The tensors of a block's header, where it takes several or reads its own again."""
        if len(body.inputs) < 2 and not any(x in body.named for x in body.inputs):
            return ""
        names = [scope.name(x, "x" if number == 0 else f"x{number}") for number, x in enumerate(body.inputs)]
        return ", ".join(names)

    def gives(self, body: Body, scope: Scope) -> str:
        if len(body.outputs) < 2:
            return ""
        return " -> " + ", ".join(scope.name(y, "y") for y in body.outputs)


def input_name(name: str) -> str:
    """The name of an input in a file: the module's own, unless that is a word that stands beside steps."""
    return f"{name}_" if name in BESIDE else name


def blocks_again(body: Body, folding: Folding) -> Iterator[tuple[Step, Step]]:
    """Steps that use a block with the weights of an earlier step, all in the same order, and that step."""
    earlier: dict[tuple[Any, ...], Step] = {}
    for step in _all(body):
        if isinstance(step.node, Region) and folding.of[id(step)].is_block:
            weights = tuple([name for call in calls(step.node) for name in call.weights.values()])
            first = earlier.setdefault((id(folding.of[id(step)]), weights), step)
            if weights and first is not step:
                yield step, first


def _all(body: Body) -> Iterator[Step]:
    """All steps of a body, those of branches and of regions too."""
    for step in within(body.steps):
        yield step
        if step.body is not None:
            yield from _all(step.body)


def owners(program: Program) -> dict[str, Value]:
    """By the name of a weight that several calls use, what the first of them gives."""
    first: dict[str, Call] = {}
    found = {}
    for call in calls(program.body):
        for name in call.weights.values():
            if first.setdefault(name, call) is not call:
                found[name] = first[name].outputs[0]
    return found
