"""A network as it was run: a tree of calls, each of a layer, a function or a module of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shapecalc.tensors import Tensor


@dataclass(eq=False, slots=True)
class Value:
    """A tensor that a call gives; None as long as nobody has seen it."""

    tensor: Tensor | None = None
    others: list[Tensor | None] = field(default_factory=list)
    """The same in the program's other runs."""

    @property
    def known(self) -> Tensor:
        """Its shape and dtype, of one that has been seen."""
        assert self.tensor is not None
        return self.tensor


@dataclass(eq=False, slots=True)
class Call:
    """One layer or function by its name here, on values."""

    type: str
    arguments: Mapping[str, Any]
    inputs: list[Value]
    outputs: list[Value]
    weights: Mapping[str, str] = field(default_factory=dict)
    """The layer's name of a weight → the module's."""
    path: str = ""
    """The module that is called, by its path in the whole; of a function, the module that calls it."""
    place: str = ""
    """File and line of the user's code."""
    reason: str = ""
    """Why nothing here does the same, of an opaque call: its outputs and parameters are measured."""
    macs: int | None = None
    """Of an opaque call, its multiply-accumulates by torch's counter; None where nobody has counted."""
    lost: bool = False
    """Whether it stands for a constant whose values no step makes."""


@dataclass(eq=False, slots=True)
class Region:
    """The call of a module that is made of others."""

    type: str
    """The name of its class."""
    path: str
    calls: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    guessed: bool = False
    """Whether the class is not known, and `type` a name that would do."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    """The module's whole numbers, by their names."""


Node: TypeAlias = "Call | Region"


class Text(str):
    """An expression, beside words that are values."""

    __slots__ = ("values",)

    values: tuple[int, ...]
    """What it is in each of the program's runs, if it was read from these."""

    def __new__(cls, text: str, values: tuple[int, ...] = ()) -> Text:
        """An expression of these values."""
        found = super().__new__(cls, text)
        found.values = values
        return found


@dataclass(eq=False, slots=True)
class Program:
    """A whole network: its inputs by name, what it calls, and its weights."""

    name: str
    inputs: dict[str, Value]
    body: Region
    weights: dict[str, Tensor]
    """Parameters by the module's name."""
    buffers: dict[str, Tensor]
    frozen: frozenset[str] | None = None
    """The parameters that are not trained; None if what was read does not tell."""
    macs: int | None = None
    """Multiply-accumulates of the run, by torch's counter."""
    params: int | None = None
    """Elements of all parameters by another count than that of `weights`, if there is one."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Inputs as a file has them, by name, where their sizes have letters."""
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Letters of sizes that arguments have, with their values by default."""
    at: Mapping[str, Tensor] | None = None
    """The inputs at which the shapes are those of the values, where a file's own have letters."""
    undivided: bool = False
    """Whether nothing tells which modules it is made of."""
    origin: str = "torch"
    """What the shapes are by, in words."""
    runs: list[Program] = field(default_factory=list)
    """The same network run at inputs of other sizes, call by call alike."""
    fixed: list[str] = field(default_factory=list)
    """What holds at the sizes of this run alone, and where in the user's code."""

    def unused(self) -> list[str]:
        """The parameters that no call uses."""
        used = {name for call in calls(self.body) for name in call.weights.values()}
        return [name for name in self.weights if name not in used]


def flat(region: Region) -> Region:
    """The same calls, none within another's module."""
    return Region(region.type, region.path, [*calls(region)], region.inputs, region.outputs)


def calls(region: Region) -> Iterator[Call]:
    """All calls of a region and of those within, in the order of their execution."""
    for node in region.calls:
        if isinstance(node, Call):
            yield node
        else:
            yield from calls(node)


def free(region: Region) -> list[Value]:
    """The values that a region reads and does not make: those it is called with first."""
    made = made_in(region)
    read = dict.fromkeys(x for node in region.calls for x in read_by(node))
    inner = [x for x in read if x not in made]
    passed = [x for x in region.outputs if x not in made]
    return [*dict.fromkeys([x for x in region.inputs if x in inner or x in passed] + inner + passed)]


def made_in(region: Region) -> dict[Value, None]:
    """The values that are made in a region, in their order."""
    given = (node.outputs if isinstance(node, Call) else given_by(node) for node in region.calls)
    return dict.fromkeys(y for outputs in given for y in outputs)


def given_by(region: Region) -> list[Value]:
    """What a region gives of what is made in it: what a module hands on as it was given is none.

    Where that is nothing, what is made last: it is computed all the same.
    """
    made = made_in(region)
    return [y for y in dict.fromkeys(region.outputs) if y in made] or [*made][-1:]


def read_by(node: Node) -> list[Value]:
    """What a node reads; nothing if it only hands on what it is given."""
    if isinstance(node, Call):
        return node.inputs
    return free(node) if given_by(node) else []


def let_out(root: Region) -> None:
    """Let each region give what is made in it and read elsewhere, though its module did not return it.

    As of a module that keeps a tensor as an attribute, or puts it into a list that it was given.
    """
    makers: dict[Value, tuple[Region, ...]] = {}
    readers: list[tuple[tuple[Region, ...], Value]] = []

    def walk(region: Region, around: tuple[Region, ...]) -> None:
        within = (*around, region)
        for node in region.calls:
            if isinstance(node, Region):
                walk(node, within)
            else:
                makers.update(dict.fromkeys(node.outputs, within))
                readers.extend((within, x) for x in node.inputs)
        readers.extend((within, y) for y in region.outputs)

    walk(root, ())
    for within, value in readers:
        for region in makers.get(value, ()):
            if region not in within and value not in region.outputs:
                region.outputs.append(value)


def renamed(region: Region, same: Mapping[Value, Value]) -> None:
    """Let other values be in place of some, as where the calls that made these are no more."""
    for node in region.calls:
        if isinstance(node, Region):
            renamed(node, same)
        else:
            node.inputs = [same.get(x, x) for x in node.inputs]
            node.outputs = [same.get(x, x) for x in node.outputs]
    region.inputs = [same.get(x, x) for x in region.inputs]
    region.outputs = [same.get(x, x) for x in region.outputs]
