"""How large a network may be: its layers are counted before any is executed, and too many are refused."""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from shapecalc.engine.walk import Walk
from shapecalc.errors import ArchitectureError, UsageError
from shapecalc.language.architecture import Architecture
from shapecalc.language.block import BlockStep
from shapecalc.language.expressions import Scope
from shapecalc.language.operators import UndecidedError
from shapecalc.language.resolved import CHANNELS, told_apart, with_channels
from shapecalc.language.tree import LayerStep, Step, Steps, forget_layers
from shapecalc.symbolic import symbol

MOST_ROWS = 1_000_000
MOST_WHOLE = 2_000
"""Rows that are all executed; in a larger network, copies that do the same may be left out: it takes less."""
MOST_EACH = 100_000
"""Rows of a network from which no copy is left out."""
MOST_DISTINCT = 40_000
"""Rows that are executed in a network from which copies are left out."""
MOST_FOLLOWED = 10_000
"""Rows through which bytes, or a receptive field, are followed one by one."""
MOST_DIFFERENT = 16_000
"""Rows that differ, each counted once for each time that its kernels are run to find its memory."""
MOST_LISTED = 20_000
"""Rows that are printed, or looked at, one by one."""
MOST_NODES = 4 * MOST_ROWS  # of the tree: rows, and the blocks, groups and branches above them
_MOST_STEPS = 300_000  # steps of different blocks or arguments that are looked at to count
_DEEPEST = 100  # blocks, groups and branches within each other

_FINE: WeakKeyDictionary[Architecture, dict[Any, int]] = WeakKeyDictionary()
"""The rows of architectures that were found small enough, by the values of their parameters."""

_SOME = symbol(CHANNELS)
"""In place of the channels that enter a block, which are not known before layers are executed."""


def forget(architecture: Architecture) -> None:
    """Let go of what is kept of an architecture for values of its parameters, which may have been many."""
    _FINE.pop(architecture, None)
    blocks = [*architecture.blocks.values()]
    blocks += [used for block in blocks for used in block.known.values()]
    forget_layers(chain(architecture.layers, *[block.steps for block in blocks]))


def refuse_too_large(architecture: Architecture, scope: Scope) -> int:
    """The number of rows, of a network that is not too large or nested too deep to be analysed.

    Steps that are there or not as the channels are count as if they were; of a network with such steps,
    `refuse_larger` looks at the true number afterwards.
    A step that is wrong in itself ends the counting: the analysis then says on which path it is.

    Raises:
        ArchitectureError: it is; the message has the number of rows.
    """
    values = tuple(map(told_apart, scope.values()))
    known = _FINE.setdefault(architecture, {})
    if values in known:
        return known[values]
    counter = _Counter(Walk(architecture, scope))
    rows, nodes, _ = counter.of_list(architecture.layers, scope, (), 0)
    if counter.guessed or (rows <= MOST_ROWS and nodes <= MOST_NODES):
        known[values] = rows
        return rows
    raise _too_large(architecture, rows, nodes)


def refuse_larger(architecture: Architecture, rows: int) -> None:
    """Refuse a network of more rows than are analysed, once all conditions on channels are decided.

    Raises:
        ArchitectureError: it has more.
    """
    if rows > MOST_ROWS:
        raise _too_large(architecture, rows, 0)


def _too_large(architecture: Architecture, rows: int, nodes: int) -> ArchitectureError:
    many = f"{rows:,}" if rows < 10**15 else "more than 10^15"
    what = "layers" if rows > MOST_ROWS else f"layers in {nodes:,} blocks, groups, branches and layers"
    limit = MOST_ROWS if rows > MOST_ROWS else MOST_NODES
    message = f"the network has {many} {what}; at most {limit:,} are analysed"
    return architecture.document.error(message, architecture.layers[0].node)


def refuse_long(
    layers: int, what: str, most: int = MOST_LISTED, hint: str = "fewer copies (times) show the same"
) -> None:
    """Refuse a command, `what`, that looks at layers one by one, for more layers than `most`.

    Raises:
        UsageError: there are more.
    """
    if layers > most:
        message = f"{what} takes layers one by one, at most {most:,}: there are {layers:,}"
        raise UsageError(message, hint=hint)


class _Extent(NamedTuple):
    """Rows, nodes of the tree, and levels of it."""

    rows: int = 0
    nodes: int = 0
    height: int = 0


class _Counter:
    """Counts the rows and nodes of steps, of steps that come again with the same values once."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.known: dict[Any, _Extent] = {}
        self.steps = 0
        self.failed = False
        """Whether a step is wrong in itself."""
        self.guessed = False
        """Whether there may be fewer: some steps are there or not as the channels are."""

    def of_list(self, steps: Steps, scope: Scope, values: tuple[Any, ...], depth: int) -> _Extent:
        """The extent of a list of steps; `values` are those of the block's parameters, and of loops, here."""
        self.steps += len(steps)
        rows = nodes = height = 0
        for step in steps:
            one = self.of_turns(step, scope, values, depth)
            rows, nodes, height = rows + one.rows, nodes + one.nodes, max(height, one.height)
            self.refuse_deeper(step, depth + height)
            if self.failed:
                break
        return _Extent(rows, nodes, height)

    def refuse_deeper(self, step: Step, depth: int) -> None:
        if depth > _DEEPEST or self.steps > _MOST_STEPS:
            limit = f"{_DEEPEST} levels of nesting" if depth > _DEEPEST else f"{_MOST_STEPS:,} steps"
            raise self.walk.source.error(f"the network has more than {limit}", step.node)

    def of_turns(self, step: Step, scope: Scope, values: tuple[Any, ...], depth: int) -> _Extent:
        """The extent of a step in all turns of its loop."""
        if step.loop is None:
            return self.of_step(step, scope, values, depth)
        try:
            scopes = self.walk.turns(step, scope)
        except ArchitectureError:
            self.failed = True
            return _Extent()
        rows = nodes = height = 0
        for one in scopes:
            self.steps += 1
            own = tuple([told_apart(one[name]) for name in step.loop.names])
            turn = self.of_step(step, one, (*values, *own), depth)
            rows, nodes, height = rows + turn.rows, nodes + turn.nodes, max(height, turn.height)
            self.refuse_deeper(step, depth + height)
            if self.failed:
                break
        return _Extent(rows, nodes, height)

    def of_step(self, step: Step, scope: Scope, values: tuple[Any, ...], depth: int) -> _Extent:
        """The extent of all copies of a step."""
        try:
            beside = with_channels(scope, _SOME) if step.asks else scope
            if not self.there(step, beside):
                return _Extent()
            step = self.walk.itself(step, scope)
            copies = self.walk.copies(step, beside)
            if copies == 0 or (isinstance(step, LayerStep) and not step.inside):
                return _Extent(copies, copies)
            what: Any = id(step)
            if isinstance(step, BlockStep):
                scope = self.walk.block_scope(step, scope, _SOME if CHANNELS in step.uses else None)
                what = self.walk.block(step)
                values = tuple([told_apart(scope[name]) for name in what.parameters])
        except ArchitectureError:
            self.failed = True
            return _Extent()
        self.refuse_deeper(step, depth + 1)
        one = self.known.get((what, values))
        if one is None:
            one = self.known[what, values] = self.inside(step, scope, values, depth + 1)
        return _Extent(copies * one.rows, copies * (1 + one.nodes), 1 + one.height)

    def there(self, step: Step, scope: Scope) -> bool:
        """Whether a step is there; where that hangs on channels, it is counted as if it were."""
        try:
            return self.walk.there(step, scope)
        except UndecidedError:
            self.guessed = True
            return True

    def inside(self, step: Step, scope: Scope, values: tuple[Any, ...], depth: int) -> _Extent:
        """The extent of one copy; a join is a row itself, and its branches are a level of their own."""
        joins = isinstance(step, LayerStep)
        with self.walk.inside(step) as lists:
            inner = [self.of_list(steps, scope, values, depth + joins) for steps in lists]
        rows, nodes, heights = zip(*inner, strict=True)
        return _Extent(joins + sum(rows), joins * len(inner) + sum(nodes), joins + max(heights))
