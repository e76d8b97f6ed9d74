"""Nodes of a YAML text → steps. All that is wrong whatever the input is found here."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

from shapecalc.errors import ArchitectureError, UnknownNameError, listed, nearest, quoted
from shapecalc.language.arguments import PARAMETRIZATIONS, ArgumentReader
from shapecalc.language.beside import BesideReader, read_weights
from shapecalc.language.block import BlockStep, ChosenStep, GivenBlock, Signature
from shapecalc.language.branches import BranchReader
from shapecalc.language.expressions import Expression
from shapecalc.language.heads import EXPERTS, GROUP, RESERVED, HeadReader, Written
from shapecalc.language.loops import Loop, read_loop
from shapecalc.language.names import Bound
from shapecalc.language.resolved import names_in
from shapecalc.language.tree import Argument, GroupStep, LayerStep, Step, Steps
from shapecalc.language.values import Words, is_name
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
        *,
        outside: bool = False,
    ) -> None:
        """`given`: the names of the tensors that are there, and what bears each; others may be `outside`."""
        self.source = source
        self.words = words
        self.scope = scope
        self.arguments = ArgumentReader(source, scope, words)
        self.variables: tuple[str, ...] = ()
        """The variables of the loops around the step that is being read."""
        self.beside = BesideReader(self)
        self.branches = BranchReader(self)
        self.blocks = blocks
        self.heads = HeadReader(source, blocks)
        self.bound = Bound(source, given, RESERVED)
        self.outside = outside
        self.own: dict[str, str] = {}
        """Names of layer types that mean something of the file itself → what they mean."""
        self.known: dict[Any, Step] = {}  # by node: an alias of an anchor is read once
        self.written = 0

    def steps(self, node: YamlNode, what: str) -> Steps:
        if not isinstance(node, YamlList):
            raise self.source.error(f"{what} must be a list of steps, not {kind(node)}", node)
        self.written += len(node.items)
        if self.written > MOST_WRITTEN:
            hint = "repeated layers are shorter with times and blocks"
            raise self.source.error(f"more than {MOST_WRITTEN:,} steps are written here", node, hint)
        found = []
        for number, item in enumerate(node.items):
            try:
                found.append(self.step(item))
            except ArchitectureError as error:
                if not (error.hint or "").startswith("did you mean"):
                    error.hint = self.cut_apart(node.items, number) or error.hint
                raise
        return tuple(found)

    def cut_apart(self, items: Sequence[YamlNode], number: int) -> str | None:
        """The hint for an item that is a part of a head with a comma, which ends an item inside of [ ]."""
        for first, second in pairwise(items[max(number - 1, 0) : number + 2]):
            if isinstance(first, Scalar) and first.plain and first.mark.line == second.mark.line:
                rest = next(iter(second.entries), "") if isinstance(second, YamlMapping) else ""
                rest = second.text if isinstance(second, Scalar) else rest
                if self.goes_on(first, rest):
                    whole = f'"{first.text}, {rest}"'
                    return f"inside of [ ] and {{ }} a head with a comma is quoted: {whole}"
        return None

    def goes_on(self, first: Scalar, rest: str) -> bool:
        """Whether a head that ends in a name may go on in the text of the item that follows it."""
        word = rest.partition(" ")[0]
        names = self.heads.read(first).beside.keys() & {"as", "from", "for"}
        return bool(names) and is_name(word) and not self.heads.is_type(word)

    def step(self, node: YamlNode) -> Step:
        place = id(node), self.variables
        known = self.known.get(place)
        if known is None:
            names = len(self.bound)
            try:
                known = self.build(self.heads.read(node))
            except UnknownNameError as error:
                if error.name in self.bound:
                    error.hint = f"{error.name} is a tensor, read by from or in a branch; this is a value"
                raise
            if len(self.bound) == names:  # a step that names tensors may not come twice
                self.known[place] = known
        return known

    def build(self, written: Written) -> Step:
        """The step; all of it but the list of its loop sees the loop's variables."""
        loop = self.loop(written.beside)
        with self.within(loop.names if loop else ()):
            made_by = self.parametrizations(written.beside)
            return self.of_head(written, {**self.beside.read(written.beside), **made_by, "loop": loop})

    def parametrizations(self, beside: Mapping[str, YamlNode]) -> dict[str, Any]:
        """What makes the weights of a step, where there is anything."""
        if not any(key in beside for key in PARAMETRIZATIONS):
            return {}
        from shapecalc.language.parametrizations import parametrizations  # which few files need

        return {"parametrizations": parametrizations(self, beside)}

    def loop(self, beside: Mapping[str, YamlNode]) -> Loop | None:
        if "for" not in beside:
            return None
        if "times" in beside:
            hint = "put one of them into a seq: {seq: [{step: …, times: n}], for: …}"
            raise self.source.error("for and times can't stand beside one step", beside["for"], hint)
        return read_loop(beside["for"], self.source, self.scope, self.words)

    @contextmanager
    def within(self, variables: tuple[str, ...]) -> Iterator[None]:
        """Within, these are in scope too, as in the copies of a loop."""
        before = self.scope, self.arguments, self.variables
        if variables:
            self.see(ChainMap(dict.fromkeys(variables), before[0]))  # type: ignore[arg-type]  # it is only read
            self.variables = (*before[2], *variables)
        try:
            yield
        finally:
            self.scope, self.arguments, self.variables = before

    def see(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope
        self.arguments = ArgumentReader(self.source, scope, self.words)

    def of_head(self, written: Written, common: dict[str, Any]) -> Step:
        head = self.heads.word(written.key)
        common["node"] = written.key
        if head in self.scope and head not in RESERVED:
            if not self.heads.is_type(head):
                return self.by_parameter(head, written, self.beside.with_names(common, written.beside))
            if self.may_name_a_step(head):
                return self.either(head, written, self.beside.with_names(common, written.beside))
        return self.of_type(head, written, common)

    def of_type(self, head: str, written: Written, common: Mapping[str, Any]) -> Step:
        key, value, beside = written
        common = {**common, "label": head}
        if "parametrizations" in common and (head in self.blocks or head not in LAYERS):
            (first, *_) = common["parametrizations"]
            hint = "write it beside the layers inside"
            raise self.source.error(
                f"{first.label} stands beside a layer, and {head} is none", first.node, hint
            )
        if head == GROUP:
            if value is None:
                raise self.source.error("seq needs a list of steps: seq: [first, second]", key)
            return GroupStep(steps=self.steps(value, GROUP), **self.beside.with_names(common, beside))
        if head in self.blocks:
            return self.block(head, self.blocks[head], written, common)
        if head in LAYERS:
            return self.layer(LAYERS[head], written, common)
        if head == EXPERTS:
            from shapecalc.language.experts import experts_step  # which few files need

            return experts_step(self, key, value, self.beside.with_names(common, beside))
        raise self.unknown_step(head, key)

    def block(
        self, name: str, signature: Signature, written: Written, common: Mapping[str, Any]
    ) -> BlockStep:
        arguments, tensors = self.arguments.of_block(
            name, signature, written.key, written.value, written.read
        )
        values = [a.value for a in (*arguments.values(), *signature.parameters.values()) if a]
        return BlockStep(
            block=name,
            arguments=arguments,
            tensors=tensors,
            uses=tuple(sorted(frozenset().union(*map(names_in, values)))),
            **self.beside.with_names(common, written.beside),
        )

    def may_name_a_step(self, parameter: str) -> bool:
        """Whether a value of the parameter may name a step: its default, if it has one, is no number."""
        default = self.scope[parameter]
        return default is None or isinstance(default.value, (str, Expression))

    def either(self, head: str, written: Written, common: Mapping[str, Any]) -> ChosenStep:
        """A step called as a parameter and as a layer type: what the parameter names, or else that type."""
        self.own[head] = "the step that a parameter names"
        beside = {key: node for key, node in written.beside.items() if key != "as"}
        otherwise: Step | ArchitectureError
        try:
            otherwise = self.of_type(head, written._replace(beside=beside), common)
        except ArchitectureError as error:  # which may be written for what the parameter names
            otherwise = error
        chosen = self.by_parameter(head, written, common)
        return replace(chosen, otherwise=otherwise, is_step=self.heads.is_type)

    def by_parameter(self, parameter: str, written: Written, common: Mapping[str, Any]) -> ChosenStep:
        """A step whose type is what a parameter names."""
        scope = self.scope

        def read(head: str) -> Step:
            self.see(scope)
            alone = Written(written.key, written.value)
            try:
                if isinstance(head, GivenBlock):
                    return self.block(head, head.block.signature, alone, {**common, "label": head})
                joins = head in LAYERS and head not in self.blocks and LAYERS[head].branching
                if head == GROUP or joins:
                    raise self.source.error("a join or a group can't be chosen", written.key)
                return self.of_type(head, alone, common)
            except ArchitectureError as error:
                raise error.about(parameter) from None

        return ChosenStep(label=parameter, read=read, **common)

    def unknown_step(self, head: str, key: Scalar) -> ArchitectureError:
        own = f"blocks of the file: {listed(self.blocks)}; " if self.blocks else ""
        near = ABSENT.get(head) or nearest(head, [*self.blocks, *LAYERS, GROUP, EXPERTS])
        hint = near or f"{own}`shapecalc layers` lists the layer types"
        if head in self.bound:
            hint = f"{head} is a tensor: from reads it beside a step, and a branch is its bare name"
        elif head.islower() and "_" in head:
            hint += "; blocks of a library come by the key use, and `shapecalc list --blocks` shows them"
        return self.source.error(f"the step {quoted(head)} is unknown", key, hint)

    def layer(self, layer: type[Layer], written: Written, common: Mapping[str, Any]) -> LayerStep:
        key, value, beside = written
        joins = layer.branching
        main = "branches" if joins else layer.main_argument()
        if value and self.branches.is_number(value, layer):
            main = layer.numbers[-1]  # of the current tensor and a number
        names = layer.listed_arguments()
        if names and isinstance(value, YamlList):
            given = self.arguments.in_order(names, value, key)
        else:
            given = self.arguments.given(value, main, key, bool(layer.fields))
        _, listed_branches = given.pop("branches", (key, None)) if joins else (key, None)
        if layer.numbers and isinstance(listed_branches, YamlList):
            given |= self.branches.numbers_among(listed_branches, layer, given, key)
        stored = self.own_dtype(layer, given, beside)
        arguments = {
            name: self.arguments.of_layer(layer, name, where, node) for name, (where, node) in given.items()
        }
        fed = listed_branches is None and ("from" in beside or not given.keys().isdisjoint(layer.numbers))
        branches = self.branches.branches(listed_branches, key) if joins and not fed else ()
        uses = frozenset().union(*(names_in(argument.value) for argument in arguments.values()))
        step = LayerStep(
            type=layer,
            arguments=arguments,
            branches=branches,
            uses=tuple(sorted(uses)),
            **self.beside.with_names({**common, **stored}, beside),
        )
        if not uses:
            self.check(step)
        return step

    def own_dtype(
        self, layer: type[Layer], given: dict[str, Any], beside: Mapping[str, YamlNode]
    ) -> dict[str, Argument]:
        """torch's `dtype` among the arguments of a layer with matrices: `weights` beside the layer."""
        if "dtype" not in given or "dtype" in layer.fields or not layer.quantized:
            return {}
        where, node = given.pop("dtype")
        if "weights" in beside:
            raise self.source.error("dtype says what weights beside the step says", where, "write it once")
        return {"weights": read_weights(node, self.source, self.scope)}

    def check(self, step: LayerStep) -> None:
        """Find wrong constants now, in blocks that are never used too."""
        try:
            step.bind({})
        except ArchitectureError as error:
            raise error.about(step.label).at(self.source.place_of(step.blame(error))) from None
