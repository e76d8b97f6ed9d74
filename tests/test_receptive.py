"""Receptive fields: against gradients through torch, published figures, and those for every input at once."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.domain.generalise import in_general
from shapecalc.analysis.receptive.axis_fields import Exact, WholeInput
from shapecalc.analysis.receptive.field import Receptive, along, receptive
from shapecalc.engine.inputs import inputs_of
from shapecalc.engine.results import Analysis
from shapecalc.errors import ShapecalcError, UsageError
from shapecalc.layers import LAYERS
from shapecalc.layers.reads import Pattern
from shapecalc.symbolic import number
from shapecalc.tensors import Tensor, is_floating
from tests.dice import SEED, count
from tests.networks import ONE_OF_EACH
from tests.networks import analysed as analysed_network
from tests.receptive_gradients import measured, prove, run

# Along one axis each image is as large as the fields of most rows, along the other as small as the network
# allows, and it has few channels where the file has a parameter for that: this takes less time.
CONVOLUTIONAL: dict[str, tuple[str | None, dict[str, object]]] = {
    "alexnet": ("1x1x227x67", {}),
    "alexnet-slim": ("1x1x67x227", {}),
    "cnn3d": ("1x3x8x48x8", {"width": 4}),
    "dcgan": ("1x100x3x2", {"width": 2}),
    "densenet": ("1x1x128x32", {"growth": 4}),
    "dla34": ("1x3x32x32", {"classes": 2}),
    "dpn68": ("1x3x33x1", {"classes": 2}),
    "googlenet": ("1x1x112x1", {}),
    "hrnet-w18": ("1x3x32x32", {"widths": (1, 1, 1, 1), "heads": (1, 1, 1, 1), "classes": 2}),
    "imagenet/resnet18": ("1x3x160x1", {"width": 8, "classes": 2}),
    "lenet": (None, {}),
    "lenet-batchnorm": (None, {}),
    "lenet-maxpool": (None, {}),
    "mobilenet-v1": ("1x3x315x1", {"width": "1/16", "classes": 2}),
    "nasnet-a-mobile": ("1x3x67x67", {"filters": 24, "repeats": 1, "stem": 1, "classes": 2}),
    "nin": ("1x1x224x67", {}),
    "resnet18": ("1x1x480x1", {}),
    **dict.fromkeys(
        ("swin_v2_t", "swin_v2_s", "swin_v2_b"), (None, {"width": 6, "heads": 1, "depth": 2, "classes": 2})
    ),
    "unet": ("1x3x256x16", {"width": 2}),
    "vgg11": ("1x1x160x32", {"width": 8, "hidden": 8}),
    "vgg11-small": ("1x1x32x192", {"width": 2, "hidden": 8}),
    "vit-b-16": (None, {"width": 12, "heads": 2, "hidden": 8, "depth": 1, "classes": 2}),
    "wavenet": ("1x1x600", {"width": 4, "levels": 4, "skips": 4}),
}

PUBLISHED: dict[str, tuple[str, dict[str, object]]] = {
    "imagenet/alexnet": ("1x3x127x63", {"classes": 2}),
    "imagenet/densenet121": ("1x3x128x29", {"depths": (2, 2, 2, 2), "growth": 4, "stem": 8, "classes": 2}),
    "imagenet/mnasnet1_0": ("1x3x200x1", {"width": "1/8", "classes": 2}),
    "imagenet/resnet50": ("1x3x200x1", {"units": (1, 2, 1, 1), "width": 8, "classes": 2}),
    "imagenet/squeezenet1_1": ("1x3x96x17", {"classes": 2}),
}
"""Some of the published networks, as small as their kinds of layers allow."""

WITHOUT_THE_LAST = {"nasnet-a-mobile": ("first", "centre")}
"""Where the last element is of padding alone and reads nothing: NASNet's shifted image ends in a zero."""


def analysed(text: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text))


def test_every_network_of_images_is_proved() -> None:
    of_images = {
        name
        for name in zoo.names()
        if not name.startswith("imagenet/")
        and any(is_floating(x.dtype) and x.rank > 2 for x in inputs_of(shapecalc.load(name)).values())
    }
    assert CONVOLUTIONAL.keys() >= {name for name in of_images if "/" not in name}


AGAIN = {"swin_v2_s", "swin_v2_b"}
"""With these arguments the network is swin_v2_t."""
ONCE = [name for name in [*CONVOLUTIONAL, *PUBLISHED] if name not in AGAIN]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ONCE)
def test_gradients_have_the_claimed_support(name: str) -> None:
    """Of some rows and the last; at length of all, each of which goes back through all before it."""
    analysis = shapecalc.analyse(shapecalc.load(name), *{**CONVOLUTIONAL, **PUBLISHED}[name])
    rows = range(len(analysis.rows))
    chosen = random.Random(f"{SEED}/{name}").sample(rows, min(len(rows), count(15, len(rows))))
    places = WITHOUT_THE_LAST.get(name, ("first", "centre", "last"))
    assert prove(receptive(analysis), places, {*chosen, rows[-1]}) == ()


def test_variants_that_are_one_network() -> None:
    names = ["swin_v2_t", *sorted(AGAIN)]
    first, *others = (shapecalc.analyse(shapecalc.load(name), *CONVOLUTIONAL[name]) for name in names)
    for other in others:
        assert [row[1:] for row in other.rows] == [row[1:] for row in first.rows]


def larger(axis_field: Exact) -> Exact:
    return axis_field._replace(ends=tuple(ends and (ends[0], ends[1] + 1) for ends in axis_field.ends))


def moved(axis_field: Exact) -> Exact:
    return axis_field._replace(ends=tuple(ends and (ends[0] - 1, ends[1] - 1) for ends in axis_field.ends))


def faster(axis_field: Exact) -> Exact:
    return axis_field._replace(shift=axis_field.shift + 1)


def without_gaps(axis_field: Exact) -> Exact:
    return axis_field._replace(dense=True)


@pytest.mark.parametrize("wrong", [larger, moved, faster, without_gaps])
def test_the_proof_finds_what_is_wrong(wrong: Callable[[Exact], Exact]) -> None:
    """One wrong row is found, and no other."""
    text = (
        "input: 1x1x40x40\nlayers: [Conv2d: {out_channels: 2, kernel_size: 3, dilation: 2}, MaxPool2d: 2]\n"
    )
    found = receptive(analysed(text + "  # the first has gaps, which the second closes\n"))
    assert prove(found) == ()
    first, second = found.fields
    changed = first._replace(
        along_axes=tuple(
            wrong(axis_field) for axis_field in first.along_axes if isinstance(axis_field, Exact)
        )
    )
    mismatches = prove(dataclasses.replace(found, fields=(changed, second)))
    assert {mismatch.path for mismatch in mismatches} == {"Conv2d[0]"}


def test_the_proof_finds_a_whole_input_that_is_not_seen_whole() -> None:
    found = receptive(analysed("input: 1x1x9\nlayers: [Conv1d: {out_channels: 2, kernel_size: 3}]\n"))
    changed = found.fields[0]._replace(along_axes=(WholeInput(9, 0),))
    assert prove(dataclasses.replace(found, fields=(changed,))) != ()


VGG16 = """
input: 1x3x224x224
blocks:
  vgg(convs): [{Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, times: convs}, MaxPool2d: 2]
layers: [vgg: 2, vgg: 2, vgg: 3, vgg: 3, vgg: 3]
"""
ALEXNET_V2 = """
input: 1x3x224x224
layers:
  - Conv2d: {out_channels: 8, kernel_size: 11, stride: 4}
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - Conv2d: {out_channels: 8, kernel_size: 5, padding: same}
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - {Conv2d: {out_channels: 8, kernel_size: 3, padding: same}, times: 3}
  - MaxPool2d: {kernel_size: 3, stride: 2}
"""


@pytest.mark.parametrize(
    ("text", "size", "stride", "padding"), [(ALEXNET_V2, 195, 32, 64), (VGG16, 212, 32, 90)]
)
def test_published_figures(text: str, size: int, stride: int, padding: int) -> None:
    """Araujo, Norris & Sim 2019, distill.pub/2019/computing-receptive-fields: the table of networks."""
    (field,) = receptive(analysed(text)).outputs
    assert field.axes == ((size, stride, -padding, ()),) * 2


def test_resnet18_is_what_papers_say() -> None:
    """435, with a stride of 32, before the global pooling; then all there is."""
    found = receptive(shapecalc.analyse(shapecalc.load("resnet18")))
    by_path = {field.row.path: field for field in found.fields}
    assert by_path["b5.residual[0].ReLU[0]"].axes == ((435, 32, -217, ()),) * 2
    pooled = by_path["AdaptiveAvgPool2d[0]"]
    assert (pooled.status, pooled.axes) == ("whole input", ((224, 0, 0, ()),) * 2)


RESHAPED = ("lenet", "lenet-batchnorm", "lenet-maxpool")  # to 28×28, which of a formula is no axis of its own
RESIZED = ("imagenet/alexnet", "imagenet/vgg", "imagenet/fcn", "imagenet/deeplab")
"""By a ratio that is whole for the own input, and of a formula is not known to be: what they resize."""
ANY_SIZE = [name for name in ONE_OF_EACH if name not in RESHAPED and not name.startswith(RESIZED)]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ANY_SIZE)
def test_fields_do_not_depend_on_the_size_of_the_input(name: str) -> None:
    """Those of the network in general are those at the file's own input, but for what reads all of it."""
    own = analysed_network(name)
    general = receptive(in_general(own.architecture, own.inputs, own.parameters))
    for field, other in zip(receptive(own).fields, general.fields, strict=True):
        assert field.row.path == other.row.path
        assert field.status == other.status
        if field.status == "exact":
            assert field.axes == other.axes
        elif field.status == "whole input":
            assert [axis and axis.size for axis in other.axes] == list(general.space)


UNDEFINED = {
    "padding_mode: circular": "Conv2d: {out_channels: 2, kernel_size: 3, padding: 1, padding_mode: circular}",
    "padding_mode: reflect": "Conv2d: {out_channels: 2, kernel_size: 2, padding: 1, padding_mode: reflect}",
    "mode circular shows": "CircularPad2d: 1",
    "go around the end": "roll: {shifts: 1, dims: 2}",
    "start at random": "FractionalMaxPool2d: {kernel_size: 2, output_size: 3}",
    "of several axes lie on one": "Flatten",
    "divided among other axes": "reshape: [1, 4, 3, 3, 9]",
    "stand one after another": "concat: {branches: [[], []], dim: 2}",
    "copies of an axis": "repeat: [1, 1, 2, 1]",
    "run along different axes": "add: [[], [transpose: {dim0: 2, dim1: 3}]]",
    "have different strides": "add: [[AdaptiveAvgPool2d: 5], [MaxPool2d: {kernel_size: 1, stride: 2}]]",
    "sees all but a border": "mul: [[], [MaxPool2d: {kernel_size: 5, stride: 5}, AdaptiveAvgPool2d: 1]]",
    "at places that are rounded": "Upsample: {size: 11}",
    "is not declared": "einsum: {equation: 'nchw->nchw', branches: [[]]}",
    "some of the channels": "{seq: [Conv2d: {out_channels: 1, kernel_size: 2}, PixelUnshuffle: 2,"
    " narrow: {dim: 1, start: 0, length: 3}]}",
}


@pytest.mark.parametrize(("reason", "step"), UNDEFINED.items())
def test_what_is_not_known_says_why(reason: str, step: str) -> None:
    (field,) = receptive(analysed(f"input: 1x4x9x9\nlayers:\n  - {step}\n")).outputs
    assert field.status == "undefined"
    assert reason in str(field.reason)
    assert None in field.axes


WHOLE = [
    "GroupNorm: 2",
    "InstanceNorm2d",
    "LayerNorm: {normalized_shape: [9, 9]}",
    "BatchNorm2d: {track_running_stats: false}",
    "mean: {dim: [2, 3]}",
    "AdaptiveMaxPool2d: 1",
    "mul: [[], [AdaptiveAvgPool2d: 1, Conv2d: {out_channels: 4, kernel_size: 1}, Sigmoid]]",
    "seq: [Flatten, Linear: 3]",
    "seq: [Flatten: {start_dim: 2}, transpose: {dim0: 1, dim1: 2}, MultiheadAttention: {num_heads: 1,"
    " batch_first: true}]",
    "seq: [Flatten as keys: 2, transpose as queries: [1, 2], matmul: [queries, keys],"
    " concat: {branches: [[], [parameter: [1, 81, 1]]], dim: -1}, Softmax: -1,"
    " narrow: {dim: -1, start: 0, length: 81}, matmul: [[], queries]]",
]


@pytest.mark.parametrize("step", WHOLE)
def test_what_sees_the_whole_input(step: str) -> None:
    found = receptive(analysed(f"input: 1x4x9x9\nlayers:\n  - {step}\n"))
    field = found.outputs[0]
    assert (field.status, field.axes) == ("whole input", ((9, 0, 0, ()),) * 2)
    assert prove(found) == ()


def test_axes_are_followed_where_they_go() -> None:
    """To channels last and back, through a layer of either order."""
    conv = "Conv2d: {out_channels: 4, kernel_size: [3, 5]}"
    steps = f"[{conv}, permute: [0, 2, 3, 1], Linear: 6, LayerNorm, permute: [0, 3, 1, 2], {conv}]"
    found = receptive(analysed(f"input: 1x4x20x20\nlayers: {steps}\n"))
    assert found.outputs[0].axes == ((5, 1, 0, ()), (9, 1, 0, ()))
    assert prove(found) == ()


@pytest.mark.parametrize(("shape", "axes"), [("3x9x9", 2), ("1x3x9x9", 2), ("9x9", 0), ("1x3x9", 1)])
def test_an_image_without_a_batch_has_its_axes_too(shape: str, axes: int) -> None:
    layer = f"Conv{axes}d: {{out_channels: 4, kernel_size: 3}}" if axes else "Linear: 3"
    analysis = analysed(f"input: {shape}\nlayers:\n  - {layer}\n")
    if axes:
        assert receptive(analysis).outputs[0].axes == ((3, 1, 0, ()),) * axes
    else:
        with pytest.raises(UsageError, match="no input has spatial axes"):
            receptive(analysis)


def test_a_branch_that_gives_its_shape_alone_is_not_seen() -> None:
    steps = "[Conv1d: {out_channels: 1, kernel_size: 3, padding: 1}, expand_as: [[], [Linear: 9]]]"
    found = receptive(analysed(f"input: 1x1x9\nlayers: {steps}\n"))
    assert found.outputs[0].axes == ((3, 1, -1, ()),)
    assert prove(found) == ()


def test_several_inputs_one_at_a_time() -> None:
    text = "input: {vector: 1x3, image: 1x3x8x8, words: 1x7:int64}\nlayers:\n"
    text += "  - {Conv2d: {out_channels: 3, kernel_size: 3}, from: image}\n"
    text += "  - {Embedding: {num_embeddings: 9, embedding_dim: 2}, from: words}\n"
    analysis = analysed(text)
    statuses = [[field.status for field in receptive(analysis, of).fields] for of in (None, "image", "words")]
    assert statuses == [["exact", "undefined"], ["exact", "undefined"], ["undefined", "exact"]]


def test_the_first_that_sees_past_the_border() -> None:
    """Of nine elements the centre, element 4, reads from 4 − n to 4 + n after n convolutions."""
    found = receptive(
        analysed(
            "input: 1x1x9\nlayers: [{Conv1d: {out_channels: 1, kernel_size: 3, padding: 1}, times: 6}]\n"
        )
    )
    assert found.past_border is found.fields[4]
    longer = receptive(
        analysed("input: 1x1xL\nlayers: [{Conv1d: {out_channels: 1, kernel_size: 3}, times: 6}]\n")
    )
    assert longer.past_border is None


# Every layer type, on the example of its reference.

NOT_IN_GRADIENTS = (
    *("amax", "amin", "topk", "sort", "where"),  # of several elements, the gradient is that of one of them
    *("floor", "ceil", "round", "trunc", "sign"),  # constant between steps: their gradient is 0
    *("remainder", "fmod"),  # whose divisor's gradient is the rounded quotient, often 0
    "acosh",  # which is no number below 1, where what is drawn lies
    "selective_scan",  # whose first step has no state yet that could decay: tests/test_selective_scan.py
)
BORDERS = ("ReflectionPad", "ReplicationPad")  # whose elements show others, and count as lying outside


def as_given(value: Any) -> Any:
    return [as_given(item) for item in value] if isinstance(value, (list, tuple)) else value


WITH_KERNELS = ("conv1d", "conv2d", "conv3d")
"""Types that are given a kernel: of it, an element beside padding reads a part, along whatever axis."""


def alone(name: str) -> Analysis | None:
    """The type's example as a network of its own, None where it needs more than that."""
    example = LAYERS[name].example
    inputs = example.inputs if example else (Tensor((2, 6, 8)),) * int(LAYERS[name].inputs_range[0])
    arguments = {key: as_given(value) for key, value in example.arguments.items()} if example else {}
    arguments |= {"padding": 0} if name in WITH_KERNELS else {}
    given = {f"x{i}": f"{'x'.join(map(str, x.shape))}:{x.dtype}" for i, x in enumerate(inputs)}
    text = yaml.safe_dump({"input": given, "layers": [{name: arguments or None, "from": list(given)}]})
    try:
        return analysed(text) if inputs else None
    except ShapecalcError:
        return None


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in NOT_IN_GRADIENTS])
def test_a_type_sees_what_it_declares(name: str) -> None:
    """Along every axis of every input, channels and batch too."""
    analysis = alone(name)
    if analysis is None or not is_floating(analysis.outputs[0].dtype):
        return  # masks and indices have no gradient that could say so
    for of, x in analysis.inputs.items():
        for axis in range(x.rank if is_floating(x.dtype) else 0):
            found = along(analysis, of, (axis,))
            if found.fields[0].status != "undefined":
                places = ["centre"] if name.startswith(BORDERS) else ["first", "centre", "last"]
                assert prove(found, places) == ()


# Stacks of layers along one axis, each of their elements against its gradient.

KERNELS = st.sampled_from([1, 2, 3, 4, 13])


@st.composite
def windowed(draw: st.DrawFn) -> str:
    k, s, d = draw(KERNELS), draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 3]))
    p = draw(st.integers(0, 3))
    name = draw(st.sampled_from(["Conv1d", "Conv1d", "MaxPool1d", "AvgPool1d"]))
    if name == "Conv1d":
        return f"Conv1d: {{out_channels: 2, kernel_size: {k}, stride: {s}, padding: {p}, dilation: {d}}}"
    ceil = draw(st.booleans())
    dilation = f", dilation: {d}" if name == "MaxPool1d" else ""
    half = min(p, k // 2)
    window = f"kernel_size: {k}, stride: {s}, padding: {half}{dilation}"
    return f"{name}: {{{window}, ceil_mode: {str(ceil).lower()}}}"


@st.composite
def transposed(draw: st.DrawFn) -> str:
    k, s, p, d = (
        draw(KERNELS),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 2)),
        draw(st.sampled_from([1, 1, 2])),
    )
    more = draw(st.integers(0, max(s, d) - 1))
    return (
        f"ConvTranspose1d: {{out_channels: 2, kernel_size: {k}, stride: {s}, padding: {p}, dilation: {d},"
        f" output_padding: {more}}}"
    )


OTHERS = [
    "ReLU",
    "BatchNorm1d",
    "Upsample: {scale_factor: 2}",
    "Upsample: {scale_factor: 3, mode: linear}",
    "Upsample: {scale_factor: 2, mode: linear}",
    "AdaptiveAvgPool1d: 5",
    "AdaptiveMaxPool1d: 3",
    "ConstantPad1d: {padding: [2, -1], value: 0}",
    "ConstantPad1d: {padding: [-2, 3], value: 0}",
    "narrow: {dim: 2, start: 1, length: 6}",
    "slice: {dim: 2, start: -7, step: 2}",
    "slice: {dim: 2, end: -1, step: 3}",
    "Identity",
]
SIMPLE = st.one_of(windowed(), windowed(), transposed(), st.sampled_from(OTHERS))


@st.composite
def stacks(draw: st.DrawFn) -> list[Any]:
    """A few layers; now and then a join of a layer with what it reads."""
    layers: list[Any] = []
    for _ in range(draw(st.integers(1, 5))):
        step = yaml.safe_load(draw(SIMPLE))
        if draw(st.integers(0, 4)) == 0:
            k = 2 * draw(st.integers(0, 2)) + 1
            same = {"Conv1d": {"out_channels": 2, "kernel_size": k, "padding": "same"}}
            step = {draw(st.sampled_from(["concat", "add"])): [[], [same]]}
        layers.append(step)
    return layers


def elements(found: Receptive) -> Any:
    """The last row's axis_field, and for each of its elements what it reads."""
    field = found.fields[-1]
    source, outputs = run(found)
    (axis_field,) = field.along_axes
    assert isinstance(axis_field, Exact)
    for index in range(outputs[-1].shape[2] if axis_field.axis is not None else 1):
        (seen,) = measured(field.along_axes, [index], outputs[-1], source, found.axes)
        yield axis_field, index, seen


def drawn(layers: list[Any], length: int) -> Receptive:
    text = yaml.safe_dump({"input": f"1x2x{length}", "layers": layers})
    try:
        found = receptive(analysed(text))
    except ShapecalcError:
        assume(False)
    assume(isinstance(found.fields[-1].along_axes[0], Exact))
    return found


def untouched(found: Receptive) -> list[bool]:
    """For each element of the last row, whether nothing that it is made of, at any depth, is padding."""
    kept = {(-1, 0): [True] * number(found.space[0])}
    for index, row in enumerate(found.analysis.rows):
        reads = row.layer.reads_of(row.inputs, 0) or ()
        columns = []
        for wire, own in zip(row.sources, reads, strict=True):
            (pattern,) = [
                axis_reads
                for axis_reads in own or ()
                if isinstance(axis_reads, Pattern) and axis_reads.axis == 2
            ]
            below = kept[wire.row, wire.port]
            taps = [pattern.places(i) for i in range(number(row.output.shape[2]))]
            columns.append([all(0 <= t < len(below) and below[t] for t in places) for places in taps])
        kept[index, 0] = [all(each) for each in zip(*columns, strict=True)]
    return kept[len(found.analysis.rows) - 1, 0]


@settings(max_examples=count(80, 1000))
@given(stacks(), st.integers(6, 40))
def test_stacks_see_what_is_computed(layers: list[Any], length: int) -> None:
    """An element that is made of no padding reads its field, from end to end; one that is, nothing beyond."""
    found = drawn(layers, length)
    whole = untouched(found)
    for axis_field, index, seen in elements(found):
        field, inside = axis_field.at(index), axis_field.inside(index)
        assert not seen or (inside is not None and inside[0] <= seen[0] <= seen[-1] <= inside[1])
        if whole[index]:
            assert (seen[0], seen[-1]) == field if seen else field is None
            assert not axis_field.dense or field is None or seen == list(range(field[0], field[1] + 1))


HUGE = [
    ("1x1x2000000000", "Conv1d: {out_channels: 1, kernel_size: 1000000000, padding: 500000000, stride: 7}"),
    ("1x1x9", "ConvTranspose1d: {out_channels: 1, kernel_size: 1000000000, stride: 1000000}"),
    ("1x1x9", "ConvTranspose1d: {out_channels: 1, kernel_size: 1000000000, stride: 3, dilation: 2}"),
    ("1x1x9", "Upsample: {scale_factor: 1000000}"),
    ("1x1x9", "Upsample: {scale_factor: 1000000, mode: linear}"),
    ("1x1x1000003", "AdaptiveAvgPool1d: 500000"),
    ("1x1x9", "ConstantPad1d: {padding: [1000000000, 1000000000], value: 0}"),
    ("1x1x2000000000", "MaxPool1d: {kernel_size: 2, dilation: 1000000000, padding: 1}"),
]


@pytest.mark.parametrize(("shape", "step"), HUGE)
def test_huge_numbers_take_no_longer(shape: str, step: str) -> None:
    """Windows, strides and patterns are arithmetic; what would have to be listed at length is refused."""
    long = f"Conv1d: {{out_channels: 1, kernel_size: 5, padding: {10**9}, stride: 3}}"
    fields = receptive(analysed(f"input: {shape}\nlayers:\n  - {step}\n  - {long}\n")).fields
    for field in fields:
        assert (field.status == "exact") is not bool(field.reason and "repeats itself after" in field.reason)
