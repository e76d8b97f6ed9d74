"""What each layer type keeps where weights are frozen or no gradient flows to an input, against torch."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import TypeVar

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import Mode
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.counting.gradients import carrying_gradients, gradient_macs
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Edge, Row, Wire
from shapecalc.errors import UnknownError
from shapecalc.layers import LAYERS, Layer
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, number
from shapecalc.tensors import Tensor
from shapecalc.torch_check.memory import Told, run
from shapecalc.torch_check.network import BuildError, build, sample
from shapecalc.torch_check.startup import without_compiler
from tests import chance as st
from tests.dice import count, one_way
from tests.families.base import Drawn, drawn, says_what_it_allocates, shown
from tests.kernels import compiled_kernels
from tests.strategies import by_hand, draws
from tests.test_layers import NAMES, REFUSALS

T = TypeVar("T")
MODES = (Mode(grad=True, training=True), Mode(grad=True), Mode())
NAMED = shapecalc.load("lenet")
"""An analysis is that of a file, whatever its rows."""

CONCERNED = [
    name
    for name in NAMES
    if not LAYERS[name].reads_values
    and (LAYERS[name].weights is not Layer.weights or LAYERS[name].inputs_range[1] > 1)
]
"""The types with weights, or with several inputs of which a gradient may flow to some, that `meta` runs."""


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def before(x: Tensor, tracked: bool) -> str:
    """The type of a layer whose output is like its input, and is tracked or not."""
    if x.dtype != "float32":
        return "Identity"
    return "RMSNorm" if tracked and x.rank else "Sigmoid"


def network_of(drawn: Drawn, tracked: list[bool], frozen: frozenset[str]) -> Analysis:
    """The layer after another one for each of its inputs, which a gradient flows back to or not."""
    layer = drawn.layer_type(**drawn.arguments)
    rows: list[Row] = []
    for port, (x, flows) in enumerate(zip(drawn.inputs, tracked, strict=True)):
        first = LAYERS[before(x, flows)]()
        rows.append(Row(f"before.{port}", first, (Wire(x, -1, port),), first.figures((x,))))
    wires = tuple([Wire(x, port, 0) for port, x in enumerate(drawn.inputs)])
    rows.append(Row("layer", layer, wires, layer.figures(drawn.inputs), frozen=frozen))
    outputs = rows[-1].outputs
    edges = tuple([Edge(len(rows) - 1, port) for port in range(len(outputs))])
    inputs = {str(port): x for port, x in enumerate(drawn.inputs)}
    return Analysis(NAMED, {}, inputs, tuple(rows), (), outputs, edges)


@st.composite
def networks(draw: st.DrawFn, name: str) -> Analysis | None:
    """A layer with all, some or none of its weights frozen; None where it is refused."""
    drawn = draw(draws(LAYERS[name]))
    tracked = [draw(st.booleans()) for _ in drawn.inputs]
    try:
        weights = drawn.layer_type(**drawn.arguments).figures(drawn.inputs).weights
    except ArchitectureError:
        return None
    learned = [name for name, weight in weights.items() if not weight.buffer]
    some = [name for name in learned if draw(st.booleans())]
    return network_of(drawn, tracked, frozenset(draw(st.sampled_from([learned, [], some]))))


def computed(analysis: Analysis, mode: Mode) -> tuple[list[bool], int, int | None]:
    """Of which outputs a gradient flows back, bytes kept, and the most alive at once where that is known."""
    forward = Forward(analysis, mode)
    tracked = [forward.flows[edge].given.tracked for edge in analysis.output_edges]
    saved = sum(map(number, forward.ledger.saved().values()))
    Backward(forward)
    return tracked, saved, None if forward.bounded else number(forward.ledger.peak.size())


def in_torch(analysis: Analysis, mode: Mode) -> tuple[list[bool], int, int]:
    """The same, as torch has it."""
    network = build(analysis).train(mode.training)
    inputs = [sample(x, "meta") for x in analysis.inputs.values()]
    with torch.set_grad_enabled(mode.grad):
        tracked = [y.requires_grad for y in network(*inputs, observe=lambda *_: None)]
    return tracked, *run(network, mode)


def flops(analysis: Analysis) -> tuple[bool, int]:
    """Whether there is a way back, and the FLOPs there and back from all outputs, by torch's own counter."""
    network = build(analysis)
    with Told(), FlopCounterMode(display=False) as counter:
        outputs = network(*[sample(x, "meta") for x in analysis.inputs.values()], observe=lambda *_: None)
        tracked = [y for y in outputs if y.requires_grad]
        torch.autograd.backward(tracked, [torch.ones_like(y) for y in tracked])
    return bool(tracked), int(counter.get_total_flops())


def some(case: Drawn, ways: Sequence[T]) -> Sequence[T]:
    """A type's example is tried in all ways, another case by hand in one."""
    return ways if case == shown(case.layer_type) else one_way(case, ways)


def trained(name: str) -> Iterator[tuple[Analysis, Mode]]:
    """The example where no gradient flows to it; and the cases by hand, all trained, each in its modes."""
    example = shown(LAYERS[name])
    yield network_of(example, [False] * len(example.inputs), frozenset()), MODES[0]
    for case in by_hand(LAYERS[name]):
        with suppress(ArchitectureError):
            analysis = network_of(case, [True] * len(case.inputs), frozenset())
            yield from ((analysis, mode) for mode in some(case, MODES))


def each_drawn(name: str, draws: int, check: Callable[[Analysis, Mode], None]) -> None:
    """Check so many networks of a layer type, each in one mode."""

    def check_accepted(drawn: tuple[Analysis | None, Mode]) -> None:
        analysis, mode = drawn
        if analysis:
            check(analysis, mode)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        st.check_each(st.tuples(networks(name), st.sampled_from(MODES)), draws, check_accepted)


UNSEEN = {"DeformConv2d"}
"""Of torchvision, whose operation the counter does not know: tests/test_deformable_convolution.py."""
PRODUCTS = [name for name in CONCERNED if LAYERS[name].macs is not Layer.macs and name not in UNSEEN]


def check_products(analysis: Analysis, found: Counter[str]) -> None:
    expected = training(CONVENTIONS["torch"], analysis)
    try:
        goes_back, measured = flops(analysis)
    except (*REFUSALS, BuildError):
        return
    if not isinstance(expected, Unknown):
        found["known"] += 1
        assert expected == measured
    if "no output depends on a trainable parameter" in str(expected):
        assert not goes_back


def ways(case: Drawn) -> Iterator[Analysis]:
    """The case with and without a gradient for each of its inputs, and with its weights trained or frozen.

    A type's example in all of these ways, another case by hand in one.
    """
    weights = case.layer_type(**case.arguments).figures(case.inputs).weights
    learned = frozenset([name for name, weight in weights.items() if not weight.buffer])
    tracked = product((True, False), repeat=len(case.inputs))
    for flows, frozen in some(case, [*product(tracked, {frozenset[str](): 0, learned: 0})]):
        yield network_of(case, list(flows), frozen)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PRODUCTS)
def test_torch_counts_as_many_products(name: str) -> None:
    """Of those by hand, and of drawn ones.

    A product has a gradient for each of its factors, unless none is wanted of that one.
    """
    found: Counter[str] = Counter()
    for case in by_hand(LAYERS[name]):
        with suppress(ArchitectureError):
            for analysis in ways(case):
                check_products(analysis, found)
    assert found["known"] > 1
    each_drawn(name, count(4, 120), lambda analysis, _: check_products(analysis, found))


@pytest.mark.filterwarnings("ignore")
def test_a_gradient_of_the_bias_of_a_scan_comes_through_its_states() -> None:
    shapes = ((2, 4, 3), (2, 4, 3), (4, 5), (2, 5, 3), (2, 5, 3), (4,), (2, 4, 3), (4,))
    scan = drawn("selective_scan", *map(Tensor, shapes))
    found: Counter[str] = Counter()
    check_products(network_of(scan, [False] * 7 + [True], frozenset()), found)
    assert found["known"]


def gradients(analysis: Analysis) -> tuple[list[bool], list[bool]]:
    """Of which outputs a gradient goes back, and which of the layers before it reaches."""
    reached: list[str] = []

    def seen(row: Row, _: Wanted) -> Dim:
        reached.append(row.path)
        return 0

    carrying = carrying_gradients(analysis)
    gradient_macs(analysis, seen)
    return [edge in carrying for edge in analysis.output_edges], [
        row.path in reached for row in analysis.rows[:-1]
    ]


def gradients_in_torch(analysis: Analysis) -> tuple[list[bool], list[bool]]:
    """The same, by the gradients that the weights of these layers have afterwards."""
    network = build(analysis)
    outputs = network(*[sample(x, "meta") for x in analysis.inputs.values()], observe=lambda *_: None)
    if tracked := [y for y in outputs if y.requires_grad]:
        torch.autograd.backward(tracked, [torch.ones_like(y) for y in tracked])
    before = [list(module.parameters()) for module in network.layers[:-1]]
    return [y.requires_grad for y in outputs], [any(w.grad is not None for w in own) for own in before]


NOT_ON_META = {"MultiLabelMarginLoss", "MultiMarginLoss", "SoftMarginLoss"}
SEVERAL = [name for name in CONCERNED if LAYERS[name].inputs_range[1] > 1 and name not in NOT_ON_META]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEVERAL)
def test_gradients_go_back_to_the_same_inputs(name: str) -> None:
    found = 0
    for case in by_hand(LAYERS[name]):
        with suppress(*REFUSALS, BuildError, ArchitectureError):
            for analysis in ways(case):
                theirs = gradients_in_torch(analysis)
                assert gradients(analysis) == theirs, case
                found += 1
    assert found


@pytest.mark.parametrize("name", [name for name in CONCERNED if says_what_it_allocates(LAYERS[name])])
def test_torch_keeps_as_much(name: str) -> None:
    """In prediction too, where nothing is kept whatever is frozen."""
    found: Counter[str] = Counter()

    def check(analysis: Analysis, mode: Mode) -> None:
        try:
            expected = computed(analysis, mode)
        except UnknownError:
            return
        try:
            tracked, saved, peak = in_torch(analysis, mode)
        except (*REFUSALS, BuildError):  # to train on a single value
            return
        found["in training" if mode.grad else "in prediction"] += 1
        known = expected[2] is not None
        assert expected == (tracked, saved, peak if known else expected[2]), mode

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for analysis, mode in trained(name):
            check(analysis, mode)
    each_drawn(name, count(4, 180), check)
    assert min(found["in training"], found["in prediction"]) > 0, found
