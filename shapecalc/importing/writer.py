"""Steps and blocks → the text of a file, in the style of the zoo: flow style as long as it fits on a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapecalc.importing.flow_style import Line, flow, listed, rows_once
from shapecalc.importing.folding import REQUIRED, Folding, Group, inlined, walk
from shapecalc.importing.program import Call, Program, Region, Text, Value, calls
from shapecalc.importing.structure import Body, Step, reads
from shapecalc.language.arguments import BESIDE
from shapecalc.language.values import is_name
from shapecalc.layers import LAYERS

_RESERVED = {"seq", "channels", "input", *BESIDE}


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
            options = [stem, *(f"{stem}{joint}{number}" for number in range(2, 100_000))]
            self.names[value] = next(
                o for o in options if is_name(o) and o not in self.taken and o not in LAYERS
            )
            self.taken.add(self.names[value])
        return self.names[value]


class Writer:
    """Writes the file of a program."""

    def __init__(self, program: Program, body: Body, folding: Folding, repeats: bool) -> None:
        self.program = program
        self.body = body
        self.folding = folding
        self.repeats = repeats
        """Whether steps in a row that are alike are one, so many times."""
        self.blocks: dict[str, list[str]] = {}
        self.taken = {*_RESERVED, *LAYERS, *program.parameters}
        self.named: set[Value] = set()
        self.owners = owners(program)
        self.shared = dict(blocks_again(body, folding))
        """Steps of blocks whose weights are all those of an earlier one, and that one."""

    def text(self) -> str:
        scope = Scope({*_RESERVED, *LAYERS, *self.program.parameters})
        for name, value in self.program.inputs.items():
            scope.names[value] = "input" if len(self.program.inputs) == 1 else input_name(name)
            scope.taken.add(scope.names[value])
        for group in self.folding.groups.values():
            if group.is_block:
                group.name = self.block_name(group.type)
                scope.taken.add(group.name)
        for group in self.folding.groups.values():
            if group.is_block:
                self.write_block(group)
        layers = self.steps(self.body, scope, None, top=True)
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
        lines = [*self.steps(body, scope, group)]
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

    def steps(self, body: Body, scope: Scope, group: Group | None, top: bool = False) -> list[Line]:
        numbers = {id(step): number for number, step in enumerate(walk(body))} if group else {}
        self.named = self.closure(body)
        return self.lines(body.steps, scope, group, numbers, top)

    def closure(self, body: Body) -> set[Value]:
        """The values that are read by name in a body, and in those that are written out within it."""
        found = {*body.named}
        for step in _within(body.steps):
            if step.body is not None and not self.folding.of[id(step)].is_block:
                found |= self.closure(step.body)
            elif isinstance(step.node, Call):
                found |= {*step.node.outputs[:1]} & {*self.owners.values()}
            elif step in self.shared.values() and step.body is not None:
                found |= {*step.body.outputs[:1]}
        return found

    def lines(
        self,
        steps: Sequence[Step],
        scope: Scope,
        group: Group | None,
        numbers: Mapping[int, int],
        top: bool = False,
    ) -> list[Line]:
        found: list[Line] = []
        for step in steps:
            for line in self.line(step, scope, group, numbers, top):
                if self.repeats and found and found[-1].same(line):
                    found[-1].times += line.times
                else:
                    found.append(line)
        return rows_once(found) if self.repeats else found

    def line(
        self, step: Step, scope: Scope, group: Group | None, numbers: Mapping[int, int], top: bool
    ) -> list[Line]:
        node = step.node
        sources = [scope.name(x, "x") for x in step.sources]
        beside = f" from {', '.join(sources)}" if sources else ""
        outputs = node.outputs if isinstance(node, Call) else step.body.outputs if step.body else []
        frozen = id(node) in self.folding.frozen
        if isinstance(node, Call):
            arguments = self.arguments(step, group, numbers)
            branches = None
            if step.branches is not None:
                branches = [
                    scope.name(b, "x") if isinstance(b, Value) else self.lines(b, scope, group, numbers)
                    for b in step.branches
                ]
            value = self.value(node, arguments, branches)
            beside += self.names(node.path if node.weights else "x", outputs, scope, self.named)
            beside += self.share(node, scope)
            return [Line(node.type, beside, value, frozen=frozen)]
        inner = self.folding.of[id(step)]
        if not inner.is_block and len(sources) > 1:  # the others are read by their names within
            beside = f" from {sources[0]}"
        if inner.is_block:
            beside += self.names(node.path, outputs, scope, self.named)
            first = self.shared.get(step)
            if first and first.body and (name := scope.names.get(first.body.outputs[0])):
                beside += f" share {name}"
            arguments = self.arguments(step, group, numbers)
            value = _single(arguments, next(iter(inner.defaults), None))
            return [Line(inner.name, beside, value, frozen=frozen)]
        return self.inline(step, node, scope, beside, top, group, numbers)

    def share(self, node: Call, scope: Scope) -> str:
        """The step whose weights a call uses again, if it does and that step is written here."""
        owners = [self.owners[name] for name in node.weights.values() if name in self.owners]
        if not owners or owners[0] in node.outputs or owners[0] not in scope.names:
            return ""
        return f" share {scope.names[owners[0]]}"

    def inline(
        self,
        step: Step,
        node: Region,
        scope: Scope,
        beside: str,
        top: bool,
        group: Group | None,
        numbers: Mapping[int, int],
    ) -> list[Line]:
        """The steps of a region that is no block: among the others or, with a name of its own, as a group."""
        assert step.body is not None
        if not inlined(step):  # of a region that is called once, all arguments are numbers
            group, numbers = None, {}
        outputs = step.body.outputs
        shared = outputs[0] in self.owners.values()
        named = [
            y for y in outputs if y in self.named and not shared
        ]  # a name that `share` has is the step's
        if len(outputs) == 1:
            self.named -= {*named}  # the group bears the name, not its last step
        lines = self.lines(step.body.steps, scope, group, numbers)
        self.named |= {*named}
        label = node.path.rpartition(".")[2]
        plain = is_name(label) and label not in LAYERS and label not in scope.taken
        if (
            len(outputs) == 1
            and not shared
            and (named or (top and plain and (len(lines) > 1 or lines[0].times > 1)))
        ):
            name = scope.name(outputs[0], label)
            beside = f"{beside} as {name}"
        frozen = id(node) in self.folding.frozen
        if not beside and not frozen:
            return lines
        if len(lines) == 1 and not lines[0].beside:
            lines[0].beside, lines[0].frozen = beside, lines[0].frozen or frozen
            return lines
        return [Line("seq", beside, lines, frozen=frozen)]

    def names(self, path: str, outputs: Sequence[Value], scope: Scope, named: set[Value]) -> str:
        """The names of a step's outputs, as far as the last that is read by name."""
        last = max((n for n, y in enumerate(outputs) if y in named), default=-1)
        names = [scope.name(y, path.rpartition(".")[2] or "x") for y in outputs[: last + 1]]
        return f" as {', '.join(names)}" if names else ""

    def arguments(self, step: Step, group: Group | None, numbers: Mapping[int, int]) -> dict[str, Any]:
        """What is written for a step's arguments: in a block, as the block's parameters say."""
        if group is None:
            return dict(self.folding.given(step))
        number = numbers[id(step)]
        texts = {name: text for (n, name), text in group.texts.items() if n == number}
        return {name: text for name, text in texts.items() if not self.is_default(step, name, text)}

    def is_default(self, step: Step, name: str, text: Any) -> bool:
        default = self.folding.default(step, name)
        return default is not REQUIRED and not isinstance(text, Text) and repr(default) == repr(text)

    def value(self, node: Call, arguments: dict[str, Any], branches: list[Any] | None) -> Any:
        layer = LAYERS.get(node.type)
        if branches is not None and layer is not None:
            branches, arguments = _with_numbers(layer.numbers, branches, arguments)
        if branches is not None:
            return {"branches": branches, **arguments} if arguments else branches
        if layer is None:
            return arguments or None
        listed_ = layer.listed_arguments()
        if listed_ and arguments.keys() == set(listed_):
            return [arguments[name] for name in listed_]
        beside = layer.numbers  # of arithmetic, where a number alone is the second operand
        return _single(arguments, beside[1] if beside else layer.main_argument())


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
    for step in _within(body.steps):
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


def _with_numbers(
    numbers: Sequence[str], branches: list[Any], arguments: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The branches with the numbers in their places, and the other arguments."""
    if not arguments.keys() & {*numbers}:
        return branches, arguments
    rest = iter(branches)
    placed = [arguments[name] if name in arguments else next(rest) for name in numbers]
    return [*placed, *rest], {name: value for name, value in arguments.items() if name not in numbers}


def _within(steps: Sequence[Step]) -> Iterator[Step]:
    """Steps and those of their branches."""
    for step in steps:
        yield step
        for branch in step.branches or ():
            if not isinstance(branch, Value):
                yield from _within(branch)


def _single(arguments: dict[str, Any], main: str | None) -> Any:
    if not arguments:
        return None
    alone = arguments.get(main) if main and arguments.keys() == {main} else None
    return arguments if alone is None or isinstance(alone, bool) else alone
