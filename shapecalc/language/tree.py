"""The tree of steps that is read from a file: layers, joins, blocks and groups, each with its place."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError, written
from shapecalc.language.expressions import Scope
from shapecalc.language.resolved import Value, names_in, resolve, told_apart, with_channels
from shapecalc.language.yaml_nodes import Scalar, Source, YamlNode
from shapecalc.layers import Layer
from shapecalc.symbolic import Dim

if TYPE_CHECKING:
    from shapecalc.language.loops import Loop


_FEW = 20


@lru_cache(maxsize=10_000)
def _shared(make: Callable[..., Layer], arguments: tuple[tuple[str, Any, object], ...]) -> Layer:
    """One object for equal layers; with each value stands what tells it apart from others."""
    return make(**{name: value for name, value, _ in arguments})


def forget_layers(steps: Iterable[Step]) -> None:
    """Let go of all layers that steps keep, and with them of what these layers keep."""
    _shared.cache_clear()
    for step in steps:
        step.forget()


class Argument(NamedTuple):
    """One argument of a layer or a block, and where it stands."""

    value: Value
    node: YamlNode


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a tensor, and where it stands; `skip.i` is an element of the family `skip`."""

    text: str
    node: YamlNode
    index: Value = None
    """Of an element, which it is."""

    def key(self, scope: Scope) -> str:
        """The name with the value of its index.

        Raises:
            ArchitectureError: that is no index.
        """
        if self.index is None:
            return self.text
        index = resolve(self.index, scope)
        if type(index) is not int or index < 0:
            message = f"the index of {self.text} must be a whole number of at least 0, not {written(index)}"
            raise ArchitectureError(message)
        return f"{self.text}.{index}"

    def label(self, scope: Scope) -> str:
        """What a path calls the element: `skip[2]`."""
        return f"{self.text}[{written(resolve(self.index, scope))}]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What all steps have: where they stand and what is written beside them."""

    label: str
    """What a path calls the step, before its index: the layer's type, the block's name, `seq`."""
    node: YamlNode
    when: Argument | None = None
    """Whether the step is there; None if it does not say."""
    times: Argument | None = None
    names: tuple[Name, ...] = ()
    sources: tuple[Name, ...] = ()
    shares: Name | None = None
    """The step whose weights this one uses."""
    frozen: Argument | None = None
    """Whether its weights are not trained; None if it does not say, and is as the step that it is part of."""
    weights: Argument | None = None
    """What its matrices are stored as; None if it does not say, and is as the step that it is part of."""
    parametrizations: tuple[LayerStep, ...] = ()
    """What makes its weights, if that is a layer: `weight_norm` and `spectral_norm` beside it."""
    asks: bool = False
    """Whether its `when` or its `times` depends on the channels of its input."""
    loop: Loop | None = None
    """What its copies are for, each with values of its own."""
    uses: tuple[str, ...] = ()
    """The parameters that its arguments, and the defaults of its block's parameters, depend on."""

    @property
    def reads_anew(self) -> bool:
        """Whether each turn of its loop reads tensors of its own by `from`, as in `from: x.i`."""
        variables = self.loop.names if self.loop else ()
        return any(not names_in(name.index).isdisjoint(variables) for name in self.sources)

    @property
    def inside(self) -> tuple[Steps, ...]:
        """The lists of steps that are written inside of it."""
        return ()

    def forget(self) -> None:
        """Let go of the layers that it keeps for values of parameters, and that steps inside of it keep."""
        for step in (*chain(*self.inside), *self.parametrizations):
            step.forget()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerStep(Step):
    """A layer; with branches, a join of them."""

    type: type[Layer]
    arguments: Mapping[str, Argument]
    branches: tuple[Branch, ...] = ()
    bound: dict[Any, Layer] = field(default_factory=dict, repr=False)

    @property
    def inside(self) -> tuple[Steps, ...]:
        """Its branches, a name being an empty one."""
        return tuple([_steps_of(branch) for branch in self.branches])

    def forget(self) -> None:
        self.bound.clear()
        Step.forget(self)

    def bind(self, scope: Scope) -> Layer:
        """The layer with its arguments evaluated; equal values of what it uses give the same object.

        Raises:
            ArchitectureError: an argument is wrong; its name is the error's `argument`.
        """
        key = tuple([told_apart(scope[name]) for name in self.uses]) if self.uses else ()
        layer = self.bound.get(key)
        if layer is None:
            layer = self.bound[key] = self.build(scope)
        return layer

    def build(self, scope: Scope) -> Layer:
        arguments = {}
        for name, argument in self.arguments.items():
            try:
                arguments[name] = resolve(argument.value, scope)
            except ArchitectureError as error:
                error.argument = name
                raise error.about(name) from None
        make: Callable[..., Layer] = self.type
        return _shared(make, tuple([(name, v, told_apart(v)) for name, v in arguments.items()]))

    def blame(self, error: ArchitectureError) -> YamlNode:
        """The node that an error of this layer is about: the argument it names, or the step."""
        culprit = self.arguments.get(error.argument or "")
        return culprit.node if culprit else self.node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpertsStep(LayerStep):
    """`experts`: a join of its router's scores with what the experts give."""

    router: Steps
    routing: tuple[LayerStep, LayerStep]
    """Chooses experts by the scores; sends the tokens to these."""
    expert: Steps
    """The steps of one expert."""

    @property
    def inside(self) -> tuple[Steps, ...]:
        return self.router, self.routing, self.expert


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockStep(Step):
    """A use of a block: one of the step's file, or of a library that the file uses."""

    block: str
    arguments: Mapping[str, Argument]
    tensors: Mapping[str, Name] = field(default_factory=dict)
    """The tensors that its arguments name, by the block's own names of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupStep(Step):
    """`seq`: a list of steps as one."""

    steps: Steps

    @property
    def inside(self) -> tuple[Steps, ...]:
        return (self.steps,)


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


Steps: TypeAlias = tuple[Step, ...]
Branch: TypeAlias = "Steps | Name | Fan"
"""A branch of a join: steps fed by the current tensor, the name of an earlier tensor, or a fan of these."""


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """What stands for one branch for each turn of a loop, or for none where its `when` is false."""

    step: Step
    """What is written beside it: its loop, and its `when`."""
    each: Steps | Name


def _steps_of(branch: Branch) -> Steps:
    if isinstance(branch, tuple):
        return branch
    return (branch.step,) if isinstance(branch, Fan) else ()


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
