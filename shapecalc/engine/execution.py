"""What one execution of a network gathers: its rows, and the conditions that their sizes must meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shapecalc.engine.limits import MOST_DISTINCT, MOST_NODES
from shapecalc.engine.results import Row
from shapecalc.engine.walk import Walk
from shapecalc.language.tree import Step
from shapecalc.layers import Layer
from shapecalc.symbolic.conditions import Condition, Known
from shapecalc.tensors import Tensor

if TYPE_CHECKING:
    from shapecalc.layers.experts import OfExperts


class Execution:
    """The rows of one execution as they come, and the conditions that their sizes must meet."""

    def __init__(self, walk: Walk, conditions: Sequence[Condition], brief: bool) -> None:
        self.walk = walk
        self.brief = brief
        self.conditions = list(conditions)
        self.known = Known(conditions)
        self.rows: list[Row] = []
        self.nodes = 0
        self.frozen = False
        """Whether the step that is being executed is part of a frozen one."""
        self.expert: Callable[[Layer], OfExperts] | None = None
        """What makes a layer one of routed experts, where the step that is being executed is part of one."""

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

    def add(self, row: Row, step: Step) -> int:
        """Add a row, and the conditions of its layer; gives its number."""
        self.conditions += [c._replace(path=row.path) for c in self.known.news(row.figures.conditions)]
        if self.brief and len(self.rows) >= MOST_DISTINCT:
            message = f"the network has more than {MOST_DISTINCT:,} layers that are no copies by times"
            hint = "copies that do the same, written with times, are a million at most"
            raise self.walk.source.error(message, step.node, hint)
        self.rows.append(row)
        return len(self.rows) - 1
