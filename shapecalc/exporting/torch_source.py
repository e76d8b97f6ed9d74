"""A network as a Python module of torch: a class for each block, and one for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from shapecalc.engine.results import Analysis
from shapecalc.exporting.arguments import arguments_of
from shapecalc.exporting.attributes import Attributes
from shapecalc.exporting.calls import constructor, weight
from shapecalc.exporting.classes import Class
from shapecalc.exporting.docstring import counted, docstring
from shapecalc.exporting.forward import ForwardMethod
from shapecalc.exporting.helpers import helper
from shapecalc.exporting.layout import Bracketed, Doc, call, lines, named
from shapecalc.exporting.literals import Text, annotation, literal, same
from shapecalc.exporting.parameters import classes_of
from shapecalc.exporting.program import Chain, Item, Leaf, Region, Several, Tie, leaves
from shapecalc.exporting.solving import words_of
from shapecalc.exporting.structure import structured


class TorchSource(NamedTuple):
    """The text of a module of Python, and what its class and its weights are called."""

    text: str
    name: str
    """The class of the network."""
    keys: Mapping[tuple[str, str], str]
    """By the path of a layer and the name of a weight of its own, the key in the state_dict."""


def torch_source(analysis: Analysis) -> TorchSource:
    """The network as a module.

    Raises:
        ArchitectureError: a step has no counterpart in torch.
    """
    writer = _Writer(analysis)
    text = writer.text()
    return TorchSource(text, writer.classes.of[id(writer.root)].name, dict(writer.attributes.keys()))


class _Writer:
    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.root = structured(analysis)
        self.classes = classes_of(analysis, self.root)
        self.attributes = Attributes(self.root, self.classes)

    def text(self) -> str:
        classes = [self.written(found) for found in self.classes]
        functions = dict.fromkeys(leaf.row.layer.function or "" for leaf in leaves(self.root.items))
        helpers = [text for function in functions for text in helper(function)]
        body = "\n\n\n".join([*helpers, *("\n".join(lines) for lines in classes)]) + "\n"
        return f"{self.docstring()}\n\n{imports(body)}\n\n\n{body}"

    def docstring(self) -> str:
        """What the network is, its figures, and what the keys of its weights are."""
        analysis, totals = self.analysis, self.analysis.totals
        several = len(analysis.inputs) > 1
        inputs = [f"{name} " * several + f"{x} {x.dtype}" for name, x in analysis.inputs.items()]
        outputs = ", ".join(map(str, analysis.outputs))
        facts = [
            f"Input: {', '.join(inputs)}. Output: {outputs}.",
            f"Parameters: {counted(totals.params)}; buffers: {counted(totals.buffers)}."
            f" Multiply-accumulates: {counted(totals.macs)}.",
        ]
        return docstring(analysis, analysis.name, facts, KEYS)

    def written(self, found: Class) -> list[str]:
        return self.sequential(found) if self.attributes.is_written_as_series(found) else self.module(found)

    def sequential(self, found: Class) -> list[str]:
        """A class that is a Sequential with arguments."""
        modules = [self.module_of(item, found) for item in found.first.items]
        made = lines(call("super().__init__", modules), 8)
        more = self.afterwards(found)
        return [f"class {found.name}(nn.Sequential):", *self.head(found), *made, *more]

    def module(self, found: Class) -> list[str]:
        """A class with attributes and a `forward`."""
        body: list[str] = []
        owned = [item for item in found.first.items if self.owns(item)]
        kept = self.kept(found)
        body += [f"        self.{name} = {name}" for name in kept]
        self.attributes.enter(found, owned, kept)
        for item in owned:
            body += lines(self.module_of(item, found), 8, f"self.{self.attributes.of[id(item)]} = ")
        body += self.afterwards(found)
        forward = ForwardMethod(found, self.attributes.of, kept)
        statements = forward.write()
        head = self.head(found) if body else []
        begin = [*head, "        super().__init__()", *body, ""] if body else []
        takes = Bracketed(
            "def forward(",
            ["self", *[f"{name}: Tensor" for name in forward.inputs]],
            f") -> {result(found)}:",
        )
        return [f"class {found.name}(nn.Module):", *begin, *lines(takes, 4), *statements]

    def kept(self, found: Class) -> list[str]:
        """The parameters that `forward` uses, in the calls of functions."""
        functions = {
            n
            for n, (owner, *_) in enumerate(found.owners)
            if isinstance(owner, Leaf) and not self.owns(owner)
        }
        texts = [text for (owner, _), text in found.texts.items() if text and owner in functions]
        used = {word for text in texts for word in words_of(text)}
        return [parameter.name for parameter in found.parameters if parameter.name in used]

    def owns(self, item: Item) -> bool:
        """Whether a class has an attribute for an item."""
        if item.alias:
            return False
        return not isinstance(item, Leaf) or item.is_module or item.is_weight

    def afterwards(self, found: Class) -> list[str]:
        """The lines after the attributes: weights that are others', and what is not trained."""
        region = found.first
        ties = [line for tie in region.ties for line in self.tied(found, tie)]
        return [*ties, *(self.frozen(region.items, found, ()) if region is self.root else [])]

    def tied(self, found: Class, tie: Tie) -> Iterator[str]:
        for name in tie.names:
            user, owner = (self.attributes.weight_at(found, places, name) for places in (tie.user, tie.owner))
            yield f"        {user} = {owner}"

    def frozen(self, items: Sequence[Item], found: Class, before: tuple[int, ...]) -> Iterator[str]:
        """The lines that freeze what is not trained, as large parts at once as can be."""
        for place, item in enumerate(items):
            rows = [leaf.row for leaf in leaves([item]) if leaf.row.learned]
            places = (*before, place)
            if not any(row.frozen for row in rows) or item.alias:
                continue
            if all(row.frozen == {*row.learned} for row in rows):
                yield f"        {self.attributes.at(found, places)[1]}.requires_grad_(False)"
            elif isinstance(item, Leaf):
                for name in sorted(item.row.frozen):
                    yield f"        {self.attributes.weight_at(found, places, name)}.requires_grad_(False)"
            else:
                yield from self.frozen(item.items, found, places)

    def head(self, found: Class) -> list[str]:
        """The first line of the constructor."""
        takes: list[Doc] = ["self"]
        for parameter in found.parameters:
            default = "" if parameter.default is ... else f" = {literal(parameter.default)}"
            values = [*parameter.values, *([] if parameter.default is ... else [parameter.default])]
            takes.append(f"{parameter.name}: {annotation(values)}{default}")
        return lines(Bracketed("def __init__(", takes, ") -> None:"), 4)

    def module_of(self, item: Item, found: Class) -> Doc:
        """The expression that makes the module of an item."""
        if isinstance(item, Chain):
            return call("nn.Sequential", self.repeated(item.items, found))
        if isinstance(item, Several):
            return call("nn.ModuleList", [Bracketed("[", self.repeated(item.items, found), "]")])
        texts = found.texts_by_owner.get(found.numbers[id(item)], {})
        if isinstance(item, Region):
            return self.instance(item, texts)
        values = arguments_of(item)
        told = {
            name: values[name] if text is None else text
            for name, text in texts.items()
            if name in values or text
        }
        layer = item.row.layer
        ordered = {name: told[name] for name in layer.fields if name in told}
        return weight(layer, told["shape"]) if item.is_weight else constructor(layer, ordered)

    def instance(self, region: Region, texts: Mapping[str, Text | None]) -> Doc:
        """The call that makes an instance of a class."""
        cls = self.classes.of[id(region)]
        values = cls.values(region)
        given: list[Doc] = []
        begin = True
        for parameter in cls.parameters:
            text, value = texts[parameter.name], values[parameter.name]
            if text is None and parameter.default is not ... and same(value, parameter.default):
                begin = False
                continue
            written = literal(value) if text is None else text
            begin = begin and parameter.default is ...
            given.append(written if begin else named(parameter.name, written))
        return call(cls.name, given)

    def repeated(self, items: Sequence[Item], found: Class) -> list[Doc]:
        """The modules of a list; those that are made alike in one line."""
        docs: list[Doc] = []
        for _, group in groupby([self.module_of(item, found) for item in items], key=str):
            alike = [*group]
            if len(alike) == 1:
                docs += alike
            else:
                docs.append(Bracketed("*(", [alike[0], f"for _ in range({len(alike)})"], comma=False))
        return docs


KEYS = """The keys of its state_dict are the attributes below, joined by dots; a module of a Sequential or
of a ModuleList has its number, from 0 on."""


def imports(body: str) -> str:
    """The imports of what the code uses."""
    found = ["from typing import Any\n"] if "Any" in body else []
    if "torch." in body:
        found.append("import torch")
    if "F." in body:
        found.append("import torch.nn.functional as F")
    names = [name for name in ("Tensor", "nn") if name in body]
    return "\n".join([*found, f"from torch import {', '.join(names)}"])


def result(found: Class) -> str:
    """The type of what `forward` returns."""
    count = len(found.first.outputs)
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
