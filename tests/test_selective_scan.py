"""The selective scan against a convolution, a closed form and torch's counter; Mamba's published count."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.receptive.field import along
from shapecalc.torch_check.functions import selective_scan
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify

MAMBA = """
source: Gu & Dao 2023, arXiv:2312.00752; state-spaces/mamba-130m
input: 1xL:int64
parameters: {L: 20, width: 768, depth: 24, state: 16, rank: 48}
blocks:
  lin(out, bias=false): [Linear: {out_features: out, bias: bias}]
  mixer(inner):
    - lin: 2*inner
    - {chunk: {chunks: 2, dim: 2}, as: [x, z]}
    - transpose: [1, 2]
    - Conv1d: {out_channels: inner, kernel_size: 4, padding: 3, groups: inner}
    - {narrow: {dim: 2, start: 0, length: L}}
    - {SiLU: , as: u}
    - transpose: [1, 2]
    - lin: rank + 2*state
    - {split: {split_size_or_sections: [rank, state, state], dim: 2}, as: [low, B, C]}
    - lin: {out: inner, bias: true}
    - {transpose: [1, 2], as: delta}
    - selective_scan:
        branches:
          - u
          - delta
          - [parameter: {shape: [inner, state]}]
          - [{transpose: [1, 2], from: B}]
          - [{transpose: [1, 2], from: C}]
          - [parameter: {shape: [inner]}]
          - [{transpose: [1, 2], from: z}]
        delta_softplus: true
    - transpose: [1, 2]
    - lin: width
layers:
  - {Embedding: {num_embeddings: 50280, embedding_dim: width}, as: words}
  - {add: [[RMSNorm: width, mixer: 2*width], []], times: depth}
  - RMSNorm: width
  - {lin: 50280, share: words}
"""


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **how)


def test_mamba_has_its_published_parameters() -> None:
    assert analyse(MAMBA).totals.params == 129_135_360


def test_torch_scans_and_agrees() -> None:
    small = analyse(MAMBA, parameters={"width": 8, "depth": 2, "rank": 3, "L": 7})
    assert verify(small, torch.device("cpu"), "mamba").mismatches == ()


SCAN = """
input: {u: 2x3x5, delta: 2x3x5, A: 3x4, B: 2x4x5, C: 2x4x5}
layers: [selective_scan: [u, delta, A, B, C]]
"""


def test_with_a_constant_step_it_is_a_convolution() -> None:
    """y[t] = the sum over s up to t of C·exp(A)^(t − s)·B·u[s], where delta is 1."""
    torch.manual_seed(0)
    u, a = torch.randn(2, 3, 6), -torch.rand(3, 4)
    b, c = (torch.randn(4) for _ in range(2))
    full = [x[None, :, None].expand(2, 4, 6) for x in (b, c)]
    found = selective_scan(u, torch.ones_like(u), a, *full)
    powers = torch.exp(a[..., None] * torch.arange(6))  # of each channel and state, by how long ago
    kernel = torch.einsum("dnt,n,n->dt", powers, b, c).flip(-1)
    padded = torch.nn.functional.pad(u, (5, 0))
    expected = torch.nn.functional.conv1d(padded, kernel[:, None], groups=3)
    torch.testing.assert_close(found, expected)


def test_what_is_added_and_multiplied() -> None:
    torch.manual_seed(0)
    u, z, delta = (torch.randn(2, 3, 5) for _ in range(3))
    states = torch.randn(3, 4), torch.randn(2, 4, 5), torch.randn(2, 4, 5)
    d, bias = torch.randn(3), torch.randn(3)
    steps = torch.nn.functional.softplus(delta + bias[:, None])
    expected = (selective_scan(u, steps, *states) + d[:, None] * u) * torch.nn.functional.silu(z)
    found = selective_scan(u, delta, *states, d, z, bias, delta_softplus=True)
    torch.testing.assert_close(found, expected)


def test_the_products_of_gradients_are_counted() -> None:
    text = "input: 2x3x5\nlayers:\n  - selective_scan: [{}, {}, {}, {}, {}]\n".format(
        "input",
        "[]",
        "[parameter: {shape: [3, 4]}]",
        "[parameter: {shape: [2, 4, 5]}]",
        "[parameter: {shape: [2, 4, 5]}]",
    )
    analysis = analyse(text)
    network = build(analysis)
    with FlopCounterMode(display=False) as counter:
        (y,) = network(torch.empty(2, 3, 5, device="meta"), observe=lambda *_: None)
        y.sum().backward()
    assert training(CONVENTIONS["torch"], analysis) == counter.get_total_flops()


@pytest.mark.parametrize(("given", "differs"), [("u", 2), ("C", 2), ("B", 2)])
def test_a_step_sees_those_before_it(given: str, differs: int) -> None:
    """torch's gradients of one step are 0 at the steps after it, and nowhere before it but for C."""
    names = ("u", "delta", "A", "B", "C")
    shapes = {name: x.shape for name, x in analyse(SCAN).inputs.items()}
    inputs = {name: torch.rand(shapes[name]).requires_grad_() for name in names}
    selective_scan(*inputs.values())[:, :, differs].sum().backward()
    seen = inputs[given].grad.abs().sum((0, 1)) > 0
    own = [step == differs if given == "C" else step <= differs for step in range(5)]
    assert seen.tolist() == own
    found = along(analyse(SCAN), given, (2,)).fields[0]
    assert found.status == ("exact" if given == "C" else "undefined")


def test_operations_of_each_state() -> None:
    (row,) = analyse(SCAN).rows
    states = 2 * 3 * 5 * 4
    assert row.macs == states
    assert row.ops == shapecalc.operations.Operations(mul=4 * states, add=states, exp=states)


ERRORS = {
    "delta: 2x3x5": ("delta: 2x3x6", "the input delta is 2×3×6, and 2×3×5 fits the others: 6 and 5"),
    "A: 3x4": ("A: 4x4", "the input A is 4×4, and 3×4 fits the others: 4 and 3"),
    "B: 2x4x5": ("B: 4x5", "the input B is 4×5, and 2×4×5 fits the others: 2 axes, not 3"),
    "C: 2x4x5": ("C: 2x4x5:int64", "C: a floating-point input is needed, not int64"),
}


@pytest.mark.parametrize("right", ERRORS)
def test_inputs_that_do_not_fit(right: str) -> None:
    wrong, message = ERRORS[right]
    with pytest.raises(ArchitectureError) as caught:
        analyse(SCAN.replace(right, wrong))
    assert caught.value.message == f"selective_scan: {message}"
