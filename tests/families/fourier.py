"""Draws for `shapecalc/layers/fourier.py` and `complex_numbers.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely

ONE = ("fft", "ifft", "rfft", "irfft")
SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2")


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Real or complex numbers; seldom of another dtype."""
    shape = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4)))
    dtypes = DTYPES if rarely(draw, 4) else ["float32", "float64", "complex64", "complex128"]
    return (Tensor(shape, draw(st.sampled_from(dtypes))),)


@st.composite
def along_axes(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Axes of the input, and mostly as many sizes; seldom one that it lacks."""
    rank = inputs[0].rank if inputs else 2
    axes = draw(st.permutations(range(rank)))[: draw(st.integers(1, 3))]
    axes = [axis - rank if draw(st.booleans()) else axis for axis in axes]
    if rarely(draw, 8):
        axes[0] = rank
    found: dict[str, Any] = {"dim": axes}
    if draw(st.booleans()):
        size = st.sampled_from([*range(1, 10), -1])
        found["s"] = draw(st.lists(size, min_size=len(axes), max_size=len(axes)))
        if rarely(draw, 8):
            found["s"].append(2)
    return found


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Numbers whose last axis is mostly one of pairs."""
    (x,) = draw(numbers())
    return (Tensor((*x.shape, x.shape[0] if rarely(draw, 6) else 2), x.dtype),)


INPUTS = {
    **dict.fromkeys((*ONE, *SEVERAL, "view_as_real", "real", "imag"), numbers),
    "view_as_complex": pairs,
}
FITTED = dict.fromkeys(SEVERAL, along_axes)
STRICTER = (
    Stricter(
        ".*",
        r"^real numbers are needed, not complex",
        "what a type makes of complex numbers is said where networks use them",
        drawn("Softsign", Tensor((2, 3), "complex64")),
    ),
    Stricter(
        "view_as_complex|i?r?fft2?",
        "float16 would make complex32|float32 or float64 is needed",
        "complex numbers of half precision are few kernels' on few devices",
        drawn("view_as_complex", Tensor((3, 2), "float16")),
    ),
    Stricter(
        ".*",
        "float16 would make complex32",
        "beside complex numbers float16 becomes half of one, which few kernels take",
        drawn("add", Tensor((4,), "float16"), Tensor((), "complex128")),
    ),
)
TAKES_ALL = ("real",)
RARE = (
    drawn("irfft", Tensor((2, 1), "complex64")),
    drawn("irfft", Tensor((2, 1), "complex64"), n=1),
    drawn("irfft", Tensor((2, 5), "complex64"), n=3),
    drawn("rfft", Tensor(())),
    drawn("fft2", Tensor((3,))),
    drawn("fft2", Tensor((2, 3, 4)), dim=[0, 0]),
    drawn("rfft2", Tensor((2, 3, 4)), s=[4, 5]),
    drawn("view_as_complex", Tensor((2,))),
    drawn("real", Tensor((2, 3), "bool")),
)
