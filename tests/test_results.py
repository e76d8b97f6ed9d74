"""What an analysis gives: its form as JSON, frozen rows, the tree over them, and no heavy imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from inspect import get_annotations
from itertools import pairwise
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis, Node

TINY = """
name: Tiny
input: {image: 2x1x6x6}
layers:
  - Conv2d: {out_channels: 3, kernel_size: 3}
  - BatchNorm2d
  - Flatten
  - Linear: {out_features: 5, bias: false}
"""

# 3 kernels of 1·3·3 at 4×4 positions of 2 images; 48 products for each of 5 features of 2 images.
TINY_AS_JSON: dict[str, Any] = {
    "name": "Tiny",
    "inputs": {"image": {"shape": [2, 1, 6, 6], "dtype": "float32"}},
    "layers": [
        {
            "path": "Conv2d[0]",
            "type": "Conv2d",
            "arguments": {"in_channels": 1, "out_channels": 3, "kernel_size": [3, 3]},
            "inputs": [[2, 1, 6, 6]],
            "edges": [{"row": -1, "port": 0}],
            "output": [2, 3, 4, 4],
            "weights": {"weight": [3, 1, 3, 3], "bias": [3]},
            "params": 30,
            "buffers": 0,
            "macs": 864,
        },
        {
            "path": "BatchNorm2d[0]",
            "type": "BatchNorm2d",
            "arguments": {"num_features": 3},
            "inputs": [[2, 3, 4, 4]],
            "edges": [{"row": 0, "port": 0}],
            "output": [2, 3, 4, 4],
            "weights": {
                "weight": [3],
                "bias": [3],
                "running_mean": [3],
                "running_var": [3],
                "num_batches_tracked": [],
            },
            "params": 6,
            "buffers": 7,
            "macs": 0,
        },
        {
            "path": "Flatten[0]",
            "type": "Flatten",
            "arguments": {},
            "inputs": [[2, 3, 4, 4]],
            "edges": [{"row": 1, "port": 0}],
            "output": [2, 48],
            "weights": {},
            "params": 0,
            "buffers": 0,
            "macs": 0,
        },
        {
            "path": "Linear[0]",
            "type": "Linear",
            "arguments": {"in_features": 48, "out_features": 5, "bias": False},
            "inputs": [[2, 48]],
            "edges": [{"row": 2, "port": 0}],
            "output": [2, 5],
            "weights": {"weight": [5, 48]},
            "params": 240,
            "buffers": 0,
            "macs": 480,
        },
    ],
    "outputs": [[2, 5]],
    "output_edges": [{"row": 3, "port": 0}],
    "conditions": [],
    "totals": {"params": 276, "trainable_params": 276, "buffers": 7, "macs": 1344, "flops": 2688},
}

BRANCHED = """
input: 1x4x8x8
blocks:
  unit(width):
    - add:
      - [Conv2d: {out_channels: width, kernel_size: 3, padding: 1}, BatchNorm2d]
      - []
      - skip
    - ReLU
  nothing: []
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 1}, as: skip}
  - {unit: 4, times: 2}
  - seq: []
  - nothing
  - concat: [[], [{seq: [ReLU, unit: 4], times: 2}]]
  - {MaxPool2d: {kernel_size: 2, return_indices: true}, as: [maxima, places]}
"""


@cache
def analysed(text: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text))


@cache
def of_the_zoo(name: str) -> Analysis:
    return shapecalc.analyse(shapecalc.load(name))


# The form as JSON.


def test_the_whole_form() -> None:
    assert json.loads(json.dumps(analysed(TINY).to_dict())) == TINY_AS_JSON


def test_the_order_of_the_keys() -> None:
    found = analysed(TINY).to_dict()
    assert list(found) == list(TINY_AS_JSON)
    assert list(found["layers"][0]) == list(TINY_AS_JSON["layers"][0])
    assert list(found["totals"]) == list(TINY_AS_JSON["totals"])


@pytest.mark.parametrize("text", [TINY, BRANCHED])
def test_it_is_of_jsons_types_as_it_stands(text: str) -> None:
    found = analysed(text).to_dict()
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("name", ["nin", "resnet18", "googlenet", "densenet"])
def test_totals_are_the_sums_of_the_rows(name: str) -> None:
    """Weights are re-added from their printed shapes, buffers told apart by torch's names for them."""
    found = of_the_zoo(name).to_dict()
    layers, totals = found["layers"], found["totals"]
    buffers = {"running_mean", "running_var", "num_batches_tracked"}
    weights = [item for layer in layers for item in layer["weights"].items()]
    assert totals["params"] == sum(count(shape) for name, shape in weights if name not in buffers)
    assert totals["buffers"] == sum(count(shape) for name, shape in weights if name in buffers)
    for figure in ("params", "buffers", "macs"):
        assert totals[figure] == sum(layer[figure] for layer in layers)
    assert totals["flops"] == 2 * totals["macs"]
    assert totals["params"] > 0


def count(shape: list[int]) -> int:
    elements = 1
    for size in shape:
        elements *= size
    return elements


def test_further_outputs_are_in_it() -> None:
    *_, pool = analysed(BRANCHED).to_dict()["layers"]
    assert pool["output"] == [1, 8, 4, 4]
    assert pool["outputs"] == [[1, 8, 4, 4], [1, 8, 4, 4]]


# Frozen.


@pytest.mark.parametrize("part", ["analysis", "row", "node", "totals"])
def test_results_are_frozen(part: str) -> None:
    analysis = analysed(TINY)
    parts = {"analysis": analysis, "row": analysis.rows[0], "node": analysis.tree[0]}
    frozen: Any = {**parts, "totals": analysis.totals}[part]
    for name in get_annotations(type(frozen)):
        with pytest.raises(AttributeError):
            setattr(frozen, name, getattr(frozen, name))
        with pytest.raises(AttributeError):
            delattr(frozen, name)


def test_what_rows_hold_is_frozen() -> None:
    row = analysed(TINY).rows[0]
    named: list[tuple[Any, str]] = [
        (row.output, "shape"),
        (row.edges[0], "row"),
        (row.weights["weight"], "shape"),
        (row.figures, "macs"),
    ]
    for holder, name in named:
        with pytest.raises(AttributeError):
            setattr(holder, name, getattr(holder, name))
    sequences: list[Any] = [row.inputs, row.outputs, row.edges, row.output.shape]
    assert [type(sequence).__setitem__ for sequence in sequences if hasattr(sequence, "__setitem__")] == []


# The tree.


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from walk(node.children)


def check_ranges(nodes: tuple[Node, ...], start: int, stop: int) -> None:
    """The nodes' ranges follow one another from `start` to `stop` without a gap."""
    assert [start, *(node.stop for node in nodes)] == [*(node.start for node in nodes), stop]


@pytest.mark.parametrize("name", ["nin", "resnet18", "googlenet", "densenet", "vgg11"])
def test_ranges_of_the_tree_partition_the_rows(name: str) -> None:
    check_partition(of_the_zoo(name))


def test_ranges_partition_the_rows_with_joins_and_empty_groups() -> None:
    check_partition(analysed(BRANCHED))


def check_partition(analysis: Analysis) -> None:
    """At each level; a join's own row comes after those of its branches."""
    check_ranges(analysis.tree, 0, len(analysis.rows))
    owned = []
    for node in walk(analysis.tree):
        own = node.stop > node.start and analysis.rows[node.stop - 1].path == node.path
        if own:
            owned.append(node.stop - 1)
            assert analysis.rows[node.stop - 1].output == node.output
            assert analysis.rows[node.stop - 1].type == node.type
        if node.children:
            check_ranges(node.children, node.start, node.stop - own)
        else:
            assert node.stop - node.start == own
    assert sorted(owned) == list(range(len(analysis.rows)))


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_totals_of_the_top_level_add_up(name: str) -> None:
    analysis = of_the_zoo(name)
    parts = [analysis.totals_of(node) for node in analysis.tree]
    assert sum(part.params for part in parts) == analysis.totals.params
    assert sum(part.macs for part in parts) == analysis.totals.macs


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet"])
def test_edges_lead_back_to_tensors_of_the_same_shape(name: str) -> None:
    analysis = of_the_zoo(name)
    network_inputs = list(analysis.inputs.values())
    for number, row in enumerate(analysis.rows):
        assert all(-1 <= edge.row < number for edge in row.edges)
        sources = [analysis.rows[e.row].outputs if e.row >= 0 else network_inputs for e in row.edges]
        assert tuple(s[e.port] for s, e in zip(sources, row.edges, strict=True)) == row.inputs
    assert [analysis.rows[edge.row].outputs[edge.port] for edge in analysis.output_edges] == list(
        analysis.outputs
    )


def test_a_chain_is_a_chain() -> None:
    rows = of_the_zoo("nin").rows
    assert [row.edges[0].row for row in rows] == list(range(-1, len(rows) - 1))
    assert all(before.output == after.inputs[0] for before, after in pairwise(rows))


# Imports.

HEAVY = ("rich", "torch", "typer")
ANALYSE = "import shapecalc; shapecalc.analyse(shapecalc.load('nin')).to_dict()"


def heavy_modules_after(statements: str) -> list[str]:
    """Those of HEAVY that a fresh interpreter holds after the statements."""
    report = f"import os, sys; print(*[name for name in {HEAVY!r} if name in sys.modules], flush=True)"
    code = f"{statements}\n{report}\nos._exit(0)"  # it takes half a second to take torch apart
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_an_analysis_loads_nothing_heavy() -> None:
    assert heavy_modules_after(ANALYSE) == []


def test_the_test_of_imports_can_fail() -> None:
    assert heavy_modules_after(f"import {', '.join(HEAVY)}\n{ANALYSE}") == [*HEAVY]
