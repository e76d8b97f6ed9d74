"""What each layer type allocates and keeps, on drawn arguments and inputs, against torch on `meta`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import INFERENCE, TRAINING, Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Edge, Row, Wire
from shapecalc.errors import UnknownError
from shapecalc.layers import LAYERS
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor, is_floating
from shapecalc.torch_check.memory import Alive, Told, attributes, kept
from shapecalc.torch_check.startup import without_compiler
from tests.dice import DRAWS, count, one_way
from tests.families.base import Drawn, drawn, says_what_it_allocates
from tests.kernels import compiled_kernels
from tests.strategies import each_layer
from tests.test_layers import NAMES, REFUSALS, call, flat

MODES = (INFERENCE, TRAINING, Mode(grad=True))
NAMED = shapecalc.load("lenet")
"""An analysis is that of a file, whatever its rows."""


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def network_of(drawn: Drawn, turned: bool = False, before: str = "Sigmoid") -> Analysis:
    """The layer as a network whose outputs are the layer's, after a layer `before` of each float32 input.

    Of other floating-point inputs a Sigmoid is before. So what comes to it is no leaf, and may be written
    over, and a gradient that it passes on is taken up.
    With `turned`, outputs have their axes in the opposite order and are copied, so gradients lie otherwise.
    """
    layer = drawn.layer_type(**drawn.arguments)
    rows: list[Row] = []
    wires: list[Wire] = []
    for port, x in enumerate(drawn.inputs):
        wire = Wire(x, -1, port)
        if is_floating(x.dtype):
            first = LAYERS[before if x.dtype == "float32" else "Sigmoid"]()
            rows.append(Row(f"before.{port}", first, (wire,), first.figures((x,))))
            wire = Wire(x, len(rows) - 1, 0)
        wires.append(wire)
    rows.append(Row("layer", layer, tuple(wires), layer.figures(drawn.inputs)))
    last, outputs = len(rows) - 1, rows[-1].outputs
    edges = [Edge(last, port) for port in range(len(outputs))]
    if turned:
        edges = [turn(rows, edge, y) for edge, y in zip(edges, outputs, strict=True)]
    inputs = {str(port): x for port, x in enumerate(drawn.inputs)}
    return Analysis(NAMED, {}, inputs, tuple(rows), (), outputs, tuple(edges))


def turn(rows: list[Row], edge: Edge, y: Tensor) -> Edge:
    """The axes in the opposite order, and a copy in which they are one."""
    if y.rank < 2 or not y.elements:
        return edge
    for step in (LAYERS["permute"](dims=[*reversed(range(y.rank))]), LAYERS["reshape"](shape=[-1])):
        rows.append(Row(f"after.{len(rows)}", step, (Wire(y, *edge),), step.figures((y,))))
        edge, y = Edge(len(rows) - 1, 0), rows[-1].outputs[0]
    return edge


def turned_about(outputs: list[Any]) -> list[Any]:
    """The same in torch, which holds on to nothing else."""
    turned = []
    while outputs:
        turned.append(outputs.pop(0))
        if turned[-1].dim() > 1 and turned[-1].numel():
            turned[-1] = turned[-1].permute(*reversed(range(turned[-1].dim())))
            turned[-1] = turned[-1].reshape(-1)
    return turned


def followed(
    drawn: Drawn, mode: Mode, turned: bool = False, before: str = "Sigmoid"
) -> tuple[tuple[int, int, int], Backward]:
    """Bytes kept, the most alive at once on the way forward, and on the way there and back; and that way."""
    forward = Forward(network_of(drawn, turned, before), mode, tracked=mode.grad)
    saved = sum(map(number, forward.ledger.saved().values()))
    peak = number(forward.ledger.peak.size())
    way = Backward(forward)
    return (saved, peak, number(forward.ledger.peak.size())), way


def computed(drawn: Drawn, mode: Mode, turned: bool = False, before: str = "Sigmoid") -> tuple[int, int, int]:
    return followed(drawn, mode, turned, before)[0]


def in_torch(drawn: Drawn, mode: Mode, turned: bool = False) -> tuple[int, int, int]:
    """The same, as torch has it: on `meta`, or on the CPU where `meta` lacks a kernel."""
    try:
        return on_device("meta", drawn, mode, turned)
    except NotImplementedError:
        return on_device("cpu", drawn, mode, turned)


def on_device(device: str, drawn: Drawn, mode: Mode, turned: bool) -> tuple[int, int, int]:
    arguments = drawn.layer_type(**drawn.arguments).arguments(drawn.inputs)
    with warnings.catch_warnings(), torch.device(device), torch.set_grad_enabled(mode.grad), Told():
        warnings.simplefilter("ignore")
        module, run = call(drawn, arguments)
        module.train(mode.training)
        inputs = [torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in drawn.inputs]
        if mode.grad:
            inputs = [x.requires_grad_() if x.is_floating_point() else x for x in inputs]

        def whole() -> Any:
            made = list(flat(run(*[torch.sigmoid(x) if x.is_floating_point() else x for x in inputs])))
            return turned_about(made) if turned else made

        owned = [*module.parameters(), *module.buffers()]
        with kept(owned) as saved:
            if mode.grad:  # else there is nothing that would keep
                saved.update(attributes(whole()))
        with Alive(owned, inputs) as alive:
            outputs = whole()
            peak = alive.peak
            tracked = [y for y in outputs if mode.grad and y.requires_grad]
            if tracked:
                torch.autograd.backward(tracked, [torch.ones_like(y) for y in tracked])
    return sum(saved.values()), peak, alive.peak


@pytest.mark.parametrize("name", NAMES)
def test_torch_keeps_as_much(name: str) -> None:
    found: Counter[str] = Counter()

    def check(drawn: Drawn, ways: Sequence[tuple[Mode, bool]]) -> None:
        try:
            drawn.layer_type(**drawn.arguments).figures(drawn.inputs)
        except ArchitectureError:
            return
        found.update(compared(drawn, *way) for way in ways)

    ways = [(mode, turned) for mode in MODES for turned in one_way((name, mode), (False, True))]
    each_layer(LAYERS[name], ways, count(5, 200), check)
    declared = says_what_it_allocates(LAYERS[name])
    assert (found["known"] > 0) is declared, found
    if declared and DRAWS == "long":
        assert found["known"] >= 2 * found["refused"] + found["unknown"], found


def compared(drawn: Drawn, mode: Mode, turned: bool) -> str:
    """Whether a draw could be compared, or why not."""
    try:
        expected, way = followed(drawn, mode, turned)
    except UnknownError:
        return "unknown"
    if way.refusal:
        with pytest.raises(REFUSALS):  # `meta` trains some layers that no kernel of the CPU takes
            on_device("cpu", drawn, mode, turned)
        return "refused by both"
    try:
        there = in_torch(drawn, mode, turned)
    except REFUSALS:
        return "refused"
    if way.forward.bounded:
        assert expected[1] <= there[1], (mode, turned)
        return "bounded"
    assert expected == there, (mode, turned)
    return "known"


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("shapes", [((), ()), ((3,), ()), ((), (3,)), ((4, 3), (3,))])
def test_a_batch_mean_of_one_number_is_not_divided(
    log_target: bool, shapes: tuple[tuple[int, ...], ...]
) -> None:
    arguments = {"reduction": "batchmean", "log_target": log_target}
    case = Drawn(LAYERS["KLDivLoss"], arguments, tuple(map(Tensor, shapes)))
    for mode, turned in product(MODES, (False, True)):
        assert computed(case, mode, turned) == in_torch(case, mode, turned), (mode, turned)


NUMBERS = Tensor((3,), "int64")
LOOKED_UP = (
    drawn("index_select", Tensor((9, 40)), NUMBERS, dim=0),
    drawn("index", Tensor((9, 40)), NUMBERS),
    drawn("gather", Tensor((9, 40)), Tensor((3, 3), "int64"), dim=0),
    drawn("topk", Tensor((9, 40)), k=3),
    drawn("sort", Tensor((9, 40))),
)


@pytest.mark.parametrize("case", LOOKED_UP, ids=repr)
def test_gradients_of_what_is_looked_up_are_written_into_zeros(case: Drawn) -> None:
    """All that the way back allocates where no mode looks on, by torch's own profiler on the CPU."""
    _, run = call(case, case.layer_type(**case.arguments).arguments(case.inputs))
    x, *numbers = (torch.zeros(x.shape, dtype=getattr(torch, x.dtype)) for x in case.inputs)
    made = next(flat(run(x.requires_grad_(), *numbers)))
    gradient = torch.ones_like(made)
    with torch.autograd.profiler.profile(profile_memory=True) as profiled:
        torch.autograd.backward([made], [gradient])
    steps = [event.self_cpu_memory_usage for event in profiled.function_events]
    zeros = x.numel() * x.element_size()
    assert [size for size in steps if size >= zeros] == [zeros]
    saved, _, peak = computed(case, TRAINING)
    assert saved <= peak == in_torch(case, TRAINING)[2]


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_rows_are_rescaled_in_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`meta` has no kernel that rescales; that of the CPU hands its table back and makes nothing."""
    table, rows = torch.ones(9, 4), torch.zeros(15, dtype=torch.int64)
    assert torch.embedding_renorm_(table, rows, 1.0, 2.0) is table
    monkeypatch.setattr(torch, "embedding_renorm_", lambda table, *_: table)
    arguments = {"num_embeddings": 9, "embedding_dim": 4, "max_norm": 1.0}
    case = Drawn(LAYERS[name], arguments, (Tensor((3, 5), "int64"),))
    for mode, turned in product(MODES, (False, True)):
        assert computed(case, mode, turned) == in_torch(case, mode, turned), (mode, turned)
