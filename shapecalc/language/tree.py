"""The tree of steps that is read from a file: layers, joins and groups, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.errors import ArchitectureError, written
from shapecalc.language.expressions import Scope
from shapecalc.language.resolved import Value, names_in, resolve, told_apart
from shapecalc.language.yaml_nodes import YamlNode
from shapecalc.layers import Layer

if TYPE_CHECKING:
    from shapecalc.language.loops import Loop


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
class GroupStep(Step):
    """`seq`: a list of steps as one."""

    steps: Steps

    @property
    def inside(self) -> tuple[Steps, ...]:
        return (self.steps,)


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
