"""Fourier transforms and complex numbers in networks: what they need of memory, what is not known of them."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError
from shapecalc.allocation.mode import INFERENCE
from shapecalc.analysis.compare.verdicts import Verified
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import count
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.errors import UnknownError
from shapecalc.operations import Operations, Unknown
from shapecalc.tensors import BYTES, Tensor, promote, result_dtype
from shapecalc.torch_check.verify import verify
from tests.test_graphs import difference

FILTER = """
source: Rao et al. 2021, arXiv:2107.00645, GlobalFilter
input: 2x14x14x8
blocks:
  filter(h, w, channels):
    - rfft2: {dim: [1, 2], norm: ortho}
    - mul: [[], [parameter: {shape: [h, w//2 + 1, channels, 2]}, view_as_complex]]
    - irfft2: {s: [h, w], dim: [1, 2], norm: ortho}
layers:
  - add:
      - [LayerNorm: 8, filter: {h: 14, w: 14, channels: 8}, LayerNorm: 8, Linear: 32, GELU, Linear: 8]
      - []
"""
"""A block of GFNet."""
SPECTRAL = """
source: Li et al. 2021, arXiv:2010.08895, SpectralConv2d_fast of the Fourier neural operator
input: 2x8x16x16
layers:
  - {rfft2: {}, as: x}
  - {narrow: {dim: 2, start: 0, length: 5}}
  - {narrow: {dim: 3, start: 0, length: 4}, as: low}
  - einsum:
      branches: [low, [parameter: {shape: [8, 6, 5, 4], dtype: complex64}]]
      equation: 'bixy,ioxy->boxy'
  - irfft2: {s: [16, 16]}
"""


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **how)


def judged(analysis: Analysis) -> Verified:
    return verify(analysis, torch.device("cpu"), "net")


@pytest.mark.parametrize("text", [FILTER, SPECTRAL])
def test_networks_agree_with_torch(text: str) -> None:
    assert judged(analyse(text)).mismatches == ()


def test_a_product_of_complex_numbers_is_one_as_torch_counts_it() -> None:
    row = analyse(SPECTRAL).rows[-2]
    assert (row.type, row.macs) == ("einsum", 2 * 6 * 5 * 4 * 8)


def test_a_complex_parameter_is_one_of_eight_bytes() -> None:
    analysis = analyse(SPECTRAL)
    assert analysis.totals.params == sum(p.numel() for p in [torch.empty(8, 6, 5, 4, dtype=torch.complex64)])
    assert analysis.weight_bytes() == 8 * analysis.totals.params


def test_operations_are_those_of_the_parts() -> None:
    (row,) = analyse("input: {x: 3x4:complex64, y: 3x4:complex64}\nlayers: [mul: [x, y]]").rows
    (sums,) = analyse("input: {x: 3x4:complex64, y: 3x4:complex64}\nlayers: [add: [x, y]]").rows
    assert (row.ops, sums.ops) == (Operations(add=24, mul=48), Operations(add=24))


def test_the_absolute_value_is_a_root() -> None:
    (row,) = analyse("input: 3x4:complex64\nlayers: [abs]").rows
    assert (row.output.dtype, row.ops) == ("float32", Operations(add=12, mul=24, exp=12))
    assert judged(analyse("input: 3x4:complex64\nlayers: [abs]")).mismatches == ()


def test_operations_of_a_transform_are_not_known() -> None:
    analysis = analyse("input: 2x8\nlayers: [rfft: {}]")
    assert isinstance(analysis.rows[0].ops, Unknown)
    assert "depends on its algorithm" in analysis.rows[0].ops.reason
    assert count(CONVENTIONS["macs"], analysis).total == 0


def test_memory_says_why_it_is_not_known() -> None:
    with pytest.raises(UnknownError) as caught:
        predicted(analyse(FILTER))
    reason = "how its output lies in memory depends on the library that transforms"
    assert caught.value.message == f"rfft2: {reason}"


def test_complex_numbers_in_training_are_not_guessed() -> None:
    text = "input: 2x4x2\nlayers: [{Linear: 2}, view_as_complex, view_as_real]"
    refusal = memory(analyse(text)).refusal
    assert refusal
    reason = "what it keeps of complex numbers for the way back is not known"
    assert refusal.message == f"view_as_complex: {reason}"


PAIRS = {
    "4x3x2": ("permute: [1, 0, 2]", ""),
    "4x2x2": ("permute: [2, 0, 1]", "2×4×2 of strides 1×4×2 as complex numbers: pairs are not side by side"),
    "4x3x4": ("narrow: {dim: 2, start: 0, length: 2}", ""),
    "4x3x5": (
        "narrow: {dim: 2, start: 0, length: 2}",
        "4×3×2 of strides 15×5×1 as complex numbers: 15 is not divisible by 2",
    ),
    "2x2x1": ("expand: [2, 2, 2]", "2×2×2 of strides 2×1×0 as complex numbers: pairs are not side by side"),
}
"""Input → how it is seen before its pairs are, and why they can't be."""


@pytest.mark.parametrize("size", PAIRS)
def test_pairs_that_do_not_lie_side_by_side_are_refused(size: str) -> None:
    seen, reason = PAIRS[size]
    analysis = analyse(f"input: {size}\nlayers: [{seen}, view_as_complex]")
    assert difference(analysis, INFERENCE) is None
    if not reason:
        assert predicted(analysis)
        return
    with pytest.raises(ArchitectureError) as caught:
        predicted(analysis)
    assert caught.value.message == f"torch can't see {reason}"
    assert caught.value.hint == "make complex numbers before axes are permuted or cut"


PARTS = {
    "after rows": ("4x3x2", "narrow: {dim: 0, start: 1, length: 2}", 0),
    "the last pair of each row": ("4x3x4", "narrow: {dim: 2, start: -2, length: 2}", 0),
    "the pair in the middle": ("4x3x4", "narrow: {dim: 2, start: 1, length: 2}", 1),
    "the same, from the start": ("4x3x4", "slice: {dim: 2, start: 1, end: 3}", 1),
    "the same, from the end": ("4x3x4", "slice: {dim: 2, start: -3, end: -1}", 1),
    "every second row of the second half": (
        "4x4x2",
        "slice: {dim: 0, start: -2}, slice: {dim: 1, step: 2}",
        0,
    ),
    "a place": ("3x5x2", "select: {dim: 1, index: -1}", 0),
    "a row after an odd number of them": ("3x2x2", "unsqueeze: 0, select: {dim: 1, index: 1}", 0),
    "a row of an odd number": ("2x5", "select: {dim: 0, index: 1}, narrow: {dim: 0, start: 0, length: 2}", 5),
    "a part in the middle": (
        "4x6",
        "{split: {split_size_or_sections: [1, 2, 3], dim: 1}, as: [a, b, c]}, {Identity from b: }",
        1,
    ),
    "an equal part": ("4x6", "{chunk: {chunks: 3, dim: 1}, as: [a, b, c]}, {Identity from b: }", 0),
    "one of all rows": (
        "3x6",
        "{unbind: 0, as: [a, b, c]}, {narrow from b: {dim: 0, start: 3, length: 2}}",
        9,
    ),
    "imaginary parts": ("2x2:complex64", "{imag: }, {narrow: {dim: 1, start: 0, length: 2}}", None),
    "parts of numbers": ("2x4:complex64", "narrow: {dim: 1, start: 1, length: 2}, view_as_real", 0),
}
"""An input, a part of it, and after how many elements, if that is odd, it begins."""


@pytest.mark.parametrize("name", PARTS)
def test_pairs_begin_at_even_places(name: str) -> None:
    size, part, before = PARTS[name]
    analysis = analyse(f"input: {size}\nlayers: [{part}, view_as_complex]")
    assert difference(analysis, INFERENCE) is None
    if before == 0:
        assert predicted(analysis)
        return
    with pytest.raises(ArchitectureError) as caught:
        predicted(analysis)
    if before:
        assert f"begin after {before} elements, which are no pairs" in caught.value.message
        assert caught.value.hint == "let a part begin after an even number of elements"


def test_parts_are_views() -> None:
    text = "input: 2x8:complex64\nlayers: [view_as_real, {select: {dim: 2, index: 0}}]"
    assert predicted(analyse(text)).activations.bytes == 2 * 8 * 8
    assert predicted(analyse("input: 2x8:complex64\nlayers: [real]")).activations.bytes == 2 * 8 * 8
    assert verify(analyse(text), torch.device("cpu"), "net").mismatches == ()


DTYPES = [(name, getattr(torch, name)) for name in BYTES]


@pytest.mark.parametrize(("first", "second"), [*product(DTYPES, DTYPES)])
def test_dtypes_are_promoted_as_by_torch(first: tuple[str, Any], second: tuple[str, Any]) -> None:
    (a, torch_a), (b, torch_b) = first, second
    assert f"torch.{promote(a, b)}" == str(torch.promote_types(torch_a, torch_b))
    of_both = torch.result_type(torch.empty(2, dtype=torch_a), torch.empty((), dtype=torch_b))
    if str(of_both) == "torch.complex32":
        with pytest.raises(ArchitectureError, match="complex32"):
            result_dtype(Tensor((2,), a), Tensor((), b))
    else:
        assert f"torch.{result_dtype(Tensor((2,), a), Tensor((), b))}" == str(of_both)


def test_bytes_are_those_of_torch() -> None:
    assert {name: torch.empty((), dtype=dtype).element_size() for name, dtype in DTYPES} == BYTES


def test_letters_go_through() -> None:
    analysis = analyse("input: NxCxHxW\nlayers: [rfft2: {}, irfft2: {}]")
    assert [str(row.output) for row in analysis.rows] == ["N×C×H×⌊(W + 2)/2⌋", "N×C×H×2⋅⌊W/2⌋"]


ERRORS = {
    "[ReLU]": "ReLU: real numbers are needed, not complex64",
    "[rfft: {}]": "rfft: real numbers are needed, not complex64",
    "[view_as_complex]": "view_as_complex: a floating-point input is needed, not complex64",
    "[view_as_real, view_as_real]": "view_as_real: complex numbers are needed, not float32",
    "[fft2: {s: [4]}]": "fft2: s has 1 sizes, and dim 2 axes: one for each is needed",
    "[fft: {dim: 2}]": "fft: dim is 2, but the input 2×8 has axes 0 to 1",
    "[fft: {norm: both}]": "fft: norm must be one of backward, forward, ortho, or null, not both",
}


@pytest.mark.parametrize("layers", ERRORS)
def test_what_is_refused(layers: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        analyse(f"input: 2x8:complex64\nlayers: {layers}")
    assert caught.value.message == ERRORS[layers]
    assert caught.value.place
