"""A network analysed with symbols, and then evaluated, is the network analysed with numbers."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import islice, product
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import Analysis, Architecture, ArchitectureError, Row
from shapecalc.analysis.domain.generalise import generalised, in_general
from shapecalc.engine.inputs import inputs_of
from shapecalc.symbolic import Dim, Expr, at, number
from shapecalc.symbolic.conditions import EQUAL
from shapecalc.symbolic.notation import PLAIN, shape_text
from shapecalc.tensors import Tensor
from tests.command import Command
from tests.dice import SEED, count
from tests.networks import EVERY_TYPE

Sizes: TypeAlias = Mapping[str, int]
Figures: TypeAlias = tuple[Any, ...]


def figures(row: Row, value: Callable[[Dim], Dim]) -> Figures:
    """All that a row says of itself, each size through `value`."""
    outputs = [([value(size) for size in x.shape], x.dtype) for x in row.outputs]
    weights = {n: ([value(size) for size in w.shape], w.dtype, w.buffer) for n, w in row.weights.items()}
    totals = [value(row.params), value(row.buffers), value(row.macs)]
    return row.path, row.type, row.edges, outputs, weights, totals


def evaluated(analysis: Analysis, sizes: Sizes) -> list[Figures]:
    """The figures of all rows with sizes in place of the symbols."""
    known: dict[Dim, Dim] = {}

    def value(size: Dim) -> Dim:
        if size not in known:
            known[size] = at(size, sizes)
        return known[size]

    return [figures(row, value) for row in analysis.rows]


def concrete(
    architecture: Architecture,
    inputs: Mapping[str, Tensor],
    sizes: Sizes,
    parameters: Mapping[str, Any] | None = None,
) -> Analysis | None:
    """The network with sizes in place of the symbols of its inputs and parameters; None where it refuses."""
    numbers = {n: Tensor(tuple(at(s, sizes) for s in x.shape), x.dtype) for n, x in inputs.items()}
    values = {n: at(v, sizes) for n, v in (parameters or {}).items() if isinstance(v, Expr)}
    try:
        return shapecalc.analyse(architecture, numbers, values)
    except ArchitectureError:
        return None


def check(general: Analysis, sizes: Sizes) -> bool | None:
    """Hold a network in general against the one with numbers; gives whether that one is accepted.

    Where a size of 1 is repeated to fit another one, nothing is claimed: None.
    """
    found = concrete(general.architecture, general.inputs, sizes, general.parameters)
    broken = next((c for c in general.conditions if not c.holds(sizes)), None)
    if broken and broken.permits(sizes):
        return None
    assert (found is None) == (broken is not None), f"{sizes}: {broken}"
    if found:
        assert evaluated(general, sizes) == evaluated(found, {})
    return found is not None


# The zoo.

FIXED = {"llm/clip-vit-b-32": {"L": 77}, "diffusion/stable-diffusion-unet": {"L_prompt": 768}}
"""Sizes of an input that are those of a table or a matrix."""

OWN = {"bert-base": {"N": "N", "L": "L"}}
"""Networks whose inputs share a symbol, by the parameters that it is the value of."""

LARGEST = {"N": 4, "D": 20, "L": 1200, "L_target": 50, "T": 50}
"""The largest size drawn for a symbol; 300 for height and width."""

PATCHES_OF_16 = [(16 * i + j, 3136 // i + j) for i in (1, 2, 4, 7, 14) for j in (0, 15)] + [(224, 223)]
PATCHES_OF_32 = [(32 * i + j, 1568 // i + j) for i in (1, 7) for j in (0, 31)] + [(224, 223)]

WINDOWS = [(224, 224), (227, 225), (228, 224)]
LARGER_WINDOWS = [(256, 256), (257, 259), (260, 256)]

LEVELS = [(32 * i - a, 32 * j - b) for i in (1, 2, 5) for j in (1, 3) for a, b in ((0, 0), (1, 0), (0, 1))]
LEVELS.append((24, 32))
"""What is halved five times and doubled again; one less is rounded up by strides, and refused by few."""

IMAGES = {
    **dict.fromkeys(["dla34", "hrnet-w18", "detection/retinanet", "detection/yolov8n"], LEVELS),
    **dict.fromkeys(["vit-b-16", "imagenet/vit_b_16", "imagenet/vit_l_16"], PATCHES_OF_16),
    **dict.fromkeys(["imagenet/vit_b_32", "imagenet/vit_l_32", "llm/clip-vit-b-32"], PATCHES_OF_32),
    **dict.fromkeys([f"imagenet/swin_{size}" for size in "tsb"], WINDOWS),
    **dict.fromkeys([f"swin_v2_{size}" for size in "tsb"], LARGER_WINDOWS),
    "diffusion/stable-diffusion-unet": [(8 * i, 8 * j) for i in (1, 3, 8) for j in (1, 2, 5)] + [(12, 8)],
    "lenet": [(28, 28), (28, 56), (56, 28), (84, 56), (1, 784), (49, 16), (14, 56), (28, 27)],
    "unet": [(16 * i, 16 * j) for i in range(1, 9) for j in range(1, 9)] + [(16, 24), (31, 32)],
}
"""Heights and widths for networks that take few of them, and some that they refuse."""


def in_symbols(name: str) -> Analysis:
    """A network of the zoo with symbols for the batch and for all that an input may vary in."""
    architecture = shapecalc.load(name)
    if name in OWN:
        return shapecalc.analyse(architecture, parameters=OWN[name])
    return in_general(architecture, inputs_of(architecture), {}, batch=True)


def drawn_sizes(name: str, symbols: Iterable[str], draw: random.Random) -> Sizes:
    """Sizes of an input that a network of the zoo takes, but for some that are too small."""
    sizes = {symbol: draw.randint(1, LARGEST.get(symbol, 300)) for symbol in symbols}
    images = dict(zip("HW", draw.choice(IMAGES[name]), strict=True)) if name in IMAGES else {}
    return {**sizes, **images, **FIXED.get(name, {})}


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_every_row_of_the_zoo(name: str) -> None:
    general = in_symbols(name)
    assert "N" in general.symbols
    draw, wanted = random.Random(f"{SEED}/{name}"), count(3, 200)
    checked = (check(general, drawn_sizes(name, general.symbols, draw)) for _ in range(10 * wanted))
    assert len(list(islice(filter(None, checked), wanted))) == wanted


# Random networks.

Steps: TypeAlias = list[Any]

CHANNELS = 4


def rarely(draw: st.DrawFn, one_in: int) -> bool:
    return draw(st.sampled_from([False] * (one_in - 1) + [True]))


@st.composite
def per_axis(draw: st.DrawFn, low: int, high: int) -> Any:
    """One number, or one for each of two axes."""
    one = st.integers(low, high)
    return [draw(one), draw(one)] if rarely(draw, 3) else draw(one)


@st.composite
def convolutions(draw: st.DrawFn) -> Any:
    arguments = {
        "out_channels": CHANNELS,
        "kernel_size": draw(per_axis(1, 4)),
        "stride": draw(per_axis(1, 3)),
        "padding": draw(per_axis(0, 3)),
    }
    if rarely(draw, 4):
        arguments |= {"dilation": draw(per_axis(1, 3)), "groups": draw(st.sampled_from([1, 2]))}
    if rarely(draw, 4):
        arguments |= {"padding": "same", "stride": 1}
    if rarely(draw, 8):
        arguments |= {"padding_mode": draw(st.sampled_from(["reflect", "circular"]))}
    return {"Conv2d": arguments}


@st.composite
def poolings(draw: st.DrawFn) -> Any:
    kernel_size = draw(st.integers(1, 5))
    arguments = {"kernel_size": kernel_size, "padding": draw(st.integers(0, kernel_size // 2))}
    arguments |= {"ceil_mode": True} if rarely(draw, 3) else {}
    arguments |= {"stride": draw(per_axis(1, 3))} if draw(st.booleans()) else {}
    kind = draw(st.sampled_from(["MaxPool2d", "AvgPool2d"]))
    if kind == "MaxPool2d" and rarely(draw, 4):
        arguments |= {"dilation": draw(st.integers(1, 3))}
    return {kind: arguments}


ADAPTIVE = st.sampled_from([1, 2, [3, 1], [None, 2]]).map(lambda size: {"AdaptiveAvgPool2d": size})
NORMS = st.booleans().map(lambda track: {"BatchNorm2d": {"track_running_stats": track}})
LAYERS = st.one_of(convolutions(), convolutions(), poolings(), poolings(), ADAPTIVE, NORMS, st.just("ReLU"))


@st.composite
def joins(draw: st.DrawFn) -> Any:
    """Two branches side by side, often of the same layers with other arguments; the channels stay."""
    branches = [draw(st.lists(LAYERS, max_size=3)), draw(st.lists(LAYERS, max_size=2))]
    if draw(st.booleans()):
        branches[1] = branches[0][: draw(st.integers(0, 3))]
    if draw(st.booleans()):
        return {"add": branches}
    narrowing = {"Conv2d": {"out_channels": CHANNELS, "kernel_size": 1}}
    return {"seq": [{"concat": branches}, narrowing]}


@st.composite
def heads(draw: st.DrawFn, shape: tuple[int, ...]) -> Steps:
    """What may come after the body, which makes this shape of some input: written sizes fix the input."""
    n, c, h, w = shape
    features = draw(st.sampled_from([c * h * w, c * h * w, c * h * w + c, c * h]))
    written = {"in_features": features} if draw(st.booleans()) else {}
    return draw(
        st.sampled_from(
            [
                [],
                ["Flatten", {"Linear": {**written, "out_features": 3}}],
                [{"Flatten": {"start_dim": 2}}, {"Linear": {"out_features": 2}}, "Flatten"],
                [{"reshape": [n, -1, draw(st.integers(1, 12))]}],
                [{"reshape": [-1, c, h, w]}, "ReLU"],
                [{"reshape": [-1, h * w]}, {"Linear": {"in_features": h * w, "out_features": 1}}],
                [{"Unflatten": {"dim": 2, "unflattened_size": [draw(st.integers(1, 4)), -1]}}, "Flatten"],
            ]
        )
    )


def written(steps: Steps) -> str:
    return json.dumps({"input": f"1x{CHANNELS}x30x30", "layers": steps or ["ReLU"]})


@st.composite
def networks(draw: st.DrawFn) -> str:
    """A file of a few layers and joins, with a head that fits the size of some input."""
    body = draw(st.lists(st.one_of(LAYERS, LAYERS, joins()), min_size=1, max_size=5))
    shape = [draw(st.integers(1, 3)), CHANNELS, draw(st.integers(1, 60)), draw(st.integers(1, 60))]
    try:
        output = shapecalc.analyse(shapecalc.parse(written(body)), shape).outputs[0]
    except ArchitectureError:
        return written(body)
    return written(body + draw(heads(tuple(map(number, output.shape)))))


def drawn_images(seed: int) -> list[Sizes]:
    draw = random.Random(seed)
    return [{"N": draw.randint(1, 3), "H": draw.randint(1, 60), "W": draw.randint(1, 60)} for _ in range(20)]


images = st.builds(drawn_images, st.integers(0, 2**32))


def repeats(analysis: Analysis) -> bool:
    """Whether a size of 1 is repeated in some sum."""
    return any(len({x.shape for x in row.inputs}) > 1 for row in analysis.rows if row.type == "add")


@settings(max_examples=count(80, 1000))
@given(networks(), images)
def test_every_row_of_random_networks(file: str, images: list[Sizes]) -> None:
    architecture = shapecalc.parse(file)
    inputs = generalised(architecture, inputs_of(architecture), batch=True)
    found: list[Analysis | None] = []
    try:
        general = shapecalc.analyse(architecture, inputs)
    except ArchitectureError:
        found = [concrete(architecture, inputs, sizes) for sizes in images]
    else:
        for sizes in images:
            check(general, sizes)
    assert all(analysis is None or repeats(analysis) for analysis in found)


# Symbols of the file's parameters, alone and beside those of inputs.


@pytest.mark.parametrize(
    ("name", "input_shape", "parameters"),
    [
        ("vgg11", None, {"width": "w", "classes": "K"}),
        ("vgg11-small", None, {"width": "w", "classes": "K", "hidden": "2*K + w"}),
        ("vgg11-small", "Nx3x4*hx4*v", {"width": "w", "classes": "K"}),
        ("vgg11-small", "NxCxHxW", {"width": "8*w"}),
        ("densenet", "Nx1x96xW", {"growth": "w", "classes": "K"}),
        ("resnet18", "1x3xHx224", {"classes": "K"}),
        ("nin", "NxCx67xW", {"classes": "K + 1"}),
    ],
)
def test_symbols_of_parameters(name: str, input_shape: str | None, parameters: Mapping[str, str]) -> None:
    general = shapecalc.analyse(shapecalc.load(name), input_shape, parameters)
    draw, wanted = random.Random(f"{SEED}/{name}"), count(7, 20)

    def drawn() -> Sizes:
        small = {symbol: draw.randint(1, 20) for symbol in general.symbols}
        return {**small, "H": draw.randint(60, 150), "W": draw.randint(60, 150)}

    checked = (check(general, drawn()) for _ in range(10 * wanted))
    assert len(list(islice(filter(None, checked), wanted))) == wanted


def test_parameters_of_vgg_are_a_polynomial() -> None:
    totals = shapecalc.analyse(shapecalc.load("vgg11"), None, {"width": "w", "classes": "K"}).totals
    assert str(totals.params) == "2250⋅w² + 4097⋅K + 1605684⋅w + 16785408"
    assert at(totals.params, {"w": 64, "K": 10}) == 128_806_154


# What is proved, and what is recorded.


def chain(input_shape: str, *layers: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(json.dumps({"input": input_shape, "layers": layers})))


def test_five_halvings_are_one_ceiling() -> None:
    halving = {"Conv2d": {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}}
    analysis = chain("Nx3xHxW", *5 * [halving])
    assert str(analysis.outputs[0]) == "N×8×⌈H/32⌉×⌈W/32⌉"
    assert analysis.conditions == ()


def test_the_joins_of_resnet_and_of_googlenet_are_proved() -> None:
    for name in ("resnet18", "googlenet"):
        general = shapecalc.analyse(shapecalc.load(name), "Nx1xHxW")
        assert any(row.type in ("add", "concat") for row in general.rows)
        assert general.conditions == ()


QUARTERS = {
    "concat": [2 * [{"MaxPool2d": 2}], [{"Conv2d": {"out_channels": 4, "kernel_size": 1, "stride": 4}}]]
}
"""⌊H/4⌋ beside ⌈H/4⌉: equal for every fourth H."""


def test_a_join_that_fits_for_some_sizes() -> None:
    general = chain("Nx4xHxW", QUARTERS, {"Conv2d": {"out_channels": 2, "kernel_size": 2}})
    fits = [condition for condition in general.conditions if condition.relation == EQUAL]
    assert [(str(c), c.path) for c in fits] == [
        ("⌊H/4⌋ = ⌈H/4⌉", "concat[0]"),
        ("⌊W/4⌋ = ⌈W/4⌉", "concat[0]"),
    ]
    taken = [check(general, {"N": 2, "H": h, "W": 16}) for h in range(1, 33)]
    assert taken == [h % 4 == 0 and h >= 8 for h in range(1, 33)]


def test_sizes_that_make_it_fit_always() -> None:
    assert chain("Nx4x4*hx4*w", QUARTERS).conditions == ()
    assert str(chain("Nx4x4*hx4*w", QUARTERS).outputs[0]) == "N×8×h×w"


def test_a_number_beside_a_formula() -> None:
    """A size that is written fixes the input."""
    general = chain(
        "1x16xHxW", {"MaxPool2d": 2}, "Flatten", {"Linear": {"in_features": 400, "out_features": 1}}
    )
    taken = {(h, w) for h in range(1, 60) for w in range(1, 60) if check(general, {"H": h, "W": w})}
    assert {(h // 2, w // 2) for h, w in taken} == {(1, 25), (5, 5), (25, 1)}


# Formulas for other programs.

ROUNDED = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}


def read(text: str, sizes: Sizes) -> Any:
    """A formula or a condition of the JSON, evaluated by Python with exact fractions."""
    assert text.isascii()
    exact = re.sub(r"\b\d+", r"Fraction(\g<0>)", text)
    return eval(exact, {**ROUNDED, **sizes, "Fraction": Fraction, "__builtins__": {}})


def test_conditions_for_other_programs() -> None:
    """They are true exactly where the network accepts: what stands after % is in parentheses."""
    layer = {"Conv2d": {"out_channels": 12, "kernel_size": 1, "groups": "2*g"}}
    file = json.dumps({"input": "1xCx9x9", "parameters": {"g": 1}, "layers": [layer]})
    general = shapecalc.analyse(shapecalc.parse(file), parameters={"g": "g"})
    for c, g in product(range(1, 25), range(1, 9)):
        sizes = {"C": c, "g": g}
        taken = all(read(condition.ascii(), sizes) for condition in general.conditions)
        assert taken == check(general, sizes)


def assert_alike(general: Any, plain: Any, sizes: Sizes) -> None:
    """JSON with formulas against the JSON with numbers."""
    if isinstance(general, str) and isinstance(plain, int):
        assert read(general, sizes) == plain, general
    elif isinstance(general, dict):
        assert general.keys() == plain.keys()
        for key, value in general.items():
            assert_alike(value, plain[key], sizes)
    elif isinstance(general, list):
        assert len(general) == len(plain)
        for one, other in zip(general, plain, strict=True):
            assert_alike(one, other, sizes)
    else:
        assert general == plain


def inputs_in_words(inputs: Mapping[str, Tensor]) -> list[str]:
    """The options that give inputs."""
    return [
        word for name, x in inputs.items() for word in ("--input", f"{name}={shape_text(x.shape, PLAIN)}")
    ]


SIZES = {
    "N": 3,
    "H": 84,
    "W": 112,
    "D": 8,
    "L": 30,
    "L_target": 7,
    "L_prompt": 768,
    "C": 5,
    "K": 7,
    "T": 6,
    "F": 30,
}


def assert_same_json(run: Command, name: str, symbols: list[str], numbers: list[str], sizes: Sizes) -> None:
    done = run("show", name, "--format", "json", *symbols)
    assert (done.code, done.errors) == (0, "")
    general = json.loads(done.out)
    plain = json.loads(run("show", name, "--format", "json", *numbers).out)
    assert all(read(condition.pop("condition"), sizes) for condition in general["conditions"])
    assert_alike({**general, "conditions": []}, plain, sizes)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_json_of_the_zoo(name: str, run: Command) -> None:
    sizes = {**SIZES, **(dict(zip("HW", IMAGES[name][0], strict=True)) if name in IMAGES else {})}
    general = in_symbols(name)
    numbers = {n: Tensor(tuple(at(s, sizes) for s in x.shape)) for n, x in general.inputs.items()}
    named = [one for one, value in general.parameters.items() if isinstance(value, Expr)]
    symbols = [word for one in named for word in ("--set", f"{one}={one}")]
    words = symbols if name in OWN else symbols + inputs_in_words(general.inputs)
    assert_same_json(run, name, words, inputs_in_words(numbers), sizes)


@pytest.mark.parametrize(
    ("name", "symbols", "numbers"),
    [
        ("nin", "--input NxCxHxW --set classes=2*K", "--input 3x5x84x112 --set classes=14"),
        ("vgg11", "--set width=N --set hidden=H*K//N", "--set width=3 --set hidden=196"),
        ("resnet18", "--input 1x1x(H-3)*Nx2*W+1", "--input 1x1x243x225"),
        ("densenet", "--set growth=2*K", "--set growth=14"),
    ],
)
def test_json(name: str, symbols: str, numbers: str, run: Command) -> None:
    assert_same_json(run, name, symbols.split(), numbers.split(), SIZES)
