"""Which regions of a network are one class: those of one form, which differ in numbers alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shapecalc.engine.results import Edge
from shapecalc.exporting.classes import Class
from shapecalc.exporting.literals import camel, unique
from shapecalc.exporting.program import Chain, Item, Leaf, Region, Several
from shapecalc.exporting.solving import Solver, UnlikeError
from shapecalc.layers.fields import Axis


class WithLetters(NamedTuple):
    """The same network, with a letter in the place of some parameters of the file."""

    root: Region
    constants: Mapping[str, Any]
    """The values of all of the file's parameters in it."""
    names: Collection[str]
    """Those that have letters."""
    letters: Mapping[str, Sequence[str]]
    """By letter, the parameter that it is; with a second word, the quotient by another one or by a number."""


class Classes:
    """All classes of a network: each stands after the classes that it uses, the network's own comes last."""

    def __init__(self, root: Region, constants: Mapping[str, Any], free: WithLetters | None = None) -> None:
        """`constants`: the values of the file's own parameters; `free`: the network with letters for some.

        Raises:
            UnlikeError: with letters the network is of another form, or has a size that is no expression.
        """
        self.found: dict[Any, Class] = {}
        self.of: dict[int, Class] = {}
        """By the identity of a region, its class."""
        self.scopes: dict[int, Mapping[str, Any]] = {}
        """By the identity of a region, the values of the file's own parameters."""
        self.key(root, constants)
        if free is not None:
            self.key(free.root, free.constants)
            if self.of[id(free.root)] is not self.of[id(root)]:
                raise UnlikeError
        for found in self.found.values():
            scopes = [self.scopes[id(region)] for region in found.instances]
            names, letters = (free.names, free.letters) if free is not None else ((), {})
            Solver(found, self.of, scopes, names, {known.name for known in self}, letters).solve()

    def __iter__(self) -> Iterator[Class]:
        return iter(self.found.values())

    def key(self, region: Region, scope: Mapping[str, Any]) -> int:
        """Enters a region into its class; gives what stands for that in the form of others."""
        known: dict[Edge, int] = {}
        for edge in region.inputs:
            known.setdefault(edge, len(known))
        places = {id(item): place for place, item in enumerate(region.items)}
        items = tuple([(self.form(item, known, scope), places.get(id(item.alias))) for item in region.items])
        outputs = tuple(known.setdefault(edge, len(known)) for edge in region.outputs)
        names = tuple(sorted((known[edge], name) for edge, name in region.called.items() if edge in known))
        key = region.title, items, outputs, len(region.inputs), names, tuple(region.ties)
        if key not in self.found:
            taken = {"Any", "F", "Tensor", *(known.name for known in self.found.values())}
            self.found[key] = Class(unique(camel(region.title), taken))
        self.found[key].instances.append(region)
        self.of[id(region)] = self.found[key]
        self.scopes[id(region)] = scope
        return id(self.found[key])

    def form(self, item: Item, known: dict[Edge, int], scope: Mapping[str, Any]) -> Any:
        """All of an item but its numbers."""
        if isinstance(item, (Chain, Several)):
            inside = tuple([self.form(inner, known, scope) for inner in item.items])
            return type(item), item.name, item.base, inside
        inputs = tuple(known.setdefault(edge, len(known)) for edge in item.inputs)
        kind = self.key(item, scope) if isinstance(item, Region) else form_of(item)
        for edge in item.outputs:
            known.setdefault(edge, len(known))
        return kind, item.name, inputs, len(item.outputs)


def form_of(leaf: Leaf) -> Any:
    """The form of a layer: two layers of equal form can be one line of code."""
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
