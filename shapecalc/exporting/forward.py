"""The lines of a `forward`: a call for each item; the name of a tensor is free once nothing reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from shapecalc.engine.results import Edge
from shapecalc.exporting.calls import function_call, names_of
from shapecalc.exporting.classes import Class
from shapecalc.exporting.layout import Doc, call, lines
from shapecalc.exporting.literals import Text, identifier, snake, unique
from shapecalc.exporting.loops import ListLoop, loop_of
from shapecalc.exporting.names import Variables, letter
from shapecalc.exporting.program import Item, Leaf, Several

_NAME = re.compile(r"[A-Za-z_]\w*")


class ForwardMethod:
    """The forward method of a class, whose attributes have these names by the identity of their items."""

    def __init__(self, found: Class, attributes: Mapping[int, str], kept: Sequence[str]) -> None:
        """`kept`: the parameters that are attributes."""
        self.kept = kept
        self.found = found
        self.region = found.first
        self.attributes = attributes
        self.names = Variables(self.region, _single(self.region.items))
        self.inputs = [self.names.begin(edge) for edge in self.region.inputs]
        self.lines: list[str] = []
        self.last: tuple[Sequence[Edge], Doc, int] | None = None
        """Of the last call, if it gives one tensor: its outputs, its text, and how many lines are before."""

    def write(self) -> list[str]:
        """All lines of the body."""
        for item in self.region.items:
            if isinstance(item, Several):
                self.call_each(item)
            else:
                self.call(item)
        outputs = [self.names.of[edge] for edge in self.region.outputs]
        if self.last and [*self.last[0]] == self.region.outputs:
            return [*self.lines[: self.last[2]], *lines(self.last[1], 8, "return ")]
        return [*self.lines, f"        return {', '.join(outputs)}"]

    def call_each(self, item: Several) -> None:
        """Write the calls of a list's modules: as a loop, if one does."""
        if loop := loop_of(item):
            self.repeat(item, loop)
            return
        for inner in item.items:
            self.call(inner)

    def call(self, item: Item) -> None:
        """Write an item's call."""
        self.last = None
        if isinstance(item, Leaf) and item.is_weight:
            self.names.of[item.outputs[0]] = f"self.{self.attributes[id(item)]}"
            return
        expression = self.expression(item)
        self.names.used(item.inputs)
        before = len(self.lines)
        self.lines += lines(expression, 8, self.targets(item))
        if len(item.outputs) == 1 and _result(item, ["y"]) == "y":
            self.last = item.outputs, expression, before

    def repeat(self, item: Several, loop: ListLoop) -> None:
        """Write the calls of a list's modules as a loop, whose variables are the tensors that change."""
        self.last = None
        for inner in item.items:
            self.names.left.subtract(inner.inputs)
        starts = [self.names.of[edge] for edge in item.items[0].inputs]
        variables = self.variables(item.items[0], loop, starts)
        fed = [variables.get(place, name) for place, name in enumerate(starts)]
        taken = {*self.names.live(), *fed}
        one = unique(identifier(snake(item.base)), taken)
        gives = self.given(item.items[-1].outputs, loop, variables, {*taken, one})
        self.lines.append(f"        for {one} in self.{self.attributes[id(item)]}:")
        self.lines.append(f"            {moved(gives, str(call(one, fed)), loop, variables, fed)}")
        self.name_after(item.items[-1], loop, variables, gives)

    def given(
        self, outputs: Sequence[Edge], loop: ListLoop, variables: Mapping[int, str], taken: set[str]
    ) -> list[str]:
        """The names of what a call in a loop gives: variables, letters for what is read later, or none."""
        found: list[str] = []
        for number, edge in enumerate(outputs):
            own = [variables[place] for place, output in loop.from_output.items() if output == number]
            free = letter({*taken, *found}) if self.names.left[edge] else "_"
            found.append(own[0] if own else free)
        return found

    def name_after(
        self, last: Item, loop: ListLoop, variables: Mapping[int, str], gives: Sequence[str]
    ) -> None:
        """Let the names that a loop has given be those of its last call's tensors."""
        for name in [*gives, *variables.values()]:
            self.names.forget(name)
        self.names.of.update({last.inputs[q]: variables[p] for p, q in loop.from_input.items()})
        self.names.of.update({e: name for e, name in zip(last.outputs, gives, strict=True) if name != "_"})

    def variables(self, first: Item, loop: ListLoop, starts: Sequence[str]) -> dict[int, str]:
        """By the place of an input that changes, its variable."""
        found: dict[int, str] = {}
        for place in sorted({*loop.from_output, *loop.from_input}):
            name = starts[place]
            if self.names.left[first.inputs[place]] or not name.isidentifier():
                name = letter({*self.names.live(), *found.values(), *starts})
                self.lines.append(f"        {name} = {starts[place]}")
            found[place] = name
        return found

    def expression(self, item: Item) -> Doc:
        inputs = [self.names.of[edge] for edge in item.inputs]
        if isinstance(item, Leaf) and not item.is_module:
            ranks = [x.rank for x in item.row.inputs]
            texts = self.texts(item)
            device = None if inputs else self.inputs[0]
            return function_call(item.row.layer, names_of(inputs, ranks), texts, device)
        function = f"self.{self.attributes[id(item)]}"
        if isinstance(item, Leaf):
            fed = [*item.row.layer.feed(*inputs)]
            while fed and fed[-1] is None:
                fed.pop()
            return call(function, [_listed(x) for x in fed])
        return call(function, inputs)

    def texts(self, item: Leaf) -> dict[str, Text]:
        known = self.found.texts_by_owner.get(self.found.numbers[id(item)], {})
        texts = {name: text for name, text in known.items() if text}
        return {name: Text(_NAME.sub(self.attribute, text)) for name, text in texts.items()}

    def attribute(self, name: re.Match[str]) -> str:
        return f"self.{name[0]}" if name[0] in self.kept else name[0]

    def targets(self, item: Item) -> str:
        """The names that a result is given, before an equals sign."""
        names = self.names
        named = [names.target(edge) if names.left[edge] else "_" for edge in item.outputs]
        if all(name == "_" for name in named):
            return ""
        return f"{_listed(_result(item, named), outermost=True)} = "


def moved(
    gives: Sequence[str], made: str, loop: ListLoop, variables: Mapping[int, str], fed: Sequence[str]
) -> str:
    """The statement in a loop: what the call gives and, beside it, what becomes what else was."""
    more = [(variables[place], fed[number]) for place, number in loop.from_input.items()]
    targets = ", ".join(gives)
    if more and len(gives) > 1:
        targets = f"({targets})"
    names = ", ".join([targets, *[name for name, _ in more]])
    return f"{names} = {', '.join([made, *[value for _, value in more]])}"


def _single(items: Sequence[Item]) -> Iterable[Item]:
    """The items that are called: the modules of a list one by one."""
    for item in items:
        if isinstance(item, Several):
            yield from item.items
        else:
            yield item


def _result(item: Item, names: Sequence[str]) -> object:
    """How the item's outputs come, in tuples."""
    if isinstance(item, Leaf):
        return item.row.layer.returned(*names)
    return names[0] if len(names) == 1 else tuple(names)


def _listed(value: object, outermost: bool = False) -> str:
    if isinstance(value, (tuple, list)):
        inside = ", ".join(_listed(item) for item in value) + "," * (len(value) == 1)
        return inside if outermost else f"({inside})"
    return str(value)
