"""Sizes that follow from the input stay so: a file made at one size is the module at others."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc.errors import ArchitectureError
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.runs import read_at_sizes
from shapecalc.importing.torch_module import plain_attention
from tests.importing.sized import MODULES, Shapes


def tensors(name: str, shapes: Shapes) -> dict[str, Any]:
    dtype = getattr(torch, MODULES[name][1])
    return {key: torch.zeros(shape, dtype=dtype) for key, shape in shapes.items()}


@cache
def read(name: str) -> Imported:
    make, _, shapes, _ = MODULES[name]
    return imported(read_at_sizes(make(), [], tensors(name, shapes), name))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", MODULES)
def test_a_file_is_the_module_at_other_sizes_too(name: str) -> None:
    make, dtype, _, others = MODULES[name]
    found = read(name)
    assert found.differences == ()
    assert found.fixed == (), found.text
    module = make().eval()
    for shapes in others:
        given = {key: f"{'x'.join(map(str, shape))}:{dtype}" for key, shape in shapes.items()}
        ours = dict(zip(found.architecture.inputs, given.values(), strict=True))
        analysis = shapecalc.analyse(found.architecture, ours)
        with plain_attention(), torch.no_grad(), FlopCounterMode(display=False) as counter:
            output = module(**tensors(name, shapes))
        assert [tuple(y.shape) for y in analysis.outputs] == [tuple(output.shape)], found.text
        assert 2 * analysis.totals.macs == counter.get_total_flops(), found.text


PHRASES = {
    "NonLocal": ["flatten: 2", "unflatten: {dim: 2, sizes: [-1, W]}"],
    "Windows": ["unflatten: {dim: 1, sizes: [-1, 7]}"],
    "Positions": ["add: [[], [arange: L, Embedding: "],
    "Sliced": ["expand: [N, -1, -1]", "narrow: [1, 0, (H//4)*(W//4) + 1]"],
    "Padded": ["pad: [0, -W % 8, 0, -H % 8]", "narrow: [2, 0, H]"],
    "Same": ["pad: [-W % 2 + 1, 2, -H % 2 + 1, 2]"],
    "Staged": [
        "windowed(out, heads, height, width):",
        "pad: [0, 0, 0, -width % 4, 0, -height % 4]",
        "Linear: 3*out",
        "unflatten: {dim: 2, sizes: [3, heads, 6]}",
        "unflatten: {dim: 0, sizes: [-1, (height + 3)//4, (width + 3)//4]}",
        "narrow: [1, 0, height]",
        "windowed: {out: 24, heads: 4, height: (H + 6)//4, width: (W + 6)//4}",
        "windowed as end times 2: {out: 48, heads: 8, height: 4, width: 4}",
    ],
    "Skips": ["pad: [0, W - 2*(W//2), 0, H - 2*(H//2)]", "pad: [0, (W//2) - 2*(W//4), 0, (H//2) - 2*(H//4)]"],
    "Global": ["AdaptiveAvgPool2d: 1"],
    "Recurrent": ["select: [1, -1]"],
}
"""What the files have in place of numbers."""


@pytest.mark.parametrize("name", PHRASES)
def test_what_a_size_means_is_written(name: str) -> None:
    text = read(name).text
    for phrase in PHRASES[name]:
        assert phrase in text, text


@pytest.mark.parametrize(("name", "least"), [("Skips", 4), ("Padded", 1)])
def test_the_smallest_input_is_known_where_padding_is_computed(name: str, least: int) -> None:
    """torch takes it, and none that is smaller."""
    letters = {"H": "H", "W": "W"}
    analysis = shapecalc.analyse(read(name).architecture, "1x3xHxW", letters)
    assert shapecalc.domain(analysis).smallest == {"H": least, "W": least}
    module = MODULES[name][0]().eval()
    assert module(torch.zeros(1, 3, least, least)).shape[2:] == (least, least)
    for height, width in ((least - 1, least), (least, least - 1)):
        with pytest.raises(RuntimeError):
            module(torch.zeros(1, 3, height, width))


def test_padding_by_a_formula_may_cut_off() -> None:
    """As much as leaves something, as torch does at each size."""
    text = "input: 1x3xW\nparameters: {W: 32}\nlayers: [pad: {pad: [0, 9 - 2*W], mode: %s}]"
    analysis = shapecalc.analyse(shapecalc.parse(text % "constant"), "1x3xW", {"W": "W"})
    assert [*map(str, analysis.outputs)] == ["1×3×(−W + 9)"]
    for width in range(1, 12):
        taken = all(condition.holds({"W": width}) for condition in analysis.conditions)
        try:
            left = torch.nn.functional.pad(torch.zeros(1, 3, width), (0, 9 - 2 * width)).numel()
        except RuntimeError:
            left = 0
        assert taken == (left > 0)
    with pytest.raises(ArchitectureError, match="pad is of numbers in mode reflect"):
        shapecalc.analyse(shapecalc.parse(text % "reflect"), "1x3xW", {"W": "W"})


def test_only_sizes_that_are_used_are_parameters() -> None:
    assert "input: Nx3xHxW\nparameters: {N: 1, H: 28, W: 28}" in read("Sliced").text
    assert "input: 1x3x16x16\nlayers" in read("Shuffled").text


class Fixed(torch.nn.Module):
    """A number that is no size: the root of one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.layer(x) * x.shape[1] ** 0.5


def test_what_no_expression_says_is_a_number_and_is_told() -> None:
    x = torch.empty(1, 9, 4, device="meta")
    found = imported(read_at_sizes(Fixed(), [x], {}, "Fixed"))
    assert found.differences == ()
    assert "mul: 3" in found.text
    (told,) = found.fixed
    assert told.startswith("other 3 of mul, ")
    assert "test_sizes.py:" in told


class Window(torch.nn.Module):
    """A table for as much as a window holds, which is as long as its input, at most 8; more are shifted."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(6, 6)
        self.table = torch.nn.Parameter(torch.zeros(8**3))

    def forward(self, x: Any) -> Any:
        length = x.shape[1]
        window = min(length, 8)
        x = self.layer(x if length <= 8 else x.roll(4, 1))
        return x * self.table[: window**3].sum()


def test_sizes_at_which_windows_shrink_are_left_for_those_that_leave_no_number_unsaid() -> None:
    found = imported(read_at_sizes(Window(), [torch.empty(2, 8, 6, device="meta")], {}, "Window"))
    assert found.differences == ()
    assert found.fixed == ()
    shrunk = imported(read_at_sizes(Window(), [torch.empty(2, 7, 6, device="meta")], {}, "Window"))
    assert shrunk.differences == ()


class Noise(torch.nn.Module):
    """A sample around what a layer makes."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.log = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        mean = self.mean(x)
        return mean + torch.randn_like(mean) * torch.exp(self.log(x) / 2)


def test_noise_is_a_constant_whose_values_the_file_has_not() -> None:
    found = imported(read_at_sizes(Noise(), [torch.empty(2, 6, device="meta")], {}, "Noise"))
    assert found.differences == ()
    assert "zeros: [N, 4]" in found.text
    (told,) = found.lost
    assert told.startswith("2x4, ")
