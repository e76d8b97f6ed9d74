"""The labels of the steps of a list as it is executed."""

from __future__ import annotations

from shapecalc.engine.nodes import Node
from shapecalc.language.expressions import Scope
from shapecalc.language.tree import Step


class Line:
    """A list of steps as it is executed: the nodes so far, and what their labels are.

    A label is a step's own part of a path: its name, or its type and its index among that type.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[Node] = []
        self.counts: dict[str, int] = {}
        self.elements: set[str] = set()
        """The labels of elements, `x[2]`, that are taken."""

    def path(self, step: Step) -> str:
        return f"{self.prefix}{self.typed(step, 0)}"

    def typed(self, step: Step, copy: int) -> str:
        return f"{step.label}[{self.counts.get(step.label, 0) + copy}]"

    def count(self, step: Step, copies: int) -> None:
        self.counts[step.label] = self.counts.get(step.label, 0) + copies

    def label(self, step: Step, copy: int, which: int | None, scope: Scope) -> str:
        """The label of a copy of a step; `which` of several it is, where its name is to say that."""
        if len(step.names) != 1:
            return self.typed(step, copy)
        name = step.names[0]
        if name.index is None:
            return name.text if which is None else f"{name.text}[{which}]"
        label = name.label(scope)
        if label in self.elements:
            return self.typed(step, copy)
        self.elements.add(label)
        return label
