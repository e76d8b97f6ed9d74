"""Elements looked up by their numbers, and put in order: in networks, with letters, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.analysis.receptive.field import receptive
from shapecalc.layers import LAYERS
from shapecalc.operations import Operations
from shapecalc.symbolic import symbol
from shapecalc.tensors import Tensor
from shapecalc.torch_check.verify import verify

L, K = symbol("L"), symbol("K")

BIASES = """
    name: biases of positions
    input: 2x4x9x9
    layers:
      - {parameter: {shape: [25, 4]}, as: table}
      - {buffer: {shape: [9, 9], dtype: int64}, as: places}
      - {index: [table, places]}
      - {permute: [2, 0, 1], as: bias}
      - add: [input, bias]
"""

CHOSEN = """
    name: chosen tokens
    input: 2x9x8
    layers:
      - {Linear: 1, from: input}
      - squeeze: -1
      - {topk: {k: 3}, as: [scores, places]}
      - {unsqueeze: {dim: -1}, from: places, as: columns}
      - {take_along_dim: {branches: [input, columns], dim: 1}}
      - mul: [[], [{unsqueeze: {dim: -1}, from: scores}]]
"""

TURNED = """
    name: pairs of features turned
    input: 2x4x9x8
    layers:
      - {slice: {dim: -1, step: 2}, as: even}
      - {slice: {dim: -1, start: 1, step: 2}, from: input}
      - stack: {branches: [[], even], dim: -1}
      - flatten: -2
"""


@pytest.mark.parametrize(
    ("text", "shape"), [(BIASES, (2, 4, 9, 9)), (CHOSEN, (2, 3, 8)), (TURNED, (2, 4, 9, 8))]
)
def test_torch_agrees(text: str, shape: tuple[int, ...]) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert analysis.outputs[0].shape == shape
    assert verify(analysis, torch.device("cpu"), "looked up", memory=True).mismatches == ()


WARPED = """
    name: a spatial transformer
    input: {x: 2x3x8x8, grid: 2x4x6x2}
    layers:
      - {Conv2d: {out_channels: 4, kernel_size: 3}, from: x, as: image}
      - {Linear: 2, from: grid, as: places}
      - grid_sample: {branches: [image, places], padding_mode: border, align_corners: true}
"""


def test_an_image_is_read_where_a_grid_says() -> None:
    analysis = shapecalc.analyse(shapecalc.parse(WARPED))
    assert analysis.outputs[0].shape == (2, 4, 4, 6)
    assert verify(analysis, torch.device("cpu"), "warped", memory=True).mismatches == ()
    (field,) = receptive(analysis, "x").outputs
    assert field.status == "undefined"
    assert "for the values of the grid to say" in str(field.reason)


def test_letters() -> None:
    numbers = Tensor((K,), "int64")
    selected = LAYERS["index_select"](dim=1).figures((Tensor((2, L, 8)), numbers))
    assert (selected.outputs[0].shape, selected.conditions) == ((2, K, 8), ())
    gathered = LAYERS["gather"](dim=1).figures((Tensor((L, 9)), Tensor((K, 2), "int64")))
    assert (gathered.outputs[0].shape, [*map(str, gathered.conditions)]) == ((K, 2), ["−K + L ≥ 0"])
    chosen = LAYERS["topk"](k=3).figures((Tensor((2, L)),))
    assert [*map(str, chosen.conditions)] == ["L ≥ 3"]


def test_operations() -> None:
    """A greatest of n takes n − 1 comparisons."""
    x = Tensor((2, 5, 3))
    assert LAYERS["argmax"](dim=1).costs((x,)).ops == Operations(compare=2 * 3 * 4)
    assert LAYERS["argmin"]().costs((x,)).ops == Operations(compare=29)
    assert LAYERS["flip"](dims=1).costs((x,)).ops == Operations()


@pytest.mark.parametrize(
    ("step", "status", "reason"),
    [
        ("index_select: {dim: 2, branches: [x, places]}", "undefined", "for the values of the second input"),
        ("index_select: {dim: 1, branches: [x, places]}", "exact", ""),
        ("flip: {dims: 2, from: x}", "undefined", "in the opposite order"),
        ("sort: {dim: 2, from: x}", "whole input", ""),
    ],
)
def test_what_is_seen(step: str, status: str, reason: str) -> None:
    step = step.replace(", from: x}", "}, from: x")
    text = f"input: {{x: 1x4x9, places: '3:int64'}}\nlayers: [{{{step}}}]\n"
    field = receptive(shapecalc.analyse(shapecalc.parse(text)), "x").fields[0]
    assert field.status == status
    assert reason in str(field.reason)


X, PLACES, IMAGE = Tensor((4, 5)), Tensor((3,), "int64"), Tensor((2, 3, 5, 5))


@pytest.mark.parametrize(
    ("name", "inputs", "arguments", "expected"),
    [
        (
            "index_select",
            (X, Tensor((3,))),
            {"dim": 0},
            "the second input must be numbers of int32 or int64, not float32",
        ),
        (
            "index_select",
            (X, X._replace(dtype="int64")),
            {"dim": 0},
            "the second input must be a vector, not 4×5",
        ),
        (
            "index",
            (X, Tensor((4,), "bool")),
            {},
            "the second input is a mask of bool: how many places it takes, its values say",
        ),
        ("index", (X, PLACES), {"dim": 2}, "dim is 2, but the input 4×5 has axes 0 to 1"),
        ("gather", (X, PLACES), {"dim": 0}, "inputs of as many axes are needed, not 4×5 and 3"),
        (
            "gather",
            (X, Tensor((5, 9), "int64")),
            {"dim": 1},
            "axis 0 of the numbers, 5×9, has 5 places, that of 4×5 only 4",
        ),
        (
            "take_along_dim",
            (X, Tensor((3, 1), "int64")),
            {"dim": 1},
            "the branches differ on axis 0: 4 and 3 (4×1 and 3×1)",
        ),
        ("topk", (X,), {"k": 6}, "k is 6, but the input 4×5 has 5 elements along axis 1"),
        (
            "grid_sample",
            (IMAGE, Tensor((2, 4, 4, 3))),
            {},
            "the last axis of the grid 2×4×4×3 has 3 numbers, a place in 2×3×5×5 has 2",
        ),
        (
            "grid_sample",
            (IMAGE, Tensor((1, 4, 4, 2))),
            {},
            "the grid 1×4×4×2 and the input 2×3×5×5 differ on axis 0: 1 and 2",
        ),
        ("one_hot", (X,), {"num_classes": 3}, "an input of int64 is needed, not float32"),
        ("flip", (X,), {"dims": [0, -2]}, "dims has axis 0 of 4×5 twice"),
    ],
)
def test_errors(name: str, inputs: tuple[Tensor, ...], arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        LAYERS[name](**arguments).figures(inputs)
    assert caught.value.message == expected
