"""How large a network is, counted before any of it is built: a huge one is refused, not attempted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from shapecalc.errors import ArchitectureError, UsageError, written
from shapecalc.language.architecture import Architecture
from shapecalc.language.blocks import cycle
from shapecalc.language.expressions import Scope
from shapecalc.language.tree import (
    CHANNELS,
    BlockStep,
    ChosenStep,
    GroupStep,
    LayerStep,
    Name,
    Step,
    Steps,
    resolve,
)
from shapecalc.symbolic import Dim, Expr, symbol

MOST_ROWS = 1_000_000
MOST_WHOLE = 10_000
"""Rows that are executed one by one whatever they do; of more, copies may be left out and lines folded."""
MOST_DISTINCT = 40_000
"""Rows that are executed where copies are left out."""
MOST_FOLLOWED = 10_000
"""Rows of which each is followed by what it hands on: bytes, or what it reads of the input."""
MOST_LISTED = 20_000
"""Rows that are printed, or looked at, one by one."""
MOST_NODES = 4 * MOST_ROWS  # of the tree: rows, and the blocks, groups and branches above them
_MOST_STEPS = 300_000  # steps of different blocks or arguments that are looked at to count
_DEEPEST = 100  # blocks, groups and branches within each other


_FINE: WeakKeyDictionary[Architecture, dict[Any, int]] = WeakKeyDictionary()
"""By the values of its parameters with which an architecture was found small enough, its rows."""


_SOME = symbol(CHANNELS)
"""Channels, which are not known before the layers have shapes."""


class OpenBlocks:
    """The blocks that are being executed: where a parameter names a block, it can't be one of them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @contextmanager
    def block(self, step: BlockStep, architecture: Architecture) -> Iterator[None]:
        """Inside of a use of a block.

        Raises:
            ArchitectureError: it is open already.
        """
        if step.block in self.names:
            raise cycle([*self.names[self.names.index(step.block) :], step.block]).at(
                architecture.document.place_of(step.node)
            )
        self.names.append(step.block)
        yield
        self.names.pop()


class Extent(NamedTuple):
    """Rows, nodes of the tree, and levels of it."""

    rows: int = 0
    nodes: int = 0
    height: int = 0


def copies_of(step: Step, scope: Scope, architecture: Architecture) -> int:
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
        raise error.at(architecture.document.place_of(step.times.node)) from None
    return copies


def chosen(step: Step, scope: Scope, architecture: Architecture) -> Step:
    """The step itself, where a parameter names it."""
    try:
        return step.chosen(scope) if isinstance(step, ChosenStep) else step
    except ArchitectureError as error:
        raise error.at(architecture.document.place_of(step.node)) from None


def block_scope(
    step: BlockStep, scope: Scope, outer: Scope, architecture: Architecture, channels: Dim | None
) -> Scope:
    """The values that the steps of a block see, where it is used in `scope` on a tensor of these channels."""
    try:
        return architecture.blocks[step.block].scope(outer, step, scope, channels)
    except ArchitectureError as error:
        culprit = step.arguments.get(error.argument or "")
        node = culprit.node if culprit else step.node
        raise error.about(step.block).at(architecture.document.place_of(node)) from None


def refuse_too_large(architecture: Architecture, scope: Scope) -> int:
    """The number of rows; refuses a network of more of them than are analysed, or nested deeper.

    What is wrong with a step in itself is left to the analysis, which can say on which path.

    Raises:
        ArchitectureError: with the number of rows.
    """
    values = tuple(map(repr, scope.values()))
    known = _FINE.setdefault(architecture, {})
    if values in known:
        return known[values]
    rows, nodes, _ = _Counter(architecture, scope).extent(architecture.layers, scope, (), 0)
    if rows <= MOST_ROWS and nodes <= MOST_NODES:
        known[values] = rows
        return rows
    many = f"{rows:,}" if rows < 10**15 else "more than 10^15"
    what = "layers" if rows > MOST_ROWS else f"layers in {nodes:,} blocks, groups, branches and layers"
    limit = MOST_ROWS if rows > MOST_ROWS else MOST_NODES
    place = architecture.document.place_of(architecture.layers[0].node)
    raise ArchitectureError(f"the network has {many} {what}; at most {limit:,} are analysed", place=place)


def refuse_long(
    layers: int, what: str, most: int = MOST_LISTED, hint: str = "fewer copies (times) show the same"
) -> None:
    """Refuse what takes each of many layers one by one.

    Raises:
        UsageError: with the number of layers.
    """
    if layers > most:
        message = f"{what} takes layers one by one, at most {most:,}: there are {layers:,}"
        raise UsageError(message, hint=hint)


class _Counter:
    """Counts what a step makes; one that comes again with the same values is counted once."""

    def __init__(self, architecture: Architecture, outer: Scope) -> None:
        self.architecture = architecture
        self.outer = outer
        self.known: dict[Any, Extent] = {}
        self.steps = 0
        self.failed = False
        self.open = OpenBlocks()

    def extent(self, steps: Steps, scope: Scope, values: tuple[Any, ...], depth: int) -> Extent:
        """The extent of a list; `values` tell the scope from those of other uses of the same block."""
        self.steps += len(steps)
        rows = nodes = height = 0
        for step in steps:
            one = self.extent_of(step, scope, values, depth)
            rows, nodes, height = rows + one.rows, nodes + one.nodes, max(height, one.height)
            self.refuse_deeper(step, depth + height)
            if self.failed:
                break
        return Extent(rows, nodes, height)

    def refuse_deeper(self, step: Step, depth: int) -> None:
        if depth > _DEEPEST or self.steps > _MOST_STEPS:
            limit = f"{_DEEPEST} levels of nesting" if depth > _DEEPEST else f"{_MOST_STEPS:,} steps"
            place = self.architecture.document.place_of(step.node)
            raise ArchitectureError(f"the network has more than {limit}", place=place)

    def extent_of(self, step: Step, scope: Scope, values: tuple[Any, ...], depth: int) -> Extent:
        try:
            step = chosen(step, scope, self.architecture)
            copies = copies_of(step, scope, self.architecture)
            if copies == 0 or (isinstance(step, LayerStep) and not step.branches):
                return Extent(copies, copies)
            what: Any = id(step)
            if isinstance(step, BlockStep):
                channels = _SOME if CHANNELS in step.uses else None
                scope = block_scope(step, scope, self.outer, self.architecture, channels)
                own = [scope[name] for name in self.architecture.blocks[step.block].parameters]
                what, values = step.block, tuple(map(repr, own))
        except ArchitectureError:
            self.failed = True
            return Extent()
        self.refuse_deeper(step, depth + 1)
        one = self.known.get((what, values))
        if one is None:
            one = self.known[what, values] = self.inside(step, scope, values, depth + 1)
        return Extent(copies * one.rows, copies * (1 + one.nodes), 1 + one.height)

    def inside(self, step: Step, scope: Scope, values: tuple[Any, ...], depth: int) -> Extent:
        if isinstance(step, BlockStep):
            with self.open.block(step, self.architecture):
                return self.extent(self.architecture.blocks[step.block].steps, scope, values, depth)
        if isinstance(step, GroupStep):
            return self.extent(step.steps, scope, values, depth)
        assert isinstance(step, LayerStep)  # the only type left: a step is one of these three
        steps = [() if isinstance(branch, Name) else branch for branch in step.branches]
        inner = [self.extent(branch, scope, values, depth + 1) for branch in steps]
        rows, nodes, height = (
            sum(x.rows for x in inner),
            sum(x.nodes for x in inner),
            max(x.height for x in inner),
        )
        return Extent(1 + rows, len(steps) + nodes, 1 + height)
