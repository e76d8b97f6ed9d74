"""The bytes that a layer moves between memory and the device: what it reads and what it writes, each once.

A layer whose outputs are views of its inputs moves nothing, nor does one that hands on what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shapecalc.allocation.footprint import Flow
from shapecalc.allocation.mode import INFERENCE, TRAINING
from shapecalc.analysis.counting.gradients import wanted_gradients
from shapecalc.analysis.memory.forward import Forward
from shapecalc.analysis.memory.prediction import refuse_different, settled
from shapecalc.engine.limits import MOST_FOLLOWED, refuse_long
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.layers.rules import Wanted
from shapecalc.layers.schemes import size_in_bytes
from shapecalc.layers.weights import Weight
from shapecalc.symbolic import Dim, minimum, number
from shapecalc.tensors import BYTES, Tensor, is_floating, product


class Traffic(NamedTuple):
    """The bytes of each row, forward and back."""

    analysis: Analysis
    forward: Sequence[int]
    backward: Sequence[int]
    """0 of each in prediction, and where no gradient arrives."""
    bounded: Mapping[str, str]
    """The types of which not all is known that they allocate, and why."""


def traffic(analysis: Analysis, size: int, train: bool) -> Traffic:
    """What each layer moves if it is one kernel, of a network with numbers for its sizes.

    Args:
        analysis: a network whose sizes are numbers.
        size: bytes of an element that the file has as float32.
        train: whether gradients go back.

    Raises:
        UnknownError: it is not known what a layer allocates.
        ArchitectureError: torch can't train the network.
        UsageError: there are too many layers.
    """
    refuse_different(analysis, "roofline", 1 + train)
    return settled(lambda rows: _traffic(rows, size, train), analysis)


def _traffic(analysis: Analysis, size: int, train: bool) -> Traffic:
    refuse_long(len(analysis.rows), "roofline", MOST_FOLLOWED)
    passed = _Passed(analysis, train)
    if passed.refusal:
        raise passed.refusal
    sizes = sizes_of(size)
    forward = [_forward(row, moved, sizes) for row, moved in zip(analysis.rows, passed.rows, strict=True)]
    backward = [0] * len(forward)
    if train:
        for place, wanted in wanted_gradients(analysis):
            if passed.rows[place].moves:
                backward[place] = _backward(analysis.rows[place], passed.rows[place], wanted, sizes)
    return Traffic(analysis, forward, backward, passed.bounded)


def sizes_of(size: int) -> Mapping[str, int]:
    """Bytes of an element by its dtype, if float32 is so many."""
    return {**BYTES, "float32": size}


class Read(NamedTuple):
    """What a row reads, by values: of a view the elements that its storage has, if these are fewer."""

    inputs: Sequence[tuple[Dim, str]]
    """Elements and dtype of each tensor, once."""
    kept: Dim
    """Bytes, in float32, that are kept for the way back."""
    moves: bool
    """Whether it reads and writes at all."""


class _Passed(Forward):
    """A pass forward that notes what each row reads."""

    def __init__(self, analysis: Analysis, train: bool) -> None:
        self.rows: list[Read] = []
        super().__init__(analysis, TRAINING if train else INFERENCE)

    def run(self, number: int, row: Row) -> None:
        before = {flow.value: flow for flow in (self.flows[edge] for edge in row.edges)}
        first = len(self.graph.nodes)
        super().run(number, row)
        outputs = [self.flows[number, port] for port in range(len(row.outputs))]
        storages = {flow.storage for flow in before.values()}
        made = any(flow.storage not in storages for flow in outputs) or row.type in self.bounded
        kept = {storage for node in self.graph.nodes[first:] for storage in node.own}
        self.rows.append(
            Read(
                [self.elements(flow) for flow in before.values()],
                sum(self.ledger.sizes[storage] for storage in kept),
                made or row.layer.writes_over or row.macs != 0,
            )
        )

    def elements(self, flow: Flow) -> tuple[Dim, str]:
        """Those of a tensor; of one that repeats those of its storage, these."""
        tensor = flow.given.tensor
        stored = self.ledger.sizes[flow.storage] // BYTES[tensor.dtype]
        return minimum(tensor.elements, stored), tensor.dtype


def _forward(row: Row, moved: Read, sizes: Mapping[str, int]) -> int:
    if not moved.moves:
        return 0
    read = sum(elements * sizes[dtype] for elements, dtype in moved.inputs)
    return number(read + weights_read(row, sizes) + sum(_bytes(y, sizes) for y in row.outputs))


def _backward(row: Row, moved: Read, wanted: Wanted, sizes: Mapping[str, int]) -> int:
    """Gradients of outputs and what is kept are read, with the weights of products; gradients are written."""
    arriving = sum(
        _bytes(y, sizes) for y, arrives in zip(row.outputs, wanted.outputs, strict=True) if arrives
    )
    inputs = sum(_bytes(x, sizes) for x, flows in zip(row.inputs, wanted.inputs, strict=True) if flows)
    weights = sum(row.weights[name].elements for name in row.trained) * sizes["float32"]
    factors = weights_read(row, sizes) if row.macs != 0 and any(wanted.inputs) else 0
    return number(arriving + moved.kept * sizes["float32"] // BYTES["float32"] + factors + inputs + weights)


def _bytes(tensor: Tensor, sizes: Mapping[str, int]) -> Dim:
    return tensor.elements * sizes[tensor.dtype]


def weights_read(row: Row, sizes: Mapping[str, int], tokens: Dim | None = None) -> Dim:
    """Bytes of the weights that a layer reads: of a table those looked up, of experts those that are chosen.

    `tokens`: how many are told apart; all of the layer's input unless given.
    """
    return sum(_read(row, name, weight, sizes, tokens) for name, weight in row.weights.items())


def _read(row: Row, name: str, weight: Weight, sizes: Mapping[str, int], tokens: Dim | None) -> Dim:
    whole = size_in_bytes(weight, row.stored.get(name), sizes)
    if row.layer.routed:
        chosen = row.layer.active(weight) * (_tokens(row) if tokens is None else tokens)
        return whole * minimum(weight.elements, chosen) // weight.elements
    if looks_up(row) and weight.shape:
        rows = row.inputs[0].elements if tokens is None else tokens
        return whole * minimum(weight.shape[0], rows) // weight.shape[0]
    return whole


def looks_up(row: Row) -> bool:
    """Whether a layer takes rows of its weights by numbers, as an Embedding does."""
    return row.macs == 0 and bool(row.inputs) and not is_floating(row.inputs[0].dtype)


def _tokens(row: Row) -> Dim:
    return product(row.inputs[0].shape[:-1])


def arriving_edges(analysis: Analysis) -> list[Edge]:
    """The outputs of the network that a layer makes, each once."""
    return [edge for edge in dict.fromkeys(analysis.output_edges) if edge.row >= 0]
