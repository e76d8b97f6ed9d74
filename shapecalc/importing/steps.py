"""The steps of a file to be: each a call or a region, with branches where it joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from shapecalc.importing.program import Call, Node, Value
from shapecalc.layers import LAYERS

Branch: TypeAlias = "list[Step] | Value"


@dataclass(eq=False, slots=True)
class Step:
    """One step of a file to be."""

    node: Node
    branches: list[Branch] | None = None
    body: Body | None = None
    """What a region is made of."""
    sources: list[Value] = field(default_factory=list)
    """The tensors that it reads by name; none if it reads what the step before it gives."""

    @property
    def inner(self) -> list[list[Step]]:
        """The branches that are steps, not a tensor that is read by name."""
        return [branch for branch in self.branches or () if isinstance(branch, list)]


@dataclass(eq=False, slots=True)
class Body:
    """The steps of a region, the tensors that they read from outside, and those that they give."""

    steps: list[Step]
    inputs: list[Value]
    outputs: list[Value]
    named: set[Value]
    """The values that are read by name."""


def within(steps: Iterable[Step]) -> Iterator[Step]:
    """Steps, each before those of its branches."""
    for step in steps:
        yield step
        for branch in step.inner:
            yield from within(branch)


def reads(step: Step) -> bool:
    """Whether a step reads the tensor that comes to it."""
    if step.sources:
        return False
    if step.branches is not None:
        return any(map(reads_on, step.branches))
    return bool(step.node.inputs) if isinstance(step.node, Call) else bool(step.body and step.body.inputs)


def reads_on(branch: Branch) -> bool:
    """Whether a branch reads the tensor that comes to the join."""
    if isinstance(branch, Value):
        return False
    return not branch or reads(branch[0])


def depth(steps: list[Step]) -> int:
    """How many joins stand within each other in steps."""
    return max((1 + max(map(depth, step.inner)) for step in steps if step.inner), default=0)


def is_branching(node: Node) -> bool:
    return isinstance(node, Call) and node.type in LAYERS and LAYERS[node.type].branching
