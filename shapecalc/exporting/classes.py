"""Regions of one form → a class: what differs between them becomes an argument of its constructor.

Of a layer's argument that the file writes as an expression over the parameters of the block, the expression
stays, if Python gives the same values; what follows from the input is written as what the layer before says,
or is an argument of its own where it differs. Each text is held to the values of all instances.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shapecalc.engine.results import Edge
from shapecalc.errors import ArchitectureError, listed
from shapecalc.exporting.expressions import in_python, value_of
from shapecalc.exporting.literals import Text, camel, identifier, literal, same, unique
from shapecalc.exporting.program import Item, Leaf, Owner, Region, Series, Several, owners
from shapecalc.language.expressions import Expression
from shapecalc.language.resolved import CHANNELS
from shapecalc.layers import Layer
from shapecalc.layers.fields import Axis, Inferred
from shapecalc.symbolic import Expr, symbols_in

Vector = tuple[Any, ...]
"""A value for each instance of a class."""
_PLAIN = (bool, int, float, str, type(None))


@dataclass(eq=False, slots=True)
class Parameter:
    """An argument of a class's constructor."""

    name: str
    values: Vector
    default: Any = ...
    source: int | None = None
    """The number of the input that it follows from."""
    written: str | None = None
    """The block's own parameter that it is."""


@dataclass(eq=False)
class Class:
    """Instances that are written as one class."""

    name: str
    instances: list[Region] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    texts: dict[tuple[int, str], Text | None] = field(default_factory=dict)
    """What is written for an argument of an owner, by its number in the class; None if it is a constant."""

    @property
    def first(self) -> Region:
        """The instance whose items are written."""
        return self.instances[0]

    @cached_property
    def owners(self) -> list[tuple[Owner, ...]]:
        """By number, what has arguments, in each of the instances."""
        return list(zip(*[tuple(owners(region.items)) for region in self.instances], strict=True))

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The number of each owner of the first instance, by its identity."""
        return {id(owner): number for number, owner in enumerate(owners(self.first.items))}

    @cached_property
    def places(self) -> dict[int, int]:
        """The number of each instance, by its identity."""
        return {id(region): place for place, region in enumerate(self.instances)}

    def values(self, instance: Region) -> dict[str, Any]:
        """What the constructor is given for an instance."""
        place = self.places[id(instance)]
        return {parameter.name: parameter.values[place] for parameter in self.parameters}

    @cached_property
    def texts_by_owner(self) -> dict[int, dict[str, Text | None]]:
        """By the number of an owner the texts of its arguments, once all are known."""
        found: dict[int, dict[str, Text | None]] = {}
        for (number, name), text in self.texts.items():
            found.setdefault(number, {})[name] = text
        return found


def short(layer: Layer, name: str, value: Any) -> Any:
    """One number where it stands for all axes."""
    kind = layer.fields.get(name)
    if isinstance(value, tuple) and kind is not None and value:
        text = kind.shortest(value)
        if not text.startswith("[") and value[0] is not None:
            return value[0]
    return value


def arguments_of(owner: Leaf) -> dict[str, Any]:
    """The arguments that a layer has in torch: of a module those beside the defaults, of a function all.

    Raises:
        ArchitectureError: one is a formula, and code has numbers.
    """
    layer = getattr(owner.row.layer, "inner", owner.row.layer)
    found = _told(layer, owner) if owner.is_module else {name: vars(layer)[name] for name in layer.fields}
    for name, value in found.items():
        items = value if isinstance(value, tuple) else (value,)
        if symbols := symbols_in(*[item for item in items if isinstance(item, Expr)]):
            hint = "give numbers in their place: --input 1x3x224x224, --set classes=10"
            message = f"{owner.row.type}: {name} depends on {listed(sorted(symbols))}, and code has numbers"
            raise ArchitectureError(message, path=owner.row.path, hint=hint)
    return found


def _told(layer: Layer, owner: Leaf) -> dict[str, Any]:
    """The arguments of a module beside the defaults."""
    given = layer.arguments(owner.row.inputs)
    named = {name: short(layer, name, value) for name, value in given.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in layer.called_with
        and (
            isinstance(layer.fields[name], Inferred)
            or not same(value, short(layer, name, default_of(layer, name)))
        )
    }


def default_of(layer: Layer, name: str) -> Any:
    default = layer.fields[name].default
    return default if layer.fields[name].required else layer.fields[name].parse(default, layer.axes)


class Classes:
    """All classes of a network, each after those that it uses, that of the network last."""

    def __init__(self, root: Region, constants: Mapping[str, Any]) -> None:
        """`constants`: the values of the file's own parameters."""
        self.constants = constants
        self.found: dict[Any, Class] = {}
        self.of: dict[int, Class] = {}
        """By the identity of a region, its class."""
        self.key(root)
        for found in self.found.values():
            _Solver(found, self).solve()

    def __iter__(self) -> Iterator[Class]:
        return iter(self.found.values())

    def key(self, region: Region) -> int:
        """Enters a region into its class; gives what stands for that in the form of others."""
        known: dict[Edge, int] = {}
        for edge in region.inputs:
            known.setdefault(edge, len(known))
        places = {id(item): place for place, item in enumerate(region.items)}
        items = tuple([(self.form(item, known), places.get(id(item.alias))) for item in region.items])
        outputs = tuple(known.setdefault(edge, len(known)) for edge in region.outputs)
        names = tuple(sorted((known[edge], name) for edge, name in region.called.items() if edge in known))
        key = region.title, items, outputs, len(region.inputs), names, tuple(region.ties)
        if key not in self.found:
            taken = {"Any", "F", "Tensor", *(known.name for known in self.found.values())}
            self.found[key] = Class(unique(camel(region.title), taken))
        self.found[key].instances.append(region)
        self.of[id(region)] = self.found[key]
        return id(self.found[key])

    def form(self, item: Item, known: dict[Edge, int]) -> Any:
        """All of an item but its numbers."""
        if isinstance(item, (Series, Several)):
            return type(item), item.name, item.base, tuple([self.form(inner, known) for inner in item.items])
        inputs = tuple(known.setdefault(edge, len(known)) for edge in item.inputs)
        kind = self.key(item) if isinstance(item, Region) else form_of(item)
        for edge in item.outputs:
            known.setdefault(edge, len(known))
        return kind, item.name, inputs, len(item.outputs)


def form_of(leaf: Leaf) -> Any:
    """What two layers have in common that one line of code stands for."""
    layer = leaf.row.layer
    kinds = type(layer), layer.type, vars(layer).get("by")
    if leaf.is_module:
        called = tuple((name, vars(layer)[name]) for name in layer.called_with)
        return *kinds, called
    open_ = {*layer.keywords(), *layer.positional}
    values = {name: value for name, value in vars(layer).items() if name in layer.fields}
    fixed = tuple(
        (name, repr(value))
        for name, value in values.items()
        if name not in open_
        or value is None
        or isinstance(value, str)
        or isinstance(layer.fields[name], Axis)
    )
    return *kinds, fixed, tuple(leaf.row.weights)


class _Solver:
    """Finds the texts and the parameters of one class."""

    def __init__(self, found: Class, classes: Classes) -> None:
        self.cls = found
        self.classes = classes
        self.made: dict[Edge, int] = {}
        """By an edge of the first instance, the number of the owner that makes it."""
        self.slots: list[dict[str, Vector]] = []
        self.own: list[Parameter] = []
        self.names: dict[str, Text] = {
            name: Text(literal(value)) for name, value in classes.constants.items() if _is_plain(value)
        }
        """What the names in the expressions of the file are here."""
        self.more: list[Parameter] = []

    def solve(self) -> None:
        self.read_own()
        for number, alike in enumerate(self.cls.owners):
            self.slots.append(self.vectors(alike))
            for name, values in self.slots[-1].items():
                self.cls.texts[number, name] = self.text(number, alike, name, values)
            self.made.update(dict.fromkeys(alike[0].outputs, number))
        self.cls.parameters = self.used()

    def read_own(self) -> None:
        """The block's own parameters, as far as their values are plain."""
        first = self.cls.first
        for name, default in first.defaults.items():
            values = tuple([region.values[name] for region in self.cls.instances])
            self.names.pop(name, None)
            if not all(map(_is_plain, values)):
                continue
            value = ... if default is None else default.value
            if derived := self.translated(value, self.names, values):
                self.names[name] = derived
                continue
            own = Parameter(identifier(name), values, written=name)
            own.default = value if _is_plain(value) else ...
            self.names[name] = Text(own.name)
            self.own.append(own)

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
            return arguments_of(owner)
        return self.classes.of[id(owner)].values(owner)

    def text(self, number: int, alike: tuple[Owner, ...], name: str, values: Vector) -> Text | None:
        """What is written for an argument; None if it is the same constant in all instances."""
        source = self.source(alike[0], name)
        found = self.from_file(alike, number, name, values)
        if found is None and source is not None:
            found = self.from_producer(source, values)
        if found is not None or all(same(value, values[0]) for value in values):
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

    def argument(self, owner: Region, name: str) -> Parameter:
        found = self.classes.of[id(owner)]
        return next(parameter for parameter in found.parameters if parameter.name == name)

    def from_file(self, alike: tuple[Owner, ...], number: int, name: str, values: Vector) -> Text | None:
        """The file's own expression, if it is one over parameters that gives these values."""
        owner = alike[0]
        written = name if isinstance(owner, Leaf) else self.argument(owner, name).written
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

    def from_producer(self, edge: Edge, values: Vector) -> Text | None:
        """What the layer that makes a tensor, or one before it, says of its size."""
        for _ in range(12):
            number = self.made.get(edge)
            if number is None:
                return None
            if found := self.said(number, values):
                return found
            inputs = self.cls.owners[number][0].inputs
            if not inputs:
                return None
            edge = inputs[0]
        return None

    def said(self, number: int, values: Vector) -> Text | None:
        """The text of an argument that has these values, one of the output before one of the input."""
        found = [name for name, vector in self.slots[number].items() if _equal(vector, values)]
        texts = [self.cls.texts.get((number, name)) for name in sorted(found, key=lambda name: "in_" in name)]
        return next((text for text in texts if text is not None), None)

    def parameter(self, name: str, values: Vector, source: Edge | None) -> Parameter:
        """A parameter for what differs between the instances: one that is there already, or a new one."""
        origin = self.origin(source)
        for known in [*self.more, *self.own]:
            if _equal(known.values, values):
                return known
        taken = {parameter.name for parameter in [*self.more, *self.own]}
        new = Parameter(unique(identifier(name), taken), values, source=origin)
        self.more.append(new)
        return new

    def origin(self, edge: Edge | None) -> int | None:
        """The number of the input that a tensor comes from, through the first input of each layer."""
        for _ in range(50):
            if edge is None or edge in self.cls.first.inputs:
                break
            number = self.made.get(edge)
            inputs = [] if number is None else self.cls.owners[number][0].inputs
            edge = inputs[0] if inputs else None
        return self.cls.first.inputs.index(edge) if edge in self.cls.first.inputs else None

    def used(self) -> list[Parameter]:
        """The parameters that a text has, those without a default first."""
        words = {w for text in self.cls.texts.values() if text for w in words_of(text)}
        every = [*self.more, *self.own]
        found = [parameter for parameter in every if parameter.name in words]
        return sorted(found, key=lambda parameter: parameter.default is not ...)


def usual(owner: Owner, name: str) -> Any:
    """What an argument is where it is not given."""
    if isinstance(owner, Region):
        raise KeyError(name)
    layer = getattr(owner.row.layer, "inner", owner.row.layer)
    return short(layer, name, default_of(layer, name))


def words_of(text: str) -> Iterable[str]:
    """The names in an expression."""
    return re.findall(r"[A-Za-z_]\w*", text)


def _equal(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(same(x, y) for x, y in zip(a, b, strict=True))


def _is_plain(value: Any) -> bool:
    """Whether Python has the value as a literal."""
    return type(value) in _PLAIN or (isinstance(value, tuple) and all(map(_is_plain, value)))
