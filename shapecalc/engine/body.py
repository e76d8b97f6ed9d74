"""The execution of steps on shapes: each layer becomes a row, wires lead from one to the next."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shapecalc.engine.brief import leave_out
from shapecalc.engine.limits import MOST_DISTINCT, MOST_NODES
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row, Wire
from shapecalc.engine.walk import Walk
from shapecalc.engine.weights import sharing
from shapecalc.errors import ArchitectureError, listed, nearest, quoted
from shapecalc.language.expressions import Scope
from shapecalc.language.heads import GROUP
from shapecalc.language.tree import (
    CHANNELS,
    BlockStep,
    ExpertsStep,
    LayerStep,
    Name,
    Step,
    Steps,
    with_channels,
)
from shapecalc.language.yaml_nodes import Source
from shapecalc.layers import Layer
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition, Known
from shapecalc.tensors import Tensor

if TYPE_CHECKING:
    from shapecalc.layers.experts import OfExperts

Wires = tuple[Wire, ...]
Nodes = tuple[Node, ...]


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
        if self.nodes > MOST_NODES:
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


class Body:
    """The execution of one body: the file's layers or one copy of a block, with its values and names."""

    def __init__(
        self,
        run: Execution,
        scope: Scope,
        names: ChainMap[str, Wire],
        owners: ChainMap[str, tuple[int, int]],
    ) -> None:
        self.run = run
        self.walk = run.walk
        self.scope = scope
        self.names = names
        self.owners = owners
        """By the name of a step, its first row and the one after its last."""

    @property
    def source(self) -> Source:
        """The file that the steps stand in."""
        return self.walk.source

    def steps(self, steps: Steps, wires: Wires, prefix: str) -> tuple[Wires, Nodes]:
        """Execute a list of steps on the current tensor, the first of `wires`; gives the wires out.

        A step's label, its own part of a path, is its name, or its type and its index among that type.
        """
        nodes: list[Node] = []
        counts: dict[str, int] = {}
        for entry in steps:
            step, copies = self.resolved(entry, wires[0], prefix, counts)
            first = counts.get(step.label, 0)
            counts[step.label] = first + copies
            self.run.grow(copies, step)
            sources = step.sources  # of the first copy; the others follow in a row
            copy = 0
            while copy < copies:
                label = f"{step.label}[{first + copy}]"
                if len(step.names) == 1:
                    label = step.names[0].text if copies == 1 else f"{step.names[0].text}[{copy}]"
                wires, node = self.step(step, sources, wires[0], label, prefix)
                sources = ()
                nodes.append(node)
                copy += 1
                if self.run.brief:
                    copy += leave_out(self.run.rows, nodes, copy, copies)
        return wires, tuple(nodes)

    def resolved(
        self, entry: Step, current: Wire, prefix: str, counts: Mapping[str, int]
    ) -> tuple[Step, int]:
        """The step that an entry of a list is, and its copies: none where its `when` is false."""
        step = entry
        try:
            scope = self.beside(step, current)
            if not self.walk.there(step, scope):
                return step, 0
            step = self.walk.itself(entry, self.scope)
            return step, self.walk.copies(step, scope)
        except ArchitectureError as error:
            raise error.at(None, f"{prefix}{step.label}[{counts.get(step.label, 0)}]") from None

    def step(
        self, step: Step, names: tuple[Name, ...], current: Wire, label: str, prefix: str
    ) -> tuple[Wires, Node]:
        """Execute one copy of a step on the tensors of these names or, without names, on the current one."""
        path = prefix + label
        start = len(self.run.rows)
        outer = self.run.frozen
        try:
            sources = tuple([self.named(name) for name in names]) if names else (current,)
            self.run.frozen = self.walk.frozen(step, self.scope, outer)
            if isinstance(step, LayerStep):
                wires, children = self.layer(step, sources, path)
            else:
                wires, children = self.group(step, sources, path)
            self.run.frozen = outer
            rows = start, len(self.run.rows)
            if step.names:
                self.name(step, wires, rows)
            if step.shares:
                self.share(step.shares, rows)
        except ArchitectureError as error:
            raise error.at(None, path) from None
        return wires, Node(path, label, step.label, wires[0].tensor, *rows, children)

    def layer(self, step: LayerStep, sources: Wires, path: str) -> tuple[Wires, Nodes]:
        children: Nodes = ()
        scope = with_channels(self.scope, self.channels(step, sources))
        if isinstance(step, ExpertsStep):
            sources, children = self.routed(step, self.single(step, sources), path)
        elif step.branches:
            sources, children = self.branches(step, self.single(step, sources), path)
        elif step.type.inputs_range[1] == 0:
            sources = self.none(step)
        inputs = tuple([wire.tensor for wire in sources])
        try:
            layer = self.run.made(step.bind(scope), inputs)
            figures = layer.figures(inputs)
        except ArchitectureError as error:
            raise error.about(step.label).at(self.source.place_of(step.blame(error))) from None
        row = Row(path, layer, sources, figures)
        number = self.run.add(row._replace(frozen=frozenset(row.learned)) if self.run.frozen else row, step)
        return tuple([Wire(t, number, port) for port, t in enumerate(figures.outputs)]), children

    def branches(self, step: LayerStep, current: Wire, path: str) -> tuple[Wires, Nodes]:
        """Execute each branch on the current tensor; a name stands for the tensor that bears it."""
        outs: list[Wire] = []
        nodes: list[Node] = []
        for number, branch in enumerate(step.branches):
            start = len(self.run.rows)
            label = str(number)
            children: Nodes = ()
            if isinstance(branch, Name):
                out, kind = self.named(branch), branch.text
            else:
                wires, children = self.steps(branch, (current,), f"{path}.{label}.")
                out, kind = wires[0], "branch" if children else "input"
            outs.append(out)
            rows = len(self.run.rows)
            nodes.append(Node(f"{path}.{label}", label, kind, out.tensor, start, rows, children))
        return tuple(outs), tuple(nodes)

    def routed(self, step: ExpertsStep, x: Wire, path: str) -> tuple[Wires, Nodes]:
        """Execute the router, and what an expert is once, which stands for all of them.

        It sees the tokens that it is sent and its own names alone: no other tensor comes with them.
        """
        if self.run.expert:
            raise self.source.error("experts can't be inside of an expert", step.node)
        rows = self.run.rows
        start = len(rows)
        (scores, *_), router = self.steps(step.router, (x,), f"{path}.router.")
        nodes = [Node(f"{path}.router", "router", GROUP, scores.tensor, start, len(rows), router)]
        route, dispatch = step.routing
        chosen, _ = self.layer(route, (x, scores), f"{path}.{route.label}")
        (tokens,), _ = self.layer(dispatch, (x, chosen[1]), f"{path}.{dispatch.label}")
        first = len(rows)
        for number, one in enumerate(step.routing, start=first - 2):
            output = rows[number].output
            nodes.append(Node(f"{path}.{one.label}", one.label, one.label, output, number, number + 1))
        alone = Body(self.run, self.scope, ChainMap(), ChainMap())
        with self.run.experts(rows[-1].layer, tokens.tensor):
            (y, *_), expert = alone.steps(step.expert, (tokens,), f"{path}.expert.")
        nodes.append(Node(f"{path}.expert", "expert", GROUP, y.tensor, first, len(rows), expert))
        return (*chosen, y), tuple(nodes)

    def group(self, step: Step, sources: Wires, path: str) -> tuple[Wires, Nodes]:
        """Execute a block, in a body of its own, or a `seq`, in this one."""
        source = (self.single(step, sources),)
        body = self
        if isinstance(step, BlockStep):
            scope = self.walk.block_scope(step, self.scope, self.channels(step, source))
            body = self.body_of(step, scope)
        with self.walk.inside(step) as (steps,):
            return body.steps(steps, source, f"{path}.")

    def body_of(self, step: BlockStep, scope: Scope) -> Body:
        """A body for a copy of a block, which knows the names here unless it is a library's."""
        if self.walk.block(step).source is not self.source:
            return Body(self.run, scope, ChainMap(), ChainMap())
        return Body(self.run, scope, self.names.new_child(), self.owners.new_child())

    def single(self, step: Step, sources: Wires) -> Wire:
        """The one tensor that a block, a group or a join with branches starts from."""
        if len(sources) == 1:
            return sources[0]
        hint = "name the tensors outside, and read them by their names inside"
        raise self.source.error(f"{step.label}: it takes one tensor, not {len(sources)}", step.node, hint)

    def named(self, name: Name) -> Wire:
        wire = self.names.get(name.text)
        if wire is None:
            hint = nearest(name.text, self.names) or f"named here: {listed(self.names)}"
            raise self.source.error(f"no tensor above is named {quoted(name.text)}", name.node, hint)
        return wire

    def none(self, step: Step) -> Wires:
        """The tensors of a step that takes none; the current one is left aside."""
        if step.sources:
            found = f"it takes no tensor, and from gives it {len(step.sources)}"
            raise self.source.error(f"{step.label}: {found}", step.sources[0].node)
        return ()

    def channels(self, step: Step, sources: Wires) -> Dim | None:
        """The channels that enter a step which asks for them."""
        return self.channels_of(step, sources[0]) if CHANNELS in step.uses else None

    def beside(self, step: Step, current: Wire) -> Scope:
        """The values that `when` and `times` see, with the entering channels where they ask for them."""
        if not step.asks:
            return self.scope
        read = self.named(step.sources[0]) if step.sources else current
        return with_channels(self.scope, self.channels_of(step, read))

    def channels_of(self, step: Step, wire: Wire) -> Dim:
        x = wire.tensor
        if x.rank > 1:
            return x.shape[1]
        raise self.source.error(f"{step.label}: channels are axis 1, and the input is {x}", step.node)

    def share(self, name: Name, rows: tuple[int, int]) -> None:
        """Let rows use the weights of those of an earlier step, which has to be made in the same way."""
        owners = self.owners.get(name.text)
        if owners is None or owners[1] > rows[0]:
            named = [known for known, (_, stop) in self.owners.items() if stop <= rows[0]]
            hint = nearest(name.text, named) or f"steps with a name: {listed(named) or 'none'}"
            raise self.source.error(f"share: no step above is named {quoted(name.text)}", name.node, hint)
        if owners[1] - owners[0] != rows[1] - rows[0]:
            counts = f"it has {owners[1] - owners[0]} layers, this one {rows[1] - rows[0]}"
            raise self.source.error(f"share: {name.text} is another: {counts}", name.node)
        with self.source.placing(name.node):
            for owner, row in zip(range(*owners), range(*rows), strict=True):
                self.run.rows[row] = sharing(self.run.rows, row, owner)

    def name(self, step: Step, wires: Wires, rows: tuple[int, int]) -> None:
        if len(step.names) > len(wires):
            names = f"{len(step.names)} names for {len(wires)} output{'s'[: len(wires) != 1]}"
            raise self.source.error(f"as: {names}", step.names[-1].node)
        for name, wire in zip(step.names, wires, strict=False):
            self.names[name.text] = wire
            self.owners[name.text] = rows
