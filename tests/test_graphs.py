"""The memory of random graphs against torch on `meta`: kept bytes, peaks, and what torch refuses to train.

A failure prints its network, which is then put among `ALIKE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import INFERENCE, TRAINING, Mode
from shapecalc.analysis.memory.backward import Backward
from shapecalc.analysis.memory.forward import Forward
from shapecalc.engine.results import Edge
from shapecalc.errors import UnknownError
from shapecalc.symbolic import number
from shapecalc.torch_check.memory import Told
from shapecalc.torch_check.network import BuildError, Network, build, sample
from shapecalc.torch_check.startup import without_compiler
from tests.dice import SEED, count, one_way
from tests.graphs import random_networks
from tests.kernels import compiled_kernels
from tests.live import Measured, measure

EVALUATION = Mode(grad=True)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, of what it will refuse one day
MODES = {"prediction": INFERENCE, "training": TRAINING, "evaluation": EVALUATION}


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels():
        yield


def executed(network: Network, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Row by row; a tensor goes after the last row that takes it, and at once where none does."""
    rows, outputs = network.analysis.rows, set(network.analysis.output_edges)
    last = {edge: index for index, row in enumerate(rows) for edge in row.edges}
    alive: dict[Edge, Any] = {Edge(-1, port): x for port, x in enumerate(inputs)}
    for index, (row, module) in enumerate(zip(rows, network.layers, strict=True)):
        made = network.run(row, module, [alive[edge] for edge in row.edges])
        alive |= {Edge(index, port): y for port, y in enumerate(made)}
        del made
        for edge in [e for e in alive if last.get(e, e.row) <= index and e not in outputs]:
            del alive[edge]
    return [alive[edge] for edge in network.analysis.output_edges]


def in_torch(analysis: Analysis, mode: Mode) -> Measured | str:
    """What torch measures, or what it says to refuse.

    Raises:
        UnknownError: torch has no kernel of some step for `meta`.
    """
    try:
        network = build(analysis)
        network.train(mode.training)
        inputs = [sample(x, "meta") for x in analysis.inputs.values()]
        weights = [*network.parameters(), *network.buffers()]
        with torch.device("meta"), torch.set_grad_enabled(mode.grad), Told():
            return measure(lambda *xs: executed(network, xs), inputs, weights)
    except NotImplementedError as error:
        raise UnknownError(f"{error}") from None
    except (BuildError, RuntimeError) as error:
        return f"{error}"


def predicted(analysis: Analysis, mode: Mode) -> Measured | str:
    """What shapecalc says, or why torch refuses."""
    try:
        forward = Forward(analysis, mode)
    except ArchitectureError as error:
        if isinstance(error, UnknownError):
            raise
        return str(error)
    kept = sum(map(number, forward.ledger.saved().values()))
    if refusal := Backward(forward).refusal if mode.grad else None:
        return str(refusal)
    return Measured(kept, number(forward.ledger.peak.size()))


def difference(analysis: Analysis, mode: Mode) -> str | None:
    """What differs, in words."""
    ours, theirs = predicted(analysis, mode), in_torch(analysis, mode)
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return None
        return f"refusal: {ours} | {theirs}"
    kept, peak = ours
    if kept != theirs.kept:
        return f"kept: {kept} | {theirs.kept}"
    if Forward(
        analysis, mode
    ).bounded:  # what kernels make on the way is not known: the figure is said to be at least that
        return f"peak: at least {peak} | {theirs.peak}" if peak > theirs.peak else None
    if peak != theirs.peak:
        return f"peak: {peak} | {theirs.peak}"
    return None


CASES = {
    "a look that is written over": (29_376, "{input: 2x6x6x6, layers: [Linear: 16, ReLU: {inplace: true}]}"),
    "an image without a batch axis": (
        816,
        "{input: 3x5x4, layers: [Conv2d: {out_channels: 2, kernel_size: 2}, ReLU: {inplace: true}]}",
    ),
    "noise written over an image without a batch axis": (
        912,
        "{input: 3x5x4, layers: [Conv2d: {out_channels: 2, kernel_size: 2}, Dropout: {inplace: true}]}",
    ),
    "what a view that is kept is a view of, written over": (
        1_344,
        """
        input: {b: 2x3x10, a: 2x1x8}
        layers:
          - {Conv1d: {out_channels: 3, kernel_size: 1, groups: 3}, from: b, as: whole}
          - {narrow: {dim: -1, start: 0, length: 10}, from: whole, as: part}
          - {Softplus: null, from: part, as: kept}
          - {SiLU: {inplace: true}, from: whole}
          - {Linear: 40, from: a}
          - {view: {shape: [6, 10]}, from: kept}
          - {Identity: null, from: a}
        """,
    ),
    "parts that nothing uses": (
        9_856,
        "{input: 2x3x8x8, layers: [Linear: 16, chunk: {chunks: 3, dim: 1}, LayerNorm]}",
    ),
    "a weight that is the output": (96, "{input: 2x8, layers: [parameter: [4]]}"),
    "one decode step with a cache": (
        165_792,
        """
        input: {x: 1x1x200, pk: 1x2x40x16, pv: 1x2x40x16}
        blocks: {heads(h): [Linear: {out_features: h*16, bias: false}, reshape: [1, h, 1, 16]]}
        layers:
          - {heads: 2, from: x, as: k1}
          - {heads: 2, from: x, as: v1}
          - {concat: {branches: [pk, k1], dim: 2}, as: k}
          - {concat: {branches: [pv, v1], dim: 2}, as: v}
          - {heads: 8, from: x, as: q}
          - {scaled_dot_product_attention: {enable_gqa: true}, from: [q, k, v]}
        """,
    ),
}
"""Peaks of training, followed in torch, in networks where one thing decides."""


@pytest.mark.parametrize("name", CASES)
def test_peaks(name: str) -> None:
    peak, text = CASES[name]
    analysis = shapecalc.analyse(shapecalc.parse(text))
    found = predicted(analysis, TRAINING)
    assert not isinstance(found, str)
    assert found.peak == peak
    assert [difference(analysis, mode) for mode in MODES.values()] == [None] * 3


ALIKE = {
    "a branch that no output needs": """
        input: 1x3x9x9
        layers:
          - {ReLU: , as: t}
          - Conv2d: {out_channels: 2, kernel_size: 3}
          - ReLU
          - {ReLU: , from: t}
        """,
    "one that something else is above": """
        {input: {a: 3x5}, layers: [RNNCell: {hidden_size: 4}, {LayerNorm: , from: a}]}
        """,
    "attention twice": """
        input: 2x5x8
        layers:
          - Linear: 8
          - {MultiheadAttention: {num_heads: 2, batch_first: true}, as: [t, _]}
          - {MultiheadAttention: {num_heads: 2, batch_first: true}, from: [t, t, t]}
        """,
    "a tensor that is used before it is written over and after": """
        input: 2x8
        layers: [{Linear: 8, as: a}, {unsqueeze: 0, as: b}, {ReLU: {inplace: true}, from: a}, {add: [a, b]}]
        """,
    "a tensor whose look is written over": """
        input: 2x8
        layers: [{Linear: 8, as: a}, unsqueeze: 0, {ReLU: {inplace: true}, as: b}, {add: [a, b]}]
        """,
    "turned tensors in line": """
        input: {a: 3x2x6x3}
        layers: [{permute: [1, 2, 0, 3], as: t}, {concat: [t, t]}, Linear: 3]
        """,
    "turned tensors side by side": """
        input: {a: 3x2x6x3}
        layers: [{permute: [1, 2, 0, 3], as: t}, {stack: {branches: [t, t], dim: 1}}, Linear: 3]
        """,
    "a weight seen without an axis of 1 that it has not": """
        input: 1x4
        layers: [{parameter: [4], as: a}, {squeeze: 0, from: a, as: b}, {squeeze: , from: a}]
        """,
    "a weight repeated once": """
        {input: 1x4, layers: [parameter: [4], repeat: [1]]}
        """,
    "a gated cell": "{input: 8x4, layers: [GRUCell: {hidden_size: 2}]}",
    "weights of a vector that are shared": """
        input: {b: 1, c: 6}
        layers:
          - {Linear: {out_features: 8, bias: false}, from: c, as: s}
          - {Linear: {out_features: 8, bias: false}, as: t}
          - {expand: [8], as: u}
          - {mul: [b, u], as: v}
          - {mul: [u, v, s]}
          - {Linear: {out_features: 8, bias: false}, share: t}
        """,
    "a norm of a turned tensor": "{input: 4x2x4, layers: [permute: [1, 2, 0], RMSNorm]}",
    "images turned to such, but for an axis of 1, in line": """
        input: {a: 8x4x1x6}
        layers: [{transpose: [3, 1], as: t}, {concat: {branches: [t, t], dim: 0}}, Linear: 8]
        """,
    "channels shuffled in a single group, then written over": """
        input: 2x4x3x3
        layers: [Conv2d: {out_channels: 4, kernel_size: 1}, ChannelShuffle: 1, ReLU: {inplace: true}]
        """,
    "rows put back where they were, then written over": """
        input: 2x4x6
        layers:
          - Conv1d: {out_channels: 4, kernel_size: 1}
          - {MaxPool1d: {kernel_size: 2, return_indices: true}, as: [p, i]}
          - {MaxUnpool1d: 2, from: [p, i]}
          - ReLU: {inplace: true}
        """,
    "a copy in another shape that is written over": """
        {input: 4x3x8, layers: [Linear: 5, permute: [0, 2, 1], flatten: 1, ReLU: {inplace: true}]}
        """,
    "maxima of a turned tensor": "{input: 3x4x4, layers: [permute: [2, 1, 0], MaxPool1d: 2, Linear: 2]}",
    "maxima of rows with their channels last": """
        {input: 3x4x5, layers: [permute: [0, 2, 1], MaxPool1d: 2, Linear: 2]}
        """,
    "images with their channels last in line": """
        input: 2x4x3x3
        layers: [{permute: [0, 3, 1, 2], as: t}, {concat: [t, t]}, permute: [0, 2, 3, 1], Linear: 5]
        """,
    "images with their channels last side by side": """
        input: 2x4x3x3
        layers:
          - {permute: [0, 3, 1, 2], as: t}
          - {stack: {branches: [t, t], dim: 2}}
          - permute: [0, 2, 3, 4, 1]
          - Linear: 5
        """,
    "three gradients of one weight, of which the first is let go when the second is added": """
        {input: 2, layers: [{parameter: [2], as: p}, {addcmul: [p, p, p]}, Tanh]}
        """,
    "one of the places along an axis": """
        {input: 2x8x3, layers: [Linear: 3, {unbind: 1, as: [a, b, c, d, e, f, g, h]}, {ReLU: , from: a}]}
        """,
    "a part whose channels are shuffled in groups of one, then written over": """
        input: 2x4x3
        layers: [Linear: 3, {split: 1, as: [a, b]}, {ChannelShuffle: 4, from: b}, ReLU: {inplace: true}]
        """,
    "a pixel that seems to lie channels last": """
        {input: 1x1x8, layers: [transpose: [2, 0], ConvTranspose2d: {out_channels: 2, kernel_size: 2}, GELU]}
        """,
    "images of one channel, and parts of images, that do": """
        input: {a: 2x5x5x1, b: 2x5x5x8}
        layers:
          - permute from a: [0, 3, 1, 2]
          - Conv2d as x: {out_channels: 3, kernel_size: 2}
          - permute from b: [0, 3, 1, 2]
          - narrow: {dim: 1, start: 2, length: 4}
          - Conv2d: {out_channels: 3, kernel_size: 2}
          - add: [x, []]
        """,
    "a volume without a batch axis, which is no image": """
        {input: 4x3x3x3, layers: [permute: [0, 3, 1, 2], Conv3d: {out_channels: 16, kernel_size: 2}, GELU]}
        """,
    "a number repeated to the shape of a number": """
        {input: 1, layers: [{parameter: [3]}, {unbind: 0, as: [a, b, c]}, {expand_as: [b, c]}]}
        """,
    "a part of a weight in place of it": """
        input: 2x4
        layers:
          - {parameter: [4, 6], as: p}
          - {permute: [1, 0], as: q}
          - {select: {dim: 0, index: 2}, as: s}
          - {select_scatter: {dim: 0, index: 1}, from: [q, s]}
        """,
}


@pytest.mark.parametrize("name", ALIKE)
def test_graphs_by_hand(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(ALIKE[name]))
    assert [difference(analysis, mode) for mode in MODES.values()] == [None] * 3


PARTS = {
    "with gaps": (
        "narrow: {dim: 1, start: 0, length: 2}",
        "slice_scatter: {branches: [[], y], end: 1}",
        "x: 4x6, y: 1x2",
    ),
    "not at the start": (
        "select: {dim: 0, index: 1}",
        "select_scatter: {branches: [[], y], dim: 0, index: 0}",
        "x: 4x3x6, y: 6",
    ),
    "of a view of one": (
        "narrow: {dim: 0, start: 2, length: 2}, transpose: [0, 1]",
        "slice_scatter: {branches: [[], y], end: 1}",
        "x: 4x6, y: 1x2",
    ),
    "of which one place is repeated": (
        "narrow: {dim: 0, start: 1, length: 1}, expand: [3, 6]",
        "slice_scatter: {branches: [[], y], end: 1}",
        "x: 4x6, y: 1x6",
    ),
}
"""A view, what replaces a part of it, and the inputs."""


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("after", ["", ", GELU", ", slice_scatter: {branches: [[], y], end: 1}"])
def test_the_copy_of_a_part_is_one_of_its_storage(name: str, after: str) -> None:
    view, scatter, inputs = PARTS[name]
    after = after if "slice_scatter" not in after else f", {scatter}"
    text = f"{{input: {{{inputs}}}, layers: [{{Linear: 6, from: x}}, {view}, {scatter}{after}]}}"
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert not Forward(analysis, INFERENCE).bounded
    assert [difference(analysis, mode) for mode in MODES.values()] == [None] * 3


@pytest.mark.parametrize("end", ["concat: [a, z]", "concat: [z, a]", "sum: , from: z", "slice: {end: 2}"])
def test_the_copy_of_a_part_of_a_gradient_is_one_of_its_storage(end: str) -> None:
    steps = f"Linear: 6, as: a}}, {{slice_scatter: {{end: 1}}, from: [a, y], as: z}}, {{{end}"
    analysis = shapecalc.analyse(shapecalc.parse(f"{{input: {{x: 4x6, y: 1x6}}, layers: [{{{steps}}}]}}"))
    assert [difference(analysis, mode) for mode in MODES.values()] == [None] * 3


ACTIVATIONS = [
    *(
        "ReLU",
        "ReLU6",
        "Threshold: {threshold: 0, value: 0}",
        "Hardtanh",
        "Hardsigmoid",
        "Softplus",
        "LeakyReLU",
        "ELU",
        "CELU",
    ),
    *("SELU", "Hardswish", "Sigmoid", "Tanh", "GELU", "SiLU", "Mish", "Softsign", "LogSigmoid", "Tanhshrink"),
    *("Softshrink", "Hardshrink", "RReLU", "PReLU", "Dropout", "Softmax: 1", "LogSoftmax: 1", "Softmin: 1"),
]


@pytest.mark.parametrize("layer", ACTIVATIONS)
def test_the_order_of_what_activations_give_back(layer: str) -> None:
    """A norm puts the gradient in a row, where it doesn't lie so."""
    text = f"{{input: 2x4x6, layers: [Linear: 6, GroupNorm: 2, {layer}, permute: [2, 1, 0], Linear: 1]}}"
    turned = f"{{input: 2x4x6, layers: [Linear: 6, GroupNorm: 2, permute: [2, 1, 0], {layer}, Linear: 1]}}"
    for network in (text, turned):
        analysis = shapecalc.analyse(shapecalc.parse(network))
        for mode in one_way(network, [*MODES.values()]):
            assert difference(analysis, mode) is None


IMAGES = {
    "4x6x8": ["AvgPool1d: 2", "AdaptiveAvgPool1d: 3", "ZeroPad1d: 1", "ReflectionPad1d: 1", "pad: [-1, 0]"],
    "2x4x6x8": [
        *("AvgPool2d: 2", "AdaptiveAvgPool2d: 3", "AdaptiveAvgPool2d: 1", "MaxPool2d: 2", "BatchNorm2d"),
        *("ConstantPad2d: {padding: 1, value: 2}", "ReplicationPad2d: 1", "PixelUnshuffle: 2"),
        *("Upsample: {scale_factor: 2}", "pad: [1, 0]", "LocalResponseNorm: 2"),
    ],
}


@pytest.mark.parametrize(("size", "layer"), [(size, layer) for size in IMAGES for layer in IMAGES[size]])
def test_the_order_of_what_is_made_of_turned_images(size: str, layer: str) -> None:
    """A product of matrices puts in a row what does not lie so, after it is turned back."""
    axes = range(size.count("x") + 1)
    for order in ([*axes][::-1], [0, *axes[2:], 1], [1, 0, *axes[2:]], [*axes[:-2], *axes[:-3:-1]]):
        sizes = "x".join(size.split("x")[axis] for axis in order)
        there = [order.index(axis) for axis in axes]
        layers = f"Linear: 8, permute: {there}, {layer}, permute: {order}, GELU, Linear: 3"
        text = f"{{input: {sizes}, layers: [{layers}]}}"
        analysis = shapecalc.analyse(shapecalc.parse(text))
        for mode in one_way(text, [*MODES.values()]):
            assert difference(analysis, mode) is None, text


REFUSED = {
    "Dropout of whole numbers": "{input: '2x7:int64', layers: [Dropout]}",
    "AlphaDropout of whole numbers": "{input: '2x7:int64', layers: [AlphaDropout]}",
    "eps of 0": "{input: 3x3x3, layers: [BatchNorm1d: {eps: 0}]}",
    "a single value": "{input: 1x3, layers: [BatchNorm1d]}",
    "channels of a vector": "{input: 8, layers: [Dropout2d]}",
    "channels of a vector, scaled": "{input: 8, layers: [FeatureAlphaDropout]}",
    "a part of several": "{input: 2x12, layers: [Linear: 12, chunk: 1, ReLU: {inplace: true}]}",
    "a look at a part": "{input: 2x12, layers: [Linear: 12, split: 1, unsqueeze: 0, ReLU: {inplace: true}]}",
    "a part of what is written over": """
        input: 2x12
        layers:
          - {Linear: 12, as: a}
          - {chunk: 2, as: [b, c]}
          - {ReLU: {inplace: true}, from: a}
          - {Tanh: , from: b}
        """,
    "a weight": "{input: 2x4, layers: [parameter: [4], ReLU: {inplace: true}]}",
    "a look at a weight": "{input: 2x4, layers: [parameter: [4], unsqueeze: 0, ReLU: {inplace: true}]}",
    "no look at neighbours of turned axes": """
        input: 2x3x4x5x6
        layers: [Linear: 6, permute: [0, 1, 2, 4, 3], LocalResponseNorm: 2]
        """,
    "no look at other strides": "{input: 2x3x4, layers: [Linear: 4, permute: [0, 2, 1], view: [2, 12]]}",
}
"""What torch does not train; most of it it runs in evaluation."""


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(REFUSED[name]))
    assert isinstance(in_torch(analysis, TRAINING), str)
    assert isinstance(predicted(analysis, TRAINING), str)
    assert [difference(analysis, mode) for mode in MODES.values()] == [None] * 3


def test_torch_agrees() -> None:
    found: Counter[str] = Counter()
    for seed, text in random_networks(SEED, count(100, 20_000), forms=0.3).items():
        analysis = shapecalc.analyse(shapecalc.parse(text))
        for name, mode in one_way(seed, [*MODES.items()]):
            try:
                differs = difference(analysis, mode)
            except UnknownError:
                found["unknown"] += 1
                continue
            assert differs is None, f"{seed}, {name}: {differs}\n{text}"
            found["known"] += 1
    assert found["known"] > found["unknown"]
