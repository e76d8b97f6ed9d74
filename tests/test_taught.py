"""The zoo's networks, row by row and block by block, against what textbooks print and torch counted."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypedDict

import pytest

import shapecalc
from shapecalc import Analysis, Node, Row
from shapecalc.symbolic import Dim, number

Shape = list[int]


class Printed(NamedTuple):
    """A line of a published table: a layer, or a top-level block, which the books call Sequential."""

    type: str
    shape: tuple[Dim, ...]
    params: Dim
    macs: Dim


class _Network(TypedDict):
    input: str
    output: Shape
    params: int
    buffers: int
    macs: int
    layers: list[tuple[str, Shape, int, int]]


class Network(_Network, total=False):
    """One network of the data; `stated` are the shapes that the books' own text prints."""

    blocks: list[tuple[str, Shape, int, int]]
    stated: list[Shape]
    stated_nhwc: list[Shape]
    macs_at_224: int


def read() -> dict[str, Network]:
    text = (Path(__file__).parent / "data" / "taught.json").read_text(encoding="utf-8")
    networks: dict[str, Network] = json.loads(text)["networks"]
    return networks


TAUGHT = read()
NAMES = sorted(TAUGHT)


@cache
def analysed(name: str) -> Analysis:
    return shapecalc.analyse(shapecalc.load(name))


def printed(lines: list[tuple[str, Shape, int, int]]) -> list[Printed]:
    return [Printed(kind, tuple(shape), params, macs) for kind, shape, params, macs in lines]


JOINS = {"add", "concat", "mul"}
FUNCTIONS = {  # paths of what is a function, not a module, in the books' code of a network
    "alexnet": r"Flatten\[0\]",
    "alexnet-slim": r"Flatten\[0\]",
    "lenet-maxpool": r"Flatten\[0\]",
    "googlenet": r".*inception\[\d\].*ReLU\[0\]",
    "resnet18": r".*(residual|down)\[\d\].*ReLU\[0\]",
}


def is_module(row: Row, network: str) -> bool:
    """Whether the tables, which list modules, have the row: no join, and no call of a function."""
    return row.type not in JOINS and not re.fullmatch(FUNCTIONS.get(network, ""), row.path)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer(name: str) -> None:
    rows = [row for row in analysed(name).rows if is_module(row, name)]
    found = [Printed(row.type, row.output.shape, row.params, row.macs) for row in rows]
    assert found == printed(TAUGHT[name]["layers"])


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_the_tables_leave_out_hold_nothing(name: str) -> None:
    left_out = [row for row in analysed(name).rows if not is_module(row, name)]
    assert [(row.params, row.buffers, row.macs) for row in left_out] == [(0, 0, 0)] * len(left_out)
    assert len(left_out) == len(analysed(name).rows) - len(TAUGHT[name]["layers"])


@pytest.mark.parametrize("name", NAMES)
def test_totals(name: str) -> None:
    analysis, network = analysed(name), TAUGHT[name]
    totals = analysis.totals
    assert (totals.params, totals.buffers, totals.macs) == (
        network["params"],
        network["buffers"],
        network["macs"],
    )
    assert totals.flops == 2 * network["macs"]
    assert [list(output.shape) for output in analysis.outputs] == [network["output"]]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_states_the_published_figures(name: str) -> None:
    architecture, network = shapecalc.load(name), TAUGHT[name]
    expect = architecture.expect
    assert expect is not None
    assert expect.output is not None
    assert [spec.text for spec in architecture.inputs.values()] == [network["input"]]
    assert (expect.params, expect.macs) == (network["params"], network["macs"])
    assert list(expect.output.tensor({}).shape) == network["output"]
    assert expect.source


def blocks(analysis: Analysis, names: dict[str, str]) -> list[Printed]:
    """The top-level nodes with the totals of what is inside."""
    nodes = [(node, analysis.totals_of(node)) for node in analysis.tree]
    return [Printed(kind(n, names), n.output.shape, t.params, t.macs) for n, t in nodes]


def kind(node: Node, names: dict[str, str]) -> str:
    return names.get(node.type, "Sequential") if node.children else node.type


def whole(lines: list[Printed]) -> Printed:
    """Several lines as the one of a block that holds them."""
    return Printed("Sequential", lines[-1].shape, sum(x.params for x in lines), sum(x.macs for x in lines))


@pytest.mark.parametrize("name", ["nin", "resnet18", "googlenet"])
def test_top_level_blocks(name: str) -> None:
    assert blocks(analysed(name), {}) == printed(TAUGHT[name]["blocks"])


def test_top_level_blocks_of_densenet() -> None:
    """Its table calls Flatten and Linear, the last two, one block."""
    found = blocks(analysed("densenet"), {"dense": "DenseBlock"})
    assert [*found[:-2], whole(found[-2:])] == printed(TAUGHT["densenet"]["blocks"])


@pytest.mark.parametrize("name", [name for name in NAMES if "stated" in TAUGHT[name]])
def test_shapes_that_the_books_print(name: str) -> None:
    assert [list(node.output.shape) for node in analysed(name).tree] == TAUGHT[name]["stated"]


def test_shapes_of_nin_with_channels_last() -> None:
    """TensorFlow's form of the network; its global pooling drops two axes, which its Reshape restores."""
    shapes = TAUGHT["nin"]["stated_nhwc"]
    assert shapes[8] == [1, 10]
    channels_first = [[s[0], s[3], s[1], s[2]] if len(s) == 4 else s for s in shapes[:8] + shapes[9:]]
    assert [list(node.output.shape) for node in analysed("nin").tree] == channels_first


def test_densenet_on_larger_images() -> None:
    """More MACs, the same weights."""
    totals = shapecalc.analyse(shapecalc.load("densenet"), input="1x1x224x224").totals
    assert totals.macs == TAUGHT["densenet"]["macs_at_224"] == 702_742_448
    assert (totals.params, totals.buffers) == (758_226, 6_629)


def test_batch_scales_macs_alone() -> None:
    one = analysed("alexnet").totals
    sixteen = shapecalc.analyse(shapecalc.load("alexnet"), input="16x1x224x224").totals
    assert (sixteen.params, sixteen.macs) == (one.params, 16 * 938_146_176)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "lenet-maxpool"])
def test_fully_connected_layers_follow_the_resolution(name: str) -> None:
    """In torch they fix it; here they are inferred, so that the weights show what a new size costs."""
    shape = [1, 1, *(2 * n for n in analysed(name).inputs["input"].shape[2:])]
    larger = shapecalc.analyse(shapecalc.load(name), input=shape).totals
    assert number(larger.params) > TAUGHT[name]["params"]
