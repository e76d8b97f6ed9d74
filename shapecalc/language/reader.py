"""Nodes of a YAML text → steps. All that is wrong whatever the input is found here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from shapecalc.errors import ArchitectureError, listed, nearest, quoted, shorten
from shapecalc.language.arguments import BESIDE, ArgumentReader
from shapecalc.language.expressions import Expression
from shapecalc.language.tree import (
    Argument,
    BlockStep,
    Branch,
    ChosenStep,
    GroupStep,
    LayerStep,
    Name,
    Step,
    Steps,
    copies_of,
    is_frozen,
    names_in,
)
from shapecalc.language.values import Words, identifier, is_name, read_value
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode, kind
from shapecalc.layers import ABSENT, LAYERS, Layer

_CALL = re.compile(r"((?:torch\.)?(?:nn\.)?)(\w+)(\s*[:( ]\s*[\w\[{)].*)?", re.DOTALL)
GROUP = "seq"
MOST_WRITTEN = 200_000
"""Steps that the file's layers, or a block, are written with."""


class _Written(NamedTuple):
    """A step as the file has it: what it is, its arguments, and the keys beside it."""

    key: Scalar
    value: YamlNode | None = None
    beside: Mapping[str, YamlNode] = MappingProxyType({})


class StepReader:
    """Reads the lists of steps of one body: the file's layers, or those of one block."""

    def __init__(
        self,
        source: Source,
        scope: Mapping[str, Any],
        blocks: Mapping[str, Mapping[str, Argument | None]],
        words: Words,
        taken: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.scope = scope
        self.arguments = ArgumentReader(source, scope, words)
        self.blocks = blocks
        self.taken: dict[str, YamlNode | None] = dict.fromkeys(taken)
        self.known: dict[int, Step] = {}  # by node: an alias of an anchor is read once
        self.written = 0

    def steps(self, node: YamlNode, what: str) -> Steps:
        if not isinstance(node, YamlList):
            raise self.source.error(f"{what} must be a list of steps, not {kind(node)}", node)
        self.written += len(node.items)
        if self.written > MOST_WRITTEN:
            hint = "repeated layers are shorter with times and blocks"
            raise self.source.error(f"more than {MOST_WRITTEN:,} steps are written here", node, hint)
        return tuple([self.step(item) for item in node.items])

    def step(self, node: YamlNode) -> Step:
        known = self.known.get(id(node))
        if known is None:
            names = len(self.taken)
            known = self.read_step(node)
            if len(self.taken) == names:  # a step that names tensors may not come twice
                self.known[id(node)] = known
        return known

    def read_step(self, node: YamlNode) -> Step:
        if isinstance(node, Scalar):
            return self.build(_Written(node))
        if not isinstance(node, YamlMapping):
            hint = "several steps as one are written seq: [first, second]"
            raise self.source.error(f"a step can't be {kind(node)}", node, hint)
        beside = {key: value for key, (_, value) in node.entries.items() if key in BESIDE}
        heads = [entry for key, entry in node.entries.items() if key not in BESIDE]
        if not heads:
            message = "a step needs a layer, a block, a join or seq"
            raise self.source.error(message, node, self.only_read(beside))
        if len(heads) > 1:
            raise self.several_heads([key.text for key, _ in heads], heads[1][0])
        return self.build(_Written(*heads[0], beside))

    def only_read(self, beside: Mapping[str, YamlNode]) -> str | None:
        """The hint for a step with nothing but `from`: how a named tensor is written."""
        source = beside.get("from")
        if beside.keys() != {"from"} or not isinstance(source, Scalar):
            return None
        name = shorten(source.text)
        return f"a branch is the bare name: [{name}, …]; a step has a layer, a block or a join beside from"

    def several_heads(self, heads: list[str], second: Scalar) -> ArchitectureError:
        first, other = heads[:2]
        hint = f"give each step a dash or, in [ ], a comma of its own; beside it go {listed(BESIDE)}"
        if (first in LAYERS and other in LAYERS[first].fields) or other in self.blocks.get(first, ()):
            hint = f"{other} belongs to {first}: indent it deeper"
        elif not self.is_type(other):
            hint = nearest(other, BESIDE) or hint
        return self.source.error(
            f"one step can't be both {shorten(first)} and {shorten(other)}", second, hint
        )

    def is_type(self, name: str) -> bool:
        """Whether a step can be of this type."""
        return name in LAYERS or name in self.blocks or name == GROUP

    def head(self, key: Scalar) -> str:
        """The word that says what a step is."""
        if self.is_type(key.text) or is_name(key.text, key.plain):
            return key.text
        hint = self.call_hint(key)
        if key.value() is None:
            hint = "a dash begins a step; [] is the current tensor"
        first = key.text.partition(" ")[0]
        place = self.source.place_of(key)
        if self.is_type(first) and place.text[place.column - 1 :].strip() == first:  # its own line ends there
            hint = f"write {first}: with a colon: more is indented below it"
        if hint is None:
            return identifier(key, self.source, "a step")
        raise self.source.error(f"a step must be a name, not {kind(key)}", key, hint)

    def call_hint(self, key: Scalar) -> str | None:
        """The hint for a step that is written as in Python, or without a colon before its argument."""
        found = _CALL.fullmatch(key.text.strip())
        if not found or not (found[2] in LAYERS or found[2] in self.blocks):
            return None
        prefix, name, argument = found.groups(default="")
        argument = argument.strip("():, ")
        if prefix and not argument:
            return f"write {name} without {prefix}"
        if not argument:
            return f"write {name} alone"
        if "," in argument or "=" in argument:
            return f"write {name}: {{argument: value, …}}, each argument by its name"
        return f"write {name}: {shorten(argument, 20)}, with a colon and a space"

    def build(self, written: _Written) -> Step:
        head, beside = self.head(written.key), written.beside
        common: dict[str, Any] = {
            "node": written.key,
            "times": self.beside(beside["times"], copies_of) if "times" in beside else None,
            "sources": self.names(beside["from"], "from") if "from" in beside else (),
            "shares": self.shared(beside["share"]) if "share" in beside else None,
            "frozen": self.beside(beside["frozen"], is_frozen) if "frozen" in beside else None,
        }
        if head in self.scope and not self.is_type(head):
            return self.by_parameter(head, written, self.with_names(common, beside))
        return self.of_type(head, written, common)

    def of_type(self, head: str, written: _Written, common: Mapping[str, Any]) -> Step:
        key, value, beside = written
        common = {**common, "label": head}
        if head == GROUP:
            if value is None:
                raise self.source.error("seq needs a list of steps: seq: [first, second]", key)
            return GroupStep(steps=self.steps(value, GROUP), **self.with_names(common, beside))
        if head in self.blocks:
            arguments = self.arguments.of_block(head, self.blocks[head], key, value)
            values = [a.value for a in (*arguments.values(), *self.blocks[head].values()) if a]
            uses = tuple(sorted(frozenset().union(*map(names_in, values))))
            return BlockStep(block=head, arguments=arguments, uses=uses, **self.with_names(common, beside))
        if head in LAYERS:
            return self.layer(LAYERS[head], written, common)
        raise self.unknown_step(head, key)

    def by_parameter(self, parameter: str, written: _Written, common: Mapping[str, Any]) -> ChosenStep:
        """A step whose type is what a parameter names."""

        def read(head: str) -> Step:
            try:
                joins = head in LAYERS and head not in self.blocks and LAYERS[head].branching
                if head == GROUP or joins:
                    raise self.source.error("a join or a group can't be chosen", written.key)
                return self.of_type(head, _Written(written.key, written.value), common)
            except ArchitectureError as error:
                raise error.about(parameter) from None

        return ChosenStep(label=parameter, read=read, **common)

    def unknown_step(self, head: str, key: Scalar) -> ArchitectureError:
        own = f"blocks of the file: {listed(self.blocks)}; " if self.blocks else ""
        near = ABSENT.get(head) or nearest(head, [*self.blocks, *LAYERS, GROUP])
        hint = near or f"{own}`shapecalc layers` lists the layer types"
        return self.source.error(f"the step {quoted(head)} is unknown", key, hint)

    def with_names(self, common: Mapping[str, Any], beside: Mapping[str, YamlNode]) -> Mapping[str, Any]:
        """Enter the step's `as` after what is inside of it, since a step can't read its own output."""
        return {**common, "names": self.new_names(beside["as"])} if "as" in beside else common

    def beside(self, node: YamlNode, check: Callable[[object], object]) -> Argument:
        """The value of a key beside a step, checked here unless it depends on parameters."""
        value = read_value(node, self.source, self.scope)
        if not isinstance(value, Expression):
            with self.source.placing(node):
                check(value)
        return Argument(value, node)

    def names(self, node: YamlNode, what: str) -> tuple[Name, ...]:
        items = node.items if isinstance(node, YamlList) else [node]
        if not items:
            raise self.source.error(f"{what} must be a name or a list of names", node)
        return tuple(Name(identifier(item, self.source, what), item) for item in items)

    def shared(self, node: YamlNode) -> Name:
        names = self.names(node, "share")
        if len(names) > 1:
            raise self.source.error("share: the weights of one step are shared, not of several", node)
        return names[0]

    def new_names(self, node: YamlNode) -> tuple[Name, ...]:
        names = self.names(node, "as")
        for name in names:
            if self.is_type(name.text):
                hint = "a name that is no layer type and no block can be told from them in a branch"
                raise self.source.error(f"as: {name.text} means something already", name.node, hint)
            if name.text in self.taken:
                first = self.taken[name.text]
                where = f"a step on line {first.mark.line + 1}" if first else "an input"
                hint = "each tensor of a body has a name of its own"
                raise self.source.error(f"the name {quoted(name.text)} is taken by {where}", name.node, hint)
            self.taken[name.text] = name.node
        return names

    def layer(self, layer: type[Layer], written: _Written, common: Mapping[str, Any]) -> LayerStep:
        key, value, beside = written
        joins = layer.branching
        main = "branches" if joins else layer.main_argument()
        names = layer.listed_arguments()
        if names and isinstance(value, YamlList):
            given = self.arguments.in_order(names, value, key)
        else:
            given = self.arguments.given(value, main, key, bool(layer.fields))
        _, listed_branches = given.pop("branches", (key, None)) if joins else (key, None)
        arguments = {
            name: self.arguments.of_layer(layer, name, where, node) for name, (where, node) in given.items()
        }
        fed = joins and listed_branches is None and "from" in beside
        branches = self.branches(listed_branches, key) if joins and not fed else ()
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

    def branches(self, node: YamlNode | None, key: Scalar) -> tuple[Branch, ...]:
        form = f"{key.text}: [[first steps], [other steps]]; [] is the current tensor itself"
        if not isinstance(node, YamlList):
            raise self.source.error(f"{key.text}: a list of branches is needed", node or key, form)
        fewest, most = LAYERS[key.text].inputs_range
        if len(node.items) < fewest:
            many = {1: "one branch is", 2: "two branches are", 3: "three branches are"}.get(
                fewest, f"{fewest} branches are"
            )
            raise self.source.error(f"{key.text}: at least {many} needed", node, form)
        if len(node.items) > most:
            found = f"at most {most} branches, not {len(node.items)}"
            raise self.source.error(f"{key.text}: it takes {found}", node, form)
        return tuple(self.branch(item, key) for item in node.items)

    def branch(self, node: YamlNode, key: Scalar) -> Branch:
        if isinstance(node, YamlList):
            return self.steps(node, "a branch")
        if isinstance(node, Scalar) and not self.is_type(node.text):
            return Name(identifier(node, self.source, "a branch that is no list"), node)
        hint = "put the step into a list of its own: [step]"
        if isinstance(node, YamlMapping):
            hint = self.only_read({key: value for key, (_, value) in node.entries.items()}) or hint
        message = f"{key.text}: a branch is a list of steps or the name of a tensor, not {kind(node)}"
        raise self.source.error(message, node, hint)
