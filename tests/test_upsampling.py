"""Resizing: the ranks and dtypes that each mode takes, and the factors that have a formula."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.symbolic import Dim, at, symbol
from shapecalc.tensors import BYTES, Tensor

MODES = ("nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear", "lanczos")


def computed(arguments: dict[str, Any], x: Tensor) -> Tensor | None:
    try:
        return LAYERS["interpolate"](**arguments).figures((x,)).outputs[0]
    except ArchitectureError:
        return None


def measured(arguments: dict[str, Any], x: Tensor) -> Tensor | None:
    try:
        y = torch.nn.functional.interpolate(torch.zeros(x.shape, dtype=getattr(torch, x.dtype)), **arguments)
    except (AssertionError, RuntimeError, ValueError):
        return None
    return Tensor(tuple(y.shape), str(y.dtype).removeprefix("torch."))


@pytest.mark.parametrize("rank", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("mode", MODES)
def test_ranks_and_dtypes_that_can_be_resized(mode: str, rank: int) -> None:
    for dtype, antialias in itertools.product(BYTES, (False, True)):
        x = Tensor((1, 2, 4, 5, 6, 3)[:rank], dtype)
        arguments = {"scale_factor": 2, "mode": mode, "antialias": antialias}
        assert computed(arguments, x) == measured(arguments, x), (dtype, antialias)


def length(n: Dim, factor: float) -> Dim:
    return LAYERS["interpolate"](scale_factor=factor).figures((Tensor((1, 1, n)),)).outputs[0].shape[2]


@given(st.integers(1, 2**37), st.integers(1, 2**16), st.integers(0, 16))
def test_a_formula_of_a_factor_is_what_torch_makes(n: int, over: int, places: int) -> None:
    factor = over / 2**places
    assume(n * factor >= 1)
    x = torch.empty((1, 1, n), device="meta")
    made = torch.nn.functional.interpolate(x, scale_factor=factor).shape[2]
    assert at(length(symbol("n"), factor), {"n": n}) == length(n, factor) == made


@pytest.mark.parametrize("factor", [0.29, 0.7, 1 / 3, 1e-3, 2**17 + 0.5])
def test_a_rounded_product_has_no_formula(factor: float) -> None:
    with pytest.raises(ArchitectureError, match="no formula"):
        length(symbol("n"), factor)
