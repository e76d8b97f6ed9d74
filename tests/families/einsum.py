"""Draws for `shapecalc/layers/einsum.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, Stricter, drawn, rarely

FLOATING = [dtype for dtype in DTYPES if "float" in dtype]


@st.composite
def operands(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Tensors of few different sizes, so that letters can be shared; mostly two, seldom of other dtypes."""
    count = draw(st.sampled_from([2, 2, 2, 3, 1, 3, 4, 2]))
    sizes = st.sampled_from([2, 3, 2, 3, 1])
    shapes = [draw(st.lists(sizes, min_size=1, max_size=4)) for _ in range(count)]
    common = draw(st.sampled_from([*FLOATING, *3 * ["float32"]]))
    one: st.SearchStrategy[str] = st.just(common)
    if rarely(draw, 6):
        one = st.sampled_from(DTYPES if rarely(draw, 3) else FLOATING)
    return tuple(Tensor(tuple(shape), draw(one)) for shape in shapes)


@st.composite
def equation(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Letters for the axes, the same ones for axes that broadcast, and some of them out; seldom spoilt."""
    sizes: dict[str, int] = {}
    terms = [draw(letters(tuple(map(number, x.shape)), sizes)) for x in inputs]
    if draw(st.booleans()):
        terms = [draw(shortened(term)) for term in terms]
    text = ",".join(terms)
    if draw(st.integers(0, 3)):
        kept = draw(st.permutations(sorted(sizes)))[: draw(st.integers(0, 4))]
        dots = ["..."] if "..." in text and draw(st.integers(0, 3)) else []
        text += draw(st.sampled_from(["->", " -> "])) + "".join(draw(st.permutations([*kept, *dots])))
    if rarely(draw, 6):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from("ijD.,- >1")) + text[place + draw(st.integers(0, 1)) :]
    return {"equation": text or "i"}


@st.composite
def letters(draw: st.DrawFn, shape: Sequence[int], sizes: dict[str, int]) -> str:
    """A letter for each axis: mostly one that `sizes` has for that size or for 1, or a new one."""
    text = ""
    for size in shape:
        fitting = [letter for letter, known in sizes.items() if known == size or 1 in (known, size)]
        if not rarely(draw, 8):
            fitting = [letter for letter in fitting if letter not in text]
        if not fitting or rarely(draw, 4):
            fitting = [letter for letter in "ijkAlBmC" if letter not in sizes] or ["i"]
        letter = draw(st.sampled_from(fitting))
        sizes[letter] = max(size, sizes.get(letter, 1))
        text += letter
    return text


@st.composite
def shortened(draw: st.DrawFn, term: str) -> str:
    """The letters with `...` for some of them, or beside them."""
    start = draw(st.integers(0, len(term)))
    return term[:start] + "..." + term[draw(st.integers(start, len(term))) :]


INPUTS = {"einsum": operands}

ARGUMENTS = {"einsum": equation}

MATRIX = Tensor((2, 2))

STRICTER = (
    Stricter(
        "einsum",
        "a floating-point input is needed, not (bool|u?int)",
        "whether torch sums whole numbers, and so makes them int64, depends on which sizes are 1",
        drawn("einsum", Tensor((2, 3), "int64"), Tensor((3,), "int64"), equation="ij,j->ij"),
    ),
)

RARE = (
    drawn("einsum", MATRIX, equation="ii->i"),
    drawn("einsum", MATRIX, equation="ii"),
    drawn("einsum", MATRIX, equation="ji"),
    drawn("einsum", MATRIX, equation="ij->"),
    drawn("einsum", MATRIX, equation="Ba"),
    drawn("einsum", MATRIX, equation="ij->iij"),
    drawn("einsum", MATRIX, equation="ij->k"),
    drawn("einsum", MATRIX, equation="ij->i,j"),
    drawn("einsum", MATRIX, equation="i...j->..."),
    drawn("einsum", MATRIX, equation="ij->ij..."),
    drawn("einsum", MATRIX, equation="......ij"),
    *(drawn("einsum", MATRIX, equation=equation) for equation in ("ij...", "ijk...", "i")),
    drawn("einsum", MATRIX, equation=". . .ij"),
    drawn("einsum", MATRIX, equation="ij->->ij"),
    drawn("einsum", MATRIX, equation="ij,jk"),
    drawn("einsum", MATRIX, MATRIX, equation="ij"),
    drawn("einsum", Tensor(()), MATRIX, equation=",ij->ij"),
    drawn("einsum", Tensor(()), Tensor(()), equation=","),
    drawn("einsum", Tensor((2, 1)), Tensor((1, 3)), equation="ij,jk->ik"),
    drawn("einsum", Tensor((2, 1)), Tensor((1, 3), "float64"), equation="ij,jk->ik"),
    drawn("einsum", Tensor((2, 4)), Tensor((1, 3)), equation="ij,jk->ik"),
    drawn("einsum", Tensor((2, 4)), Tensor((1, 3), "float64"), equation="ij,jk->ik"),
    drawn("einsum", Tensor((2, 4)), Tensor((4, 3), "float64"), equation="ij,jk->ik"),
    drawn("einsum", Tensor((5, 2, 4)), Tensor((5, 2, 4)), equation="...i,...i->i"),
    drawn("einsum", Tensor((5, 2, 4)), Tensor((2, 4)), equation="...i,...i->i"),
    drawn("einsum", Tensor((5, 1, 4)), Tensor((1, 4)), equation="...i,...i->i"),
    drawn("einsum", Tensor((2,)), Tensor((3,)), Tensor((4,), "float16"), equation="i,j,k->kj"),
    # From left to right: two products, a sum at the last of three, one operand's own, one of size 1 between.
    drawn("einsum", MATRIX, Tensor((2, 5)), Tensor((5, 3)), equation="ij,jk,kl->il"),
    drawn("einsum", *[Tensor((4, 3))] * 3, Tensor((2, 4)), equation="bi,bi,bi,ab->a"),
    drawn("einsum", Tensor((2, 3)), Tensor((4, 5)), Tensor((2, 4)), equation="bi,cj,bc->b"),
    drawn("einsum", Tensor((2, 3)), Tensor((1, 5)), Tensor((2, 5)), equation="ij,ik,ik->jk"),
    drawn("einsum", Tensor((2, 3)), Tensor((3,), "float64"), Tensor((2, 1)), equation="ij,k,im->ijk"),
    drawn("einsum", Tensor((2, 3)), Tensor((3,), "float64"), Tensor((2, 1)), equation="ij,k,im->jk"),
)
