"""Each convention against its tool: the tools themselves count the torch modules that shapecalc builds.

Over the zoo (at each push, over networks that have all of its layer types, each with few copies of a block),
over an example of every layer type, and over arguments that the tools treat apart: equal in all, and layer
by layer where a tool tells. Where shapecalc says that it does not know, the tool may say anything; what is
unknown of the zoo and of the examples is listed here.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec

import pytest

import shapecalc
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count, count_rows, seen, training
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.engine.results import Analysis
from shapecalc.layers import LAYERS
from shapecalc.operations import Unknown
from shapecalc.symbolic import Dim, at
from tests.dice import DRAWS
from tests.families.base import shown
from tests.networks import ONE_OF_EACH, ROUTED, analysed, covering, is_brief, is_large, short
from tests.tools.counters import COUNTERS
from tests.tools.xla import xla

TOOLS = [name for name in COUNTERS if find_spec(name.partition(",")[0])]
FORWARD = [name for name in TOOLS if name != "torch, backward"]
COUNTED = [name for name in ONE_OF_EACH if not (DRAWS == "long" and is_large(name))]
SLOW = sorted({*filter(is_brief, covering(COUNTED)), *[name for name in ROUTED if name in COUNTED]})
"""Networks that the tools are run on, which want to have their weights; all with experts are among them.

What these have not, each type has: its example is counted by each tool.
"""


def test_every_tool_is_here() -> None:
    """The test extra has them; without it, these tests would pass for tools that are not asked."""
    assert list(COUNTERS) == TOOLS


def test_a_convention_has_the_name_of_its_file() -> None:
    assert [convention.name for convention in CONVENTIONS.values()] == list(CONVENTIONS)


def of(steps: str, input: str = "2x4x9x9") -> Analysis:
    return shapecalc.analyse(shapecalc.parse(f"input: {input}\nlayers: [{steps}]"))


@cache
def example_of(name: str) -> Analysis:
    """A network of one layer: the example of its type."""
    case = shown(LAYERS[name])
    inputs = {f"x{i}": f"{'x'.join(map(str, x.shape))}:{x.dtype}" for i, x in enumerate(case.inputs)}
    step: dict[str, object] = {name: dict(case.arguments)}
    if LAYERS[name].branching:
        step = {name: {**case.arguments, "branches": list(inputs)}}
    elif inputs:
        step["from"] = list(inputs)
    text = json.dumps({"input": inputs or "1", "layers": [step]})
    return shapecalc.analyse(shapecalc.parse(text))


def counted(tool: str, analysis: Analysis) -> Dim | Unknown | None:
    if tool == "torch, backward":
        return training(CONVENTIONS["torch"], analysis)
    return count(CONVENTIONS[tool], analysis).total


def of_row(tool: str, analysis: Analysis, number: int) -> Dim | Unknown:
    convention = CONVENTIONS[tool]
    return count_rows(convention, analysis, [number], seen(convention, analysis)).total


def agree(tool: str, analysis: Analysis) -> None:
    """The tool counts what the convention says, in all and of each layer that it tells of."""
    found = COUNTERS[tool](analysis)
    assert counted(tool, analysis) == found.total
    if found.layers is not None:
        assert {number: of_row(tool, analysis, number) for number in found.layers} == found.layers


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("tool", TOOLS)
def test_the_zoo(tool: str, name: str) -> None:
    agree(tool, short(name))


@pytest.mark.parametrize("input", ["3x8", "2x3x8", "1x2x3x8"])
@pytest.mark.parametrize("tool", TOOLS)
def test_experts_are_modules_that_are_called(tool: str, input: str) -> None:
    """Each on the tokens that go to it, along one axis, however many axes hold them before."""
    expert = "[{mul: [[{Linear: {out_features: 6, bias: false}}, SiLU], [Linear: 6]]}, {Linear: 8}]"
    agree(tool, of(f"Linear: 8, experts: {{num_experts: 4, top_k: 2, expert: {expert}}}", input))


@pytest.mark.parametrize("tool", TOOLS)
def test_experts_call_functions(tool: str) -> None:
    """Between their modules: parts of a tensor, limits, numbers beside it."""
    expert = (
        "[Linear: 12, {chunk: {chunks: 2, dim: -1}, as: [a, b]}, {clamp: {max: 7}, from: a, as: c},"
        " {mul: [c, [{mul: 1.7, from: c}, Sigmoid], [{add: 1, from: b}]]}, Linear: 8]"
    )
    agree(tool, of(f"Linear: 8, experts: {{num_experts: 4, top_k: 2, expert: {expert}}}", "2x3x8"))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", SLOW)
def test_the_zoo_in_xla(name: str) -> None:
    pytest.importorskip("jax")
    analysis = short(name)
    found = xla(analysis)
    assert count(CONVENTIONS["xla"], analysis).total == found.total
    rows = {number: analysis.rows[number] for number in found.layers or {}}
    left_out = {number: row.macs_without_padding for number, row in rows.items()}
    causal = {number: row.macs for number, row in rows.items() if getattr(row.layer, "is_causal", False)}
    assert left_out | causal == found.layers


UNKNOWN = {
    "AdaptiveLogSoftmaxWithLoss": {*FORWARD, "torch, backward"},
    "MaxUnpool1d": {"fvcore"},
    "MaxUnpool2d": {"fvcore"},
    "MaxUnpool3d": {"fvcore"},
    "Softmax": {"thop"},
    **{name: {"fvcore", "calflops", "deepspeed"} for name in ("einsum", "conv1d", "conv2d", "conv3d")},
}
"""Layer type → the tools whose count of its example is not known."""


@pytest.mark.filterwarnings("ignore")  # torch's, of a type that it would rather not have
@pytest.mark.parametrize("tool", TOOLS)
def test_an_example_of_every_layer_type(tool: str) -> None:
    for name in (name for name in LAYERS if not LAYERS[name].measured):
        analysis = example_of(name)
        found = counted(tool, analysis)
        if tool == "torch, backward" and not analysis.totals.params:
            assert isinstance(found, Unknown)  # torch refuses to go backward where nothing is trained
            continue
        if isinstance(found, Unknown):
            assert tool in UNKNOWN[name]
            continue
        assert tool not in UNKNOWN.get(name, ())
        measured = COUNTERS[tool](analysis).total
        assert (name, found) == (name, measured)


NOT_SAID = {
    "a vector": {"fvcore", "calflops", "deepspeed"},
    "an image alone": {"fvcore", "thop", "ptflops", "calflops", "deepspeed"},
    "an image alone, transposed": {"fvcore", "thop", "ptflops", "calflops", "deepspeed"},
    "an image alone, pooled": {"thop"},
    "a sequence alone": {"thop"},
    "attention of a sequence alone": {"ptflops"},
    "a transformer of a sequence alone": {"ptflops"},
    "a step alone": {"ptflops", "calflops", "deepspeed"},
}
"""What is asked → the tools whose count is not known, or that stop."""

APART = {
    "grouped convolution": ("Conv2d: {out_channels: 8, kernel_size: 3, groups: 2}", "2x4x9x9"),
    "no bias": ("Conv2d: {out_channels: 8, kernel_size: 3, bias: false}", "2x4x9x9"),
    "padding in words": ("Conv2d: {out_channels: 8, kernel_size: 3, padding: same}", "2x4x9x9"),
    "odd padding in words": ("Conv2d: {out_channels: 8, kernel_size: [4, 3], padding: same}", "2x4x9x9"),
    "other padding": (
        "Conv2d: {out_channels: 8, kernel_size: 4, padding: same, padding_mode: circular}",
        "2x4x9x9",
    ),
    "grouped transposed convolution": (
        "ConvTranspose2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1, groups: 2}",
        "2x4x9x9",
    ),
    "linear on a sequence": ("Linear: 5", "2x7x4"),
    "statistics of the batch": ("BatchNorm2d: {track_running_stats: false}", "2x4x9x9"),
    "nothing learned": ("BatchNorm2d: {affine: false}", "2x4x9x9"),
    "groups, nothing learned": ("GroupNorm: {num_groups: 2, affine: false}", "2x4x9x9"),
    "learned of images": ("InstanceNorm2d: {affine: true}", "2x4x9x9"),
    "no bias of a norm": ("LayerNorm: {bias: false}", "2x7x4"),
    "nothing learned of places": ("LayerNorm: {elementwise_affine: false}", "2x7x4"),
    "softmax along an axis": ("Softmax: {dim: -1}", "2x7x4"),
    "windows of several sizes": ("AdaptiveAvgPool2d: [4, 5]", "2x4x9x9"),
    "windows of three axes": ("AdaptiveAvgPool3d: [2, 3, 1]", "2x4x5x6x7"),
    "relu without biases": (
        "RNN: {hidden_size: 6, num_layers: 2, nonlinearity: relu, bias: false, batch_first: true}",
        "2x3x4",
    ),
    "two directions": ("GRU: {hidden_size: 6, num_layers: 3, bidirectional: true}", "3x2x4"),
    "a projection": ("LSTM: {hidden_size: 6, proj_size: 3, num_layers: 2, bidirectional: true}", "3x2x4"),
    "more keys": (
        "MultiheadAttention: {num_heads: 2, add_bias_kv: true, add_zero_attn: true, batch_first: true}",
        "2x7x4",
    ),
    "no biases of attention": ("MultiheadAttention: {num_heads: 2, bias: false, batch_first: true}", "2x7x4"),
    "gelu in a transformer": (
        "TransformerEncoderLayer: {nhead: 2, activation: gelu, dim_feedforward: 8, batch_first: true}",
        "2x7x4",
    ),
    "norms first": ("TransformerEncoderLayer: {nhead: 2, norm_first: true, dim_feedforward: 8}", "7x2x4"),
    "a factor for each axis": ("Upsample: {scale_factor: [2.5, 1.5]}", "2x4x9x9"),
    "a size": ("Upsample: {size: 12, mode: bilinear}", "2x4x9x9"),
    "sizes": ("Upsample: {size: [12, 13], mode: bicubic}", "2x4x9x9"),
    "one axis": ("Upsample: {scale_factor: 3, mode: linear}", "2x4x9"),
    "three axes": ("Upsample: {scale_factor: 2, mode: trilinear}", "2x4x3x3x3"),
    "a vector": ("matmul: [[], [parameter: {shape: [4]}]]", "2x7x4"),
    "rows of a table": ("EmbeddingBag: {num_embeddings: 10, embedding_dim: 3}", "2x7:int64"),
    "a parameter before": (
        "Linear: 6}, {Conv1d: {out_channels: 4, kernel_size: 6, groups: 2}}, Flatten, {GRUCell: 3",
        "4x4x5",
    ),
    "a pair after a parameter": ("Linear: 6, as: x}, {Bilinear: {out_features: 3}, from: [x, x]", "2x4"),
    "attention after a parameter": (
        "Linear: 6, as: x}, {scaled_dot_product_attention: [x, x, x]",
        "2x3x4",
    ),
    "attention with a mask": (
        "Linear: 3, as: x}, {gt: 0, from: i, as: m}, {scaled_dot_product_attention: [x, x, x, m]",
        "2x3x3",
    ),
    "attention with a given key": ("Linear: 6, as: x}, {scaled_dot_product_attention: [x, i, i]", "2x3x6"),
    "shared weights": ("Linear: 4, as: a}, {Linear: 4, share: a", "2x4"),
    "an image alone": ("Conv2d: {out_channels: 8, kernel_size: 3}", "4x9x9"),
    "an image alone, transposed": ("ConvTranspose2d: {out_channels: 8, kernel_size: 3}", "4x9x9"),
    "an image alone, pooled": ("MaxPool2d: 2}, {AvgPool2d: 2}, {AdaptiveAvgPool2d: 1", "4x9x9"),
    "a sequence alone": ("LSTM: {hidden_size: 6, num_layers: 2}", "3x4"),
    "attention of a sequence alone": ("MultiheadAttention: {num_heads: 2}", "7x4"),
    "a transformer of a sequence alone": ("TransformerEncoderLayer: {nhead: 2, dim_feedforward: 8}", "7x4"),
    "a step alone": ("GRUCell: 3", "4"),
    "a vector alone": ("Linear: 3", "4"),
    "several axes": ("LayerNorm: {normalized_shape: [7, 4]}", "2x7x4"),
    "a memory": (
        "Linear: 4, as: x}, {TransformerDecoder: {nhead: 2, dim_feedforward: 8, num_layers: 2}, from: [x, i]",
        "3x2x4",
    ),
    "a target": (
        "Linear: 4, as: x}, {TransformerDecoder: {nhead: 2, dim_feedforward: 8, num_layers: 2}, from: [i, x]",
        "3x2x4",
    ),
}
"""What is asked → the layer, or several, with the input's shape; `i` names the input."""


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", APART)
@pytest.mark.parametrize("tool", TOOLS)
def test_arguments_that_tools_treat_apart(tool: str, name: str) -> None:
    layers, shape = APART[name]
    analysis = of(f"{{{layers}}}", f"{{i: '{shape}'}}")
    found = counted(tool, analysis)
    if tool == "torch, backward" and not analysis.totals.params:
        assert isinstance(found, Unknown)
        return
    if isinstance(found, Unknown):
        assert tool in NOT_SAID[name]
        return
    assert tool not in NOT_SAID.get(name, ())
    agree(tool, analysis)


PUBLISHED = {
    "macs": 1_814_073_344,
    "torch": 3_628_146_688,
    "torchinfo": 1_814_083_944,
    "fvcore": 1_819_065_856,
    "thop": 1_824_033_792,
    "ptflops": 1_822_177_768,
    "calflops": 3_636_250_112,
    "deepspeed": 3_636_250_112,
    "xla": 1_680_390_912,
}
"""What the tools say of torchvision's ResNet-18 at 1×3×224×224."""


def test_resnet18_of_imagenet() -> None:
    analysis = analysed("imagenet/resnet18")
    assert {name: count(convention, analysis).total for name, convention in CONVENTIONS.items()} == PUBLISHED
    assert training(CONVENTIONS["torch"], analysis) == 10_648_412_160


NO_FORMULA = {("thop", "imagenet/alexnet"), ("thop", "imagenet/vgg11")}
"""It divides the sizes that AdaptiveAvgPool2d is given by those that it gives, as floating-point numbers."""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_formulas_are_the_numbers(name: str) -> None:
    analysis = short(name)
    general = in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)
    sizes = sizes_of(analysis.inputs, general.inputs)
    for tool, convention in CONVENTIONS.items():
        formula = count(convention, general).total
        if (tool, name) in NO_FORMULA:
            assert isinstance(formula, Unknown)
            continue
        assert not isinstance(formula, Unknown)
        assert at(formula, sizes) == count(convention, analysis).total
        both = training(convention, general)
        assert not isinstance(both, Unknown)
        assert (None if both is None else at(both, sizes)) == training(convention, analysis)


def test_rows_that_no_output_needs_are_not_traced() -> None:
    analysis = of("{Linear: 5, as: unused}, {Linear: 3, from: i}", "{i: 2x4}")
    assert count(CONVENTIONS["fvcore"], analysis).total == 2 * 4 * 3
    assert count(CONVENTIONS["thop"], analysis).total == 2 * 4 * (5 + 3)
    agree("fvcore", analysis)


def test_what_is_unknown_says_why() -> None:
    analysis = of("{Conv2d: {out_channels: 4, kernel_size: 3}}", "4x9x9")
    found = count(CONVENTIONS["calflops"], analysis)
    reason = "it looks for the axis of a batch, and this input has none"
    assert found.total == Unknown(f"Conv2d[0]: {reason}")
    assert found.unknown == (("Conv2d[0]", reason),)
