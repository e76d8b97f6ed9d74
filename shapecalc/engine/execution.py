"""What one execution of a network gathers: its rows, and the conditions that their sizes must meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.engine.copies import Use
from shapecalc.engine.limits import MOST_DISTINCT, MOST_NODES
from shapecalc.engine.results import Row, Wire
from shapecalc.engine.walk import Walk
from shapecalc.errors import ArchitectureError
from shapecalc.language.block import Block
from shapecalc.language.expressions import Scope
from shapecalc.language.resolved import told_apart
from shapecalc.language.tree import LayerStep, Step
from shapecalc.language.yaml_nodes import YamlNode
from shapecalc.layers import Layer
from shapecalc.layers.schemes import Scheme, matrices
from shapecalc.symbolic.conditions import Condition, Known, collecting
from shapecalc.tensors import Tensor

if TYPE_CHECKING:
    from shapecalc.layers.experts import OfExperts


class Executed(NamedTuple):
    """A step as it was executed: the values that it saw, the tensors that it took and those that it gave."""

    step: Step
    scope: Scope
    takes: tuple[Wire, ...]
    gives: tuple[Wire, ...]
    block: Block | None = None
    """The block that it uses; then the values are those of the block."""


class Execution:
    """The rows of one execution as they come, and the conditions that their sizes must meet."""

    def __init__(self, walk: Walk, conditions: Sequence[Condition], brief: bool) -> None:
        self.walk = walk
        self.brief = brief
        self.conditions = list(conditions)
        self.known = Known(conditions)
        self.rows: list[Row] = []
        self.steps: dict[str, Executed] | None = None
        """By their paths the steps as they were executed, where these are asked for."""
        self.nodes = 0
        self.frozen = False
        """Whether the step that is being executed is part of a frozen one."""
        self.scheme: Scheme | None = None
        """What matrices of the step that is being executed are stored as, where they are not as they are."""
        self.expert: Callable[[Layer], OfExperts] | None = None
        """Inside of an expert, the function that makes a layer one of all experts."""
        self.uses: dict[object, Use] = {}
        """The uses of blocks that others like them copy, by what they have in common."""

    def keep(self, path: str, executed: Executed) -> None:
        """Keep a step as it was executed, if that is asked for."""
        if self.steps is not None:
            self.steps.setdefault(path, executed)

    def alike(self, block: Block, scope: Scope, takes: tuple[Wire, ...]) -> tuple[object, ...] | None:
        """What uses of a block have in common whose rows are the same; None where each is executed.

        Besides the arguments and the tensors it is what stands around them: `frozen`, `weights`, and blocks,
        which can't be used again inside of them.
        """
        if self.steps is not None or self.expert is not None:
            return None
        values = tuple([told_apart(scope[name]) for name in block.parameters])
        tensors = tuple([(takes.index(wire), wire.tensor) for wire in takes])
        return block, values, tensors, self.frozen, self.scheme, *self.walk.open

    def remember(self, alike: tuple[object, ...] | None, use: Use) -> None:
        """Let others copy this use of a block, if they can: where it reads no name from around it."""
        if alike is not None and use.closed:
            self.uses[alike] = use

    def copied(self, alike: tuple[object, ...] | None, path: str, takes: tuple[Wire, ...]) -> Use | None:
        """Add the rows of a use that is like an earlier one; None where it has to be executed."""
        use = self.uses.get(alike)
        if use is None or not self.has_room(use):
            return None
        copy = use.copied(path, len(self.rows), takes)
        self.nodes += copy.counted
        self.rows += copy.rows
        return copy

    def has_room(self, use: Use) -> bool:
        """Whether the network stays small enough with a copy of this; else the steps say where it is not."""
        rows = len(self.rows) + len(use.rows)
        return self.nodes + use.counted <= MOST_NODES and not (self.brief and rows > MOST_DISTINCT)

    def grow(self, nodes: int, step: Step) -> None:
        """Refuse a network that is larger than could be counted: numbers of copies may hang on channels."""
        self.nodes += nodes
        self.check_room(0, step)

    def check_room(self, nodes: int, step: Step) -> None:
        """Refuse a network that would be too large with so many more layers and blocks."""
        if self.nodes + nodes > MOST_NODES:
            message = f"the network has more than {MOST_NODES:,} layers and blocks"
            raise self.walk.source.error(message, step.node).at(None, "")

    @contextmanager
    def experts(self, routing: Any, tokens: Tensor) -> Iterator[None]:
        """Within, layers are those of the experts that `routing` chooses for each of these tokens."""
        from shapecalc.layers.experts import of_experts  # which few networks need

        chosen = routing.num_experts, routing.top_k, tokens.rank - 1
        self.expert = lambda layer: of_experts(layer, *chosen)
        yield
        self.expert = None

    def bound(self, step: LayerStep, scope: Scope) -> Layer:
        """The layer of a step, with what makes its weights."""
        layer = step.bind(scope)
        for by in step.parametrizations:
            from shapecalc.layers.parametrized import parametrized  # which few networks need

            try:
                layer = parametrized(layer, by.bind(scope))
            except ArchitectureError as error:
                place = self.walk.source.place_of(by.blame(error))
                raise error.about(by.label).at(place) from None
        return layer

    def made(self, layer: Layer, inputs: tuple[Tensor, ...]) -> Layer:
        """The layer of a step: inside of an expert that of all experts.

        Raises:
            ArchitectureError: it does not see each token by itself, as it has to there.
        """
        if self.expert is None:
            return layer
        layer.figures(inputs)  # what is wrong with it anywhere is said first
        found = self.expert(layer)
        found.check_tokens(inputs)
        return found

    def note(self, conditions: Sequence[Condition], path: str) -> None:
        """Add conditions, but for those that follow from what is known already."""
        if not conditions:
            return
        self.conditions += [condition._replace(path=path) for condition in self.known.news(conditions)]

    def stored(self, row: Row) -> Row:
        """The row with its matrices under the scheme that holds here.

        Raises:
            ArchitectureError: groups do not divide the input features of one.
        """
        if self.scheme is None or row.layer.quantized == ():
            return row
        names = matrices(row.layer.quantized, row.weights)
        with collecting() as conditions:
            for name in names:
                self.scheme.check(row.weights[name], "another group, or weights: float32 beside what stays")
        self.note(conditions, row.path)
        return row._replace(stored=dict.fromkeys(names, self.scheme))

    def check_stored(self, node: YamlNode, what: str, start: int) -> None:
        """Refuse `weights` that no matrix of the rows from `start` on is stored by, if there are rows."""
        if start < len(self.rows) and not any(row.stored for row in self.rows[start:]):
            message = f"weights: nothing in {what} is stored so: only matrices of Linear layers are"
            hint = "leave it out here; docs/commands/params.md says what is stored"
            raise self.walk.source.error(message, node, hint)

    def add(self, row: Row, step: Step) -> int:
        """Add a row, and the conditions of its layer; gives its number."""
        self.note(row.figures.conditions, row.path)
        if self.brief and len(self.rows) >= MOST_DISTINCT:
            message = f"the network has more than {MOST_DISTINCT:,} layers that are no copies by times"
            hint = "copies that do the same, written with times, are a million at most"
            raise self.walk.source.error(message, step.node, hint)
        self.rows.append(row)
        return len(self.rows) - 1
