"""The execution of steps on shapes: each layer becomes a row, wires lead from one to the next."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.engine.copies import Exit, Use, leave_out
from shapecalc.engine.execution import Executed, Execution
from shapecalc.engine.given import Intake, Wires, check_count, into, none, single, taken
from shapecalc.engine.line import Line
from shapecalc.engine.names import Names, Rows
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Row, Wire
from shapecalc.engine.weights import sharing
from shapecalc.errors import ArchitectureError
from shapecalc.language.block import BlockStep
from shapecalc.language.expressions import Scope
from shapecalc.language.heads import GROUP
from shapecalc.language.resolved import CHANNELS, with_channels
from shapecalc.language.tree import ExpertsStep, Fan, LayerStep, Name, Step, Steps
from shapecalc.language.yaml_nodes import Source
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor

Nodes = tuple[Node, ...]


def _tensors(wires: Wires) -> list[Tensor]:
    return [wire.tensor for wire in wires]


class Body:
    """The execution of one body: the file's layers or one copy of a block, with its values and names."""

    def __init__(self, run: Execution, scope: Scope, names: Names) -> None:
        self.run = run
        self.walk = run.walk
        self.scope = scope
        self.names = names

    @property
    def source(self) -> Source:
        """The file that the steps stand in."""
        return self.walk.source

    def steps(self, steps: Steps, wires: Wires, prefix: str) -> tuple[Wires, Nodes]:
        """Execute a list of steps on the current tensor, the first of `wires`; gives the wires out."""
        line = Line(prefix)
        for entry in steps:
            if entry.loop is None:
                wires = self.copies(entry, wires, line)
                continue
            done = len(line.nodes)
            for turn, body in enumerate(self.turns(entry, line)):
                again = len(line.nodes) > done
                wires = body.copies(entry, wires, line, turn, again)
        return wires, tuple(line.nodes)

    def turns(self, entry: Step, line: Line) -> Iterator[Body]:
        """A body for each copy of a step with `for`: this one, with the values of the copy's variables."""
        try:
            scopes = self.walk.turns(entry, self.scope)
        except ArchitectureError as error:
            raise error.at(None, line.path(entry)) from None
        for scope in scopes:
            yield Body(self.run, scope, self.names)

    def copies(
        self, entry: Step, wires: Wires, line: Line, turn: int | None = None, again: bool = False
    ) -> Wires:
        """Execute an entry of a list as often as its `times` says, as this turn of a loop if it is in one.

        `again`: whether an earlier turn was executed.
        """
        step, copies = self.resolved(entry, wires[0], line)
        self.run.grow(copies, step)
        sources = step.sources if not again or step.reads_anew else ()  # of the first copy: others follow
        exits: list[Exit] = []
        copy = 0
        while copy < copies:
            which = turn if turn is not None else copy if copies > 1 else None
            label = line.label(step, copy, which, self.scope)
            bound = len(self.names.bound)
            before, nodes = wires, self.run.nodes
            wires, node = self.step(step, sources, wires, label, line.prefix)
            sources = ()
            line.nodes.append(node)
            copy += 1
            if copy < copies and _tensors(before) == _tensors(wires):  # then so do the copies that follow
                self.run.check_room((copies - copy) * (self.run.nodes - nodes), step)
            if self.run.brief and copies > 1:
                exits = [*exits[-1:], self.names.exit(wires, bound)]
                copy += leave_out(self.run.rows, line.nodes, exits, copy, copies)
        line.count(step, copies)
        return wires

    def resolved(self, entry: Step, current: Wire, line: Line) -> tuple[Step, int]:
        """The step that an entry of a list is, and its copies: none where its `when` is false."""
        step = entry
        try:
            scope = self.beside(step, current)
            if not self.walk.there(step, scope):
                return step, 0
            step = self.walk.itself(entry, self.scope)
            return step, self.walk.copies(step, scope)
        except ArchitectureError as error:
            raise error.at(None, line.path(step)) from None

    def step(
        self, step: Step, names: tuple[Name, ...], before: Wires, label: str, prefix: str
    ) -> tuple[Wires, Node]:
        """Execute one copy of a step on the tensors of these names or, without names, on those `before` it.

        Of those, a layer takes the first alone, which is the current tensor.
        """
        path = prefix + label
        start = len(self.run.rows)
        outer = self.run.frozen, self.run.scheme
        try:
            sources = tuple([self.named(name) for name in names]) if names else before
            given = Intake(sources, bool(names))
            if step.frozen:
                self.run.frozen = self.walk.frozen(step, self.scope, outer[0])
            if step.weights:
                self.run.scheme = self.walk.scheme(step, self.scope, outer[1])
            if isinstance(step, LayerStep):
                wires, children = self.layer(step, given, path)
            elif isinstance(step, BlockStep):
                wires, children = self.block(step, given, path)
            else:
                wires, children = self.group(step, given, path)
            if step.weights and self.run.scheme:
                self.run.check_stored(step.weights.node, step.label, start)
            self.run.frozen, self.run.scheme = outer
            rows = start, len(self.run.rows)
            if step.names:
                self.name(step, wires, rows)
            if step.shares:
                self.share(step.shares, rows)
            self.run.keep(path, Executed(step, self.scope, sources, wires))
        except ArchitectureError as error:
            raise error.at(None, path) from None
        return wires, Node(path, label, step.label, wires[0].tensor, *rows, children)

    def layer(self, step: LayerStep, given: Intake, path: str) -> tuple[Wires, Nodes]:
        children: Nodes = ()
        sources = given.wires if given.named else given.wires[:1]
        scope = with_channels(self.scope, self.channels(step, sources))
        if isinstance(step, ExpertsStep):
            sources, children = self.routed(step, single(step, given, self.source), path)
        elif step.branches:
            sources, children = self.branches(step, into(step, given, self.source), path)
        elif step.type.inputs_range[1] == 0:
            sources = none(step, self.source)
        inputs = tuple([wire.tensor for wire in sources])
        try:
            layer = self.run.made(self.run.bound(step, scope), inputs)
            figures = layer.figures(inputs)
            row = self.run.stored(Row(path, layer, sources, figures))
        except ArchitectureError as error:
            raise error.about(step.label).at(self.source.place_of(step.blame(error))) from None
        number = self.run.add(row._replace(frozen=frozenset(row.learned)) if self.run.frozen else row, step)
        return tuple([Wire(t, number, port) for port, t in enumerate(figures.outputs)]), children

    def branches(self, step: LayerStep, before: Wires, path: str) -> tuple[Wires, Nodes]:
        """Execute each branch on the tensors before the join; a name stands for the tensor that bears it."""
        outs: list[Wire] = []
        nodes: list[Node] = []
        for body, branch in self.all_branches(step, before[0], path):
            start = len(self.run.rows)
            label = str(len(nodes))
            children: Nodes = ()
            if isinstance(branch, Name):
                out, kind = body.named(branch), branch.text
            else:
                wires, children = body.steps(branch, before, f"{path}.{label}.")
                out, kind = wires[0], "branch" if children else "input"
            outs.append(out)
            rows = len(self.run.rows)
            nodes.append(Node(f"{path}.{label}", label, kind, out.tensor, start, rows, children))
        if any(isinstance(branch, Fan) for branch in step.branches):
            check_count(step, len(outs) + len(step.arguments.keys() & set(step.type.numbers)), self.source)
        return tuple(outs), tuple(nodes)

    def all_branches(self, step: LayerStep, current: Wire, path: str) -> Iterator[tuple[Body, Steps | Name]]:
        """The branches of a join, each with the body that it is executed in: of a loop, one for each turn."""
        for branch in step.branches:
            if not isinstance(branch, Fan):
                yield self, branch
                continue
            line = Line(f"{path}.")
            for body in self.turns(branch.step, line) if branch.step.loop else (self,):
                try:
                    there = self.walk.there(branch.step, body.beside(branch.step, current))
                except ArchitectureError as error:
                    raise error.at(None, path) from None
                if there:
                    yield body, branch.each

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
        chosen, _ = self.layer(route, Intake((x, scores), named=True), f"{path}.{route.label}")
        (tokens,), _ = self.layer(dispatch, Intake((x, chosen[1]), named=True), f"{path}.{dispatch.label}")
        first = len(rows)
        for number, one in enumerate(step.routing, start=first - 2):
            output = rows[number].output
            nodes.append(Node(f"{path}.{one.label}", one.label, one.label, output, number, number + 1))
        alone = Body(self.run, self.scope, Names(self.walk))
        with self.run.experts(rows[-1].layer, tokens.tensor):
            (y, *_), expert = alone.steps(step.expert, (tokens,), f"{path}.expert.")
        nodes.append(Node(f"{path}.expert", "expert", GROUP, y.tensor, first, len(rows), expert))
        return (*chosen, y), tuple(nodes)

    def block(self, step: BlockStep, given: Intake, path: str) -> tuple[Wires, Nodes]:
        """Execute a block on tensors that have names in it, or copy the rows of a use like it."""
        block = self.walk.block(step)
        inputs = taken(step, block.signature, given, self.named, self.source)
        scope = self.walk.block_scope(step, self.scope, self.channels(step, inputs))
        like = self.run.alike(block, scope, inputs)
        use = self.run.copied(like, path, inputs)
        if use is None:
            use = self.used(step, scope, inputs, path)
            self.run.remember(like, use)
        return use.gives, use.nodes

    def used(self, step: BlockStep, scope: Scope, inputs: Wires, path: str) -> Use:
        """Execute the steps of a block in a body of its own."""
        start, counted = len(self.run.rows), self.run.nodes
        block, body = self.walk.block(step), self.body_of(step, scope)
        for name, wire in zip(block.signature.tensors, inputs, strict=False):
            body.names.bind(name, scope, wire, (0, 0))
        with self.walk.inside(step) as (steps,):
            wires, nodes = body.steps(steps, inputs, f"{path}.")
            gives = tuple([body.named(name) for name in block.signature.gives]) or wires
        self.run.keep(path, Executed(step, scope, inputs, gives, block))
        rows, counted = self.run.rows[start:], self.run.nodes - counted
        return Use(path, start, rows, nodes, counted, inputs, gives, body.names.closed)

    def body_of(self, step: BlockStep, scope: Scope) -> Body:
        """A body for a copy of a block, which knows the names here unless it is a library's."""
        if self.walk.block(step).source is not self.source:
            return Body(self.run, scope, Names(self.walk))
        return Body(self.run, scope, self.names.inner())

    def group(self, step: Step, given: Intake, path: str) -> tuple[Wires, Nodes]:
        """Execute a `seq` in this body; several tensors go on to the block that it begins with."""
        with self.walk.inside(step) as (steps,):
            inputs = given.wires if self.walk.passes(steps, self.scope) else into(step, given, self.source)
            return self.steps(steps, inputs, f"{path}.")

    def named(self, name: Name) -> Wire:
        return self.names.wire(name, self.scope)

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

    def share(self, name: Name, rows: Rows) -> None:
        """Let rows use the weights of those of an earlier step, which has to be made in the same way."""
        owners = self.names.owner(name, self.scope, rows[0])
        if owners[1] - owners[0] != rows[1] - rows[0]:
            counts = f"it has {owners[1] - owners[0]} layers, this one {rows[1] - rows[0]}"
            raise self.source.error(f"share: {name.text} is another: {counts}", name.node)
        with self.source.placing(name.node):
            for owner, row in zip(range(*owners), range(*rows), strict=True):
                self.run.rows[row] = sharing(self.run.rows, row, owner)

    def name(self, step: Step, wires: Wires, rows: Rows) -> None:
        if len(step.names) > len(wires):
            names = f"{len(step.names)} names for {len(wires)} output{'s'[: len(wires) != 1]}"
            hint = None
            if isinstance(step, BlockStep):
                hint = f"the header of {step.block} names what it gives after an arrow: cell(x) -> new, old"
            raise self.source.error(f"as: {names}", step.names[-1].node, hint)
        for name, wire in zip(step.names, wires, strict=False):
            self.names.bind(name, self.scope, wire, rows)
