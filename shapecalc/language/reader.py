"""Nodes of a YAML text → steps. All that is wrong whatever the input is found here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from shapecalc.errors import ArchitectureError, listed, nearest, quoted
from shapecalc.language.arguments import ArgumentReader
from shapecalc.language.expressions import Expression
from shapecalc.language.heads import EXPERTS, GROUP, HeadReader, Written, only_read
from shapecalc.language.names import Bound, read_name, read_names
from shapecalc.language.tree import (
    CHANNELS,
    Argument,
    BlockStep,
    Branch,
    ChosenStep,
    GroupStep,
    LayerStep,
    Name,
    Signature,
    Step,
    Steps,
    copies_of,
    is_frozen,
    is_there,
    names_in,
)
from shapecalc.language.values import Words, is_name, read_value
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode, kind
from shapecalc.layers import ABSENT, LAYERS, Layer

MOST_WRITTEN = 200_000
"""Steps that the file's layers, or a block, are written with."""


class StepReader:
    """Reads the lists of steps of one body: the file's layers, or those of one block."""

    def __init__(
        self,
        source: Source,
        scope: Mapping[str, Any],
        blocks: Mapping[str, Signature],
        words: Words,
        given: Mapping[str, str],
    ) -> None:
        """`given`: the names of the tensors that are there, and what bears each."""
        self.source = source
        self.scope = scope
        self.arguments = ArgumentReader(source, scope, words)
        self.blocks = blocks
        self.heads = HeadReader(source, blocks)
        self.bound = Bound(source, given, self.heads.is_type)
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
            names = len(self.bound)
            known = self.read_step(node)
            if len(self.bound) == names:  # a step that names tensors may not come twice
                self.known[id(node)] = known
        return known

    def read_step(self, node: YamlNode) -> Step:
        return self.build(self.heads.read(node))

    def build(self, written: Written) -> Step:
        head, beside = self.heads.word(written.key), written.beside
        common: dict[str, Any] = {
            "node": written.key,
            "when": self.beside(beside["when"], is_there, channels=True) if "when" in beside else None,
            "times": self.beside(beside["times"], copies_of, channels=True) if "times" in beside else None,
            "sources": read_names(beside["from"], self.source, "from") if "from" in beside else (),
            "shares": self.shared(beside["share"]) if "share" in beside else None,
            "frozen": self.beside(beside["frozen"], is_frozen) if "frozen" in beside else None,
        }
        values = [common[key].value for key in ("when", "times") if common[key]]
        common["asks"] = CHANNELS in frozenset().union(*map(names_in, values))
        if head in self.scope and not self.heads.is_type(head) and head != EXPERTS:
            return self.by_parameter(head, written, self.with_names(common, beside))
        return self.of_type(head, written, common)

    def of_type(self, head: str, written: Written, common: Mapping[str, Any]) -> Step:
        key, value, beside = written
        common = {**common, "label": head}
        if head == GROUP:
            if value is None:
                raise self.source.error("seq needs a list of steps: seq: [first, second]", key)
            return GroupStep(steps=self.steps(value, GROUP), **self.with_names(common, beside))
        if head in self.blocks:
            return self.block(head, written, common)
        if head in LAYERS:
            return self.layer(LAYERS[head], written, common)
        if head == EXPERTS:
            from shapecalc.language.experts import experts_step  # which few files need

            return experts_step(self, key, value, self.with_names(common, beside))
        raise self.unknown_step(head, key)

    def block(self, name: str, written: Written, common: Mapping[str, Any]) -> BlockStep:
        signature = self.blocks[name]
        arguments, tensors = self.arguments.of_block(name, signature, written.key, written.value)
        values = [a.value for a in (*arguments.values(), *signature.parameters.values()) if a]
        return BlockStep(
            block=name,
            arguments=arguments,
            tensors=tensors,
            uses=tuple(sorted(frozenset().union(*map(names_in, values)))),
            **self.with_names(common, written.beside),
        )

    def by_parameter(self, parameter: str, written: Written, common: Mapping[str, Any]) -> ChosenStep:
        """A step whose type is what a parameter names."""

        def read(head: str) -> Step:
            try:
                joins = head in LAYERS and head not in self.blocks and LAYERS[head].branching
                if head == GROUP or joins:
                    raise self.source.error("a join or a group can't be chosen", written.key)
                return self.of_type(head, Written(written.key, written.value), common)
            except ArchitectureError as error:
                raise error.about(parameter) from None

        return ChosenStep(label=parameter, read=read, **common)

    def unknown_step(self, head: str, key: Scalar) -> ArchitectureError:
        own = f"blocks of the file: {listed(self.blocks)}; " if self.blocks else ""
        near = ABSENT.get(head) or nearest(head, [*self.blocks, *LAYERS, GROUP, EXPERTS])
        hint = near or f"{own}`shapecalc layers` lists the layer types"
        return self.source.error(f"the step {quoted(head)} is unknown", key, hint)

    def with_names(self, common: Mapping[str, Any], beside: Mapping[str, YamlNode]) -> Mapping[str, Any]:
        """Enter the step's `as` after what is inside of it, since a step can't read its own output."""
        return {**common, "names": self.new_names(beside["as"])} if "as" in beside else common

    def beside(
        self, node: YamlNode, check: Callable[[object], object], *, channels: bool = False
    ) -> Argument:
        """The value of a key beside a step, checked here unless it depends on parameters."""
        value = read_value(node, self.source, self.arguments.scope if channels else self.scope)
        if not isinstance(value, Expression):
            with self.source.placing(node):
                check(value)
        return Argument(value, node)

    def shared(self, node: YamlNode) -> Name:
        names = read_names(node, self.source, "share")
        if len(names) > 1:
            raise self.source.error("share: the weights of one step are shared, not of several", node)
        return names[0]

    def new_names(self, node: YamlNode) -> tuple[Name, ...]:
        names = read_names(node, self.source, "as")
        for name in names:
            self.bound.bind(name)
        return names

    def layer(self, layer: type[Layer], written: Written, common: Mapping[str, Any]) -> LayerStep:
        key, value, beside = written
        joins = layer.branching
        main = "branches" if joins else layer.main_argument()
        if value and self.is_number(value, layer):
            main = layer.numbers[-1]  # of the current tensor and a number
        names = layer.listed_arguments()
        if names and isinstance(value, YamlList):
            given = self.arguments.in_order(names, value, key)
        else:
            given = self.arguments.given(value, main, key, bool(layer.fields))
        _, listed_branches = given.pop("branches", (key, None)) if joins else (key, None)
        if layer.numbers and isinstance(listed_branches, YamlList):
            given |= self.numbers_among(listed_branches, layer, given, key)
        arguments = {
            name: self.arguments.of_layer(layer, name, where, node) for name, (where, node) in given.items()
        }
        fed = listed_branches is None and ("from" in beside or not given.keys().isdisjoint(layer.numbers))
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
            needed = "a list of branches or a number" if LAYERS[key.text].numbers else "a list of branches"
            near = nearest(node.text, self.scope) if isinstance(node, Scalar) else None
            raise self.source.error(f"{key.text}: {needed} is needed", node or key, near or form)
        fewest, most = LAYERS[key.text].inputs_range
        if len(node.items) < fewest:
            many = {1: "one branch is", 2: "two branches are", 3: "three branches are"}.get(
                fewest, f"{fewest} branches are"
            )
            raise self.source.error(f"{key.text}: at least {many} needed", node, form)
        if len(node.items) > most:
            found = f"at most {most} branches, not {len(node.items)}"
            raise self.source.error(f"{key.text}: it takes {found}", node, form)
        tensors = [item for item in node.items if not self.is_number(item, LAYERS[key.text])]
        return tuple(self.branch(item, key) for item in tensors)

    def is_number(self, node: YamlNode, layer: type[Layer]) -> bool:
        """Whether a branch is a number where there may be one: arithmetic, or a parameter, but no tensor."""
        if not layer.numbers or not isinstance(node, Scalar):
            return False
        name = node.text.partition(".")[0]  # of widths.0, too
        if not is_name(name, node.plain):
            return not isinstance(node.value(), (bool, type(None)))
        return name in self.arguments.scope and name not in self.bound.known

    def numbers_among(
        self, node: YamlList, layer: type[Layer], given: Collection[str], key: Scalar
    ) -> dict[str, tuple[YamlNode, YamlNode]]:
        """The numbers among branches, each as the argument that stands for its place."""
        found: dict[str, tuple[YamlNode, YamlNode]] = {}
        last = len(node.items) - 1
        for place, item in enumerate(node.items):
            if not self.is_number(item, layer):
                continue
            if 0 < place < last:
                hint = "put it at the end: the order decides nothing but the memory"
                raise self.source.error(f"{key.text}: a number is the first branch or the last", item, hint)
            name = layer.numbers[place and -1]
            if name in given:
                raise self.source.error(f"{key.text}: {name} is there twice, among the branches too", item)
            found[name] = (item, item)
        return found

    def branch(self, node: YamlNode, key: Scalar) -> Branch:
        if isinstance(node, YamlList):
            return self.steps(node, "a branch")
        if isinstance(node, Scalar) and not self.heads.is_type(node.text):
            return read_name(node, self.source, "a branch that is no list")
        hint = "put the step into a list of its own: [step]"
        if isinstance(node, YamlMapping):
            hint = only_read(node) or hint
        message = f"{key.text}: a branch is a list of steps or the name of a tensor, not {kind(node)}"
        raise self.source.error(message, node, hint)
