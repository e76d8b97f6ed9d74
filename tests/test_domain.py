"""The inputs that a network takes, those that give an output, and why: against runs, torch and plain sets."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import Analysis, Architecture, ArchitectureError
from shapecalc.analysis.domain.boxes import Box
from shapecalc.analysis.domain.domain import Domain, Solved, domain
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.analysis.domain.sizesets import EVERY
from shapecalc.analysis.domain.wanted import inputs_that_give
from shapecalc.engine.inputs import inputs_of
from shapecalc.language.inputs import parse_input
from shapecalc.layers import Weight
from shapecalc.symbolic import at, number
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import BuildError, Network, build, sample
from shapecalc.window import Window
from tests.command import Command, Finished
from tests.dice import SEED, count
from tests.networks import EVERY_TYPE, OWN, short, typed
from tests.test_formulas import IMAGES, Sizes, concrete, networks, read
from tests.test_taught import TAUGHT


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Where a test writes its file."""
    return tmp_path / "net.yaml"


@cache
def general(file: str) -> Analysis:
    """A network of the zoo, or of a text, with symbols in its inputs."""
    architecture = shapecalc.parse(file) if ":" in file else shapecalc.load(file)
    return in_general(architecture, inputs_of(architecture), {})


def accepts(analysis: Analysis, sizes: Sizes) -> bool:
    return concrete(analysis.architecture, analysis.inputs, sizes) is not None


@cache
def own_weights(architecture: Architecture) -> Any:
    """The weights at the file's own input; None where that is refused."""
    try:
        return named_weights(shapecalc.analyse(architecture))
    except ArchitectureError:
        return None


def named_weights(analysis: Analysis) -> list[tuple[str, Mapping[str, Weight]]]:
    return [(row.path, dict(row.weights)) for row in analysis.rows]


def has_its_weights(found: Analysis) -> bool:
    return own_weights(found.architecture) in (None, named_weights(found))


def accepts_with_its_weights(analysis: Analysis, sizes: Sizes) -> bool:
    found = concrete(analysis.architecture, analysis.inputs, sizes)
    return found is not None and has_its_weights(found)


def within(boxes: Sequence[Box], conditions: Iterable[Condition], sizes: Sizes) -> bool:
    """Whether sizes are in one of the boxes and meet the conditions that are left open."""
    inside = any(all(n in box.get(name, EVERY) for name, n in sizes.items()) for box in boxes)
    return inside and all(condition.permits(sizes) for condition in conditions)


# The smallest input of every convolutional network of the zoo.


def square(n: int) -> Sizes:
    return {"H": n, "W": n}


SMALLEST: Mapping[str, Sizes] = {
    **dict.fromkeys(["alexnet", "alexnet-slim", "nin"], square(67)),
    **dict.fromkeys(["vgg11", "vgg11-small"], square(32)),
    **dict.fromkeys(["resnet18", "imagenet/resnet18", "googlenet", "dcgan", "mobilenet-v1"], square(1)),
    **dict.fromkeys(["dpn68", "detection/retinanet"], square(1)),
    **dict.fromkeys(["lenet-maxpool", "lenet-batchnorm", "unet"], square(16)),
    "densenet": square(29),
    "detection/yolov8n": square(25),
    "diffusion/stable-diffusion-vae": square(8),
    "dla34": square(31),
    "hrnet-w18": square(29),
    "nasnet-a-mobile": square(3),
    "lenet": square(28),
    "vit-b-16": square(224),
    **dict.fromkeys([f"swin_v2_{size}" for size in "tsb"], square(256)),
    "cnn3d": {"D": 4, "H": 8, "W": 8},
    "wavenet": {"L": 1},
}
"""By hand: the last of the three poolings by 3 with stride 2 of AlexNet and NiN needs 3 elements, so 7,
so 15; 15 windows of 11 with stride 4 span 4·14 + 11 = 67."""


def test_every_convolutional_network_is_here() -> None:
    """But for the published ones, whose smallest inputs are published too, and those of words."""
    analyses = {name: shapecalc.analyse(shapecalc.load(name)) for name in OWN}
    seen = {
        name for name, found in analyses.items() if all(x.dtype == "float32" for x in found.inputs.values())
    }
    found = {name for name in seen if any("Conv" in row.type for row in analyses[name].rows)}
    assert found == SMALLEST.keys() - {"imagenet/resnet18"}


def smaller(sizes: Sizes) -> list[Sizes]:
    """The sizes with one of them one less, and with all of them one less."""
    found = [{**sizes, name: n - 1} for name, n in sizes.items()] + [{k: n - 1 for k, n in sizes.items()}]
    return [one for one in found if min(one.values())]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", SMALLEST)
def test_smallest_input(name: str) -> None:
    analysis, smallest = general(name), SMALLEST[name]
    assert domain(analysis, any_weights=True).smallest == smallest
    assert accepts(analysis, smallest)
    assert not any(accepts(analysis, sizes) for sizes in smaller(smallest))


def run_in_torch(network: Network, inputs: Mapping[str, Tensor], sizes: Sizes) -> None:
    """A module that is fed with inputs of any sizes on `meta`."""
    shapes = [tuple(at(size, sizes) for size in x.shape) for x in inputs.values()]
    with torch.inference_mode():
        network(*(sample(Tensor(shape), "meta") for shape in shapes), observe=lambda *_: None)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", SMALLEST)
def test_smallest_input_in_torch(name: str) -> None:
    """Torch takes it, and fails with less in a layer whose condition decides."""
    analysis = general(name)
    found = concrete(analysis.architecture, analysis.inputs, SMALLEST[name])
    assert found
    network = build(found)
    run_in_torch(network, analysis.inputs, SMALLEST[name])
    for sizes in smaller(SMALLEST[name]):
        with pytest.raises(BuildError) as caught:
            run_in_torch(network, analysis.inputs, sizes)
        assert caught.value.row.path in {c.path for c in analysis.decisive_conditions}


# All inputs, by trying them.


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_inputs_of_the_zoo(name: str) -> None:
    analysis = general(name)
    found, kept = domain(analysis, any_weights=True), domain(analysis)
    draw = random.Random(f"{SEED}/{name}")
    own = sizes_of(inputs_of(analysis.architecture), analysis.inputs)
    for largest in [80, 80, 80, 300, 2000, 0] * count(2, 50):
        sizes = {symbol: draw.randint(1, largest or 1) for symbol in found.symbols}
        if name in IMAGES:
            sizes |= zip("HW", draw.choice(IMAGES[name]), strict=True)
            sizes["W"] += draw.choice([0, 0, 1, -1])
        if not largest and own:
            sizes = {symbol: max(1, n + draw.randint(-40, 40)) for symbol, n in own.items()}
        taken = concrete(analysis.architecture, analysis.inputs, sizes)
        assert within(found.boxes, found.open, sizes) == (taken is not None)
        assert within(kept.boxes, kept.open, sizes) == (taken is not None and has_its_weights(taken))


def drawn_images(seed: int) -> list[Sizes]:
    draw = random.Random(seed)
    largest = [draw.choice((6, 80, 80)) for _ in range(15)]  # few, so that sizes of 1 are repeated
    return [{"H": draw.randint(1, most), "W": draw.randint(1, most)} for most in largest]


images = st.builds(drawn_images, st.integers(0, 2**32))
half = settings(max_examples=count(30, 500))  # each example is many runs


def drawn_domain(file: str, any_weights: bool = False) -> Domain:
    """The domain of a random network; a size of 1 may be repeated in its sums."""
    try:
        analysis = general(file)
    except ArchitectureError:
        analysis = None
    assume(analysis)
    assert analysis
    return domain(analysis, any_weights=any_weights)


@half
@given(networks(), images)
def test_inputs_of_random_networks(file: str, images: list[Sizes]) -> None:
    found = drawn_domain(file)
    taken = [sizes for sizes in images if accepts_with_its_weights(found.analysis, sizes)]
    assert taken == [sizes for sizes in images if within(found.boxes, found.open, sizes)]
    if found.smallest:
        assert accepts_with_its_weights(found.analysis, found.smallest)
        areas = [sizes["H"] * sizes["W"] for sizes in taken]
        assert found.smallest["H"] * found.smallest["W"] <= min(areas, default=10**9)
    else:
        assert not taken


@half
@given(networks(), images, st.data())
def test_inputs_that_give_the_output_of_some_layer(
    file: str, images: list[Sizes], data: st.DataObject
) -> None:
    """Wanted is what one of the inputs gives, now and then a little more, or any size."""
    found = drawn_domain(file, any_weights=True)
    runs = [(sizes, concrete(found.analysis.architecture, found.analysis.inputs, sizes)) for sizes in images]
    taken = [analysis for _, analysis in runs if analysis]
    assume(taken)
    row = data.draw(st.integers(0, len(taken[0].rows) - 1))
    shape = data.draw(st.sampled_from(taken)).rows[row].output.shape
    changes = [data.draw(st.sampled_from([0, 0, 0, 0, 1, None])) for _ in shape]
    wanted = [None if more is None else size + more for size, more in zip(shape, changes, strict=True)]
    solutions = inputs_that_give(found, found.analysis.rows[row].output.shape, wanted)
    assert bool(solutions.boxes) != bool(solutions.reason)
    for sizes, analysis in runs:
        output = analysis.rows[row].output.shape if analysis else ()
        gives = bool(output) and all(w in (None, n) for w, n in zip(wanted, output, strict=True))
        assert within(solutions.boxes, solutions.open, sizes) == gives


REPEATING = "input: 1x1x9x9\nlayers:\n- add: [[MaxPool2d: 3], [MaxPool2d: 2]]\n- {}\n"
"""A row or column of one element is repeated where the other branch has two."""


@pytest.mark.parametrize("last", ["ReLU", "MaxPool2d: 2", "reshape: [1, 1]"])
def test_inputs_of_a_sum_that_repeats(last: str) -> None:
    found = domain(general(REPEATING.format(last)))
    for h, w in itertools.product(range(1, 12), repeat=2):
        sizes = {"H": h, "W": w}
        assert within(found.boxes, found.open, sizes) == accepts(found.analysis, sizes)


def test_the_smallest_input_has_the_fewest_elements() -> None:
    """(H + 2)·(W + 2) = 36 also is 6·6, of 4×4 elements."""
    padded = "Conv2d: {out_channels: 1, kernel_size: 1, padding: 1}"
    head = "Linear: {in_features: 36, out_features: 1}"
    found = domain(general(f"input: 1x1x8x8\nlayers: [{padded}, Flatten, {head}]"))
    assert found.smallest == {"H": 1, "W": 10}


def test_two_inputs_that_must_agree() -> None:
    """Two symbols that are equal have no closed form here: the condition stays beside the ranges."""
    pair = "input: {a: 1x1x8x8, b: 1x1x8x8}\nlayers:\n- concat: [[], b]\n- MaxPool2d: 3\n"
    found = domain(general(pair))
    assert [str(condition) for condition in found.open] == ["H = H_b", "W = W_b"]
    assert set((found.smallest or {}).values()) == {3}


def test_symbols_of_an_input_with_an_x_in_its_name_are_read_as_inputs_again() -> None:
    """An x joins sizes: 1xL_text would be three of them. Of such an input the symbols have the number."""
    text = "input: {image: 1x8, text: 1x77:int64, box: 1x3x9x9}\nlayers: [Linear: 4]"
    found = general(text)
    assert str(found.inputs["text"]) == "1×L_2"
    assert str(found.inputs["box"]) == "1×3×H_3×W_3"
    for x in found.inputs.values():
        assert parse_input(str(x)).tensor({}).shape == x.shape


# The weights are those at the file's own input.

MIXER = """
input: 1x3x64x64
blocks:
  mlp(hidden, out): [Linear: hidden, GELU, Linear: out]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 16, stride: 16}
  - flatten: {start_dim: 2}
  - transpose: {dim0: 1, dim1: 2}
  - add:
    - []
    - [LayerNorm, transpose: {dim0: 1, dim1: 2}, mlp: {hidden: 12, out: 16}, transpose: {dim0: 1, dim1: 2}]
  - {mean: {dim: 1}}
  - Linear: 10
"""
"""An MLP-Mixer: with one token, torch would make the weights of its first map 12×1, and repeat the token."""

ADDED = """
input: 1x3x64x64
layers:
  - Conv2d: {out_channels: 8, kernel_size: 16, stride: 16}
  - flatten: {start_dim: 2}
  - add: [[], [parameter: [1, 8, 16]]]
"""
"""One learned vector for each of 16 patches: an image of one patch would be repeated for all of them."""

NORMED = (
    "input: 1x4x20x24\nlayers: [Conv2d: {out_channels: 4, kernel_size: 3, stride: 2}, LayerNorm: {axes: 2}]"
)
TOKENS = [(16, 256), (32, 128), (64, 64), (128, 32), (256, 16)]


@pytest.mark.parametrize("file", [MIXER, ADDED])
def test_images_of_as_many_patches(file: str) -> None:
    found = domain(general(file))
    wanted = {(h + i, w + j) for h, w in TOKENS for i in (0, 15) for j in (0, 15)}
    for h, w in {*wanted, (16, 16), (31, 16), (63, 64), (80, 64), (32, 256), (240, 16)}:
        assert within(found.boxes, found.open, {"H": h, "W": w}) == ((h, w) in wanted)
    assert within(domain(general(file), any_weights=True).boxes, (), {"H": 16, "W": 16})


def test_a_broken_repetition_is_the_file_s_own() -> None:
    """Where the file's own input is repeated for a weight, that is what the network does."""
    found = domain(general(ADDED.replace("64x64", "16x16")))
    assert within(found.boxes, found.open, {"H": 16, "W": 16})


def test_the_layer_whose_weights_bound_the_input(run: Command, written: Path) -> None:
    written.write_text(LINEAR)
    found = shown(run("domain", str(written), "--format", "json"))
    assert found["smallest"] == {"H": 8, "W": 8}
    written.write_text(LINEAR.replace("in_features: 64, ", ""))
    (condition,) = shown(run("domain", str(written), "--format", "json"))["conditions"]
    assert condition == {"path": "Linear[0]", "condition": "H*W == 64", "why": "its weights keep their shape"}
    assert shown(run("domain", str(written), "--any-weights", "--format", "json"))["conditions"] == []


PATCHES = """
input: 1x3x64x64
layers: [Conv2d: {out_channels: 8, kernel_size: 16, stride: 16}, Flatten, Linear: 12]
"""
CHANGED = [
    ("show FILE --input 1x3x32x32", "Linear[0]: the weight is 12×32, at the file's own input 12×128"),
    ("params FILE --input 1x3x32x32", "Linear[0]"),
    ("flops FILE --input 1x3x32x32", "Linear[0]"),
    ("memory FILE --input 1x3x32x32", "Linear[0]"),
    ("receptive FILE --input 1x3x32x32", "Linear[0]"),
    ("explain FILE --input 1x3x32x32", "Linear[0]"),
    ("show FILE --input 1x4x64x64", "Conv2d[0]: the weight is 8×4×16×16, at the file's own input 8×3×16×16"),
    ("show FILE --input 5x3x64x64", None),
    ("show FILE --input Nx3x79x64", None),
    ("show FILE --input Nx3xHxW", None),
]


@pytest.mark.parametrize(("command", "layer"), CHANGED)
def test_an_input_that_changes_weights(command: str, layer: str | None, run: Command, written: Path) -> None:
    """One line on standard error, and the figures of the input that was given."""
    written.write_text(PATCHES)
    done = run(*command.replace("FILE", str(written)).split())
    start = "warning: the given input changes the weights, first those of "
    assert done.code == 0
    assert done.errors.startswith(start + layer) if layer else not done.errors
    assert done.errors.count("\n") == (layer is not None)


ADVISED = [
    ("show vit-b-16 -i 1x3x384x384", "--set patches=576; the nearest sizes that fit: H = 239, W = 239;"),
    (
        "show unet -i 1x3x220x256",
        "the nearest sizes that fit: H = 208 or 224; shapecalc domain says which do",
    ),
    ("params unet -i 1x3x7x250", "the kernel of 2 does not fit"),
]


@pytest.mark.parametrize(("command", "hint"), ADVISED)
def test_a_join_that_does_not_fit_names_sizes_that_do(command: str, hint: str, run: Command) -> None:
    """By hand: (384/16)² = 576 patches; up to 15·16 − 1 there are 14 in a row; 16 divides 208 and 224."""
    done = run(*command.split())
    assert (done.code, done.out) == (1, "")
    assert hint in done.errors


POSITIONS = """
input: 1x3x64x64
parameters: {patches: 16}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 16, stride: 16}
  - flatten: {start_dim: 2}
  - transpose: [1, 2]
  - add: [[], [parameter: {shape: [1, patches, 8]}]]
"""
MIXED = """
input: 1x3x32x32
layers:
  - Conv2d: {out_channels: 16, kernel_size: 8, stride: 8}
  - flatten: {start_dim: 2}
  - add: [[Linear: 16], []]
"""
FITTING = [
    (POSITIONS, "1x3x96x96", "--set patches=36", "1x3x79x79"),  # one patch would do, too: it is repeated
    (POSITIONS, "1x3x20x40", "--set patches=2", "1x3x64x64"),
    (MIXED, "1x3x18x22", "", "1x3x32x32"),  # 15×15 is nearer, and gives the Linear layer other weights
    (MIXED, "1x3x40x60", "", "1x3x23x64"),
]


@pytest.mark.parametrize(("file", "given", "option", "nearest"), FITTING)
def test_sizes_that_are_named_keep_the_weights(
    file: str, given: str, option: str, nearest: str, run: Command, written: Path
) -> None:
    """What the hint says is tried: each passes, and without a warning of other weights."""
    written.write_text(file)
    error = run("show", str(written), "-i", given).errors
    _, _, height, width = nearest.split("x")
    sizes = f"the nearest sizes that fit: H = {height}, W = {width}; shapecalc domain says which do"
    assert error.endswith(f"hint: {f'{option}; ' if option else ''}{sizes}\n")
    assert not run("show", str(written), "-i", nearest).errors
    assert not option or run("show", str(written), "-i", given, *option.split()).code == 0


FOLLOWING = [
    # A volume of 4·9·9 elements is all that the normalisation leaves.
    (
        "Conv2d: {out_channels: 4, kernel_size: 3, stride: 2}, LayerNorm: [4, 9, 9], Flatten, Linear: 3",
        "1x6x20x20",
    ),
    ("AvgPool2d: 2, LayerNorm: [3, 5], reshape: [1, 15]", "1x1x6x10"),
]


@pytest.mark.parametrize(("layers", "given"), FOLLOWING)
def test_what_follows_of_several_sizes_is_left_out(layers: str, given: str) -> None:
    """A condition on the product of two sizes, which others hold to one value each."""
    found = domain(general(f"input: {given}\nlayers: [{layers}]"))
    assert {one.condition.path for one in found.decisive} == {"LayerNorm[0]"}
    assert len(found.boxes) == 1
    assert not found.open


AGGREGATED = """
input: 1x3x128x128
blocks:
  conv(out, stride=1):
    - Conv2d: {out_channels: out, kernel_size: 3, stride: stride, padding: 1}
    - BatchNorm2d
  level(out):
    - {seq: [], as: x}
    - {conv: {out: out, stride: 2}, as: body}
    - {MaxPool2d: 2, from: x, as: pooled}
    - add: [body, [{Conv2d: {out_channels: out, kernel_size: 1}, from: pooled}]]
layers: [conv: 4, conv: {out: 4, stride: 2}, level: 8, level: 8, level: 16, level: 16]
"""
"""As in Deep Layer Aggregation (arXiv:1707.06484): strided convolutions, ⌈H/2⌉, beside poolings, ⌊H/2⌋."""


@pytest.mark.parametrize("join", ["concat", "add"])
def test_layers_that_are_aggregated(join: str, run: Command, written: Path) -> None:
    """Against trying; a sum repeats a row of one element, which is no fault of the network."""
    file = AGGREGATED.replace("add:", f"{join}:")
    found = domain(general(file))
    for n in range(1, 140):
        sizes = {"H": n, "W": 64}
        assert within(found.boxes, found.open, sizes) == accepts(found.analysis, sizes)
    if join == "concat":
        written.write_text(file)
        limits = "Inputs      H mod 32 in {0, 31}, W mod 32 in {0, 31}\n"
        assert limits in run("domain", str(written)).out


# Elements at the end of an axis that no window reads.


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_unread_elements(ceil_mode: bool) -> None:
    """Each window by itself: what is beyond the last element that any of them touches."""
    for kernel, stride, before, after, n in itertools.product(*map(range, (1, 1, 0, 0, 1), (6, 6, 4, 4, 15))):
        window = Window(kernel, stride, before, after, 1, ceil_mode)
        try:
            starts = [i * stride - before for i in range(number(window.size(n)))]
        except ArchitectureError:
            continue
        touched = {start + i for start in starts for i in range(kernel)} & set(range(n))
        assert window.unread(n) == n - 1 - max(touched, default=-1)


def test_unread_elements_of_a_kernel_with_gaps() -> None:
    window = Window(3, 2, dilation=3)  # reads 0, 3, 6, then 2, 5, 8, …
    assert [window.unread(n) for n in range(7, 13)] == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("layer", "lossless"),
    [
        ("MaxPool2d: {kernel_size: 3, stride: 2}", "H >= 3 and H % 2 == 1"),
        ("Conv2d: {out_channels: 1, kernel_size: 7, stride: 4, padding: 3}", "H % 4 in (1, 2, 3, 0)"),
        ("Conv2d: {out_channels: 1, kernel_size: 3, stride: 4}", "H >= 3 and H % 4 == 3"),
    ],
)
def test_sizes_of_which_all_is_read(layer: str, lossless: str) -> None:
    found = domain(general(f"input: 1x1x32x32\nlayers: [{layer}]"))
    (lossless_box,) = found.lossless or ()
    losing = {n for n in range(1, 100) if any(found.losses({"H": n, "W": 3}))}
    assert {n for n in range(3, 100) if n not in lossless_box["H"]} <= losing
    for n in range(3, 100):
        units = {sliding.unit for sliding, _ in found.losses({"H": n, "W": 3})}
        assert ("row" not in units) == (n in lossless_box["H"]) == read(lossless, {"H": n})


def test_sizes_of_which_something_is_always_left() -> None:
    """Of an even size, windows of 3 with stride 2 leave one element."""
    found = domain(general("input: 1x1x2*hx9\nlayers: [MaxPool2d: {kernel_size: 3, stride: 2}]"))
    assert all(list(found.losses({"h": h})) for h in range(2, 20))
    assert found.lossless is None or not any(box["h"] for box in found.lossless)


# `solve`: ranges, and why there is none.


def shown(done: Finished, code: int = 0) -> Any:
    assert (done.code, done.errors) == (code, "")
    return json.loads(done.out)


def test_the_json_of_domain(run: Command) -> None:
    found = shown(run("domain", "alexnet", "--any-weights", "--format", "json"))
    assert found["smallest"] == {"H": 67, "W": 67}
    assert [(c["path"], c["condition"]) for c in found["conditions"][-2:]] == [
        ("MaxPool2d[2]", "H >= 67"),
        ("MaxPool2d[2]", "W >= 67"),
    ]
    assert found["solutions"] == [{"H": [67, None, 1], "W": [67, None, 1]}]
    assert found["every_element_read"] == [{"H": [67, None, 32], "W": [67, None, 32]}]


SOLVED = [
    ("resnet18 --at b5 -o 1x512x7x7", [{"H": [193, 224, 1], "W": [193, 224, 1]}]),
    ("resnet18 --at b5 -o Bx512x1xany", [{"H": [1, 32, 1], "W": [1, None, 1]}]),
    ("nin --at MaxPool2d[2] -o 1x384x5x6", [{"H": [195, 226, 1], "W": [227, 258, 1]}]),
    ("alexnet --any-weights -o 1x10", [{"H": [67, None, 1], "W": [67, None, 1]}]),
    ("vgg11 --at Flatten[0] -o 1x1024 --any-weights",
     [{"H": [32, 63, 1], "W": [64, 95, 1]}, {"H": [64, 95, 1], "W": [32, 63, 1]}]),
    ("vgg11-small --at Flatten[0] -o 1x64*49 -i 1x1xHxH", [{"H": [224, 255, 1]}]),
    ("vgg11-small --at vgg[1] -o 1x16x9x18 -i 1x1x3*hx4*w --any-weights",
     [{"h": [12, 13, 1], "w": [18, 18, 1]}]),
    ("nin -o 1x100 --set classes=4*K", [{"H": [67, None, 1], "W": [67, None, 1], "K": [25, 25, 1]}]),
]  # fmt: skip


@pytest.mark.parametrize(("command", "solutions"), SOLVED)
def test_solutions(command: str, solutions: Any, run: Command) -> None:
    found = shown(run("solve", *command.split(), "--format", "json"))
    assert sorted(found["solutions"], key=str) == sorted(solutions, key=str)
    assert (found["conditions"], found["reason"]) == ([], None)


def test_solutions_are_in_the_same_order_in_every_run() -> None:
    words = "solve vgg11 --at Flatten[0] -o 1x512*12 --any-weights"
    command = [sys.executable, "-m", "shapecalc", *words.split()]
    environments = [{**os.environ, "PYTHONHASHSEED": str(seed)} for seed in range(3)]
    runs = [subprocess.run(command, env=env, check=True, capture_output=True) for env in environments]
    assert len({done.stdout for done in runs}) == 1


UNSOLVABLE = [
    ("resnet18 --at b5 -o 1x511x7x7", "axis 1 is 512 whatever the input, not 511"),
    ("resnet18 -o 1x512x7x7", "it has 2 axes, not 4"),
    ("resnet18 --at b5 -o 1x512x0x7", "axis 2 is ⌈H/32⌉: of the inputs that work, none makes it 0, but 1"),
    ("vgg11 --at vgg[4] -o 1x512x-1x7", "axis 2 is ⌊H/32⌋: of the inputs that work, none makes it -1, but 1"),
    ("resnet18 --at b2 -o 1x64x5x6 -i 1x1x8*hx8*w",
     "axis 2 is 2⋅h: of the inputs that work, none makes it 5, but 4 or 6"),
    ("vgg11-small --at Flatten[0] -o 1x3200 -i 1x1xHxH --any-weights",
     "axis 1 is 64⋅⌊H/32⌋²: of the inputs that work, none makes it 3200, but 3136 or 4096"),
    ("vgg11-small --at Flatten[0] -o 1x100353 --any-weights",
     "axis 1 is 64⋅⌊H/32⌋⋅⌊W/32⌋: of the inputs that work, none makes it 100353"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "reason"), UNSOLVABLE)
def test_no_solution(command: str, reason: str, run: Command) -> None:
    found = shown(run("solve", *command.split(), "--format", "json"), code=1)
    assert (found["solutions"], found["reason"]) == ([], reason)
    assert f": {reason}\n" in run("solve", *command.split(), columns=300).out


# `explain`: each derivation, read again by Python.


def told(run: Command, *words: str) -> list[Any]:
    layers: list[Any] = shown(run("explain", *words, "--format", "json"))["layers"]
    return layers


ORDINALS = ["n₀", "n₁", "n₂", "n₃", "n₄", "n₅"]
LETTERS = {1: "F", 2: "NF", 3: "NLF", 4: "NCHW", 5: "NCDHW"}


def derived(layer: Any) -> dict[int, int]:
    """Axis of the output → the size that is derived for it."""
    rank = len(layer["output"])
    letters: Sequence[str] = "NCL" if layer["type"].endswith("1d") else LETTERS.get(rank, ORDINALS[:rank])
    names = [(name, size["result"]) for size in layer["sizes"] for name in size["of"].split(", ")]
    return {letters.index(name.removesuffix("'")): result for name, result in names}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_every_derivation(name: str, run: Command) -> None:
    """The formula with the numbers put in gives the result, and the result is the figure of the row."""
    for row, layer in zip(short(name).rows, told(run, *typed(name)), strict=True):
        macs = [layer["macs"]] if layer["macs"] else []
        for derivation in (*layer["sizes"], *layer["weights"], *macs):
            assert read(derivation["values"], {}) == derivation["result"]
        assert all(row.output.shape[axis] == size for axis, size in derived(layer).items())
        assert {w["of"]: w["result"] for w in layer["weights"]} == {
            name: weight.elements for name, weight in row.weights.items()
        }
        assert sum(derivation["result"] for derivation in macs) == row.macs


@pytest.mark.parametrize("name", [name for name in TAUGHT if "stated" in TAUGHT[name]])
def test_shapes_that_the_books_print_are_unfolded(name: str, run: Command) -> None:
    """Every size in every layer of a block is derived, or the input's own."""
    tree = shapecalc.analyse(shapecalc.load(name)).tree
    for node, shape in zip(tree, TAUGHT[name]["stated"], strict=True):
        layers = told(run, name, node.path)
        assert layers[-1]["output"] == shape
        for layer in layers:
            same_rank = [x for x in layer["inputs"] if len(x) == len(layer["output"])]
            kept = {axis for axis, n in enumerate(layer["output"]) if all(x[axis] == n for x in same_rank)}
            unfolded = derived(layer).keys() | (kept if same_rank else {0})
            assert unfolded == set(range(len(layer["output"])))


def test_the_textbook_s_form(run: Command) -> None:
    words = ("explain", "nin", "nin[0].Conv2d[0]")
    text = "⌊(n − k + p + s)/s⌋ = ⌊(224 − 11 + 0 + 4)/4⌋ = 54"
    latex = (
        r"\left\lfloor \frac{n - k + p + s}{s} \right\rfloor"
        r" = \left\lfloor \frac{224 - 11 + 0 + 4}{4} \right\rfloor = 54"
    )
    assert f"H' = W' = {text}\n" in run(*words).out
    assert f"H' = W' = {text}\n" in run(*words, "--format", "markdown").out
    assert f"$H' = W' = {latex}$\n" in run(*words, "--format", "latex").out
    plain = " ".join(run(*words, "--ascii").out.split())  # longer than the screen is wide
    assert "H' = W' = floor((n - k + p + s)/s) = floor((224 - 11 + 0 + 4)/4) = 54 " in plain


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_latex_is_well_formed(name: str, run: Command) -> None:
    latex = run("explain", *typed(name), "--format", "latex").out
    assert latex.isascii()
    assert latex.count(r"\begin{itemize}") == latex.count(r"\end{itemize}") > 0
    assert latex.count(r"\left") == latex.count(r"\right")
    for line in re.sub(r"\\[{}$_%#&]", "", latex).splitlines():
        assert line.count("$") % 2 == 0
        depths = list(itertools.accumulate({"{": 1, "}": -1}.get(character, 0) for character in line))
        assert min(depths, default=0) >= 0
        assert not line or depths[-1] == 0
        assert not re.search(r"[_^]", "".join(line.split("$")[::2]))  # outside of mathematics


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_markdown_and_text_say_the_same(name: str, run: Command) -> None:
    """Every formula with its numbers, in the same order."""
    forms = [
        run("explain", *typed(name), "--format", form, columns=1000).out for form in ("text", "markdown")
    ]
    text, markdown = [re.findall(r"\S.* = [\d,]+$", form, re.MULTILINE) for form in forms]
    assert len(text) == len(markdown) > 0
    for one, other in zip(text, markdown, strict=True):
        assert other.endswith(re.split(r"\s{2,}", one)[-1])


def test_a_join_says_why_it_fits(run: Command) -> None:
    assert "H₀ = H₁ = 28\n" in run("explain", "resnet18", "b3.down[0].add[0]").out
    grow = run("explain", "densenet", "dense[0].grow[0].concat[0]").out
    assert "C' = C₀ + C₁ = 64 + 32 = 96\n" in grow
    assert "W₀ = W₁ = 24\n" in grow
    assert "the inputs fit whatever the sizes are\n" in grow


def test_the_usual_confusions_are_named(run: Command) -> None:
    """Padding of one side and of both; parameters, and multiplications at each position."""
    padded = run("explain", "resnet18", "b1.conv_bn[0].Conv2d[0]", columns=200).out
    assert "p is the padding of both sides together: 3 + 3 = 6\n" in padded
    assert "3,200 parameters, the same at each of the 112×112 positions\n" in padded
    assert "each weight multiplies once at each of the 112×112 positions\n" in padded
    assert "p is" not in run("explain", "nin", "nin[0].Conv2d[0]").out
    assert "positions" not in run("explain", "lenet", "Linear[0]").out


def test_the_border_is_explained(run: Command) -> None:
    border = run("explain", "nin", "nin[0].Conv2d[0]", columns=200).out
    assert "at the end read by no window: (224 − 11 + 0) mod 4 = 1\n" in border
    assert "read by no window" not in run("explain", "nin", "nin[0].Conv2d[0]", "--input", "1x1x227x227").out


def test_a_row_in_the_network_s_own_sizes(run: Command) -> None:
    assert "1×1×H×W → " not in run("explain", "resnet18", "b5").out
    assert "N×512×⌈H/32⌉×⌈W/32⌉ → N×512×1×1\n" in run("explain", "resnet18", "AdaptiveAvgPool2d[0]").out


GAPS = "Conv2d: {out_channels: 2, kernel_size: 3, dilation: [2, 1], padding: 1, bias: false}"


def test_formulas_with_formulas_put_in(run: Command, written: Path) -> None:
    """Where the input has symbols, what is put in is a formula itself, and a sum in parentheses."""
    written.write_text(f"input: NxCxHxW\nlayers: [{GAPS}, Flatten, Linear: 3]\n")
    sizes = {"N": 2, "C": 3, "H": 11, "W": 13}
    for layer in told(run, str(written)):
        for derivation in (*layer["sizes"], *layer["weights"], *filter(None, [layer["macs"]])):
            result = read(str(derivation["result"]), sizes)
            assert read(derivation["values"], sizes) == result, derivation["values"]


def test_words_in_ascii(run: Command, written: Path) -> None:
    written.write_text(f"input: 1x3x8x8\nlayers: [{GAPS}]\n")
    assert "2*(3 - 1) + 1 = 5\n" in run("explain", str(written), "--ascii").out


# What can't be done, and that nothing breaks.

CLAMPED = "input: 1x1x9x9\nlayers: [MaxPool2d: {kernel_size: 2, stride: 3, ceil_mode: true}]\n"
KERNEL = "input: 1x1x9x9\nparameters: {k: 3}\nlayers:\n  - Conv2d: {out_channels: 1, kernel_size: k}\n"
LINEAR = "input: 1x1x8x8\nlayers: [Flatten, Linear: {in_features: 64, out_features: 3}]\n"
REFUSED = [
    (KERNEL, "show FILE --set k=K", 1, "net.yaml:4:44: Conv2d: kernel_size must be a whole number"),
    (KERNEL, "domain FILE --set k=kx", 2, "'kx' can't be the name of a symbol"),
    (KERNEL, "solve FILE -o 1x1x3x3:int64", 2, "--output is sizes alone, without the dtype int64"),
    (KERNEL, "solve FILE -o=", 2, "is no input shape"),
    (KERNEL, "solve FILE -o 1x1x3x3 --at Conv", 2, "did you mean Conv2d[0]?"),
    (KERNEL, "verify FILE --device meta --input Nx1xHx9", 2, "is run with numbers"),
    (LINEAR, "explain FILE Linear[1]", 2, "did you mean Linear[0]?"),
    (LINEAR, "explain FILE --input 1x1x8x9", 1, "in_features is written as 64, but the input has 72"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "command", "code", "message"), REFUSED)
def test_refusals(file: str, command: str, code: int, message: str, run: Command, written: Path) -> None:
    written.write_text(file)
    done = run(*command.replace("FILE", str(written)).split())
    assert done.code == code
    assert message in done.err


def test_an_ambiguous_end_of_a_path(run: Command) -> None:
    for words in (
        ["explain", "resnet18", "Conv2d[0]"],
        ["solve", "resnet18", "-o", "1x1", "--at", "Conv2d[0]"],
    ):
        done = run(*words)
        assert (done.code, done.out) == (2, "")
        assert "'Conv2d[0]' is the end of 20 paths\n  hint: such as b1.conv_bn[0].Conv2d[0]," in done.err


def test_a_clamped_pooling_is_explained_with_numbers(run: Command, written: Path) -> None:
    written.write_text(CLAMPED)
    done = run("explain", str(written))
    assert "⌈(n − k + p)/s⌉ + 1 − 1 = ⌈(9 − 2 + 0)/3⌉ + 1 − 1 = 3\n" in done.out
    assert "In general  N×1×H×W → N×1×⌈H/3⌉×⌈W/3⌉\n" in done.out


PADDED = "input: 1x8x17x17\nlayers: [MaxPool2d: {kernel_size: 2, stride: 2, padding: 1, ceil_mode: true}]\n"


def test_a_clamped_pooling_of_any_size(run: Command, written: Path) -> None:
    """torch.nn.MaxPool2d makes 9 of 16 and of 17, and 1 of 1."""
    written.write_text(PADDED)
    assert "1×8×⌊(H + 2)/2⌋×⌊(W + 2)/2⌋" in run("show", str(written), "--input", "1x8xHxW").out
    assert "any H and W\n" in run("domain", str(written)).out
    assert "16 ≤ H ≤ 17  16 ≤ W ≤ 17" in run("solve", str(written), "-o", "1x8x9x9").out
    done = run("explain", str(written), "--input", "1x8xHxW")
    assert "H' = ⌈(n + p/2)/s⌉ = ⌈(H + 1)/2⌉ = ⌊(H + 2)/2⌋\n" in done.out


OUTPUTS = ["", "x", "0x3", "-1x10", "1x10:float32", "1x99999999999999999999x7", "1x512xHxW", "1x512x7x7x7"]
PLACES = ["b5", "b3.down[0].add[0].1", "b3.down[0].add[0].0", "b2.residual[0].add[0].1", "", "[", "Linear"]


@pytest.mark.parametrize("output", OUTPUTS)
def test_odd_outputs(output: str, run: Command) -> None:
    for place in PLACES:
        done = run("solve", "resnet18", f"--output={output}", "--at", place, "--format", "json")
        assert done.code in (0, 1, 2)
        assert bool(done.out) == (done.code < 2) == (not done.errors)


SYMBOLIC = [
    (LINEAR, "show FILE --input NxCxHxW"),
    (LINEAR, "show FILE --input NxCxHxW --format json"),
    (LINEAR, "show FILE --input 1x1xHxW --columns arguments"),
    (LINEAR, "explain FILE --input 1x1xHxW"),
    (CLAMPED.replace("3", "1"), "explain FILE --input 1x1xHxW"),
    (KERNEL, "explain FILE --input NxCxH*Wx2*W+7 --format latex"),
    (KERNEL, "domain FILE --input 1x1x(H-3)*NxW-2 --format json"),
    ("input: 1xC\nparameters: {c: 1}\nlayers: [BatchNorm1d, Linear: c]", "explain FILE --set c=C"),
    ("input: NxCxHxW\nlayers: [BatchNorm2d]", "params FILE"),
    ("input: NxCxHxW\nlayers: [BatchNorm2d]", "params FILE --format markdown"),
    ("input: 1x1xHxW\nparameters: {c: 1}\nlayers: [Flatten, Linear: c]", "solve FILE --set c=5//K -o 1x2"),
    ("input: 64\nlayers: [Linear: 3]", "domain FILE"),
    ("input: 1x2x3x4x5x6\nlayers: [Linear: 3]", "explain FILE"),
    ("input: {a: 1x1x8x8, b: 1x1x8x8}\nlayers: [concat: [[], b]]", "domain FILE"),
]


@pytest.mark.parametrize(("file", "command"), SYMBOLIC)
def test_commands_take_symbols(file: str, command: str, run: Command, written: Path) -> None:
    written.write_text(file)
    done = run(*command.replace("FILE", str(written)).split())
    assert (done.code, done.errors) == (0, "")


def test_ranges_that_no_one_reads(run: Command) -> None:
    """784 comes apart into four factors in 350 ways: the condition says more than all of these."""
    done = run("domain", "lenet", "--input", "NxCxHxW")
    assert "Inputs      N⋅C⋅H⋅W divisible by 784\n" in done.out
    assert "--format json lists their 350 ranges" in done.out
    found = json.loads(run("domain", "lenet", "--input", "NxCxHxW", "--format", "json").out)
    assert len(found["solutions"]) == 350


TURNED = {
    "itself": "[[{transpose: [1, 2]}], []]",
    "halves": "[[{MaxPool2d: 2}], [{transpose: [1, 2]}]]",
    "three": "[[{transpose: [1, 2]}], [{MaxPool2d: {kernel_size: 3, stride: 1}}], []]",
    "of one size": "[[{transpose: [1, 2]}], [{narrow: {dim: 1, start: 0, length: 3}}]]",
}


@pytest.mark.parametrize("branches", TURNED.values(), ids=TURNED)
def test_two_letters_of_which_one_is_repeated(branches: str) -> None:
    """H beside W: both are equal, or one of them is 1; at every small size, and as JSON says it."""
    analysis = shapecalc.analyse(shapecalc.parse(f"input: 1xHxW\nlayers: [add: {branches}]\n"))
    found = domain(analysis)
    for h, w in itertools.product(range(1, 9), repeat=2):
        sizes = {"H": h, "W": w}
        taken = accepts(analysis, sizes)
        assert within(found.boxes, found.open, sizes) == taken
        said = [Solved(condition, None).ascii() for condition in found.open]
        boxes = any(all(sizes[n] in own for n, own in box.items()) for box in found.boxes)
        names = {**sizes, "floor": math.floor, "ceil": math.ceil}
        assert (boxes and all(eval(text, {}, names) for text in said)) == taken


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("MaxPool1d: {kernel_size: 2, stride: 2, padding: 1, ceil_mode: true}", "any L\n"),
        ("Conv1d: {out_channels: 1, kernel_size: 5}", "L ≥ 5\n"),
        ("Conv1d: {out_channels: 1, kernel_size: 2, stride: 2}", "L divisible by 2: 2, 4, 6, 8, …\n"),
    ],
)
def test_sizes_are_listed_where_words_leave_any_out(
    layer: str, said: str, run: Command, written: Path
) -> None:
    written.write_text(f"input: 1x1xL\nlayers: [{layer}]\n")
    assert f"all is read to the end for {said}" in run("domain", str(written)).out
