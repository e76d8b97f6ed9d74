"""Complex numbers and their parts, as other views of the same memory."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.strides import Strides, unless_in_a_row
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Rearranging, example
from shapecalc.layers.checks import check_floating, check_least_rank
from shapecalc.layers.reads import ALL, Reads, same_place
from shapecalc.symbolic.conditions import not_one
from shapecalc.tensors import Tensor, check_equal, check_multiple, complex_of, is_complex, real_of

COMPLEX = Tensor((2, 8, 4), "complex64")
_WHY = "pairs lie side by side"


def check_complex(x: Tensor) -> None:
    """Refuse real numbers."""
    if not is_complex(x.dtype):
        raise ArchitectureError(
            f"complex numbers are needed, not {x.dtype}", hint="view_as_complex makes them of pairs"
        )


class Parts(Rearranging, abstract=True):
    """A view of complex numbers, or of their parts."""

    takes_complex = True
    example = example(COMPLEX)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (same_place(x.rank),)


class view_as_real(Parts):
    """Complex numbers as pairs of real ones along a new last axis: (*) → (*, 2).

    Source: torch.view_as_real.
    """

    def output(self, x: Tensor) -> Tensor:
        check_complex(x)
        return Tensor((*x.shape, 2), real_of(x.dtype))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor)
        return (as_real(x, made, (*[2 * step for step in x.all_strides], 1)),)


class view_as_complex(Parts):
    """Pairs of real numbers along the last axis as complex ones: (*, 2) → (*).

    torch refuses pairs that do not lie side by side, as after a permute; no shape tells, so `memory` does.
    Source: torch.view_as_complex.
    """

    example = example((2, 8, 4, 2))

    def output(self, x: Tensor) -> Tensor:
        check_least_rank(x, 1)
        check_floating(x)
        if x.dtype == "bfloat16":
            raise ArchitectureError("there are no complex numbers of bfloat16")
        message = f"the last axis of the input {x} has {{0}} elements, and {{1}} make a complex number"
        check_equal(x.shape[-1], 2, message, why="pairs become complex numbers")
        return Tensor(x.shape[:-1], complex_of(x.dtype))

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return ((*same_place(x.rank - 1), ALL),)

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        if x.dtype == "float16":  # under autocast
            raise UnknownError(f"{self.type}: what becomes of float16 is not known")
        check_pairs(x)
        made = self.output(x.tensor)
        strides = tuple([step // 2 for step in x.all_strides[:-1]])
        y = Value(made, x.storage, unless_in_a_row(made.shape, strides))
        y.whole, y.offset = x.whole and x.whole // 2, x.offset // 2
        return (y,)


class real(Parts):
    """The real parts; real numbers are their own. Source: torch.real."""

    def output(self, x: Tensor) -> Tensor:
        return Tensor(x.shape, real_of(x.dtype))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (parts_of(x, self.output(x.tensor), 0) if is_complex(x.dtype) else x,)


class imag(Parts):
    """The imaginary parts. Source: torch.imag."""

    def output(self, x: Tensor) -> Tensor:
        check_complex(x)
        return Tensor(x.shape, real_of(x.dtype))

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (parts_of(x, self.output(x.tensor), 1),)


def check_pairs(x: Value) -> None:
    """Refuse pairs that do not lie side by side, or not at even places. Source: at::view_as_complex."""
    *steps, last = x.all_strides
    strides = "×".join(map(str, x.all_strides))
    message = f"torch can't see {x.tensor} of strides {strides} as complex numbers"
    hint = "make complex numbers before axes are permuted or cut"
    if not_one(last, _WHY):
        raise ArchitectureError(f"{message}: pairs are not side by side", hint=hint)
    for step in steps:
        check_multiple(step, 2, f"{message}: {{0}} is not divisible by 2", hint, why=_WHY)
    before = f"{message}: they begin after {{0}} elements, which are no pairs"
    check_multiple(x.offset, 2, before, "let a part begin after an even number of elements", why=_WHY)


def parts_of(x: Value, made: Tensor, first: int) -> Value:
    """A view of every second number, from the first or the second one on."""
    y = as_real(x, made, tuple([2 * step for step in x.all_strides]))
    y.whole = 2 * x.elements if y.whole is None else y.whole
    y.offset = y.offset + first
    return y


def as_real(x: Value, made: Tensor, strides: Strides) -> Value:
    """A view of complex numbers, each of which is two real ones."""
    y = Value(made, x.storage, unless_in_a_row(made.shape, strides))
    y.whole, y.offset = x.whole and 2 * x.whole, 2 * x.offset
    return y
