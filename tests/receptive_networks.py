"""Random networks of images of one to three axes, with what makes receptive fields hard.

Strides greater than kernels, dilation, paddings of every mode, transposed convolutions, upsampling, branches,
and channels that part and come together again. `random_images(rng)` gives an architecture as a mapping; a
step is taken if the network's own rules accept it. Equal seeds give equal networks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import yaml

import shapecalc
from shapecalc.engine.results import Analysis
from shapecalc.errors import ShapecalcError

Steps = list[Any]
_MOST_ELEMENTS = 6_000
_MODES = ("zeros", "zeros", "zeros", "reflect", "replicate", "circular")


class Draw:
    """The choices of one network: its axes, its random numbers, and whether windows may have holes."""

    def __init__(self, rng: random.Random, axes: int, plain: bool) -> None:
        self.rng, self.axes, self.plain = rng, axes, plain
        self.shape: Sequence[Any] = ()
        """What the network gives out so far."""

    def each(self, low: int, high: int) -> Any:
        """A number for all axes, or one for each."""
        if self.rng.random() < 0.5:
            return self.rng.randint(low, high)
        return [self.rng.randint(low, high) for _ in range(self.axes)]

    def named(self, name: str) -> str:
        return f"{name}{self.axes}d"


def analysed(network: dict[str, Any]) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(yaml.safe_dump(network)))


def random_images(
    rng: random.Random, plain: bool | None = None, kinds: Sequence[Callable[[Draw], Steps]] = ()
) -> dict[str, Any]:
    """A network, of these `kinds` of steps if any are given.

    A `plain` one pads with zeros within its windows, and no window has holes.
    """
    axes = rng.choice((1, 1, 2, 2, 3))
    draw = Draw(rng, axes, rng.random() < 0.4 if plain is None else plain)
    low, high = {1: (8, 48), 2: (6, 20), 3: (4, 8)}[axes]
    space = "x".join(str(rng.randint(low, high)) for _ in range(axes))
    network: dict[str, Any] = {"input": f"1x{rng.randint(1, 4)}x{space}", "layers": [{"Identity": None}]}
    for _ in range(rng.randint(1, 7)):
        draw.shape = analysed(network).outputs[0].shape
        more = rng.choice(kinds or (PLAIN if draw.plain else KINDS))(draw)
        longer = {**network, "layers": [*network["layers"], *more]}
        try:
            y = analysed(longer).outputs[0]
        except ShapecalcError:
            continue
        if y.rank == axes + 2 and isinstance(y.elements, int) and 0 < y.elements <= _MOST_ELEMENTS:
            network = longer
    return network


def convolution(draw: Draw) -> Steps:
    rng = draw.rng
    k = rng.choice((1, 2, 3, 3, 5))
    own: dict[str, Any] = {"out_channels": rng.choice((1, 2, 4, 6)), "kernel_size": k}
    own["padding"] = rng.choice((0, k // 2, (k - 1) // 2)) if draw.plain else draw.each(0, 3)
    own["stride"] = rng.randint(1, k) if draw.plain else draw.each(1, 4)
    if not draw.plain:
        own |= {
            "kernel_size": draw.each(1, 4),
            "dilation": draw.each(1, 3),
            "padding_mode": rng.choice(_MODES),
        }
    groups = rng.choice((1, 1, 2, 3, draw.shape[1]))
    if groups > 1 and draw.shape[1] % groups == 0:
        own |= {"groups": groups, "out_channels": groups * rng.choice((1, 2))}
    return [{draw.named("Conv"): own}]


def same(draw: Draw) -> Steps:
    """A convolution that keeps the sizes."""
    own = {"out_channels": draw.shape[1], "kernel_size": draw.rng.choice((1, 3, 5)), "padding": "same"}
    return [{draw.named("Conv"): own}]


def transposed(draw: Draw) -> Steps:
    own = {
        "out_channels": draw.rng.choice((1, 2, 4)),
        "kernel_size": draw.each(1, 4),
        "stride": draw.each(1, 3),
    }
    own |= {
        "padding": draw.each(0, 2),
        "dilation": draw.each(1, 2),
        "output_padding": draw.rng.choice((0, 0, 1)),
    }
    return [{draw.named("ConvTranspose"): own}]


def pooling(draw: Draw) -> Steps:
    rng = draw.rng
    k = rng.randint(1, 4)
    name = rng.choice(("MaxPool", "AvgPool"))
    own: dict[str, Any] = {
        "kernel_size": k,
        "padding": rng.randint(0, k // 2),
        "ceil_mode": rng.random() < 0.5,
    }
    own["stride"] = rng.randint(1, k) if draw.plain else rng.randint(1, 4)
    if name == "MaxPool" and not draw.plain:
        own["dilation"] = draw.each(1, 3)
    return [{draw.named(name): own}]


def padding(draw: Draw) -> Steps:
    mode = draw.rng.choice(("Zero", "Reflection", "Replication", "Circular"))
    return [{draw.named(f"{mode}Pad"): [draw.rng.choice((-2, -1, 0, 1, 2)) for _ in range(2 * draw.axes)]}]


def resizing(draw: Draw) -> Steps:
    smooth = {1: "linear", 2: draw.rng.choice(("bilinear", "bicubic")), 3: "trilinear"}[draw.axes]
    factor = draw.rng.choice((2, 2, 3, [draw.rng.randint(1, 3) for _ in range(draw.axes)]))
    return [
        {"Upsample": {"scale_factor": factor, "mode": draw.rng.choice(("nearest", smooth, "nearest-exact"))}}
    ]


def adaptive(draw: Draw) -> Steps:
    name = draw.rng.choice(("AdaptiveAvgPool", "AdaptiveMaxPool"))
    return [{draw.named(name): draw.rng.choice((1, draw.each(2, 6), draw.each(2, 6)))}]


def channelwise(draw: Draw) -> Steps:
    step = draw.rng.choice(
        (
            "LeakyReLU",
            "Sigmoid",
            draw.named("BatchNorm"),
            {"GroupNorm": 1 if draw.shape[1] % 2 else 2},
            {"GLU": 1},
            {"LocalResponseNorm": 3},
            {"Dropout": 0.1},
        )
    )
    return [step]


def part(draw: Draw) -> Steps:
    """A part of an axis, of the channels for the most part."""
    rng = draw.rng
    dim = rng.choice((1, 1, 1, -1, rng.randrange(2, draw.axes + 2)))
    n = draw.shape[dim]
    if draw.plain or rng.random() < 0.5:
        count = rng.choice((2, 3))
        number = rng.randrange(count)
        names = [f"part{rng.random()}".replace(".", "_") for _ in range(count)]
        return [
            {"chunk": {"chunks": count, "dim": 1}, "as": names},
            {"Identity": None, "from": names[number]},
        ]
    start = rng.randrange(n)
    if rng.random() < 0.4:
        return [{"slice": {"dim": dim, "start": start - rng.choice((0, n)), "step": rng.choice((1, 2, 3))}}]
    return [{"narrow": {"dim": dim, "start": start, "length": rng.randint(1, n - start)}}]


def elementwise(draw: Draw) -> Steps:
    """Each element by itself: copies of one element are normalised to 0, whatever that is."""
    step = channelwise(draw)
    return step if "GroupNorm" not in step[0] else ["LeakyReLU"]


def join(draw: Draw, kinds: tuple[Callable[[Draw], Steps], ...] = (same, channelwise)) -> Steps:
    branches = [
        [step for _ in range(draw.rng.randint(0, 2)) for step in draw.rng.choice(kinds)(draw)]
        for _ in range(draw.rng.randint(2, 3))
    ]
    return [{draw.rng.choice(("add", "mul", "concat", "concat", "concat")): branches}]


def without_products(draw: Draw) -> Steps:
    """Branches that are summed or put in a row: the gradient of a product is 0 where the other factor is."""
    ((name, branches),) = join(draw, (same, elementwise))[0].items()
    return [{"add" if name == "mul" else name: branches}]


def strided(draw: Draw) -> Steps:
    """Branches that halve an image."""
    stride = draw.rng.choice((2, 3))
    window = {"stride": stride, "kernel_size": 3, "padding": 1}
    branches: Steps = [
        [{draw.named("Conv"): {"out_channels": draw.rng.choice((1, 2, draw.shape[1])), **window}}],
        [{draw.named("MaxPool"): window}],
        [{draw.named("Conv"): {"out_channels": 2, "stride": stride, "kernel_size": 1}}],
    ]
    return [{"concat": draw.rng.sample(branches, 2)}]


def shuffle(draw: Draw) -> Steps:
    groups = draw.rng.choice([n for n in range(1, draw.shape[1] + 1) if draw.shape[1] % n == 0])
    if draw.rng.random() < 0.5:
        return [{"ChannelShuffle": groups}]
    divided = [draw.shape[0], groups, draw.shape[1] // groups, *draw.shape[2:]]
    return [{"reshape": divided}, {"transpose": {"dim0": 1, "dim1": 2}}, {"reshape": list(draw.shape)}]


def side_by_side(draw: Draw) -> Steps:
    """Branches along a new axis, of which one or all are taken, or the sum."""
    branches = [same(draw), [], same(draw)]
    after = draw.rng.choice(
        (
            [{"select": {"dim": 1, "index": draw.rng.randrange(3)}}],
            [{"sum": {"dim": 1}}],
            [{"mean": {"dim": 2}}],
            [{"Flatten": {"start_dim": 1, "end_dim": 2}}],
            [{"transpose": {"dim0": 1, "dim1": 2}}, {"Flatten": {"start_dim": 1, "end_dim": 2}}],
        )
    )
    return [{"stack": {"branches": branches, "dim": 1}}, *after]


def pixels(draw: Draw) -> Steps:
    return [{draw.rng.choice(("PixelShuffle", "PixelUnshuffle")): 2}]


def unshuffled(draw: Draw) -> Steps:
    """Pixels become channels, of an image of two axes."""
    return [{"PixelUnshuffle": 2}] if draw.axes == 2 else []


def excitation(draw: Draw) -> Steps:
    gate = {draw.named("AdaptiveAvgPool"): 1}
    return [
        {
            "mul": [
                [],
                [gate, {draw.named("Conv"): {"out_channels": draw.shape[1], "kernel_size": 1}}, "Sigmoid"],
            ]
        }
    ]


PLAIN = (convolution, convolution, pooling, channelwise, join, join, strided, shuffle, part, part, same)
KINDS = (
    *PLAIN,
    convolution,
    transposed,
    transposed,
    padding,
    resizing,
    adaptive,
    side_by_side,
    pixels,
    excitation,
)

UNDIVIDED = (
    *(convolution, convolution, same, padding, padding, padding, pooling, transposed, resizing),
    *(without_products, strided, elementwise, adaptive, unshuffled),
)
"""Those that read all channels at a place together, and leave axes where they are."""
