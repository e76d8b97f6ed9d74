"""Draws for `shapecalc/layers/arithmetic.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests.families.base import DTYPES, NUMBERS, SIZES, Stricter, drawn, rarely, tensors_of

PLACES = {
    **dict.fromkeys(("add", "mul", "sub", "div", "remainder"), ("input", "other")),
    "fmod": ("other",),
    "pow": ("input", "exponent"),
}
"""Type → the arguments that a number may be."""


@st.composite
def operands(draw: st.DrawFn, counts: Sequence[int]) -> tuple[Tensor, ...]:
    """So many tensors, that are mostly broadcast to the first; it may be alone, for a number beside it."""
    first = draw(tensors_of((2, 4, 3, 1), space=SIZES))
    count = draw(st.sampled_from(counts))
    place = draw(st.integers(0, first.rank - 1))
    return (first, *[draw(relative(first, place)) for _ in range(count - 1)])


@st.composite
def relative(draw: st.DrawFn, tensor: Tensor, place: int) -> Tensor:
    """The tensor again, or with axis `place` of another size, or without its first axes."""
    shape: Shape = tensor.shape
    match draw(st.sampled_from(["same", "same", "one", "other", "shorter"])):
        case "one":
            shape = (*shape[:place], 1, *shape[place + 1 :])
        case "other":
            shape = (*shape[:place], draw(st.sampled_from(SIZES)), *shape[place + 1 :])
        case "shorter":
            shape = shape[draw(st.integers(0, len(shape))) :]
    return Tensor(shape, draw(st.sampled_from(DTYPES)) if rarely(draw, 3) else tensor.dtype)


@st.composite
def numbers(
    draw: st.DrawFn,
    inputs: tuple[Tensor, ...],
    last: str,
    modes: tuple[str | None, ...] = (),
    first: str = "input",
) -> dict[str, Any]:
    """A number beside a tensor that is alone, seldom beside several, or none."""
    given: dict[str, Any] = {}
    if len(inputs) == 1 or rarely(draw, 8):
        given[draw(st.sampled_from((first, last)))] = draw(st.sampled_from(NUMBERS))
    if rarely(draw, 8):
        given.pop("input", None)
    if modes and rarely(draw, 2):
        given["rounding_mode"] = draw(st.sampled_from(modes))
    return given


def several() -> st.SearchStrategy[tuple[Tensor, ...]]:
    return operands((1, 2, 2, 3, 4))


def two() -> st.SearchStrategy[tuple[Tensor, ...]]:
    return operands((1, 1, 2, 2, 2, 3))


INPUTS = {
    **dict.fromkeys(("add", "mul"), several),
    **dict.fromkeys(("sub", "div", "remainder", "fmod", "pow"), two),
}

ARGUMENTS: dict[str, Callable[[tuple[Tensor, ...]], st.SearchStrategy[dict[str, Any]]]] = {
    **dict.fromkeys(("add", "mul", "sub"), lambda inputs: numbers(inputs, "other")),
    "div": lambda inputs: numbers(inputs, "other", ("trunc", "floor", None, "nonsense")),
    "remainder": lambda inputs: numbers(inputs, "other"),
    "fmod": lambda inputs: numbers(inputs, "other", first="other"),
    "pow": lambda inputs: numbers(inputs, "exponent"),
}

STRICTER = (
    Stricter(
        "add|mul",
        "input and other are both numbers",
        "one number is enough",
        drawn("add", Tensor((2, 3)), input=1, other=2),
    ),
)

RARE = (
    drawn("sub", Tensor((2, 3), "bool"), Tensor((2, 3), "int64")),
    drawn("div", Tensor((2, 3), "bool"), Tensor((3,), "bool")),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "float16"), rounding_mode="floor"),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "int8"), rounding_mode="trunc"),
    drawn("div", Tensor((2, 3), "int64"), Tensor((3,), "int8"), rounding_mode=None),
    drawn("div", Tensor((2, 3)), Tensor(())),
    drawn("div", Tensor((4, 4)), Tensor((4, 4), "bfloat16"), rounding_mode="trunc"),
    drawn("div", Tensor((4, 1), "float16"), Tensor((1, 4), "float64"), rounding_mode="floor"),
    *(drawn(name, Tensor((2, 3)), **{places[0]: 0}) for name, places in PLACES.items()),
    *(drawn("pow", Tensor((2, 3)), exponent=exponent) for exponent in (0, 1, 0.5)),
    drawn("mul", Tensor((), "float16"), other=0.5),
    drawn("div", Tensor((), "int64"), other=2),
    drawn("div", Tensor((2, 3), "uint8"), other=-256, rounding_mode="floor"),
    drawn("pow", Tensor((2, 3)), Tensor((3,), "bool")),
)
