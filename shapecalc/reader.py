"""Nodes of a YAML file → steps. All that can be known without an input is checked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shapecalc import document
from shapecalc.document import Node, Scalar, Sequence, Source, kind
from shapecalc.errors import ArchitectureError, nearest
from shapecalc.expressions import Expression
from shapecalc.layers import LAYERS, Layer
from shapecalc.steps import Argument, BlockStep, Branch, GroupStep, LayerStep, Name, Step, Steps, names_in
from shapecalc.values import WORDS, identifier, read_value

BESIDE = ("times", "as", "from")
"""What may be written beside a step."""
GROUP = "seq"


class StepReader:
    """Reads the lists of steps of one body: the file's layers, or those of one block."""

    def __init__(
        self,
        source: Source,
        scope: list[str],
        blocks: Mapping[str, Mapping[str, Argument | None]],
        taken: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.scope = scope
        self.blocks = blocks
        self.taken: dict[str, Node | None] = dict.fromkeys(taken)
        self.known: dict[int, Step] = {}  # by node: an alias of an anchor is read once

    def steps(self, node: Node, what: str) -> Steps:
        if not isinstance(node, Sequence):
            raise self.source.error(f"{what} must be a list of steps, not {kind(node)}", node)
        return tuple([self.step(item) for item in node.items])

    def step(self, node: Node) -> Step:
        known = self.known.get(id(node))
        if known is None:
            names = len(self.taken)
            known = self.read_step(node)
            if len(self.taken) == names:  # a step that names tensors may not come twice
                self.known[id(node)] = known
        return known

    def read_step(self, node: Node) -> Step:
        if isinstance(node, Scalar):
            return self.build(node, None, {})
        if not isinstance(node, document.Mapping):
            hint = "several steps as one are written seq: [first, second]"
            raise self.source.error(f"a step can't be {kind(node)}", node, hint)
        beside = {key: value for key, (_, value) in node.entries.items() if key in BESIDE}
        heads = [entry for key, entry in node.entries.items() if key not in BESIDE]
        if not heads:
            raise self.source.error("a step needs a layer, a block, a join or seq", node)
        if len(heads) > 1:
            raise self.several_heads([key.text for key, _ in heads], heads[1][0])
        return self.build(*heads[0], beside)

    def several_heads(self, heads: list[str], second: Scalar) -> ArchitectureError:
        hint = nearest(heads[1], BESIDE) if heads[1] not in {*LAYERS, *self.blocks, GROUP} else None
        return self.source.error(
            f"one step can't be both {heads[0]} and {heads[1]}",
            second,
            hint or "give each step a dash or, in [ ], a comma of its own; beside a step go times, as, from",
        )

    def build(self, key: Scalar, value: Node | None, beside: Mapping[str, Node]) -> Step:
        """The step of type `key` with the arguments `value`."""
        head = identifier(key, self.source, "a step")
        common: dict[str, Any] = {
            "label": head,
            "node": key,
            "times": self.times(beside["times"]) if "times" in beside else None,
            "sources": self.names(beside["from"], "from") if "from" in beside else (),
        }
        step: Step
        if head == GROUP:
            if value is None:
                raise self.source.error("seq needs a list of steps: seq: [first, second]", key)
            step = GroupStep(steps=self.steps(value, GROUP), **self.with_names(common, beside))
        elif head in self.blocks:
            arguments = self.block_arguments(head, key, value)
            step = BlockStep(block=head, arguments=arguments, **self.with_names(common, beside))
        elif head in LAYERS:
            step = self.layer(LAYERS[head], key, value, common, beside)
        else:
            hint = (
                nearest(head, [*self.blocks, *LAYERS, GROUP])
                or "it is no layer type and no block of the file"
            )
            raise self.source.error(f"the step {head!r} is unknown", key, hint)
        return step

    def with_names(self, common: dict[str, Any], beside: Mapping[str, Node]) -> dict[str, Any]:
        """Enter the step's `as` after what is inside of it, since a step can't read its own output."""
        return {**common, "names": self.new_names(beside["as"]) if "as" in beside else ()}

    def times(self, node: Node) -> Argument:
        value = read_value(node, self.source, self.scope)
        if not isinstance(value, Expression) and (type(value) is not int or value < 0):
            raise self.source.error(f"times must be a whole number of at least 0, not {kind(node)}", node)
        return Argument(value, node)

    def names(self, node: Node, what: str) -> tuple[Name, ...]:
        items = node.items if isinstance(node, Sequence) else [node]
        if not items:
            raise self.source.error(f"{what} must be a name or a list of names", node)
        return tuple(Name(identifier(item, self.source, what), item) for item in items)

    def new_names(self, node: Node) -> tuple[Name, ...]:
        names = self.names(node, "as")
        for name in names:
            if name.text in self.taken:
                first = self.taken[name.text]
                where = f"a step on line {first.mark.line + 1}" if first else "an input"
                raise self.source.error(f"the name {name.text!r} is taken by {where}", name.node)
            self.taken[name.text] = name.node
        return names

    def block_arguments(self, block: str, key: Scalar, value: Node | None) -> dict[str, Argument]:
        parameters = self.blocks[block]
        given = self.given(value, next(iter(parameters), None), key)
        for name, node in given.items():
            if name not in parameters:
                hint = nearest(name, parameters) or f"{block} takes {', '.join(parameters) or 'no arguments'}"
                raise self.source.error(f"{block}: there is no argument {name!r}", node, hint)
        for name, default in parameters.items():
            if default is None and name not in given:
                hint = f"{block} takes {', '.join(parameters)}"
                raise self.source.error(f"{block}: {name} is missing", key, hint)
        return {name: self.argument(node, WORDS) for name, node in given.items()}

    def argument(self, node: Node, words: frozenset[str]) -> Argument:
        """The argument that a node writes; a parameter's name comes before a word."""
        return Argument(read_value(node, self.source, self.scope, words.difference(self.scope)), node)

    def given(self, value: Node | None, main: str | None, key: Scalar) -> dict[str, Node]:
        """Argument name → node; a single value or a list goes to the argument `main`."""
        if value is None or (isinstance(value, Scalar) and value.value() is None):
            return {}
        if isinstance(value, document.Mapping):
            return {name: node for name, (_, node) in value.entries.items()}
        if main is None:
            hint = "write each argument by its name: {name: value}"
            raise self.source.error(f"{key.text}: no argument takes a single value", value, hint)
        return {main: value}

    def layer(
        self,
        layer: type[Layer],
        key: Scalar,
        value: Node | None,
        common: dict[str, Any],
        beside: Mapping[str, Node],
    ) -> LayerStep:
        given = self.given(value, "branches" if layer.joins() else layer.main_argument(), key)
        branches = self.branches(given.pop("branches", None), key) if layer.joins() else ()
        arguments = {}
        for name, node in given.items():
            if name not in layer.fields:
                error = layer.unknown_argument(name).about(key.text)
                raise error.at(self.source.place_of(node))
            arguments[name] = self.argument(node, layer.fields[name].words)
        uses = frozenset().union(*(names_in(argument.value) for argument in arguments.values()))
        step = LayerStep(
            type=layer,
            arguments=arguments,
            branches=branches,
            uses=tuple(sorted(uses)),
            **self.with_names(common, beside),
        )
        if not uses:
            self.check(step)
        return step

    def check(self, step: LayerStep) -> None:
        """Find wrong constants now, in blocks that are never used too."""
        try:
            step.bind({})
        except ArchitectureError as error:
            raise error.about(step.label).at(self.source.place_of(step.blame(error))) from None

    def branches(self, node: Node | None, key: Scalar) -> tuple[Branch, ...]:
        form = f"{key.text}: [[first steps], [other steps]]; [] is the current tensor itself"
        if not isinstance(node, Sequence):
            raise self.source.error(f"{key.text}: a list of branches is needed", node or key, form)
        if len(node.items) < 2:
            raise self.source.error(f"{key.text}: at least two branches are needed", node, form)
        return tuple(self.branch(item, key) for item in node.items)

    def branch(self, node: Node, key: Scalar) -> Branch:
        if isinstance(node, Sequence):
            return self.steps(node, "a branch")
        if isinstance(node, Scalar) and node.text not in {*LAYERS, *self.blocks}:
            return Name(identifier(node, self.source, "a branch that is no list"), node)
        raise self.source.error(
            f"{key.text}: a branch is a list of steps or the name of a tensor, not {kind(node)}",
            node,
            "put the step into a list of its own: [step]",
        )
