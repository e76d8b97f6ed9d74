"""Blocks that are read from a file, and the steps that use one: part of the tree."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shapecalc.errors import ArchitectureError, written
from shapecalc.language.expressions import Scope
from shapecalc.language.resolved import resolve, with_channels
from shapecalc.language.tree import Argument, Name, Step, Steps
from shapecalc.language.yaml_nodes import Scalar, Source
from shapecalc.symbolic import Dim

_FEW = 20


class Signature(NamedTuple):
    """What a block takes and gives, as its header says; a default may use the parameters before it."""

    parameters: Mapping[str, Argument | None]
    tensors: tuple[Name, ...] = ()
    """The tensors that it takes; none of a block that takes the current one."""
    gives: tuple[Name, ...] = ()
    """The tensors that it gives; none of a block that gives its last one."""

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of all that it takes."""
        return (*(tensor.text for tensor in self.tensors), *self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockStep(Step):
    """A use of a block: one of the step's file, or of a library that the file uses."""

    block: str
    arguments: Mapping[str, Argument]
    tensors: Mapping[str, Name] = field(default_factory=dict)
    """The tensors that its arguments name, by the block's own names of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A named list of steps."""

    name: str
    node: Scalar
    """Its header."""
    signature: Signature
    steps: Steps
    source: Source
    """The file that it stands in."""
    own: Mapping[str, str] = field(repr=False)
    """Names of layer types and blocks that mean something else in it → what they mean."""
    known: Mapping[str, Block] = field(repr=False)
    """By their names, the blocks that its steps can use: of its file and of the libraries used there."""

    @property
    def header(self) -> str:
        """Its name and its parameters as they are written, on one line."""
        return " ".join(self.node.text.split())

    @property
    def parameters(self) -> Mapping[str, Argument | None]:
        return self.signature.parameters

    def scope(self, outer: Scope, step: BlockStep, caller: Scope, channels: Dim | None = None) -> Scope:
        """The values that the block's steps see: the file's parameters and the block's own.

        Arguments and defaults also see the channels that enter the block.

        Raises:
            ArchitectureError: an argument can't be evaluated.
        """
        own: dict[str, Any] = {}
        # Most files have few parameters: a copy is faster to look up in, if not to make.
        seen, caller = with_channels(outer, channels), with_channels(caller, channels)
        scope: Scope = ChainMap(own, seen)  # type: ignore[arg-type]  # it is never written through
        for name, default in self.parameters.items():
            try:
                if name in step.arguments:
                    own[name] = resolve(step.arguments[name].value, caller)
                elif default is not None:
                    own[name] = resolve(default.value, scope)
            except ArchitectureError as error:
                error.argument = name
                raise error.about(name) from None
        return {**outer, **own} if len(outer) <= _FEW else ChainMap(own, outer)  # type: ignore[arg-type]


class GivenBlock(str):
    """The name of a block that one file gives to a block of another, with the block, unknown there."""

    block: Block

    @classmethod
    def of(cls, block: Block) -> GivenBlock:
        given = cls(block.name)
        given.block = block
        return given

    def __repr__(self) -> str:
        return f"{str(self)!r} of {self.block.source.name}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenStep(Step):
    """A step that a parameter names: a layer type or a block, known when the parameter has a value."""

    read: Callable[[str], Step]
    """Gives the step that stands here if its type is of this name."""
    is_step: Callable[[str], bool] = str.isidentifier
    """Whether a step can be of this type."""
    otherwise: Step | ArchitectureError | None = None
    """Of a parameter that is called as a type is: the step of that type, or why there is none."""
    known: dict[str, Step] = field(default_factory=dict, repr=False)

    @property
    def inside(self) -> tuple[Steps, ...]:
        return ((self.otherwise,),) if isinstance(self.otherwise, Step) else ()

    def forget(self) -> None:
        self.known.clear()
        Step.forget(self)

    def names_a_step(self, value: object) -> bool:
        return isinstance(value, GivenBlock) or (isinstance(value, str) and self.is_step(value))

    def chosen(self, scope: Scope) -> Step:
        """The step itself.

        Raises:
            ArchitectureError: the value names no step, or one that can't take these arguments.
        """
        value = scope[self.label]
        if self.otherwise and not self.names_a_step(value):
            if isinstance(self.otherwise, ArchitectureError):
                raise self.otherwise
            return self.otherwise
        if not isinstance(value, str):
            message = f"{self.label} is {written(value)}, which is no layer type and no block"
            raise ArchitectureError(message)
        key = repr(value)  # blocks of one name that two files give are two
        if key not in self.known:
            self.known[key] = self.read(value)
        return self.known[key]
