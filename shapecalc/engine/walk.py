"""The tree of steps once parameters have values: what each step is, its copies, the steps inside of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from shapecalc.errors import ArchitectureError
from shapecalc.language.architecture import Architecture
from shapecalc.language.block import Block, BlockStep, ChosenStep, GivenBlock
from shapecalc.language.blocks import cycle
from shapecalc.language.expressions import Scope
from shapecalc.language.resolved import copies_of, is_frozen, is_there, resolve, stored_as
from shapecalc.language.tree import GroupStep, Step, Steps
from shapecalc.language.yaml_nodes import Source
from shapecalc.layers.schemes import Scheme
from shapecalc.symbolic import Dim


class Walk:
    """A walk down the tree of steps: the counting of a network is one, the execution of it another.

    Errors have their place in the file.
    """

    def __init__(self, architecture: Architecture, scope: Scope) -> None:
        """`scope`: the values of the file's parameters."""
        self.architecture = architecture
        self.scope = scope
        self.open: list[Block] = []
        """The blocks that the walk is inside of, the outermost first."""

    @property
    def source(self) -> Source:
        """The file that the steps stand in which the walk is at: the network's own, or a library."""
        return self.open[-1].source if self.open else self.architecture.document

    @property
    def known(self) -> Mapping[str, Block]:
        """The blocks that the steps of `source` can use."""
        return self.open[-1].known if self.open else self.architecture.blocks

    def block(self, step: BlockStep) -> Block:
        """The block that a step of `source` uses."""
        return step.block.block if isinstance(step.block, GivenBlock) else self.known[step.block]

    def itself(self, step: Step, scope: Scope) -> Step:
        """The step or, where a parameter names it, the one that is named."""
        if not isinstance(step, ChosenStep):
            return step
        with self.source.placing(step.node):
            return step.chosen(scope)

    def there(self, step: Step, scope: Scope) -> bool:
        """Whether a step is executed at all: its `when`."""
        if step.when is None:
            return True
        with self.source.placing(step.when.node):
            return is_there(resolve(step.when.value, scope))

    def turns(self, step: Step, scope: Scope) -> Sequence[Scope]:
        """Of a step with `for`, the values that each of its copies sees."""
        if step.loop is None:
            return (scope,)
        with self.source.placing(step.loop.node):
            return step.loop.scopes(scope)

    def passes(self, steps: Steps, scope: Scope) -> bool:
        """Whether a list of steps begins with a block of several tensors."""
        scopes = self.turns(steps[0], scope) if steps else ()
        first = self.itself(steps[0], scopes[0]) if scopes else None
        if isinstance(first, BlockStep):
            return bool(self.block(first).signature.tensors)
        return isinstance(first, GroupStep) and self.passes(first.steps, scope)

    def copies(self, step: Step, scope: Scope) -> int:
        """How many times a step that is there is executed."""
        if step.times is None:
            return 1
        with self.source.placing(step.times.node):
            return copies_of(resolve(step.times.value, scope))

    def frozen(self, step: Step, scope: Scope, outer: bool) -> bool:
        """Whether a step's weights are not trained: if it does not say, as `outer`, what it is part of."""
        if step.frozen is None:
            return outer
        with self.source.placing(step.frozen.node):
            return is_frozen(resolve(step.frozen.value, scope))

    def scheme(self, step: Step | Architecture, scope: Scope, outer: Scheme | None) -> Scheme | None:
        """What a step's matrices are stored as: if it does not say, as `outer`, what it is part of."""
        if step.weights is None:
            return outer
        with self.source.placing(step.weights.node):
            return stored_as(resolve(step.weights.value, scope))

    def block_scope(self, step: BlockStep, scope: Scope, channels: Dim | None) -> Scope:
        """The values that the steps of a block see: it is used in `scope`, on a tensor of these channels.

        Those of a library see none of the file's parameters; a block that it is given stays its file's.
        """
        block = self.block(step)
        outer = self.scope if block.source is self.architecture.document else {}
        try:
            inner = block.scope(outer, step, scope, channels)
        except ArchitectureError as error:
            culprit = step.arguments.get(error.argument or "")
            place = self.source.place_of(culprit.node if culprit else step.node)
            raise error.about(step.block).at(place) from None
        return inner if block.source is self.source else {**inner, **self.given(step, inner)}

    def given(self, step: BlockStep, scope: Scope) -> dict[str, GivenBlock]:
        """The blocks of `source` that are among the arguments of a step; `scope` has their names."""
        names = {name: scope[name] for name in step.arguments}
        return {
            name: GivenBlock.of(self.known[value])
            for name, value in names.items()
            if isinstance(value, str) and not isinstance(value, GivenBlock) and value in self.known
        }

    @contextmanager
    def inside(self, step: Step) -> Iterator[tuple[Steps, ...]]:
        """The lists of steps inside of a step; a block counts as open while the walk is in the `with`.

        Raises:
            ArchitectureError: it is a block that the walk is inside of, as a parameter may name it.
        """
        if not isinstance(step, BlockStep):
            yield step.inside
            return
        here, block = self.source, self.block(step)
        if block in self.open:
            names = [b.name for b in (*self.open[self.open.index(block) :], block)]
            raise cycle(names).at(here.place_of(step.node))
        self.open.append(block)
        try:
            yield (block.steps,)
        except ArchitectureError as error:
            raise (error if block.source is here else error.used_at(here.place_of(step.node))) from None
        finally:
            self.open.pop()
