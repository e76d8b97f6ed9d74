"""What has no counterpart in the language is a step with measured figures: those of the module itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError
from shapecalc.importing.arguments import UnsayableError
from shapecalc.importing.lowering import ROWS, Lowering
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.runs import read_at_sizes


class Unit(nn.Module):
    """A convolution, and functions that no layer type is: of one tensor, of several, with several outputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x: Any) -> Any:
        y = torch.special.bessel_j0(self.conv(x) * self.scale)
        q, _ = torch.linalg.qr(y)
        return x + torch.linalg.cross(q[..., :3], q[..., 3:6]).sum((2, 3), keepdim=True)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.body = nn.Sequential(Unit(8), Unit(8))
        self.table = nn.Parameter(torch.ones(5, 8))

    def forward(self, x: Any) -> Any:
        distances = torch.nn.functional.pdist(self.table)
        return self.body(self.stem(x)).mean((2, 3)) @ self.table.T, distances


class Compiled(nn.Module):
    """A module around one of which Python sees nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 8)
        inner = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 8, bias=False))
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self.inner = torch.jit.script(inner.eval())

    def forward(self, x: Any) -> Any:
        return torch.relu(self.inner(self.stem(x)))


def read(module: nn.Module, x: Any) -> Imported:
    return imported(read_at_sizes(module, [x], {}, type(module).__name__), strict=False)


CASES = [(Net, (1, 3, 16, 16)), (Compiled, (2, 4))]


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_the_figures_are_those_of_the_module(make: Any, shape: tuple[int, ...]) -> None:
    module, x = make().eval(), torch.zeros(shape)
    found = read(module, x)
    assert not found.differences
    analysis = analyse(found.architecture)
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert analysis.totals.buffers == sum(b.numel() for b in module.buffers())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        y = module(x)
    assert 2 * analysis.totals.macs == counter.get_total_flops()
    assert analysis.outputs[0].shape == tuple((y[0] if isinstance(y, tuple) else y).shape)
    assert sorted(found.names.values()) == sorted(module.state_dict())


def test_blocks_have_such_steps_too() -> None:
    text = read(Net(), torch.zeros(1, 3, 16, 16)).text
    assert "unit times 2" in text
    assert (
        "- opaque: {call: torch.special.bessel_j0, inputs: [1x8x16x16], outputs: [1x8x16x16], macs: 0}"
        in text
    )
    assert "call: torch.linalg.qr, inputs: [1x8x16x16], outputs: [1x8x16x16, 1x8x16x16], macs: 0" in text
    assert "[1x8x16x3, 1x8x16x3]" in text


def test_each_is_named_with_its_place() -> None:
    found = read(Net(), torch.zeros(1, 3, 16, 16)).opaque
    assert [told.partition(" (")[0] for told in found] == [
        *("torch.nn.functional.pdist", "torch.special.bessel_j0", "torch.linalg.qr", "torch.linalg.cross"),
    ]
    assert "(2 times, " in found[1]
    assert "test_opaque_steps.py:" in found[1]


def test_a_compiled_module_keeps_its_weights_by_name() -> None:
    found = read(Compiled(), torch.zeros(2, 4))
    row = analyse(found.architecture).rows[1]
    assert row.macs == 2 * (8 * 16 + 16 * 8)
    assert found.names["opaque[0].0.weight"] == "inner.0.weight"
    assert found.names["opaque[0].1.running_mean"] == "inner.1.running_mean"
    with pytest.raises(ArchitectureError, match=r"it is compiled by torch\.jit, and hidden from Python"):
        read(Compiled().inner, torch.zeros(2, 8))


def test_other_sizes_than_the_measured_are_refused() -> None:
    architecture = read(Net(), torch.zeros(1, 3, 16, 16)).architecture
    with pytest.raises(ArchitectureError, match="was measured on 1x8x16x16 alone"):
        analyse(architecture, "1x3x17x16")


@pytest.fixture
def half_said() -> Iterator[None]:
    """A row for `logit` that has made a product when it finds that nothing here does the rest."""

    def make(to: Lowering, input: Any) -> Any:
        to.step("matmul", input, input)
        raise UnsayableError("the rest")

    ROWS["logit"] = make
    yield
    del ROWS["logit"]


@pytest.mark.usefixtures("half_said")
def test_what_a_row_has_made_in_vain_is_left_out() -> None:
    class Vain(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.logit(x)

    found = read(Vain(), torch.zeros(4, 4))
    assert [row.type for row in analyse(found.architecture).rows] == ["opaque"]
    assert not found.differences


def test_from_torch_has_measured_steps_unless_strict() -> None:
    x = torch.zeros(1, 3, 16, 16)
    analysis = analyse(shapecalc.from_torch(Net(), x))
    called = [row.arguments["call"] for row in analysis.measured]
    assert "torch.special.bessel_j0" in called
    assert analysis.totals.params == sum(p.numel() for p in Net().parameters())
    with pytest.raises(ArchitectureError, match=r"torch\.special\.bessel_j0 \(2"):
        shapecalc.from_torch(Net(), x, strict=True)
