"""Architecture × inputs → Analysis: every step executed on shapes, by the rules of the layers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from shapecalc.engine.freezing import is_frozen, spread
from shapecalc.engine.limits import (
    MOST_DISTINCT,
    MOST_LISTED,
    MOST_NODES,
    MOST_WHOLE,
    OpenBlocks,
    block_scope,
    chosen,
    copies_of,
    refuse_long,
    refuse_too_large,
)
from shapecalc.engine.results import Analysis, Node, Row, Wire
from shapecalc.errors import ArchitectureError, UsageError, listed, nearest, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.expressions import Scope
from shapecalc.language.inputs import DEFAULT_DTYPE, InputSpec, checked, parse_input
from shapecalc.language.nodes import YamlNode
from shapecalc.language.tree import (
    CHANNELS,
    BlockStep,
    GroupStep,
    LayerStep,
    Name,
    Step,
    Steps,
    with_channels,
)
from shapecalc.layers.weights import Weights
from shapecalc.pause_gc import without_collecting
from shapecalc.symbolic import Dim, Expr
from shapecalc.symbolic.conditions import Condition, Known, collecting
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import Tensor

EXECUTED = 5
"""Copies of a step at either end of many that are executed before those between are left out."""

InputText: TypeAlias = "str | Sequence[Dim] | Tensor"


@without_collecting
def analyse(
    architecture: Architecture,
    input: InputText | Mapping[str, InputText] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    brief: bool = False,
) -> Analysis:
    """Compute every layer's shape, weights and MACs.

    Args:
        architecture: what `shapecalc.load` or `shapecalc.parse` gave.
        input: the shape in place of the file's own, as text (`"1x3x224x224"`, `"Nx3xHxW"`), sizes or a
            `Tensor`; by name where the network has several inputs.
        parameters: values in place of the defaults of the file's parameters; a text in place of a number
            is a formula (`{"classes": "K"}`).
        brief: of a large network, execute only the first and the last of many copies that do the same; a
            node of the tree then stands for those between.

    Raises:
        UsageError: `input` or `parameters` name something that the file lacks.
        ArchitectureError: the network can't take the input, or is wrong in itself.
    """
    with collecting() as conditions:
        scope, inputs = _scope_and_inputs(architecture, input, parameters)
    rows = refuse_too_large(architecture, scope)
    return _Run(architecture, scope, inputs, conditions, brief and rows > MOST_WHOLE).analysis()


def inputs_of(
    architecture: Architecture,
    input: InputText | Mapping[str, InputText] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Tensor]:
    """The inputs that `analyse` would take; the same arguments, the same errors of them."""
    with collecting():
        return _scope_and_inputs(architecture, input, parameters)[1]


def _scope_and_inputs(
    architecture: Architecture,
    input: InputText | Mapping[str, InputText] | None,
    parameters: Mapping[str, Any] | None,
) -> tuple[Scope, dict[str, Tensor]]:
    """The file's parameters, and the inputs.

    A parameter that an input in the file has as a size is the size that the given input has there.
    """
    scope = architecture.scope(parameters)
    inputs = _inputs(architecture, input, scope)
    if input is None:
        return scope, inputs
    sizes: dict[str, Dim] = {}
    for name, own in architecture.inputs.items():
        for expression, size in zip(own.sizes, inputs[name].shape, strict=False):
            parameter = expression.text
            if parameter not in scope or parameter in (parameters or {}) or scope[parameter] == size:
                continue
            if sizes.setdefault(parameter, size) != size:
                both = f"{sizes[parameter]} and {size}"
                raise UsageError(f"the inputs differ in {parameter}, which is {both} in them")
    return (architecture.scope({**(parameters or {}), **sizes}) if sizes else scope), inputs


def _inputs(
    architecture: Architecture, given: InputText | Mapping[str, InputText] | None, scope: Scope
) -> dict[str, Tensor]:
    """The network's inputs; a given text without a dtype keeps the one in the file."""
    if given is None:
        given = {}
    elif not isinstance(given, Mapping):
        given = {next(iter(architecture.inputs)): given}
    for name in map(str, given):
        if name not in architecture.inputs:
            hint = nearest(name, architecture.inputs) or f"inputs: {', '.join(architecture.inputs)}"
            raise UsageError(f"{architecture.name} has no input {quoted(name)}", hint=hint)
    tensors = {}
    # What an input decides is a symbol in the one given, other parameters are what they are.
    decided = architecture.decided
    known = {name: value for name, value in scope.items() if name not in decided}
    for name, own in architecture.inputs.items():
        if name in given:
            tensors[name] = _given_input(given[name], own, known)
            continue
        try:
            tensors[name] = own.tensor(scope)
        except ArchitectureError as error:
            raise error.at(architecture.document.place_of(architecture.input_nodes[name])) from None
    return tensors


def _given_input(given: InputText, own: InputSpec, scope: Scope) -> Tensor:
    dtype = own.dtype or DEFAULT_DTYPE
    try:
        if isinstance(given, str):
            return parse_input(given).tensor(scope, dtype)
        if isinstance(given, Tensor):
            return checked(given)
        if isinstance(given, (list, tuple)) and all(type(size) in (int, Expr) for size in given):
            return checked(Tensor(tuple(given), dtype))
        raise UsageError(f"an input is text such as '1x3x224x224' or a list of sizes, not {given!r}")
    except ArchitectureError as error:
        raise UsageError(error.message, hint=error.hint) from None


def moved(row: Row, start: int, by: int) -> tuple[Any, ...]:
    """What a row does; the numbers of rows from `start` on, which it reads or shares weights with, moved."""

    def other(number: int) -> int:
        return number + by if number >= start else number

    wires = [(wire.tensor, other(wire.row), wire.port) for wire in row.sources]
    shares = row.shares if row.shares is None else other(row.shares)
    return row.layer, row.figures.outputs, wires, shares, row.shared, row.frozen


def whole(analysis: Analysis, what: str, most: int = MOST_LISTED) -> Analysis:
    """The analysis with every row, where copies that have been left out do not have the same figures.

    Raises:
        UsageError: it has more layers than are looked at one by one.
    """
    if not analysis.brief:
        return analysis
    refuse_long(analysis.layers, what, most)
    decided = analysis.architecture.decided
    kept = {name: value for name, value in analysis.parameters.items() if name not in decided}
    return analyse(analysis.architecture, analysis.inputs, kept)


class _Run:
    """One execution: rows as they come, and the wires that lead between them."""

    def __init__(
        self,
        architecture: Architecture,
        scope: Scope,
        inputs: Mapping[str, Tensor],
        conditions: Sequence[Condition],
        brief: bool,
    ) -> None:
        self.architecture = architecture
        self.brief = brief
        self.conditions = list(conditions)
        self.known = Known(conditions)
        self.scope = scope
        self.inputs = inputs
        self.rows: list[Row] = []
        self.nodes = 0
        self.open = OpenBlocks()
        self.frozen = False
        """Whether the weights of what is being executed are not trained."""

    def analysis(self) -> Analysis:
        wires = {n: Wire(t, -1, port) for port, (n, t) in enumerate(self.inputs.items())}
        body = _Body(self, self.scope, ChainMap(dict(wires)), ChainMap())
        first = next(iter(wires.values()))
        out, tree = body.steps(self.architecture.layers, (first,), "")
        return Analysis(
            architecture=self.architecture,
            parameters=MappingProxyType(dict(self.scope)),
            inputs=MappingProxyType(dict(self.inputs)),
            rows=tuple(spread(self.rows)),
            tree=tree,
            outputs=tuple(wire.tensor for wire in out),
            output_edges=tuple(wire.edge for wire in out),
            conditions=tuple(self.conditions),
            brief=self.brief,
        )

    def grow(self, nodes: int, step: Step) -> None:
        """Refuse a network that is larger than could be counted: numbers of copies may hang on channels."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            error = ArchitectureError(f"the network has more than {MOST_NODES:,} layers and blocks")
            raise self.error(error, step.node, "")

    def leave_out(self, nodes: list[Node], done: int, copies: int) -> int:
        """How many of the copies that follow are not executed: the last node stands for them too.

        A copy does what the one before it did if that did what the one before it did: rows are all that
        is handed on. The last copies are executed again, so that what follows is joined to them.
        """
        left = copies - done - EXECUTED
        if done < EXECUTED or left < EXECUTED or not self.alike(*nodes[-2:]):
            return 0
        nodes[-1] = nodes[-1]._replace(copies=1 + left)
        return left

    def alike(self, first: Node, second: Node) -> bool:
        """Whether two copies in a row do the same, and read the same or what lies as far before them.

        Of the copy before it, each reads one tensor at most, so that a network of whatever figures has one
        state that goes from copy to copy.
        """
        size = second.start - first.start
        if second.stop - second.start != size:
            return False
        before = first.start - size
        rows, others = self.rows[first.start : second.start], self.rows[second.start : second.stop]
        read = {wire.edge for row in rows for wire in row.sources if before <= wire.row < first.start}
        pairs = zip(rows, others, strict=True)
        return len(read) <= 1 and all(moved(a, before, size) == moved(b, before, 0) for a, b in pairs)

    def require(self, conditions: Sequence[Condition], path: str) -> None:
        """Add conditions to the result, but for those that follow from one that is there already."""
        for condition in conditions:
            if not self.known.imply(condition):
                self.known.add(condition)
                self.conditions.append(condition._replace(path=path))

    def error(self, error: ArchitectureError, node: YamlNode, path: str) -> ArchitectureError:
        return error.at(self.architecture.document.place_of(node), path)


class _Body:
    """The execution of one body: the file's layers or one copy of a block, with its values and names."""

    def __init__(
        self, run: _Run, scope: Scope, names: ChainMap[str, Wire], owners: ChainMap[str, tuple[int, int]]
    ) -> None:
        self.run = run
        self.scope = scope
        self.names = names
        self.owners = owners
        """The rows, from and up to, of each step with a name."""

    def steps(
        self, steps: Steps, wires: tuple[Wire, ...], prefix: str
    ) -> tuple[tuple[Wire, ...], tuple[Node, ...]]:
        """Execute a list of steps on the current tensor, the first of `wires`; gives the wires out.

        A step's label, its own part of a path, is its name, or its type and its index among that type.
        """
        nodes: list[Node] = []
        counts: dict[str, int] = {}
        for entry in steps:
            step = self.chosen(entry, prefix)
            copies = 1 if step.times is None else self.copies(step, prefix, counts)
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
                    copy += self.run.leave_out(nodes, copy, copies)
        return wires, tuple(nodes)

    def chosen(self, step: Step, prefix: str) -> Step:
        try:
            return chosen(step, self.scope, self.run.architecture)
        except ArchitectureError as error:
            raise error.at(None, f"{prefix}{step.label}[0]") from None

    def copies(self, step: Step, prefix: str, counts: Mapping[str, int]) -> int:
        try:
            return copies_of(step, self.scope, self.run.architecture)
        except ArchitectureError as error:
            raise error.at(None, f"{prefix}{step.label}[{counts.get(step.label, 0)}]") from None

    def step(
        self, step: Step, names: tuple[Name, ...], current: Wire, label: str, prefix: str
    ) -> tuple[tuple[Wire, ...], Node]:
        """Execute one copy of a step on the tensors of these names or, without names, on the current one."""
        path = prefix + label
        sources = tuple([self.named(name, path) for name in names]) if names else (current,)
        start = len(self.run.rows)
        outer, self.run.frozen = self.run.frozen, self.frozen(step, path)
        if isinstance(step, LayerStep):
            wires, children = self.layer(step, sources, path)
        else:
            wires, children = self.group(step, sources, path)
        self.run.frozen = outer
        rows = len(self.run.rows)
        if step.names:
            self.name(step, wires, path, (start, rows))
        if step.shares:
            self.share(step.shares, (start, rows), path)
        return wires, Node(path, label, step.label, wires[0].tensor, start, rows, children)

    def frozen(self, step: Step, path: str) -> bool:
        try:
            return is_frozen(step, self.scope, self.run.architecture, self.run.frozen)
        except ArchitectureError as error:
            raise error.at(None, path) from None

    def layer(
        self, step: LayerStep, sources: tuple[Wire, ...], path: str
    ) -> tuple[tuple[Wire, ...], tuple[Node, ...]]:
        children: tuple[Node, ...] = ()
        scope = self.seen(step, sources, path)
        if step.branches:
            sources, children = self.branches(step, self.single(step, sources, path), path)
        elif step.type.inputs_range[1] == 0:
            sources = self.none(step, path)
        inputs = tuple([wire.tensor for wire in sources])
        try:
            layer = step.bind(scope)
            figures = layer.figures(inputs)
        except ArchitectureError as error:
            raise self.run.error(error.about(step.label), step.blame(error), path) from None
        if figures.conditions:
            self.run.require(figures.conditions, path)
        number = len(self.run.rows)
        if self.run.brief and number >= MOST_DISTINCT:
            message = f"the network has more than {MOST_DISTINCT:,} layers that are no copies by times"
            hint = "copies that do the same, written with times, are a million at most"
            raise self.run.error(ArchitectureError(message, hint=hint), step.node, path)
        self.run.rows.append(Row(path, layer, sources, figures, frozen=self.freezes(figures.weights)))
        return tuple([Wire(t, number, port) for port, t in enumerate(figures.outputs)]), children

    def freezes(self, weights: Weights) -> frozenset[str]:
        """Those of a layer's weights that would be trained and are not."""
        if not self.run.frozen:
            return frozenset()
        return frozenset([name for name, weight in weights.items() if not weight.buffer])

    def branches(
        self, step: LayerStep, current: Wire, path: str
    ) -> tuple[tuple[Wire, ...], tuple[Node, ...]]:
        """Execute each branch on the current tensor; a name stands for the tensor that bears it."""
        outs: list[Wire] = []
        nodes: list[Node] = []
        for number, branch in enumerate(step.branches):
            start = len(self.run.rows)
            label = str(number)
            children: tuple[Node, ...] = ()
            if isinstance(branch, Name):
                out, kind = self.named(branch, path), branch.text
            else:
                wires, children = self.steps(branch, (current,), f"{path}.{label}.")
                out, kind = wires[0], "branch" if branch else "input"
            outs.append(out)
            rows = len(self.run.rows)
            nodes.append(Node(f"{path}.{label}", label, kind, out.tensor, start, rows, children))
        return tuple(outs), tuple(nodes)

    def group(
        self, step: Step, sources: tuple[Wire, ...], path: str
    ) -> tuple[tuple[Wire, ...], tuple[Node, ...]]:
        """Execute a block, in a body of its own, or a `seq`, in this one."""
        source = (self.single(step, sources, path),)
        if isinstance(step, BlockStep):
            architecture = self.run.architecture
            try:
                channels = self.channels(step, source, path)
                scope = block_scope(step, self.scope, self.run.scope, architecture, channels)
            except ArchitectureError as error:
                raise error.at(None, path) from None
            body = _Body(self.run, scope, self.names.new_child(), self.owners.new_child())
            with self.run.open.block(step, architecture):
                return body.steps(architecture.blocks[step.block].steps, source, f"{path}.")
        assert isinstance(step, GroupStep)  # the only type left
        return self.steps(step.steps, source, f"{path}.")

    def single(self, step: Step, sources: tuple[Wire, ...], path: str) -> Wire:
        """The one tensor that a block, a group or a join with branches starts from."""
        if len(sources) == 1:
            return sources[0]
        error = ArchitectureError(
            f"{step.label}: it takes one tensor, not {len(sources)}",
            hint="name the tensors outside, and read them by their names inside",
        )
        raise self.run.error(error, step.node, path)

    def named(self, name: Name, path: str) -> Wire:
        wire = self.names.get(name.text)
        if wire is None:
            hint = nearest(name.text, self.names) or f"named here: {listed(self.names)}"
            error = ArchitectureError(f"no tensor above is named {quoted(name.text)}", hint=hint)
            raise self.run.error(error, name.node, path)
        return wire

    def none(self, step: Step, path: str) -> tuple[Wire, ...]:
        """The tensors of a step that takes none; the current one is left aside."""
        if step.sources:
            found = f"it takes no tensor, and from gives it {len(step.sources)}"
            error = ArchitectureError(f"{step.label}: {found}")
            raise self.run.error(error, step.sources[0].node, path)
        return ()

    def seen(self, step: Step, sources: tuple[Wire, ...], path: str) -> Scope:
        """The values that the arguments of a step see."""
        return with_channels(self.scope, self.channels(step, sources, path))

    def channels(self, step: Step, sources: tuple[Wire, ...], path: str) -> Dim | None:
        """The channels that enter a step which asks for them."""
        if CHANNELS not in step.uses:
            return None
        shape = sources[0].tensor.shape
        if len(shape) > 1:
            return shape[1]
        error = ArchitectureError(f"{step.label}: channels are axis 1, and the input is {sources[0].tensor}")
        raise self.run.error(error, step.node, path)

    def share(self, name: Name, rows: tuple[int, int], path: str) -> None:
        """Let rows use the weights of those of an earlier step, which has to be made in the same way."""
        owners = self.owners.get(name.text)
        if owners is None or owners[1] > rows[0]:
            named = [known for known, (_, stop) in self.owners.items() if stop <= rows[0]]
            hint = nearest(name.text, named) or f"steps with a name: {listed(named) or 'none'}"
            error = ArchitectureError(f"share: no step above is named {quoted(name.text)}", hint=hint)
            raise self.run.error(error, name.node, path)
        if owners[1] - owners[0] != rows[1] - rows[0]:
            counts = f"it has {owners[1] - owners[0]} layers, this one {rows[1] - rows[0]}"
            raise self.run.error(
                ArchitectureError(f"share: {name.text} is another: {counts}"), name.node, path
            )
        for owner, row in zip(range(*owners), range(*rows), strict=True):
            self.share_row(name, owner, row)

    def share_row(self, name: Name, owner: int, index: int) -> None:
        first, row = self.run.rows[owner], self.run.rows[index]
        common = first.weights.keys() & row.weights.keys()
        for weight in sorted(common):
            shapes = first.weights[weight].shape, row.weights[weight].shape
            if shapes[0] != shapes[1]:
                found = " and ".join(map(shape_text, shapes))
                error = ArchitectureError(f"share: {weight} of {first.path} and of this differ: {found}")
                raise self.run.error(error, name.node, row.path)
        if row.weights and not common:
            error = ArchitectureError(f"share: {first.path} has no weight that this one has too")
            raise self.run.error(error, name.node, row.path)
        source = owner if first.shares is None else first.shares
        self.run.rows[index] = row._replace(shares=source, shared=frozenset(common))

    def name(self, step: Step, wires: tuple[Wire, ...], path: str, rows: tuple[int, int]) -> None:
        if len(step.names) > len(wires):
            error = ArchitectureError(
                f"as: {len(step.names)} names for {len(wires)} output{'s'[: len(wires) != 1]}"
            )
            raise self.run.error(error, step.names[-1].node, path)
        for name, wire in zip(step.names, wires, strict=False):
            self.names[name.text] = wire
            self.owners[name.text] = rows
