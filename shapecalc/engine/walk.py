"""The tree of steps once parameters have values: what each step is, its copies, the steps inside of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shapecalc.errors import ArchitectureError, written
from shapecalc.language.architecture import Architecture
from shapecalc.language.blocks import cycle
from shapecalc.language.expressions import Scope
from shapecalc.language.nodes import YamlNode
from shapecalc.language.tree import BlockStep, ChosenStep, Step, Steps, resolve
from shapecalc.symbolic import Dim, Expr


class Walk:
    """A walk down the tree of steps: the counting of a network is one, the execution of it another.

    Errors have their place in the file.
    """

    def __init__(self, architecture: Architecture, scope: Scope) -> None:
        """`scope`: the values of the file's parameters."""
        self.architecture = architecture
        self.scope = scope
        self.open: list[str] = []
        """The blocks that the walk is inside of, the outermost first."""

    def at(self, error: ArchitectureError, node: YamlNode) -> ArchitectureError:
        return error.at(self.architecture.document.place_of(node))

    def itself(self, step: Step, scope: Scope) -> Step:
        """The step or, where a parameter names it, the one that is named."""
        try:
            return step.chosen(scope) if isinstance(step, ChosenStep) else step
        except ArchitectureError as error:
            raise self.at(error, step.node) from None

    def copies(self, step: Step, scope: Scope) -> int:
        """How many times a step is executed."""
        if step.times is None:
            return 1
        try:
            copies = resolve(step.times.value, scope)
            if type(copies) is not int or copies < 0:
                hint = "the number of copies decides which layers there are: give a number"
                message = f"times must be a whole number of at least 0, not {written(copies)}"
                raise ArchitectureError(message, hint=hint if isinstance(copies, Expr) else None)
        except ArchitectureError as error:
            raise self.at(error, step.times.node) from None
        return copies

    def frozen(self, step: Step, scope: Scope, outer: bool) -> bool:
        """Whether a step's weights are not trained: if it does not say, as `outer`, what it is part of."""
        if step.frozen is None:
            return outer
        try:
            value = resolve(step.frozen.value, scope)
            if not isinstance(value, bool):
                raise ArchitectureError(f"frozen must be true or false, not {written(value)}")
        except ArchitectureError as error:
            raise self.at(error, step.frozen.node) from None
        return value

    def block_scope(self, step: BlockStep, scope: Scope, channels: Dim | None) -> Scope:
        """The values that the steps of a block see: it is used in `scope`, on a tensor of these channels."""
        try:
            return self.architecture.blocks[step.block].scope(self.scope, step, scope, channels)
        except ArchitectureError as error:
            culprit = step.arguments.get(error.argument or "")
            raise self.at(error.about(step.block), culprit.node if culprit else step.node) from None

    @contextmanager
    def inside(self, step: Step) -> Iterator[tuple[Steps, ...]]:
        """The lists of steps inside of a step; a block counts as open while the walk is in the `with`.

        Raises:
            ArchitectureError: it is a block that the walk is inside of, as a parameter may name it.
        """
        if not isinstance(step, BlockStep):
            yield step.inside
            return
        if step.block in self.open:
            raise self.at(cycle([*self.open[self.open.index(step.block) :], step.block]), step.node)
        self.open.append(step.block)
        yield (self.architecture.blocks[step.block].steps,)
        self.open.pop()
