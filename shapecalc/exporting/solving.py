"""What is written for each argument in a class that stands for several regions: a text, and its parameters.

Of a layer's argument that the file writes as an expression over the parameters of the block, the expression
stays, if Python gives the same values; what follows from the input is written as what the layer before says,
or is an argument of its own where it differs. Each text is held to the values of all instances. The network
with letters for parameters of the file is an instance, too: a text that holds there, holds for all values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from shapecalc.engine.results import Edge
from shapecalc.exporting.arguments import arguments_of, usual
from shapecalc.exporting.classes import Class, ClassParameter, Vector
from shapecalc.exporting.expressions import in_python, of_formula, value_of
from shapecalc.exporting.literals import Text, identifier, literal, same, unique
from shapecalc.exporting.program import Leaf, Owner, Region
from shapecalc.language.expressions import Expression
from shapecalc.language.resolved import CHANNELS
from shapecalc.layers.fields import Inferred
from shapecalc.symbolic import Expr, symbols_in

_PLAIN = (bool, int, float, str, type(None))


class UnlikeError(Exception):
    """With other values of a parameter of the file the code would have to be another."""


class Solver:
    """Finds the texts and the parameters of one class."""

    def __init__(
        self,
        found: Class,
        of: Mapping[int, Class],
        scopes: Sequence[Mapping[str, Any]],
        free: Collection[str],
        taken: Collection[str],
        letters: Mapping[str, Sequence[str]],
    ) -> None:
        """Begins with the parameters of the file.

        Args:
            found: the class.
            of: by the identity of a region, its class; the network's is the last.
            scopes: for each instance, the values of the file's own parameters.
            free: those of them that are letters in some instances.
            taken: names that no parameter of the file can have, those of classes.
            letters: what each letter is of the file's parameters: one, or a quotient.
        """
        self.cls = found
        self.of = of
        self.scopes = scopes
        self.free = free
        self.taken = taken
        self.is_root = found is list(of.values())[-1]
        """Whether it is the class of the network."""
        self.letters = letters
        self.made: dict[Edge, int] = {}
        """By an edge of the first instance, the number of the owner that makes it."""
        self.slots: list[dict[str, Vector]] = []
        self.own: list[ClassParameter] = []
        self.names: dict[str, Text] = {
            name: Text(literal(value)) for name, value in scopes[0].items() if self.is_plain(value)
        }
        """What the names in the expressions of the file are here."""
        self.more: list[ClassParameter] = []

    def solve(self) -> None:
        """Fills in the class.

        Raises:
            UnlikeError: it is the network's own, and needs an argument that is no parameter of the file.
        """
        self.read_file()
        self.read_own()
        for number, alike in enumerate(self.cls.owners):
            self.slots.append(self.vectors(alike))
            for name, values in self.slots[-1].items():
                self.cls.texts[number, name] = self.text(number, alike, name, values)
            self.made.update(dict.fromkeys(alike[0].outputs, number))
        self.cls.parameters = self.used()
        if self.is_root and any(parameter.file is None for parameter in self.cls.parameters):
            raise UnlikeError

    def read_file(self) -> None:
        """The parameters of the file that are letters in some instances, and those that follow from them."""
        for name, value in self.scopes[0].items():
            values = tuple([scope[name] for scope in self.scopes])
            if name in self.free:
                default = value if self.is_root else ...
                own = ClassParameter(unique(identifier(name), self.taken), values, default, file=name)
                self.own.append(own)
                self.names[name] = Text(own.name)
            elif not all(same(v, value) for v in values):
                self.names.pop(name, None)
                if text := self.by_formula(values):
                    self.names[name] = text

    def read_own(self) -> None:
        """The block's own parameters, as far as their values are plain."""
        first = self.cls.first
        for name, default in first.defaults.items():
            values = tuple([region.values[name] for region in self.cls.instances])
            self.names.pop(name, None)
            self.own = [own for own in self.own if own.file != name and own.name != identifier(name)]
            if not all(map(self.is_plain, values)):
                continue
            value = ... if default is None else default.value
            if derived := self.translated(value, self.names, values):
                self.names[name] = derived
                continue
            own = ClassParameter(identifier(name), values, written=name)
            own.default = value if self.is_plain(value) else ...
            self.names[name] = Text(own.name)
            self.own.append(own)

    def is_plain(self, value: Any) -> bool:
        """Whether Python has the value as a literal, or it follows from a parameter of the file."""
        if isinstance(value, Expr):
            return self.letters.keys() >= {*symbols_in(value)}
        return type(value) in _PLAIN or (isinstance(value, tuple) and all(map(self.is_plain, value)))

    def vectors(self, alike: tuple[Owner, ...]) -> dict[str, Vector]:
        """By the name of an argument, its value in each instance."""
        given = [self.given(owner) for owner in alike]
        names = dict.fromkeys(name for values in given for name in values)
        return {
            name: tuple([v[name] if name in v else usual(o, name) for v, o in zip(given, alike, strict=True)])
            for name in names
        }

    def given(self, owner: Owner) -> dict[str, Any]:
        if isinstance(owner, Leaf):
            return arguments_of(owner, self.letters)
        return self.of[id(owner)].values(owner)

    def text(self, number: int, alike: tuple[Owner, ...], name: str, values: Vector) -> Text | None:
        """What is written for an argument; None if it is the same constant in all instances."""
        source = self.source(alike[0], name)
        found = self.from_file(alike, number, name, values)
        if found is None and source is not None:
            found = self.from_producer(source, values)
        if found is not None or all(same(value, values[0]) for value in values):
            return found
        if self.is_root and (found := self.by_formula(values)):
            return found
        parts = self.from_parts(alike[0], number, name, values)
        return parts or Text(self.parameter(name, values, source).name)

    def source(self, owner: Owner, name: str) -> Edge | None:
        """The tensor that an argument follows from."""
        if isinstance(owner, Leaf):
            kind = owner.row.layer.fields.get(name)
            inferred = isinstance(kind, Inferred) and owner.inputs and name not in owner.written
            return owner.inputs[min(kind.of, len(owner.inputs) - 1)] if inferred else None  # type: ignore[union-attr]
        parameter = self.argument(owner, name)
        return None if parameter.source is None else owner.inputs[parameter.source]

    def argument(self, owner: Region, name: str) -> ClassParameter:
        found = self.of[id(owner)]
        return next(parameter for parameter in found.parameters if parameter.name == name)

    def from_file(self, alike: tuple[Owner, ...], number: int, name: str, values: Vector) -> Text | None:
        """The file's own expression over parameters, if its values are these."""
        owner = alike[0]
        parameter = None if isinstance(owner, Leaf) else self.argument(owner, name)
        if parameter is not None and parameter.file is not None:
            text = self.names.get(parameter.file)
            return text if text is not None and self.holds(text, values) else None
        written = name if parameter is None else parameter.written
        argument = owner.written.get(written or "")
        if argument is None or not isinstance(argument.value, Expression):
            return self.by_values(values) if written and not isinstance(owner, Leaf) else None
        names = self.names
        if CHANNELS in argument.value.names and CHANNELS not in names and isinstance(owner, Leaf):
            entering = self.cls.texts.get((number, "in_channels"))
            names = {**names, CHANNELS: entering} if entering else names
        return self.translated(argument.value, names, values)

    def translated(self, value: Any, names: Mapping[str, Text], values: Vector) -> Text | None:
        """An expression in Python, if it holds and says more than a number."""
        found = in_python(value, names) if isinstance(value, Expression) else None
        if found is None or not self.holds(found, values):
            return None
        own = {parameter.name for parameter in [*self.own, *self.more]}
        return found if own.intersection(words_of(found)) else None

    def from_parts(self, owner: Owner, number: int, name: str, values: Vector) -> Text | None:
        """A list of sizes, each by itself: what the file writes, what a parameter is, or a number."""
        argument = owner.written.get(name) if isinstance(owner, Leaf) else None
        written = argument.value if argument is not None else None
        if not all(isinstance(v, tuple) and len(v) == len(values[0]) and v for v in values):
            return None
        items = written if isinstance(written, tuple) and len(written) == len(values[0]) else values[0]
        found = []
        for item, vector in zip(items, zip(*values, strict=True), strict=True):
            text = self.translated(item, self.names, vector)
            if text is None and all(same(v, vector[0]) for v in vector):
                text = Text(literal(vector[0]))
            found.append(text or Text(self.parameter("size", vector, None).name))
        return Text(f"({', '.join(found)}{',' * (len(found) == 1)})")

    def holds(self, text: Text, values: Vector) -> bool:
        """Whether a text has these values in all instances."""
        known = [*self.own, *self.more]
        scopes = [{p.name: p.values[place] for p in known} for place in range(len(values))]
        return all(same(value_of(text, scope), value) for scope, value in zip(scopes, values, strict=True))

    def by_values(self, values: Vector) -> Text | None:
        """A parameter of the block that is written as itself and has these values, of several instances."""
        if len(values) < 2 or all(same(value, values[0]) for value in values):
            return None
        return next((Text(own.name) for own in self.own if _equal(own.values, values)), None)

    def by_formula(self, values: Vector) -> Text | None:
        """What the size is in letters, as an expression over the parameters of the file."""
        place = next((place for place, value in enumerate(values) if isinstance(value, Expr)), None)
        if place is None:
            return None
        own = {parameter.file: parameter.name for parameter in self.own}
        letters = {
            letter: " // ".join([own.get(part, part) for part in parts])
            for letter, parts in self.letters.items()
            if all(part in own or part.isdigit() for part in parts)
        }
        text = self.multiple(values[place], place) or of_formula(values[place], letters)
        return text if text is not None and self.holds(text, values) else None

    def multiple(self, formula: Expr, place: int) -> Text | None:
        """A size that is so many times a parameter of the file, which may be a product of letters."""
        for own in self.own:
            if own.file and isinstance(own.values[place], Expr):
                times = formula // own.values[place]
                if isinstance(times, int) and times > 0 and same(times * own.values[place], formula):
                    return Text(own.name if times == 1 else f"{times} * {own.name}")
        return None

    def from_producer(self, edge: Edge, values: Vector) -> Text | None:
        """The text of this size at the layer that makes a tensor, or at a layer before that."""
        numbers = (self.made.get(each) for each in islice(self.upstream(edge), 12))
        return next((text for n in numbers if n is not None and (text := self.said(n, values))), None)

    def upstream(self, edge: Edge | None) -> Iterator[Edge]:
        """A tensor, the first input of the layer that makes it, and so on."""
        while edge is not None:
            yield edge
            number = self.made.get(edge)
            inputs = [] if number is None else self.cls.owners[number][0].inputs
            edge = inputs[0] if inputs else None

    def said(self, number: int, values: Vector) -> Text | None:
        """The text of a layer's argument with these values; an output size is preferred to an input size."""
        found = [name for name, vector in self.slots[number].items() if _equal(vector, values)]
        texts = [self.cls.texts.get((number, name)) for name in sorted(found, key=lambda name: "in_" in name)]
        return next((text for text in texts if text is not None), None)

    def parameter(self, name: str, values: Vector, source: Edge | None) -> ClassParameter:
        """A parameter for what differs between the instances: one that is there already, or a new one."""
        origin = self.origin(source)
        for known in [*self.more, *self.own]:
            if _equal(known.values, values):
                return known
        taken = {parameter.name for parameter in [*self.more, *self.own]}
        new = ClassParameter(unique(identifier(name), taken), values, source=origin)
        self.more.append(new)
        return new

    def origin(self, edge: Edge | None) -> int | None:
        """The number of the input that a tensor comes from, through the first input of each layer."""
        inputs = self.cls.first.inputs
        return next((inputs.index(each) for each in islice(self.upstream(edge), 51) if each in inputs), None)

    def used(self) -> list[ClassParameter]:
        """The parameters that a text has, those without a default first."""
        words = {w for text in self.cls.texts.values() if text for w in words_of(text)}
        every = [*self.more, *self.own]
        found = [parameter for parameter in every if parameter.name in words]
        return sorted(found, key=lambda parameter: parameter.default is not ...)


def words_of(text: str) -> Iterable[str]:
    """The names in an expression."""
    return re.findall(r"[A-Za-z_]\w*", text)


def _equal(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(same(x, y) for x, y in zip(a, b, strict=True))
