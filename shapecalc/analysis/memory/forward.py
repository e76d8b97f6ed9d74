"""The pass forward through a network: the tensors that come and go, row after row, on a ledger of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shapecalc.allocation.footprint import Flow, Footprint, Input
from shapecalc.allocation.gradients import seen_again
from shapecalc.allocation.mode import Mode, size_of
from shapecalc.allocation.recording import Kernel
from shapecalc.analysis.memory.autograd import Graph
from shapecalc.analysis.memory.copies import Leaps, check_settled
from shapecalc.analysis.memory.ledger import Ledger, RowKernels
from shapecalc.analysis.memory.liveness import Releases, releases
from shapecalc.analysis.memory.segments import Segment
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import ArchitectureError
from shapecalc.symbolic.conditions import Condition, Known
from shapecalc.symbolic.implied import assumed
from shapecalc.tensors import Tensor, is_floating


class Forward:
    """A forward pass that lets each tensor go after its last use; the network's inputs stay."""

    analysis: Analysis
    mode: Mode
    ledger: Ledger
    known: Known
    conditions: list[Condition]
    """What symbols must satisfy for the bytes, beside what they must for the shapes."""
    bounded: dict[str, str]
    """The types of which not all is known that they allocate on the way forward, and why."""
    parameters: dict[tuple[int, str], int]
    """The values that are weights, by the row that they belong to and their name in it."""
    flows: dict[tuple[int, int], Flow]
    """By the row and the port that a tensor comes from."""
    lowered: dict[tuple[int, str], Flow]
    """The copies of weights in a lower dtype, by row and name as `parameters`."""
    made: list[Tensor]
    """The first output of each row, in the dtype that it has."""
    graph: Graph
    seen: dict[int, int]
    """Of each view, by its value, how often its storage had been written over when it was made."""
    segments: Mapping[int, Segment]
    """By their rows, the parts that are computed again on the way back."""
    refusal: ArchitectureError | None = None
    """Why torch can't train the network, if it can't."""

    def __init__(
        self,
        analysis: Analysis,
        mode: Mode,
        freed: Releases | None = None,
        *,
        tracked: bool = False,
        segments: Sequence[Segment] = (),
    ) -> None:
        """`freed`: what to let go after each row, by default what `releases` gives.

        `tracked`: gradients flow back to the inputs; `segments`: what is computed again on the way back.

        Raises:
            UnknownError: it is not known what a layer allocates.
            UnsettledError: of a brief analysis, copies that were left out do not all need the same.
        """
        self.analysis, self.mode = analysis, mode
        self.ledger, self.known = Ledger(assumed(analysis.conditions)), Known(analysis.conditions)
        self.conditions, self.bounded, self.parameters = [], {}, {}
        self.start({n: segment for segment in segments for n in range(segment.start, segment.stop)})
        for port, tensor in enumerate(analysis.inputs.values()):
            self.enter(port, tensor, tracked and is_floating(tensor.dtype))
        self.freed = releases(analysis) if freed is None else freed
        self.execute(self.freed)

    def start(self, segments: Mapping[int, Segment]) -> None:
        """Begin with nothing made, and an empty graph on the ledger."""
        self.flows, self.lowered, self.made, self.seen = {}, {}, [], {}
        self.graph = Graph(self.ledger)
        self.segments = segments

    def execute(self, freed: Releases) -> None:
        """Run row after row, and leap over copies that a brief analysis leaves out."""
        analysis = self.analysis
        leaps = Leaps(analysis) if analysis.brief else None
        kinds: list[object] = []
        for number, row in enumerate(analysis.rows):
            if (segment := self.segments.get(number)) and segment.start == number:
                self.begin(segment)
            self.run(number, row)
            if leaps:
                kinds.append([self.flows[number, port].given for port in range(len(row.outputs))])
            for edge in freed[number]:
                if edge.row >= 0:
                    self.release(self.flows.pop(edge))
            if leaps:
                self.ledger.alive.become(leaps.forward(number + 1, self.ledger.alive.size))
                self.graph.repeat(leaps.at.get(number + 1))
        if leaps:
            check_settled(analysis, kinds)
        for (number, _), flow in self.lowered.items():
            self.ledger.release(flow.storage, analysis.times[number])
            if flow.given.tracked:
                self.graph.release(flow.value)
        for edge in analysis.output_edges:
            self.renew(self.flows[edge], len(analysis.rows) - 1)

    def enter(self, port: int, tensor: Tensor, tracked: bool) -> None:
        ledger = self.ledger
        storage = ledger.held(size_of(tensor, self.mode), -1)
        self.flows[-1, port] = Flow(Input(tensor, None, tracked), len(ledger.gradients), storage)
        ledger.gradients.append(ledger.sizes[storage])

    def begin(self, segment: Segment) -> None:
        """Note the inputs of a segment, and how they are."""
        segment.inputs = {edge: self.flows[edge] for edge in segment.edges}
        segment.versions = [self.graph.version(storage) for storage in segment.storages]

    def run(self, number: int, row: Row) -> None:
        """Run one layer on the ledger: its inputs are read, its outputs are tensors on their way."""
        given, flows = self.read(number, row)
        footprint = self.footprint(row, given)
        self.made.append(footprint.outputs[0].given.tensor)
        storages = self.ledger.play(footprint, [flow.storage for flow in flows], number)
        if footprint.refusal:
            self.refuse(row, *footprint.refusal)
        for storage in footprint.written:
            self.graph.write(storages[storage], number)
        values = self.values(number, row, footprint, flows)
        first = len(self.graph.nodes)
        if footprint.kernels:
            self.graph.add(RowKernels(footprint.kernels, storages, values, number, self.segments.get(number)))
        if footprint.lowered:
            self.lower(number, row, footprint, storages, values)
        for port, output in enumerate(footprint.outputs):
            base = _base(output, flows, storages, values)
            self.flows[number, port] = flow = _numbered(output, storages, values, base)
            self.hold(flow)
        self.graph.sweep(first)

    def read(self, number: int, row: Row) -> tuple[tuple[Input, ...], list[Flow]]:
        """What a layer is given: its inputs, what they are views of, and copies of weights made before."""
        flows = [self.flows[wire.row, wire.port] for wire in row.sources]
        for flow in flows:
            self.renew(flow, number)
        given = _given(flows)
        if self.mode.grad and row.layer.writes_over:
            given, flows = _with_bases(given, flows)
        if self.lowered and row.shares is not None:
            given, flows = self.with_copies(number, row, given, flows)
        return given, flows

    def footprint(self, row: Row, given: tuple[Input, ...]) -> Footprint:
        """The layer's footprint; noted are its conditions and, if it is incomplete, the layer's type."""
        try:
            found = row.layer.footprint(given, self.mode, row.frozen)
        except ArchitectureError as error:
            raise error.at(None, row.path) from None
        if not found.complete:
            self.bounded[row.type] = row.layer.undecided
        if row.stored:
            self.unpack(row)
        self.note(found.conditions, row.path)
        return found

    def unpack(self, row: Row) -> None:
        """Note that how a kernel reads a matrix stored as whole numbers is its tool's own.

        Such a matrix is not trained: the way back needs it, and no input of the layer.
        """
        schemes = ", ".join(map(str, self.analysis.schemes))
        self.bounded[row.type] = f"depends on the tool that reads weights in {schemes}"

    def note(self, conditions: Sequence[Condition], path: str) -> None:
        """Add conditions, but for those that follow from what is known already."""
        self.conditions += [condition._replace(path=path) for condition in self.known.news(conditions)]

    def hold(self, flow: Flow) -> None:
        """A tensor holds the node that made it, and a view holds the tensor that it is a view of."""
        if flow.given.tracked:
            self.graph.hold(flow.value)
            if flow.base:
                self.graph.hold(flow.base.value)
                self.graph.bases[flow.value] = flow.base.value
                self.seen[flow.value] = self.graph.version(flow.storage)

    def release(self, flow: Flow) -> None:
        self.ledger.release(flow.storage)
        if flow.given.tracked:
            self.graph.release(flow.value)
            if flow.base:
                self.graph.release(flow.base.value)

    def renew(self, flow: Flow, number: int) -> None:
        """The way back of a view is made anew where its storage has been written over since."""
        version = self.graph.version(flow.storage)
        if flow.base is None or not flow.given.tracked or self.seen[flow.value] == version:
            return
        self.seen[flow.value] = version
        looks = flow.base.look, flow.look
        back = seen_again(*looks)
        kernel = Kernel((0,), (1,), (), (), back, looks[:1], {})
        self.graph.add(RowKernels((kernel,), (), (flow.base.value, flow.value), number))
        if flow.given.of_many:
            writer = self.analysis.rows[self.graph.writers[flow.storage][-1]]
            message = "it writes over what is in use as one of several parts, as split and chunk give them"
            self.refuse(writer, message, "take inplace: false")

    def refuse(self, row: Row, message: str, hint: str) -> None:
        """Say why torch can't train the network; the first reason counts."""
        if self.refusal is None:
            self.refusal = row.error(message, hint)

    def lower(
        self, number: int, row: Row, footprint: Footprint, storages: list[int], values: list[int]
    ) -> None:
        """Hold the copies of weights in a lower dtype, as torch does until autocast is left."""
        for name, copy in footprint.lowered.items():
            self.lowered[owner_of(number, row, name)] = flow = _numbered(copy, storages, values)
            self.ledger.hold(flow.storage)
            if flow.given.tracked:
                self.graph.hold(flow.value)

    def with_copies(
        self, number: int, row: Row, given: tuple[Input, ...], flows: list[Flow]
    ) -> tuple[tuple[Input, ...], list[Flow]]:
        """The inputs, and the copies that another layer has made of the weights that they share."""
        owners = {name: owner_of(number, row, name) for name in row.shared}
        found = {name: self.lowered[owner] for name, owner in owners.items() if owner in self.lowered}
        copies = [flow.given._replace(copy_of=name) for name, flow in found.items()]
        return (*given, *copies), [*flows, *found.values()]

    def values(self, number: int, row: Row, footprint: Footprint, flows: list[Flow]) -> list[int]:
        """The numbers in the network of a layer's values; inputs and shared weights have theirs already."""
        gradients = self.ledger.gradients
        first = len(gradients)
        gradients += footprint.values
        values = [*[flow.value for flow in flows], *range(first + len(flows), len(gradients))]
        if self.mode.grad:
            for name, value in footprint.parameters.items():
                weight = owner_of(number, row, name)
                values[value] = self.parameters.setdefault(weight, values[value])
        return values


def owner_of(number: int, row: Row, name: str) -> tuple[int, str]:
    """The row that a weight belongs to, and its name in it."""
    shared = row.shares is not None and name in row.shared
    return (row.shares if shared and row.shares is not None else number), name


def _given(flows: list[Flow]) -> tuple[Input, ...]:
    """The inputs of a layer; one that is the same value as an earlier one says so."""
    if len(flows) == 1:
        return (flows[0].given,)
    values = [flow.value for flow in flows]
    firsts = [values.index(value) for value in values]
    return tuple(
        [
            flow.given if first == i else flow.given._replace(same_as=first)
            for i, (flow, first) in enumerate(zip(flows, firsts, strict=True))
        ]
    )


def _with_bases(given: tuple[Input, ...], flows: list[Flow]) -> tuple[tuple[Input, ...], list[Flow]]:
    """The inputs, and the tensors that those with a gradient are views of."""
    flows, found = list(flows), list(given)
    for i, x in enumerate(given):
        base = flows[i].base
        if base is None or not x.tracked:
            continue
        values = [flow.value for flow in flows]
        if base.value not in values:
            flows.append(base)
            found.append(base.given._replace(behind=True))
            values.append(base.value)
        found[i] = x._replace(base=values.index(base.value))
    return tuple(found), flows


def _numbered(own: Flow, storages: Sequence[int], values: Sequence[int], base: Flow | None = None) -> Flow:
    """What a footprint has, with the numbers of the network."""
    return Flow(own.given, values[own.value], storages[own.storage], base)


def _base(output: Flow, flows: list[Flow], storages: Sequence[int], values: Sequence[int]) -> Flow | None:
    """What an output is a view of: an input, what that is a view of, or a tensor of the layer's own."""
    if output.value < len(flows):  # an input, handed on as it is
        return flows[output.value].base
    base = output.base
    if base is None:
        return None
    if base.value < len(flows):
        known = flows[base.value]
        return known.base or known
    return _numbered(base, storages, values)
