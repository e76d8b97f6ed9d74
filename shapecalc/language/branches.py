"""The branches of a join: lists of steps, names of tensors, and fans, a branch for each turn of a loop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from shapecalc.errors import nearest
from shapecalc.language.heads import RESERVED, Written, only_read
from shapecalc.language.names import read_name
from shapecalc.language.tree import Branch, Fan, GroupStep
from shapecalc.language.values import is_name
from shapecalc.language.yaml_nodes import Scalar, YamlList, YamlMapping, YamlNode, kind
from shapecalc.layers import LAYERS, Layer

if TYPE_CHECKING:
    from shapecalc.language.reader import StepReader

_MANY = {1: "one branch is", 2: "two branches are", 3: "three branches are"}
_FANNED = ("for", "when")


class BranchReader:
    """Reads the branches of joins; `steps` reads the steps in them."""

    def __init__(self, steps: StepReader) -> None:
        self.steps = steps
        self.source = steps.source

    def branches(self, node: YamlNode | None, key: Scalar) -> tuple[Branch, ...]:
        form = f"{key.text}: [[first steps], [other steps]]; [] is the current tensor itself"
        layer = LAYERS[key.text]
        if not isinstance(node, YamlList):
            needed = "a list of branches or a number" if layer.numbers else "a list of branches"
            near = nearest(node.text, self.steps.scope) if isinstance(node, Scalar) else None
            raise self.source.error(f"{key.text}: {needed} is needed", node or key, near or form)
        fewest, most = layer.inputs_range
        found = tuple([self.branch(item, key) for item in node.items if not self.is_number(item, layer)])
        fans = sum(isinstance(branch, Fan) for branch in found)
        certain = len(node.items) - fans
        if not fans and certain < fewest:
            many = _MANY.get(fewest, f"{fewest} branches are")
            raise self.source.error(f"{key.text}: at least {many} needed", node, form)
        if certain > most:
            message = f"{key.text}: it takes at most {most} branches, not {certain}"
            raise self.source.error(message, node, form)
        return found

    def is_number(self, node: YamlNode, layer: type[Layer]) -> bool:
        """Whether a branch is a number where there may be one: arithmetic, or a parameter, but no tensor."""
        if not layer.numbers or not isinstance(node, Scalar) or self.steps.heads.read(node).beside:
            return False
        name = node.text.partition(".")[0]  # of widths.0, too
        if not is_name(name, node.plain):
            return not isinstance(node.value(), (bool, type(None)))
        return name in self.steps.arguments.scope and name not in self.steps.bound

    def numbers_among(
        self, node: YamlList, layer: type[Layer], given: Collection[str], key: Scalar
    ) -> dict[str, tuple[YamlNode, YamlNode]]:
        """The numbers among branches, each as the argument that stands for its place."""
        found: dict[str, tuple[YamlNode, YamlNode]] = {}
        names = layer.numbers
        if layer.most_branches > len(names):
            names = (names[0], *[""] * (len(node.items) - 2), names[-1])
        for place, (name, item) in enumerate(zip(names, node.items, strict=False)):
            if not self.is_number(item, layer):
                continue
            if not name:
                message = f"{key.text}: branch {place} must be a tensor, not a number"
                hint = "put it at the end: the order decides nothing but the memory"
                raise self.source.error(message, item, hint if layer.folds else None)
            if name in given:
                raise self.source.error(f"{key.text}: {name} is there twice, among the branches too", item)
            found[name] = (item, item)
        return found

    def branch(self, node: YamlNode, key: Scalar) -> Branch:
        if isinstance(node, YamlList):
            return self.steps.steps(node, "a branch")
        written = self.parts(node)
        if written is not None and self.is_name(written):
            return self.name(written)
        if written is not None and written.beside.keys() & {"from", *_FANNED}:
            step = self.steps.step(node)
            return Fan(step, (replace(step, loop=None, when=None, asks=False),))
        hint = "put the step into a list of its own: [step]"
        if isinstance(node, YamlMapping):
            hint = only_read(node) or hint
        message = f"{key.text}: a branch is a list of steps or the name of a tensor, not {kind(node)}"
        raise self.source.error(message, node, hint)

    def is_name(self, written: Written) -> bool:
        """Whether a branch is a tensor's name: of a word that is also a type's, where a tensor bears it."""
        word = written.key.text
        if written.value is not None or "from" in written.beside:
            return False
        if not self.steps.heads.is_type(word):
            return True
        known = word in self.steps.bound or (self.steps.outside and not written.beside)
        if word in RESERVED or not known:
            return False
        self.steps.own[word] = "a tensor, in a branch"
        return True

    def parts(self, node: YamlNode) -> Written | None:
        """Its head, and what stands beside it; None of a mapping that is no step."""
        if isinstance(node, YamlMapping) and only_read(node):
            return None
        if isinstance(node, Scalar) or (isinstance(node, YamlMapping) and self.steps.heads.is_one(node)):
            return self.steps.heads.read(node)
        return None

    def name(self, written: Written) -> Branch:
        """A name or, with a loop or a condition beside it, as many as these make of it."""
        for what, node in written.beside.items():
            if what not in _FANNED:
                hint = "put a step into a list of its own: [step]"
                raise self.source.error(f"{what} stands beside a step, not beside a name", node, hint)
        loop = self.steps.loop(written.beside)
        with self.steps.within(loop.names if loop else ()):
            common = self.steps.beside.read(written.beside)
            scope = self.steps.scope
            name = read_name(written.key, self.source, scope, "a branch that is no list")
        if not written.beside:
            return name
        step = GroupStep(label=name.text, node=written.key, steps=(), loop=loop, **common)
        return Fan(step, name)
