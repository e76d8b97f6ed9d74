"""Functions between modules: formulas for parts, axes that may be 1, products by their notation, errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import ArchitectureError
from shapecalc.analysis.counting.tools.torch import forward_and_backward
from shapecalc.layers import LAYERS, Figures
from shapecalc.layers.parting import MOST_PARTS
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim, at, symbol
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import build
from shapecalc.torch_check.verify import verify

H = symbol("H")


def figures(name: str, *shapes: tuple[Dim, ...], **arguments: Any) -> Figures:
    return LAYERS[name](**arguments).figures(tuple(Tensor(shape) for shape in shapes))


def message(name: str, *shapes: tuple[Dim, ...], **arguments: Any) -> str:
    with pytest.raises(ArchitectureError) as caught:
        figures(name, *shapes, **arguments)
    return caught.value.message


def sizes_at(found: Figures, h: int) -> list[tuple[Dim, ...]]:
    return [tuple(at(size, {"H": h}) for size in x.shape) for x in found.outputs]


# Parts, whose number must be known.


@given(st.integers(1, 6), st.integers(0, 40), st.integers(1, 7))
def test_chunks_by_formula_are_those_of_numbers(times: int, more: int, chunks: int) -> None:
    n = times * H + more
    # The more elements, the less the parts have too much: from then on, there are as many as asked for.
    if (more % chunks or times % chunks) and times + more <= (chunks - 1) ** 2:
        assert "no formula" in message("chunk", (n,), chunks=chunks)
        return
    found = figures("chunk", (n,), chunks=chunks)
    for h in range(1, 20):
        expected = [tuple(x.shape) for x in torch.empty(times * h + more).chunk(chunks)]
        assert sizes_at(found, h) == expected


@given(st.integers(1, 6), st.integers(1, 6))
def test_parts_of_a_size_by_formula_are_those_of_numbers(times: int, size: int) -> None:
    found = figures("split", (times * size * H,), split_size_or_sections=size * H)
    for h in range(1, 9):
        expected = [tuple(x.shape) for x in torch.empty(times * size * h).split(size * h)]
        assert sizes_at(found, h) == expected


def test_multiples_of_the_chunks_have_formulas() -> None:
    assert sizes_at(figures("chunk", (6 * H, 2), chunks=3), 5) == [(10, 2)] * 3
    assert "depends on its size" in message("chunk", (H,), chunks=2)


def test_the_most_parts_are_made() -> None:
    assert len(figures("split", (MOST_PARTS,), split_size_or_sections=1).outputs) == MOST_PARTS


def test_sections_need_the_size_that_they_make() -> None:
    (condition,) = figures("split", (H, 3), split_size_or_sections=[4, 6]).conditions
    assert str(condition) == "H = 10"
    assert "4 + 6 = 10 elements, axis 0 of 9×3 has 9" in message(
        "split", (9, 3), split_size_or_sections=[4, 6]
    )


# Axes that may be 1.


def test_an_axis_that_may_be_1_is_not_squeezed() -> None:
    assert figures("squeeze", (2, 1, H + 1)).outputs[0].shape == (2, H + 1)
    assert figures("squeeze", (2, 1, H), dim=1).outputs[0].shape == (2, H)
    assert "no formula" in message("squeeze", (2, 1, H))
    assert "no formula" in message("squeeze", (2, 1, H), dim=-1)


@pytest.mark.parametrize(
    ("n", "size", "permitted"), [(H, 4, {1, 4}), (H, -1, set(range(1, 9))), (H, 1, {1}), (4, H, {4})]
)
def test_expanded_axes_are_1_or_fit(n: Dim, size: Dim, permitted: set[int]) -> None:
    found = figures("expand", (n,), sizes=[size])
    works = {h for h in range(1, 9) if all(c.permits({"H": h}) for c in found.conditions)}
    assert works == permitted
    for h in works:
        x = torch.empty(at(n, {"H": h}))
        assert sizes_at(found, h) == [tuple(x.expand(at(size, {"H": h})).shape)]


def test_places_on_an_axis_are_conditions() -> None:
    def needed(name: str, **arguments: Any) -> list[str]:
        return [str(condition) for condition in figures(name, (H, 3), dim=0, **arguments).conditions]

    assert needed("narrow", start=2, length=3) == ["H ≥ 5"]
    assert needed("narrow", start=-5, length=3) == ["H ≥ 5"]
    assert needed("narrow", start=H - 5, length=3) == ["H ≥ 5"]
    assert needed("select", index=2) == ["H ≥ 3"]
    assert needed("select", index=-2) == ["H ≥ 2"]
    assert needed("slice", start=2, step=2) == ["H ≥ 3"]
    assert needed("slice", start=-5, end=-2) == ["H ≥ 3"]
    assert needed("slice", start=H - 5) == ["H ≥ 5"]
    assert "reach to 5, axis 0 of 4×3 has 4" in message("narrow", (4, 3), dim=0, start=2, length=3)
    assert message("slice", (4, 3), start=3, end=-1) == "the slice from 3 to 3 has nothing of axis 0 of 4×3"
    assert message("slice", (4, 3), start=4) == "the slice from 4 to 4 has nothing of axis 0 of 4×3"


PLACES = st.one_of(st.none(), st.integers(-9, 9))


@given(st.integers(1, 3), st.integers(0, 9), PLACES, PLACES, st.integers(1, 4))
def test_slices_by_formula_are_those_of_numbers(
    times: int, more: int, start: int | None, end: int | None, step: int
) -> None:
    """As Python slices a list; where it takes nothing, no size of the axis meets the conditions."""
    given = {"start": start, "end": end, "step": step}
    lengths = {h: len([*range(times * h + more)][start:end:step]) for h in range(1, 20)}
    if not any(lengths.values()):
        assert "has nothing of axis" in message("slice", (times * H + more,), **given)
        return
    found = figures("slice", (times * H + more,), **given)
    for h, expected in lengths.items():
        works = all(condition.holds({"H": h}) for condition in found.conditions)
        assert works is (expected > 0)
        assert not works or sizes_at(found, h) == [(expected,)]


# Products.

ATTENTION = """
    name: attention
    input: 2x5x24
    parameters: {heads: 4}
    layers:
      - {Linear: 72, as: all}
      - {split: {split_size_or_sections: 24, dim: -1}, as: [q, k, v]}
      - {unflatten: {dim: -1, sizes: [heads, -1]}, from: q, as: qh}
      - {unflatten: {dim: -1, sizes: [heads, -1]}, from: k, as: kh}
      - {unflatten: {dim: -1, sizes: [heads, -1]}, from: v, as: vh}
"""

FORMS = {
    "einsum": """
      - einsum: {equation: "bqhd,bkhd->bhqk", branches: [qh, kh]}
      - softmax: -1
      - einsum: {equation: "bhqk,bkhd->bqhd", branches: [[], vh]}
      - flatten: 2
    """,
    "matmul": """
      - {transpose: {dim0: 1, dim1: 2}, from: qh, as: rows}
      - {permute: [0, 2, 3, 1], from: kh, as: columns}
      - matmul: [rows, columns]
      - softmax: -1
      - matmul: [[], [{transpose: {dim0: 1, dim1: 2}, from: vh}]]
      - transpose: {dim0: 1, dim1: 2}
      - flatten: 2
    """,
    "bmm": """
      - {transpose: {dim0: 1, dim1: 2}, from: qh}
      - {reshape: [8, 5, 6], as: rows}
      - {permute: [0, 2, 3, 1], from: kh}
      - {reshape: [8, 6, 5], as: columns}
      - bmm: [rows, columns]
      - log_softmax: -1
      - bmm: [[], [{transpose: {dim0: 1, dim1: 2}, from: vh}, reshape: [8, 5, 6]]]
      - unflatten: {dim: 0, sizes: [2, 4]}
      - transpose: {dim0: 1, dim1: 2}
      - flatten: 2
    """,
}


@pytest.mark.parametrize("form", FORMS)
def test_attention_costs_the_same_in_every_form(form: str) -> None:
    """As much as MultiheadAttention without its projection of the output."""
    analysis = shapecalc.analyse(shapecalc.parse(ATTENTION + FORMS[form]))
    assert analysis.outputs[0].shape == (2, 5, 24)
    assert analysis.totals.macs == 2 * (5 * 24 * 72 + 2 * 5 * 5 * 24)
    verdict = verify(analysis, torch.device("cpu"), form)
    assert not verdict.mismatches


def test_a_vector_costs_as_much_as_a_matrix_of_one_column() -> None:
    vector, matrix = figures("matmul", (7, 2, 3), (3,)), figures("matmul", (7, 2, 3), (3, 1))
    assert vector.macs == matrix.macs == 7 * 2 * 3
    assert (vector.outputs[0].shape, matrix.outputs[0].shape) == ((7, 2), (7, 2, 1))


def test_a_sum_over_an_axis_that_is_1_beside_it_is_counted_or_not_known() -> None:
    """torch sums such an axis of one operand before the product: 4×5 numbers to 4."""
    layer = LAYERS["einsum"](equation="ij,ij->i")
    assert isinstance(layer.costs((Tensor((4, 5)), Tensor((4, 1)))).ops, Unknown)
    assert layer.costs((Tensor((4, 1)), Tensor((4, 1)))).ops == Operations(mul=4)


def test_one_product_alone_is_no_sum() -> None:
    """torch multiplies element by element where the sum has one term; the formula is for the others."""
    found = figures("einsum", (4, H), (H, 5), equation="ij,jk->ik")
    (condition,) = found.conditions
    assert str(condition) == "H ≥ 2"
    assert condition.permits({"H": 1})
    assert found.macs == 20 * H
    assert figures("einsum", (4, 1), (1, 5), equation="ij,jk->ik").macs == 0
    assert not figures("einsum", (4, H, 3), (H, 3, 5), equation="ijl,jlk->ik").conditions


FACTORS = """
    name: factors
    input: {{x: 2x40, y: 40x3}}
    layers:
      - {{Linear: 40, from: x, as: first}}
      - {{Linear: 3, from: y, as: third}}
      - einsum: {{equation: "ij,jk,kl->il", branches: [{branches}]}}
"""

SECOND = "[parameter: {shape: [40, 40]}]"


def test_several_branches_are_multiplied_from_left_to_right() -> None:
    """2×40 · 40×40 · 40×3, whatever order opt_einsum would find; the other order takes more products."""
    found = shapecalc.analyse(shapecalc.parse(FACTORS.format(branches=f"first, {SECOND}, third")))
    assert found.rows[-1].macs == 2 * 40 * 40 + 2 * 40 * 3
    reversed_ = FACTORS.format(branches=f"third, {SECOND}, first").replace("ij,jk,kl", "kl,jk,ij")
    backwards = shapecalc.analyse(shapecalc.parse(reversed_))
    assert backwards.rows[-1].macs == 40 * 40 * 3 + 2 * 40 * 3
    for analysis in (found, backwards):
        assert verify(analysis, torch.device("cpu"), "factors", memory=True).mismatches == ()


@pytest.mark.parametrize("branches", ["first, {}, third", "first, {}, y", "x, {}, third", "x, {}, y"])
def test_gradients_of_several_branches(branches: str) -> None:
    """torch's counter reads those of each product, where a weight lies before one of its factors."""
    analysis = shapecalc.analyse(shapecalc.parse(FACTORS.format(branches=branches.format(SECOND))))
    network = build(analysis)
    with FlopCounterMode(display=False) as counter:
        (y,) = network(
            *[torch.empty(x.shape, device="meta") for x in analysis.inputs.values()], observe=lambda *_: None
        )
        y.sum().backward()
    assert forward_and_backward(analysis, 2 * analysis.totals.macs) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("ij,jk->ik", "equation has j for 3, and for 4 in operand 1 (2×3, 4×5)"),
        ("ij,ik->jk", "equation has i for 2, and for 4 in operand 1 (2×3, 4×5)"),
        ("ii,jk->ik", "equation has i twice in operand 0, for 2 and for 3 (2×3)"),
        ("...i,...j->ij", "equation has axis -1 of ... for 2, and for 4 in operand 1 (2×3, 4×5)"),
        ("ijk,jk->ik", "equation has 3 letters for operand 0, and 2×3 has 2 axes"),
        ("ij,jk,kl", "equation has 3 operands, and there are 2 branches"),
        ("ij,kl->im", "equation 'ij,kl->im' has m in the output, but in no operand"),
        ("ij,kl->ii", "equation 'ij,kl->ii' has i twice in the output"),
        ("ij,k1->ik", "in the equation, 'k1' is not letters, with ... at most once"),
    ],
)
def test_errors_of_equations(equation: str, expected: str) -> None:
    assert message("einsum", (2, 3), (4, 5), equation=equation) == expected


@pytest.mark.parametrize(
    ("name", "shapes", "arguments", "expected"),
    [
        (
            "matmul",
            [(4, 2, 3), (5, 3, 2)],
            {},
            "the axes before the matrices of 4×2×3 and 5×3×2: "
            "the branches differ on axis 0: 4 and 5 (4 and 5)",
        ),
        (
            "matmul",
            [(2, 3), (2, 3)],
            {},
            "the columns of 2×3 and the rows of 2×3 must be as many: 3 and 2",
        ),
        ("stack", [(2, 3), (2, 4)], {}, "branches 0 and 1 differ on axis 1: 3 and 4 (2×3 and 2×4)"),
        (
            "expand",
            [(2, 3)],
            {"sizes": [2, 5]},
            "the input 2×3 can't be expanded to 2×5: an axis of 3 can't become 5, only one of 1 can",
        ),
        (
            "expand",
            [(2, 3)],
            {"sizes": [-1, 2, 3]},
            "the input 2×3 can't be expanded to -1×2×3: a new axis has no size that -1 could keep",
        ),
        ("mean", [(2, 3)], {"dim": [1, -1]}, "dim has axis 1 of 2×3 twice"),
        ("permute", [(2, 3, 4)], {"dims": [0, 1]}, "dims has 2 axes, the input 2×3×4 has 3"),
        (
            "unsqueeze",
            [(2, 3)],
            {"dim": 3},
            "dim is 3, but with the new one there are axes 0 to 2 (the input is 2×3)",
        ),
        ("sum", [()], {"dim": 1}, "dim is 1, but the input scalar has no axes"),
    ],
)
def test_errors_of_functions(
    name: str, shapes: list[tuple[Dim, ...]], arguments: dict[str, Any], expected: str
) -> None:
    assert message(name, *shapes, **arguments) == expected
