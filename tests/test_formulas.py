"""A network analysed with symbols, and then evaluated, is the network analysed with numbers."""

from __future__ import annotations

import ast
import json
import math
import operator
import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import Analysis, Architecture, ArchitectureError, Row, zoo
from shapecalc.analysis.general import generalised, in_general, sizes_of
from shapecalc.engine import inputs_of
from shapecalc.symbolic import Dim, at, number, symbol, symbols_in
from shapecalc.tensors import Tensor
from tests.command import Command

Sizes: TypeAlias = Mapping[str, int]
Figures: TypeAlias = tuple[Any, ...]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def figures(row: Row, value: Callable[[Dim], Dim]) -> Figures:
    """All that a row says of itself, each size through `value`."""
    outputs = [([value(size) for size in x.shape], x.dtype) for x in row.outputs]
    weights = {
        name: ([value(size) for size in w.shape], w.dtype, w.buffer) for name, w in row.weights.items()
    }
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
    architecture: Architecture, inputs: Mapping[str, Tensor], sizes: Sizes, **parameters: int
) -> Analysis | None:
    """The network analysed with sizes in place of its inputs' symbols; None where it refuses them."""
    numbers = {n: Tensor(tuple(at(s, sizes) for s in x.shape), x.dtype) for n, x in inputs.items()}
    try:
        return shapecalc.analyse(architecture, numbers, parameters)
    except ArchitectureError:
        return None


def check(general: Analysis, sizes: Sizes, **parameters: int) -> bool | None:
    """Hold the network in general against the one with numbers; gives whether that one is accepted.

    A size of 1 that is repeated to fit another one permits what does not hold: of such, nothing is claimed.
    """
    found = concrete(general.architecture, general.inputs, sizes, **parameters)
    broken = next((c for c in general.conditions if not c.holds(sizes)), None)
    if broken and broken.permits(sizes):
        return None
    assert (found is None) == (broken is not None), f"{sizes}: {broken}"
    if found:
        assert evaluated(general, sizes) == evaluated(found, {})
    return found is not None


# The zoo.

IMAGES = {
    "lenet": [(28 * i, 28 * j) for i in range(1, 4) for j in range(1, 4)] + [(1, 784), (49, 16), (14, 56)]
}
"""Sizes of images for a network that takes few of them."""


def drawn_sizes(name: str, draw: random.Random) -> Sizes:
    """An input that a network of the zoo takes, more or less: it may be too small."""
    h, w = draw.choice(IMAGES[name]) if name in IMAGES else (draw.randint(20, 300), draw.randint(20, 300))
    return {"N": draw.randint(1, 4), "H": h, "W": w}


@pytest.mark.parametrize("name", zoo.names())
def test_every_row_of_the_zoo(name: str) -> None:
    architecture = shapecalc.load(name)
    general = in_general(architecture, inputs_of(architecture), {}, batch=True)
    assert general.symbols == ["H", "N", "W"]
    draw = random.Random(name)
    checked = (check(general, drawn_sizes(name, draw)) for _ in range(1000))
    assert len(list(islice(filter(None, checked), 200))) == 200


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


def network(steps: Steps) -> Architecture:
    text = json.dumps({"input": f"1x{CHANNELS}x30x30", "layers": steps or ["ReLU"]})
    return shapecalc.parse(text, "net.yaml")


@st.composite
def networks(draw: st.DrawFn) -> Architecture:
    """A few layers and joins with a head that fits the size of some input."""
    body = draw(st.lists(st.one_of(LAYERS, LAYERS, joins()), min_size=1, max_size=5))
    shape = [draw(st.integers(1, 3)), CHANNELS, draw(st.integers(1, 60)), draw(st.integers(1, 60))]
    try:
        output = shapecalc.analyse(network(body), shape).outputs[0]
    except ArchitectureError:
        return network(body)
    return network(body + draw(heads(tuple(map(number, output.shape)))))


def drawn_images(seed: int) -> list[Sizes]:
    draw = random.Random(seed)
    return [{"N": draw.randint(1, 3), "H": draw.randint(1, 60), "W": draw.randint(1, 60)} for _ in range(30)]


images = st.builds(drawn_images, st.integers(0, 2**32))


@given(networks(), images)
def test_every_row_of_random_networks(architecture: Architecture, images: list[Sizes]) -> None:
    inputs = generalised(inputs_of(architecture), batch=True)
    try:
        general = shapecalc.analyse(architecture, inputs)
    except ArchitectureError as error:
        event("refused: " + error.message[:40])
        assume("ceil_mode on an input of" not in error.message)
        assert not any(concrete(architecture, inputs, sizes) for sizes in images), error.message
        return
    for sizes in images:
        event(f"{check(general, sizes)}")
