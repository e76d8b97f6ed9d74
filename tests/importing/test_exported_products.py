"""The products of exported programs, counted of their operators: as of the layers, and by torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from shapecalc.importing.exported.reading import read_exported
from shapecalc.importing.network import imported
from shapecalc.importing.torch_module import read_module

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning",
    "ignore:The tensor attributes:UserWarning",
    "ignore:LSTM with projections:UserWarning",
)


class Calls(nn.Module):
    """What calls a function with the layers and weights that it owns."""

    def __init__(self, function: Callable[..., Any], owned: dict[str, Any]) -> None:
        super().__init__()
        self.function = function
        for name, part in owned.items():
            setattr(self, name, part)

    def forward(self, *xs: Any) -> Any:
        return self.function(self, *xs)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


def applied(layer: nn.Module, index: int | None = None) -> tuple[Callable[..., Any], dict[str, Any]]:
    def call(self: Any, *xs: Any) -> Any:
        y = self.layer(*xs)
        return y if index is None else y[index]

    return call, {"layer": layer}


def function(call: Callable[..., Any], **owned: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    return lambda self, *xs: call(*xs, *[getattr(self, name) for name in owned]), owned


attend = functional.scaled_dot_product_attention
CASES: dict[str, tuple[tuple[Callable[..., Any], dict[str, Any]], tuple[tuple[int, ...], ...]]] = {
    "a vector through Linear": (applied(nn.Linear(5, 7)), ((5,),)),
    "Linear": (applied(nn.Linear(5, 7, bias=False)), ((2, 3, 5),)),
    "linear of a computed weight": (
        function(lambda x, w: functional.linear(x, w + 1), w=weight(3, 5)),
        ((3, 5),),
    ),
    "a matrix times a vector": (function(torch.matmul, w=weight(5)), ((4, 5),)),
    "matrices times a vector": (function(torch.matmul, w=weight(5)), ((2, 4, 5),)),
    "a vector times a matrix": (function(lambda x, w: w @ x, w=weight(5)), ((5, 4),)),
    "a vector times a vector": (function(torch.matmul, w=weight(5)), ((5,),)),
    "mv": (function(torch.mv), ((4, 5), (5,))),
    "products whose leading axes are broadcast": (function(torch.matmul), ((2, 1, 3, 5), (4, 5, 6))),
    "products of weights alone": (
        function(lambda x, a, b: x + a @ b, a=weight(3, 4), b=weight(4, 5)),
        ((3, 5),),
    ),
    "bmm": (function(torch.bmm), ((2, 3, 5), (2, 5, 6))),
    "baddbmm": (function(lambda x, y, w: torch.baddbmm(w, x, y), w=weight(3, 6)), ((2, 3, 5), (2, 5, 6))),
    "addmm": (function(lambda x, y, w: torch.addmm(w, x, y), w=weight(6)), ((3, 5), (5, 6))),
    "Conv1d without a batch": (applied(nn.Conv1d(4, 6, 3, groups=2, padding="same")), ((4, 9),)),
    "Conv2d": (applied(nn.Conv2d(4, 6, 3, groups=2, stride=2)), ((2, 4, 9, 9),)),
    "Conv3d": (applied(nn.Conv3d(4, 6, 3, dilation=2)), ((2, 4, 9, 9, 9),)),
    "conv2d of a computed weight": (
        function(lambda x, w: functional.conv2d(x, w + 1), w=weight(3, 5, 3, 3)),
        ((2, 5, 6, 6),),
    ),
    "ConvTranspose1d": (applied(nn.ConvTranspose1d(4, 6, 3, stride=2)), ((2, 4, 9),)),
    "ConvTranspose2d without a batch": (applied(nn.ConvTranspose2d(4, 6, 3, groups=2)), ((4, 9, 9),)),
    "ConvTranspose3d": (applied(nn.ConvTranspose3d(4, 6, 3)), ((2, 4, 5, 5, 5),)),
    "attention of heads": (function(attend), ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 6))),
    "attention without an axis of heads": (
        function(lambda q, k, v: attend(q, k, v, is_causal=True)),
        ((2, 5, 8), (2, 5, 8), (2, 5, 8)),
    ),
    "attention of more axes": (function(attend), ((2, 2, 3, 5, 8),) * 3),
    "attention of grouped heads": (
        function(lambda q, k, v: attend(q, k, v, enable_gqa=True)),
        ((2, 6, 5, 8), (2, 2, 5, 8), (2, 2, 5, 8)),
    ),
    "einsum": (function(lambda a, b: torch.einsum("bij,bjk->bik", a, b)), ((2, 3, 4), (2, 4, 5))),
    "einsum that sums before": (function(lambda a, b: torch.einsum("bij,jk->bi", a, b)), ((2, 3, 4), (4, 5))),
    "einsum that sums nothing": (function(lambda a, b: torch.einsum("bi,bj->bij", a, b)), ((2, 3), (2, 4))),
    "einsum of all axes": (
        function(lambda a, b: torch.einsum("...ij,jk->...ik", a, b)),
        ((2, 2, 3, 4), (4, 5)),
    ),
    "Bilinear": (applied(nn.Bilinear(3, 4, 5)), ((2, 3), (2, 4))),
    "LSTM": (
        applied(nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True, proj_size=4), 0),
        ((3, 2, 8),),
    ),
    "GRU without a batch": (applied(nn.GRU(8, 16, 2, bias=False), 0), ((2, 8),)),
    "RNN": (applied(nn.RNN(8, 16, nonlinearity="relu"), 0), ((2, 3, 8),)),
    "LSTMCell": (applied(nn.LSTMCell(8, 16), 0), ((5, 8),)),
    "GRUCell with a state": (applied(nn.GRUCell(8, 16, bias=False)), ((5, 8), (5, 16))),
    "RNNCell": (applied(nn.RNNCell(8, 16, nonlinearity="relu")), ((5, 8),)),
    "MultiheadAttention": (applied(nn.MultiheadAttention(8, 2), 0), ((5, 2, 8),) * 3),
}

UNCOUNTED = {
    "einsum of three": (
        function(lambda a, b, c: torch.einsum("bi,ij,jk->bk", a, b, c)),
        ((2, 3), (3, 4), (4, 5)),
    ),
}
"""What no count but that of the layers is there of, before it is taken apart."""

APART = {"a vector times a vector", "a matrix times a vector", "matrices times a vector", "mv"}
"""What run_decompositions makes elementwise products and sums of, which torch's counter does not see."""
OPAQUE = {name for name in CASES if name.startswith("attention")} | {"Bilinear"}
"""What it takes apart into operators that have no counterpart."""


def module_and_inputs(name: str) -> tuple[nn.Module, tuple[Any, ...]]:
    (call, owned), shapes = {**CASES, **UNCOUNTED}[name]
    return Calls(call, owned).eval(), tuple(torch.zeros(shape) for shape in shapes)


def saved(path: Path, name: str, apart: bool) -> Path:
    program = torch.export.export(*module_and_inputs(name))
    torch.export.save(program.run_decompositions() if apart else program, path / "model.pt2")
    return path / "model.pt2"


@pytest.mark.parametrize("name", CASES)
def test_operators_layers_and_counter_say_the_same(tmp_path: Path, name: str) -> None:
    module, inputs = module_and_inputs(name)
    program = read_exported(saved(tmp_path, name, apart=False), None)
    found = imported(program)
    assert program.macs == found.totals.macs == read_module(module, inputs, {}, name).macs
    assert not found.differences


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [name for name in CASES if name not in OPAQUE])
def test_so_they_do_where_operators_are_taken_apart(tmp_path: Path, name: str) -> None:
    module, inputs = module_and_inputs(name)
    program = read_exported(saved(tmp_path, name, apart=True), None)
    found = imported(program)
    counted = 0 if name in APART else read_module(module, inputs, {}, name).macs
    assert program.macs == found.totals.macs == counted
    assert not found.differences


@pytest.mark.parametrize("name", UNCOUNTED)
def test_what_is_not_counted_is_not_compared(tmp_path: Path, name: str) -> None:
    program = read_exported(saved(tmp_path, name, apart=False), None)
    assert program.macs is None
    assert not imported(program).differences


def test_products_of_constants_are_made_once(tmp_path: Path) -> None:
    """As modules are read: they hang on no input, and are zeros of their shape in the file."""
    module = Calls(lambda _, x: x + torch.ones(3, 4) @ torch.ones(4, 5), {})
    torch.export.save(torch.export.export(module, (torch.zeros(3, 5),)), tmp_path / "model.pt2")
    program = read_exported(tmp_path / "model.pt2", None)
    found = imported(program)
    assert (program.macs, found.totals.macs, found.differences) == (0, 0, ())
    assert len(found.lost) == 1


def test_another_count_is_a_difference(tmp_path: Path) -> None:
    program = read_exported(saved(tmp_path, "Conv2d", apart=False), None)
    assert program.macs is not None
    program.macs += 1
    (told,) = imported(program).differences
    assert (told.what, told.here, told.there) == ("MACs", "3456", "3457")


def test_the_count_holds_at_other_sizes(tmp_path: Path) -> None:
    """Each of the program's runs is counted by itself, at its own values of the free sizes."""
    free = torch.export.Dim("rows", min=2, max=99)
    layer = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 2))
    program = torch.export.export(layer, (torch.zeros(3, 5),), dynamic_shapes=({0: free},))
    torch.export.save(program, tmp_path / "model.pt2")
    read = read_exported(tmp_path / "model.pt2", None)
    rows = [x.shape[0] for run in [read, *read.runs] for x in [next(iter(run.inputs.values())).tensor] if x]
    assert len({*rows}) > 2
    assert [run.macs for run in [read, *read.runs]] == [n * (35 + 14) for n in rows]
