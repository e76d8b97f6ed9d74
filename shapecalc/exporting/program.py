"""What is written: regions, which become classes; in them leaves, each a layer, and what holds several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from shapecalc.engine.results import Edge, Row
from shapecalc.language.tree import Argument, Step


class Tie(NamedTuple):
    """A weight that is another's: the places of both layers in a region, and the names of the weights."""

    user: tuple[int, ...]
    owner: tuple[int, ...]
    names: tuple[str, ...]


@dataclass(eq=False, slots=True)
class Leaf:
    """A layer: one row."""

    name: str | None
    number: int
    row: Row
    step: Step
    inputs: list[Edge]
    outputs: list[Edge]
    alias: Item | None = None
    """The item beside it that it is once more."""

    @property
    def base(self) -> str:
        """Its name where the file gives none."""
        return self.row.layer.family

    @property
    def written(self) -> Mapping[str, Argument]:
        """The arguments as the file has them."""
        found: Mapping[str, Argument] = getattr(self.step, "arguments", {})
        return found

    @property
    def is_module(self) -> bool:
        """Whether torch has a module for it, not a function."""
        return self.row.layer.function is None

    @property
    def is_weight(self) -> bool:
        """Whether it is nothing but a weight."""
        return bool(self.row.layer.function and self.row.weights)

    @property
    def is_maker(self) -> bool:
        """Whether it makes a tensor of none, as `arange` does."""
        return not self.inputs and not self.is_module and not self.is_weight


@dataclass(eq=False, slots=True)
class Region:
    """A block, or steps in a row that are there several times: an instance of a class."""

    name: str | None
    title: str
    """What its class is named after."""
    items: list[Item]
    inputs: list[Edge]
    outputs: list[Edge]
    values: Mapping[str, Any] = field(default_factory=dict)
    """Those of the block's own parameters."""
    defaults: Mapping[str, Argument | None] = field(default_factory=dict)
    written: Mapping[str, Argument] = field(default_factory=dict)
    """The arguments as the file has them."""
    called: dict[Edge, str] = field(default_factory=dict)
    """The names of tensors in it."""
    ties: list[Tie] = field(default_factory=list)
    alias: Item | None = None

    @property
    def base(self) -> str:
        return self.title


@dataclass(eq=False, slots=True)
class Chain:
    """Items each of which takes what the one before gives: torch's Sequential."""

    name: str | None
    base: str
    items: list[Item]
    alias: Item | None = None

    @property
    def inputs(self) -> list[Edge]:
        return self.items[0].inputs

    @property
    def outputs(self) -> list[Edge]:
        return self.items[-1].outputs


@dataclass(eq=False, slots=True)
class Several:
    """Copies that are no series: torch's ModuleList, whose modules are called one by one."""

    name: str | None
    base: str
    items: list[Item]
    alias: Item | None = None
    read_after: frozenset[Edge] = frozenset()
    """The outputs of modules before the last that are read after all of them."""

    @property
    def inputs(self) -> list[Edge]:
        return [edge for item in self.items for edge in item.inputs]

    @property
    def outputs(self) -> list[Edge]:
        return [edge for item in self.items for edge in item.outputs]


Item: TypeAlias = "Leaf | Region | Chain | Several"
Owner: TypeAlias = "Leaf | Region"
"""What has arguments."""


def owners(items: Iterable[Item]) -> Iterator[Owner]:
    """The layers and the instances of other classes in one class, in the order in which they run."""
    for item in items:
        if isinstance(item, (Chain, Several)):
            yield from owners(item.items)
        else:
            yield item


def leaves(items: Iterable[Item]) -> Iterator[Leaf]:
    """All layers, those inside of regions too."""
    return (leaf for leaf, _ in paths(items))


def paths(items: Iterable[Item], before: tuple[Item, ...] = ()) -> Iterator[tuple[Leaf, tuple[Item, ...]]]:
    """Each layer with the items that it is in, the outermost first and itself the last."""
    for item in items:
        if isinstance(item, Leaf):
            yield item, (*before, item)
        else:
            yield from paths(item.items, (*before, item))


def placed(items: Iterable[Item], before: tuple[int, ...] = ()) -> Iterator[tuple[Leaf, tuple[int, ...]]]:
    """Each layer with its place in each item that it is in; those of aliases are others' once more."""
    for place, item in enumerate(items):
        if item.alias:
            continue
        if isinstance(item, Leaf):
            yield item, (*before, place)
        else:
            yield from placed(item.items, (*before, place))


def is_module(item: Item) -> bool:
    """Whether it has one input and one output, as the modules of a Sequential do."""
    if isinstance(item, Leaf):
        layer = item.row.layer
        one = item.is_module and len(item.inputs) == len(item.outputs) == 1
        return one and layer.returned("y") == "y" and layer.feed("x") == ("x",)
    if isinstance(item, Region):
        return len(item.inputs) == len(item.outputs) == 1
    return isinstance(item, Chain)
